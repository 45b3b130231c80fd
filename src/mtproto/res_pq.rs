//! The answer to the question that needs no key.

use super::req_pq::{ENVELOPE, Nonce, open};

/// How many fingerprints an answer may have. Real ones have one to three.
pub const MOST_FINGERPRINTS: usize = 64;

/// `resPQ`, the answer of a DC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResPq {
    /// The client's.
    pub nonce: Nonce,
    /// The DC's own.
    pub server_nonce: Nonce,
    /// The product that the client would factor next.
    pub pq: u64,
    /// Of the RSA keys that the DC has, in its order: one to [`MOST_FINGERPRINTS`].
    pub fingerprints: Vec<u64>,
}

impl ResPq {
    /// The longest message in bytes.
    pub const LONGEST: usize = ENVELOPE + 4 + 16 + 16 + 12 + 8 + 8 * MOST_FINGERPRINTS;

    /// The message, with this number.
    pub fn to_bytes(&self, msg_id: u64) -> Vec<u8> {
        let mut body = RES_PQ.to_le_bytes().to_vec();
        body.extend(self.nonce);
        body.extend(self.server_nonce);
        write_number(self.pq, &mut body);
        body.extend(VECTOR.to_le_bytes());
        body.extend((self.fingerprints.len() as u32).to_le_bytes());
        body.extend(self.fingerprints.iter().flat_map(|it| it.to_le_bytes()));
        let mut message = [0; 8].to_vec();
        message.extend(msg_id.to_le_bytes());
        message.extend((body.len() as u32).to_le_bytes());
        message.extend(body);
        message
    }

    /// Reads one. `padding` is how many bytes may follow; anything else that is more, less or other than
    /// the schema has is refused.
    pub fn parse(message: &[u8], padding: usize) -> Option<Self> {
        let (_, body) = open(message, padding)?;
        let (constructor, rest) = body.split_first_chunk::<4>()?;
        let (nonce, rest) = rest.split_first_chunk()?;
        let (server_nonce, rest) = rest.split_first_chunk()?;
        let (pq, rest) = read_number(rest)?;
        let (vector, rest) = rest.split_first_chunk::<4>()?;
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let (fingerprints, over) = rest.as_chunks();
        let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
        let fits = u32::from_le_bytes(*constructor) == RES_PQ
            && u32::from_le_bytes(*vector) == VECTOR
            && (1..=MOST_FINGERPRINTS).contains(&count)
            && fingerprints.len() == count
            && over.is_empty();
        fits.then(|| Self {
            nonce: *nonce,
            server_nonce: *server_nonce,
            pq,
            fingerprints: fingerprints.iter().copied().map(u64::from_le_bytes).collect(),
        })
    }
}

/// Constructors of the schema.
const RES_PQ: u32 = 0x0516_2463;
const VECTOR: u32 = 0x1cb5_c415;

/// A number as a string of bytes, highest first: the length in one byte, the bytes, and zeros up to
/// a multiple of four.
fn write_number(number: u64, out: &mut Vec<u8>) {
    let bytes = number.to_be_bytes();
    let zeros = (number.leading_zeros() / 8).min(7) as usize;
    let digits = &bytes[zeros..];
    out.push(digits.len() as u8);
    out.extend(digits);
    out.extend(vec![0; padding_of(digits.len())]);
}

fn read_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    let length = usize::from(length);
    let (digits, rest) = rest.split_at_checked(length)?;
    let (zeros, rest) = rest.split_at_checked(padding_of(length))?;
    let fits = (1..=8).contains(&length) && zeros.iter().all(|byte| *byte == 0);
    let number = digits.iter().fold(0, |number: u64, digit| number << 8 | u64::from(*digit));
    fits.then_some((number, rest))
}

/// Of a string of this length, with the byte of its length before it.
fn padding_of(length: usize) -> usize {
    (1 + length).next_multiple_of(4) - (1 + length)
}
