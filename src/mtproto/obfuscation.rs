//! The two keystreams of an obfuscated connection.

use super::HEADER;
use super::header::Header;
use super::keys::{Keys, Keystream};
use super::random::Random;
use super::secret::Secret;
use super::transport::Transport;
use aes::cipher::StreamCipher;
use std::fmt;

/// One end of an obfuscated connection: hides what leaves and uncovers what arrives.
pub struct Obfuscation {
    outgoing: Keystream,
    incoming: Keystream,
}

impl Obfuscation {
    /// The client's end, and the header to send before anything else. Full has no tag: intermediate is
    /// announced instead.
    pub fn connect(
        random: &Random,
        transport: Transport,
        dc: i16,
        secret: Option<&Secret>,
    ) -> (Self, [u8; HEADER]) {
        let mut header = *random.header();
        header[56..60].copy_from_slice(&transport.tag());
        header[60..62].copy_from_slice(&dc.to_le_bytes());
        let mut outgoing = Keys::of_client(&header, secret).keystream();
        let incoming = Keys::of_server(&header, secret).keystream();
        // All 64 bytes are encrypted, and the last eight are sent so.
        let mut encrypted = header;
        outgoing.apply_keystream(&mut encrypted);
        header[56..].copy_from_slice(&encrypted[56..]);
        (Self { outgoing, incoming }, header)
    }

    /// The server's end, and what the header says. `None` if it fits none of the secrets, nor none.
    pub fn accept(header: &[u8; HEADER], secrets: &[Secret]) -> Option<(Self, Header)> {
        let said = Header::recognise(header, secrets)?;
        Some((Self::of(header, said.secret.map(|index| &secrets[index])), said))
    }

    fn of(header: &[u8; HEADER], secret: Option<&Secret>) -> Self {
        let mut incoming = Keys::of_client(header, secret).keystream();
        let outgoing = Keys::of_server(header, secret).keystream();
        // The stream goes on where the header has left it.
        incoming.apply_keystream(&mut [0; HEADER]);
        Self { outgoing, incoming }
    }

    /// Encrypts what is sent next.
    pub fn encrypt(&mut self, bytes: &mut [u8]) {
        self.outgoing.apply_keystream(bytes);
    }

    /// Decrypts what was received next.
    pub fn decrypt(&mut self, bytes: &mut [u8]) {
        self.incoming.apply_keystream(bytes);
    }
}

/// Keys are not shown.
impl fmt::Debug for Obfuscation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Obfuscation").finish_non_exhaustive()
    }
}
