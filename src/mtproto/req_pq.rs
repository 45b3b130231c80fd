//! The question that needs no key.

use std::time::Duration;

/// Random bytes of a client, which the answer repeats.
pub type Nonce = [u8; 16];

/// `req_pq_multi`, an unencrypted message of 40 bytes that asks a DC to begin a key exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReqPq {
    /// Number of the message: see [`message_id`].
    pub msg_id: u64,
    /// To be repeated.
    pub nonce: Nonce,
}

/// The number of a message that a client makes at this time since 1970: seconds in the upper half, a
/// fraction in the lower one, and a multiple of four.
pub fn message_id(since_1970: Duration) -> u64 {
    let fraction = (u64::from(since_1970.subsec_nanos()) << 32) / 1_000_000_000;
    (since_1970.as_secs() << 32) | (fraction & !3)
}

impl ReqPq {
    /// Length of the message in bytes.
    pub const LEN: usize = ENVELOPE + 20;

    /// The message.
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[8..16].copy_from_slice(&self.msg_id.to_le_bytes());
        bytes[16..20].copy_from_slice(&20_u32.to_le_bytes());
        bytes[20..24].copy_from_slice(&REQ_PQ_MULTI.to_le_bytes());
        bytes[24..].copy_from_slice(&self.nonce);
        bytes
    }

    /// Reads `req_pq_multi`, or its elder `req_pq`. `padding` is how many bytes may follow.
    pub fn parse(message: &[u8], padding: usize) -> Option<Self> {
        let (msg_id, body) = open(message, padding)?;
        let (constructor, nonce) = body.split_first_chunk()?;
        let known = [REQ_PQ_MULTI, REQ_PQ].contains(&u32::from_le_bytes(*constructor));
        known.then_some(Self { msg_id, nonce: nonce.try_into().ok()? })
    }
}

/// Constructors of the schema.
const REQ_PQ_MULTI: u32 = 0xbe7e_8ef1;
const REQ_PQ: u32 = 0x6046_9778;

/// What an unencrypted message has before its body: a key id of 0, its number, its length.
pub(super) const ENVELOPE: usize = 20;

/// Number and body of an unencrypted message, behind which at most `padding` bytes follow.
pub(super) fn open(message: &[u8], padding: usize) -> Option<(u64, &[u8])> {
    let (key_id, rest) = message.split_first_chunk::<8>()?;
    let (msg_id, rest) = rest.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (body, behind) = rest.split_at_checked(length)?;
    let fits = *key_id == [0; 8] && behind.len() <= padding;
    fits.then_some((u64::from_le_bytes(*msg_id), body))
}
