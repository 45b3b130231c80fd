//! How many sessions the descriptors of this process allow. Accepting pauses before they are used
//! up: a client accepted with the last descriptor could not be connected.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Kept for the admin API, listening sockets, runtimes, configuration files and logs.
const RESERVED: usize = 128;

/// Kept beside for probes, of which so many may be under way, where there are descriptors enough.
const PROBES: usize = 512;

/// One for the client, one for the upstream.
const PER_SESSION: usize = 2;

/// Places for sessions, over all workers.
#[derive(Debug)]
pub(super) struct DescriptorBudget {
    taken: AtomicUsize,
    most: usize,
}

/// One session's descriptors; given back when dropped.
#[derive(Debug)]
pub(super) struct DescriptorPlace {
    of: Arc<DescriptorBudget>,
}

impl DescriptorBudget {
    /// What `limit` descriptors allow beside `pipes` pipes; at least one session.
    pub(super) fn new(limit: u64, pipes: usize) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let probes = if limit >= 8 * PROBES { PROBES } else { 0 };
        let others = (RESERVED + probes).saturating_add(pipes.saturating_mul(2));
        let most = (limit.saturating_sub(others) / PER_SESSION).max(1);
        Self { taken: AtomicUsize::new(0), most }
    }

    /// The most sessions at a time.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// A place, if there is one.
    pub(super) fn reserve(self: &Arc<Self>) -> Option<DescriptorPlace> {
        let before = self.taken.fetch_add(1, Ordering::Relaxed);
        let place = DescriptorPlace { of: Arc::clone(self) };
        (before < self.most).then_some(place)
    }
}

impl Drop for DescriptorPlace {
    fn drop(&mut self) {
        self.of.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_bound_sessions_and_come_back() {
        let budget = Arc::new(DescriptorBudget::new(128 + 2 * 10 + 4, 10));
        assert_eq!(budget.most(), 2);
        let first = budget.reserve().expect("room");
        let _second = budget.reserve().expect("room");
        assert!(budget.reserve().is_none());
        drop(first);
        assert!(budget.reserve().is_some());
    }
}
