//! A small set of client prefixes that every worker adds to without a lock.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::routing::client::ClientPrefix;

/// More than this between two looks would not say more: ten are enough to judge.
const PLACES: usize = 16;

/// Prefixes, each once. What finds no place is dropped.
#[derive(Debug, Default)]
pub(super) struct Prefixes {
    /// 0 where there is none.
    places: [AtomicU64; PLACES],
    /// Whether any is taken: control looks at thousands of these.
    any: AtomicBool,
}

impl Prefixes {
    /// Adds a prefix.
    pub(super) fn insert(&self, prefix: ClientPrefix) {
        let bits = prefix.bits();
        for place in &self.places {
            let taken = place.compare_exchange(0, bits, Ordering::Relaxed, Ordering::Relaxed);
            if taken.is_ok() || taken == Err(bits) {
                break;
            }
        }
        // After the place, so that whoever sees this finds it.
        self.any.store(true, Ordering::Release);
    }

    /// Takes all of them out.
    pub(super) fn take(&self) -> Vec<ClientPrefix> {
        if !self.any.load(Ordering::Relaxed) || !self.any.swap(false, Ordering::Acquire) {
            return Vec::new();
        }
        let taken = self.places.iter().map(|place| place.swap(0, Ordering::Relaxed));
        taken.filter_map(ClientPrefix::from_bits).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::client::ClientAddr;

    fn prefix(n: u8) -> ClientPrefix {
        ClientAddr::new([203, 0, n, 7].into()).network()
    }

    #[test]
    fn each_prefix_is_kept_once_and_what_finds_no_place_is_dropped() {
        let prefixes = Prefixes::default();
        assert!(prefixes.take().is_empty());
        for n in (0..200).chain(0..200) {
            prefixes.insert(prefix(n));
        }
        let mut taken = prefixes.take();
        taken.sort_unstable();
        taken.dedup();
        assert_eq!(taken.len(), PLACES);
        assert!(prefixes.take().is_empty());
        prefixes.insert(prefix(0));
        assert_eq!(prefixes.take(), [prefix(0)]);
    }
}
