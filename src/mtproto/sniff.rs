//! What the first bytes of a client come to.

use super::HEADER;
use super::frame::plausible_full_length;
use super::header::Header;
use super::secret::Secret;
use super::transport::Transport;

/// Whether there is enough to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sniffed {
    /// Nothing can be said before so many bytes in all are there: 1, 4, 8 or 64, and always more
    /// than there are.
    NeedMore(usize),
    /// Nothing that follows can change this.
    Decided(FirstBytes),
}

/// What the first bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstBytes {
    /// A transport in clear, which names no DC.
    Plain(Transport),
    /// A request of HTTP.
    Http,
    /// The beginning of a TLS handshake.
    Tls,
    /// The header of an obfuscated connection.
    Obfuscated(Header),
    /// Nothing that is known, or a header for a secret that is not.
    Unrecognised,
}

/// Tells what a client begins with. The outcome depends on the bytes alone, never on the pieces in
/// which they came, and falls at 1, 4, 8 or 64 bytes: as early as it can.
///
/// Secrets are tried first, in their order: a header that fits one is a fact. Then none is: a header
/// that fits so is only a hint of its DC. Each costs one key schedule and one block of AES, a secret one
/// SHA-256 more; nothing is allocated.
pub fn sniff(bytes: &[u8], secrets: &[Secret]) -> Sniffed {
    if bytes.is_empty() {
        return Sniffed::NeedMore(1);
    }
    for (opening, first) in OPENINGS {
        if bytes.starts_with(opening) {
            return Sniffed::Decided(*first);
        }
        if opening.starts_with(bytes) {
            return Sniffed::NeedMore(opening.len());
        }
    }
    // Full begins with a length and the sequence number 0, which no obfuscated header has there.
    let number = &bytes[bytes.len().min(4)..bytes.len().min(8)];
    if number.iter().all(|byte| *byte == 0) {
        return bytes.first_chunk().map_or(Sniffed::NeedMore(8), |&[a, b, c, d, ..]: &[u8; 8]| {
            let length = u32::from_le_bytes([a, b, c, d]);
            Sniffed::Decided(match plausible_full_length(length) {
                true => FirstBytes::Plain(Transport::Full),
                false => FirstBytes::Unrecognised,
            })
        });
    }
    let Some(header) = bytes.first_chunk::<HEADER>() else {
        return Sniffed::NeedMore(HEADER);
    };
    Sniffed::Decided(match Header::recognise(header, secrets) {
        Some(header) => FirstBytes::Obfuscated(header),
        None if is_tls(header) => FirstBytes::Tls,
        None => FirstBytes::Unrecognised,
    })
}

/// Beginnings that no obfuscated header has: clients throw such random bytes away.
const OPENINGS: &[(&[u8], FirstBytes)] = &[
    (&[0xef], FirstBytes::Plain(Transport::Abridged)),
    (&[0xee; 4], FirstBytes::Plain(Transport::Intermediate)),
    (&[0xdd; 4], FirstBytes::Plain(Transport::Padded)),
    (b"POST", FirstBytes::Http),
    (b"GET ", FirstBytes::Http),
    (b"HEAD", FirstBytes::Http),
    (b"OPTI", FirstBytes::Http),
    (&[0x16, 3, 1, 2], FirstBytes::Tls),
];

/// A handshake record of TLS (RFC 8446, 5.1) with a ClientHello in it. An obfuscated header may begin
/// so by chance unless the record has the one length of [`OPENINGS`], so that headers come first.
fn is_tls(bytes: &[u8; HEADER]) -> bool {
    const HANDSHAKE: u8 = 0x16;
    const CLIENT_HELLO: u8 = 1;
    matches!(bytes, [HANDSHAKE, 3, 0..=4, _, _, CLIENT_HELLO, ..])
}
