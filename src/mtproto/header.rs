//! The header of an obfuscated connection: what it says, and to whom.

use super::HEADER;
use super::keys::Keys;
use super::secret::Secret;
use super::transport::Transport;

/// What an obfuscated connection says of itself in its first 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The framing of what follows: abridged, intermediate or padded.
    pub transport: Transport,
    /// The DC as it stands in bytes 60 and 61: see [`Header::named_dc`].
    pub dc: i16,
    /// Which of the secrets given it fits. `None`: it fits without a secret, and then
    /// some clients put random bytes where others put the DC.
    pub secret: Option<usize>,
}

/// The DC of a header, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NamedDc {
    /// Id of the DC; 0 and absurd ones are possible, since the client chose them.
    pub id: u16,
    /// An access point for media is wanted: the number was negative.
    pub media: bool,
    /// The DC is one of the test network: 10,000 was added to the id.
    pub test: bool,
}

impl Header {
    /// Which DC is meant, of which kind.
    pub fn named_dc(self) -> NamedDc {
        let (id, media) = (self.dc.unsigned_abs(), self.dc < 0);
        match id.checked_sub(TEST) {
            Some(id) if id > 0 => NamedDc { id, media, test: true },
            Some(_) | None => NamedDc { id, media, test: false },
        }
    }

    /// What a header says, if it fits one of the secrets, or else if it fits without one. A header
    /// fits when it has the tag of a transport; 64 random bytes do so once in 1.4 billion keys tried.
    pub(super) fn recognise(header: &[u8; HEADER], secrets: &[Secret]) -> Option<Self> {
        let keyed = secrets.iter().enumerate().map(|(index, secret)| (Some(index), Some(secret)));
        keyed.chain([(None, None)]).find_map(|(index, secret)| {
            let (transport, dc) = decrypt(header, secret)?;
            Some(Self { transport, dc, secret: index })
        })
    }
}

/// What is added to the ids of the test network.
const TEST: u16 = 10_000;

/// The block of the keystream that hides tag and DC: bytes 48 to 63.
const LAST_BLOCK: u128 = 3;

fn decrypt(header: &[u8; HEADER], secret: Option<&Secret>) -> Option<(Transport, i16)> {
    let block = Keys::of_client(header, secret).keystream_block(LAST_BLOCK);
    let plain = |at: usize| header[at] ^ block[at % block.len()];
    let transport = Transport::of_tag([plain(56), plain(57), plain(58), plain(59)])?;
    Some((transport, i16::from_le_bytes([plain(60), plain(61)])))
}
