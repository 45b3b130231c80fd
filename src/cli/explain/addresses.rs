//! Reads addresses from lines: one begins each line, and what follows it is not looked at. Takes one
//! line into memory at a time, and of that only its beginning.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::net::IpAddr;

/// Bytes of a line that are looked at: far more than an address has.
const LOOKED_AT: u64 = 256;

/// Characters of a bad line that are shown.
const SHOWN: usize = 40;

/// The addresses of one input.
pub(super) struct Addresses<R> {
    input: R,
    line: Vec<u8>,
    number: u64,
}

/// A line that does not begin with an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadLine {
    /// 1 for the first.
    pub(super) number: u64,
    /// Its first word, as far as that is worth showing.
    pub(super) word: String,
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?} is no IPv4 or IPv6 address", self.number, self.word)
    }
}

impl<R: BufRead> Addresses<R> {
    /// Reads from here on.
    pub(super) fn new(input: R) -> Self {
        Self { input, line: Vec::new(), number: 0 }
    }

    /// The address of the next line that is neither blank nor a comment; `None` at the end.
    ///
    /// # Errors
    /// When the input cannot be read.
    pub(super) fn read(&mut self) -> io::Result<Option<Result<IpAddr, BadLine>>> {
        while self.read_line()? {
            let line = self.line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.line);
            let line = line.trim_ascii_start();
            let end = line.iter().position(|byte| is_after_address(*byte)).unwrap_or(line.len());
            if line.first().is_none_or(|first| *first == b'#') {
                continue;
            }
            let word = String::from_utf8_lossy(&line[..end]);
            return Ok(Some(word.parse().map_err(|_| BadLine {
                number: self.number,
                word: word.chars().take(SHOWN).collect(),
            })));
        }
        Ok(None)
    }

    /// Takes the beginning of the next line and passes over its rest; `false` at the end.
    fn read_line(&mut self) -> io::Result<bool> {
        self.line.clear();
        let taken = self.input.by_ref().take(LOOKED_AT).read_until(b'\n', &mut self.line)?;
        if taken as u64 == LOOKED_AT && !self.line.ends_with(b"\n") {
            self.input.skip_until(b'\n')?;
        }
        self.number += 1;
        Ok(taken > 0)
    }
}

/// Lists that other programs write have spaces, commas or semicolons between columns.
fn is_after_address(byte: u8) -> bool {
    byte.is_ascii_whitespace() || [b',', b';'].contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(input: impl AsRef<[u8]>) -> (Vec<String>, Vec<u64>) {
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        let mut addresses = Addresses::new(input.as_ref());
        while let Some(line) = addresses.read().expect("memory is read") {
            match line {
                Ok(ip) => good.push(ip.to_string()),
                Err(line) => bad.push(line.number),
            }
        }
        (good, bad)
    }

    #[test]
    fn an_address_begins_each_line_and_the_rest_is_passed_over() {
        let file =
            "\u{feff}192.0.2.1\n\n# 192.0.2.2\n  192.0.2.3 17\r\n2001:db8::1,DE\n192.0.2.4;1";
        let good = ["192.0.2.1", "192.0.2.3", "2001:db8::1", "192.0.2.4"];
        assert_eq!(read(file), (good.map(str::to_owned).to_vec(), vec![]));
    }

    #[test]
    fn bad_lines_are_known_by_their_number_and_do_not_end_anything() {
        let file = "192.0.2.1\n192.0.2\nnowhere\n\n192.0.2.2\n:443\n";
        let good = ["192.0.2.1", "192.0.2.2"].map(str::to_owned).to_vec();
        assert_eq!(read(file), (good, vec![2, 3, 6]));
        let mut addresses = Addresses::new(&b"\n1.2.3.4.5\xff x"[..]);
        let bad = addresses.read().expect("memory is read").expect("a line").expect_err("bad");
        assert_eq!(bad.to_string(), "2: \"1.2.3.4.5\u{fffd}\" is no IPv4 or IPv6 address");
    }

    #[test]
    fn lines_of_any_length_take_no_memory_and_keep_their_count() {
        let long = "x".repeat(1 << 20);
        let file = format!("192.0.2.1 {long}\n{long}\n192.0.2.2{long}\n192.0.2.3");
        let mut addresses = Addresses::new(file.as_bytes());
        while addresses.read().expect("memory is read").is_some() {
            assert!(addresses.line.capacity() <= 2 * LOOKED_AT as usize);
        }
        let good = ["192.0.2.1", "192.0.2.3"].map(str::to_owned).to_vec();
        assert_eq!(read(file), (good, vec![2, 3]));
        let exact = "y".repeat(LOOKED_AT as usize);
        assert_eq!(read(format!("{exact}\n192.0.2.1")).1, [1], "its line feed is its own");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>) {
            let (good, bad) = read(&bytes);
            prop_assert!(good.len() + bad.len() <= bytes.len().max(1));
        }
    }
}
