//! Snapshots that have been replaced and that somebody may still hold.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::routing::Snapshot;

/// Kept at most; of a large network each is a megabyte.
const MOST: usize = 16;

/// Keeps replaced snapshots until nobody else does. Whoever drops the last handle frees thousands of
/// counters; that is not for a worker, whose sessions would wait.
#[derive(Default)]
pub(super) struct Retired {
    snapshots: VecDeque<Arc<Snapshot>>,
}

impl Retired {
    /// This one has been replaced.
    pub(super) fn add(&mut self, snapshot: Arc<Snapshot>) {
        self.snapshots.push_back(snapshot);
        if self.snapshots.len() > MOST {
            self.snapshots.pop_front();
        }
    }

    /// Lets go of those that nobody else holds any more.
    pub(super) fn release(&mut self) {
        self.snapshots.retain(|snapshot| Arc::strong_count(snapshot) > 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::fixture::{all_up, three_dcs};

    #[test]
    fn a_snapshot_is_kept_until_nobody_else_holds_it() {
        let (held, dropped) = (Arc::new(all_up(three_dcs())), Arc::new(all_up(three_dcs())));
        let topology = Arc::downgrade(&dropped.topology);
        let mut retired = Retired::default();
        retired.add(Arc::clone(&held));
        retired.add(dropped);
        retired.release();
        assert_eq!(retired.snapshots.len(), 1);
        assert!(topology.upgrade().is_none());
        drop(held);
        retired.release();
        assert!(retired.snapshots.is_empty());
    }

    #[test]
    fn one_that_somebody_never_lets_go_of_does_not_pile_up() {
        let mut retired = Retired::default();
        let held: Vec<_> = (0..=MOST).map(|_| Arc::new(all_up(three_dcs()))).collect();
        held.iter().for_each(|snapshot| retired.add(Arc::clone(snapshot)));
        retired.release();
        assert_eq!(retired.snapshots.len(), MOST);
    }
}
