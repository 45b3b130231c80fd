//! How fast access points that nobody knows are probed: 500 a second, after a burst.

use std::time::{Duration, Instant};

/// Between two on average.
const GAP: Duration = Duration::from_millis(2);

/// So many may come at once.
const BURST: u32 = 64;

/// A leaky bucket.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When the bucket is empty again.
    empty_at: Option<Instant>,
}

impl Pace {
    /// When the next one may start; `None` for at any time.
    pub(super) fn next(&self) -> Option<Instant> {
        self.empty_at?.checked_sub(GAP * (BURST - 1))
    }

    /// One has started.
    pub(super) fn spend(&mut self, now: Instant) {
        self.empty_at = Some(self.empty_at.map_or(now, |at| at.max(now)) + GAP);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::fixture::start;

    #[test]
    fn after_a_burst_there_are_five_hundred_a_second() {
        let (mut pace, mut now, mut spent) = (Pace::default(), start(), 0);
        while now < start() + Duration::from_secs(2) {
            if pace.next().is_none_or(|at| at <= now) {
                pace.spend(now);
                spent += 1;
            } else {
                now += Duration::from_millis(1);
            }
        }
        assert!((1000..=1000 + BURST).contains(&spent), "{spent}");
    }
}
