//! What sessions are called wherever they are heard of.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::rand::{GetRandomFlags, getrandom};

/// Gives each session of the process a name of its own.
pub(super) struct UniqueIds {
    /// Drawn at random: what tells processes apart, and lives of one.
    process: u64,
    given: AtomicU64,
}

impl UniqueIds {
    /// Names of this process.
    ///
    /// # Errors
    /// When the kernel has no random numbers.
    pub(super) fn draw() -> io::Result<Self> {
        let mut process = [0; size_of::<u64>()];
        // Up to 256 bytes come whole and without interruption.
        match getrandom(&mut process, GetRandomFlags::empty())? {
            filled if filled == process.len() => {
                Ok(Self { process: u64::from_ne_bytes(process), given: AtomicU64::new(0) })
            }
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// The next one.
    pub(super) fn next(&self) -> UniqueId {
        UniqueId { process: self.process, number: self.given.fetch_add(1, Ordering::Relaxed) }
    }
}

/// One name: 32 hexadecimal digits in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UniqueId {
    process: u64,
    number: u64,
}

impl fmt::Display for UniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.process, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_hexadecimal_digits_and_none_is_given_twice() {
        let [here, there] = [(); 2].map(|()| UniqueIds::draw().expect("random numbers"));
        let names: Vec<String> =
            [here.next(), here.next(), there.next()].map(|it| it.to_string()).into();
        let is_digit = |it: u8| it.is_ascii_digit() || (b'a'..=b'f').contains(&it);
        assert!(names.iter().all(|it| it.len() == 32 && it.bytes().all(is_digit)), "{names:?}");
        assert!(names[0] != names[1] && names[0][..16] == names[1][..16], "{names:?}");
        assert_ne!(names[0][..16], names[2][..16]);
    }
}
