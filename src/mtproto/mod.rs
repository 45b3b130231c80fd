//! MTProto as far as an edge has to know it: what the first bytes of a client say, how messages are
//! framed and obfuscated, and the one question that anybody may ask a DC, `req_pq_multi`.
//!
//! Shared by those who route by it, those who probe with it, and stub DCs that answer. All of it is
//! pure: bytes, times and random numbers come in as arguments, bytes and verdicts go out. Whatever a
//! peer sends, nothing here panics, and nothing grows beyond a bound that is given.
//!
//! It deliberately ends where keys of users begin: no key exchange, no messages of the encrypted kind.
//! HTTP and fake TLS are recognised and not spoken.
//!
//! The numbers are those of <https://core.telegram.org/mtproto/mtproto-transports> and of the clients'
//! sources (TDLib `TcpTransport`, Android `tgnet`).
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod codec;
mod frame;
mod header;
mod keys;
mod obfuscation;
mod question;
mod random;
mod req_pq;
mod res_pq;
mod secret;
mod sniff;
mod style;
#[cfg(test)]
mod tests;
mod transport;

pub use codec::Codec;
pub use frame::{Frame, FrameError, FrameReader, FrameWriter, MOST_PADDING, Side};
pub use header::{Header, NamedDc};
pub use obfuscation::Obfuscation;
pub use question::{Answer, Question};
pub use random::Random;
pub use req_pq::{Nonce, ReqPq, message_id};
pub use res_pq::{MOST_FINGERPRINTS, ResPq};
pub use secret::{Secret, SecretKind};
pub use sniff::{FirstBytes, Sniffed, sniff};
pub use style::Style;
pub use transport::Transport;

/// Length of the header that an obfuscated connection begins with, in bytes.
pub const HEADER: usize = 64;
