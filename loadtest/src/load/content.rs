//! Whether what came is what should have come, and where it is not.

use nearpoint::stub::pattern_at;
use std::io;
use std::sync::LazyLock;

/// `got` is `expected`; else an error that names the first byte that is not, at this offset of `what`.
pub(super) fn same(got: &[u8], expected: &[u8], what: &str, offset: u64) -> io::Result<()> {
    // Nearly always so, and compared by words.
    if got == expected {
        return Ok(());
    }
    let at = got.iter().zip(expected).position(|(got, expected)| got != expected);
    Err(match at {
        Some(at) => wrong(format!(
            "byte {} of {what} is {:#04x}, not {:#04x}",
            offset + at as u64,
            got[at],
            expected[at]
        )),
        None => wrong(format!("{what} has {} bytes, not {}", got.len(), expected.len())),
    })
}

/// These are the bytes that a stub sends from `offset` on.
pub(super) fn is_pattern(mut got: &[u8], mut offset: u64) -> io::Result<()> {
    while !got.is_empty() {
        let (now, rest) = got.split_at(got.len().min(CHUNK));
        same(now, pattern(offset, now.len()), "the stream", offset)?;
        offset += now.len() as u64;
        got = rest;
    }
    Ok(())
}

/// At most [`CHUNK`] bytes of the pattern from `offset` on.
pub(super) fn pattern(offset: u64, bytes: usize) -> &'static [u8] {
    let from = (offset % PERIOD) as usize;
    &PATTERN[from..from + bytes]
}

/// What was said is not so.
pub(super) fn wrong(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

pub(super) const CHUNK: usize = 256 * 1024;

/// Of the pattern, as the test below checks.
const PERIOD: u64 = 251;
static PATTERN: LazyLock<Vec<u8>> =
    LazyLock::new(|| (0..CHUNK as u64 + PERIOD).map(pattern_at).collect());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_is_that_of_the_stub_from_every_offset() {
        for offset in [0, 1, 250, 251, 1 << 40, u64::MAX / 2] {
            let got: Vec<u8> = (offset..offset + CHUNK as u64 + 700).map(pattern_at).collect();
            is_pattern(&got, offset).unwrap();
            assert_eq!(pattern(offset, 700), &got[..700]);
        }
    }

    #[test]
    fn a_wrong_byte_is_told_with_its_place() {
        let mut got: Vec<u8> = (1000..400_000).map(pattern_at).collect();
        got[300_000] ^= 1;
        let error = is_pattern(&got, 1000).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(error.to_string(), "byte 301000 of the stream is 0x32, not 0x33");
        let error = same(b"abc", b"abcd", "the answer", 0).unwrap_err();
        assert_eq!(error.to_string(), "the answer has 3 bytes, not 4");
    }
}
