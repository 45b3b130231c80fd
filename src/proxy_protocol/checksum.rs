//! The checksum of a whole header.

use std::ops::Range;

use crc::{CRC_32_ISCSI, Crc};

/// CRC-32C (RFC 3309) under the name that catalogues have it by.
static CASTAGNOLI: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// The checksum of `header` with zeros in place of the field that holds it, which is `field`.
pub(super) fn checksum(header: &[u8], field: Range<usize>) -> u32 {
    let mut digest = CASTAGNOLI.digest();
    digest.update(&header[..field.start]);
    digest.update(&[0; size_of::<u32>()]);
    digest.update(&header[field.end..]);
    digest.finalize()
}
