//! How many descriptors this process may open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit on open files to the hard one, as far as the kernel lets us, and returns
/// the limit that holds; `u64::MAX` for none.
pub fn raise_descriptor_limit() -> u64 {
    let before = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: before.maximum, maximum: before.maximum };
    match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => before.maximum.unwrap_or(u64::MAX),
        Err(_) => before.current.unwrap_or(u64::MAX),
    }
}

/// The limit on open files that [`raise_descriptor_limit`] would give; `u64::MAX` for none.
#[must_use]
pub fn hard_descriptor_limit() -> u64 {
    getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let promised = hard_descriptor_limit();
        let limit = raise_descriptor_limit();
        assert_eq!(limit, promised);
        assert_eq!(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX), limit);
        assert_eq!(getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX), limit);
    }
}
