//! What a header of version 2 may have behind its addresses: a type of one byte, a length of two, and so
//! many bytes.

use std::ops::Range;

/// `PP2_TYPE_CRC32C`: the checksum of the header, four bytes.
pub const CRC32C: u8 = 0x03;

/// `PP2_TYPE_UNIQUE_ID`: up to [`LONGEST_UNIQUE_ID`] bytes that name the session.
pub const UNIQUE_ID: u8 = 0x05;

/// As much as the specification allows.
pub const LONGEST_UNIQUE_ID: usize = 128;

/// The country of the client: two capital letters of ISO 3166-1. This and the following are of the range
/// that the specification leaves to applications, 0xE0 to 0xEF; what large clouds use of it (0xE0, 0xEA,
/// 0xEE) is left out.
pub const COUNTRY: u8 = 0xe4;

/// The id of the DC: two bytes, the higher one first.
pub const DC: u8 = 0xe5;

/// The name of the listener: text.
pub const LISTENER: u8 = 0xe6;

/// The name of the edge: text.
pub const EDGE: u8 = 0xe7;

/// The bytes that a type and a length take.
const HEAD: usize = 3;

/// One of them, with where its value is in what was walked over.
pub(super) struct Tlv<'a> {
    pub(super) kind: u8,
    pub(super) value: &'a [u8],
    pub(super) range: Range<usize>,
}

/// There are bytes that are none.
pub(super) struct Damaged;

/// All that are in `bytes`, in their order. Nothing follows what is damaged.
pub(super) fn walk(bytes: &[u8]) -> impl Iterator<Item = Result<Tlv<'_>, Damaged>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let tlv = first(rest, at).ok_or(Damaged);
        at = tlv.as_ref().map_or(bytes.len(), |tlv| tlv.range.end);
        Some(tlv)
    })
}

fn first(rest: &[u8], at: usize) -> Option<Tlv<'_>> {
    let [kind, high, low] = *rest.first_chunk::<HEAD>()?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let value = rest[HEAD..].get(..length)?;
    let begin = at + HEAD;
    Some(Tlv { kind, value, range: begin..begin + length })
}

/// Appends one. A value of which the length says nothing is cut where it does.
pub(super) fn write(kind: u8, value: &[u8], to: &mut Vec<u8>) {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    to.push(kind);
    to.extend_from_slice(&length.to_be_bytes());
    to.extend_from_slice(&value[..usize::from(length)]);
}
