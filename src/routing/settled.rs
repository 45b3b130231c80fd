//! Where a round trip has settled: what it is, without its noise.
//!
//! DCs that are compared by measured round trips would change places with every tremor of two that
//! are about equally far. So the first measurement counts at once, and a later one only when the round
//! trip has stayed on one side of what counts, by more than half the tie margin, for 10 s without a
//! break. Time without samples is nobody's evidence.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use super::geo::Millis;
use super::lasting::Lasting;

/// How long the round trip must stay away.
const PATIENCE: Duration = Duration::from_secs(10);

/// Watches the round trip of one access point.
#[derive(Clone, Copy, Debug, Default)]
pub struct SettledRoundTrip {
    settled: Option<Duration>,
    /// On which side of `settled` the round trip is; `None` when it is near.
    side: Option<Ordering>,
    away: Lasting,
}

impl SettledRoundTrip {
    /// Takes the round trip as it is now. Through a pause above `longest_pause` nothing has lasted.
    pub fn on_round_trip(
        &mut self,
        round_trip: Duration,
        tie_margin: Millis,
        longest_pause: Duration,
        now: Instant,
    ) {
        let settled = *self.settled.get_or_insert(round_trip);
        let distance = Millis::from(round_trip.abs_diff(settled));
        let side = (distance.0 > tie_margin.0 / 2.0).then(|| round_trip.cmp(&settled));
        if side != self.side {
            self.side = side;
            self.away.start_over();
        }
        if self.away.on_sample(side.is_some(), longest_pause, now) >= PATIENCE {
            self.settled = Some(round_trip);
            self.away.start_over();
        }
    }

    /// The round trip to compare by; `None` before the first measurement.
    #[must_use]
    pub fn settled(&self) -> Option<Duration> {
        self.settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::fixture::start;

    const MARGIN: Millis = Millis(5.0);
    const PAUSE: Duration = Duration::from_secs(10);

    struct Lab {
        tracker: SettledRoundTrip,
        now: Instant,
    }

    impl Lab {
        fn new() -> Self {
            Self { tracker: SettledRoundTrip::default(), now: start() }
        }

        /// Feeds `ms` each second for so many seconds and returns where the round trip has settled.
        fn feed(&mut self, ms: u64, seconds: u64) -> u128 {
            for _ in 0..seconds {
                self.tracker.on_round_trip(Duration::from_millis(ms), MARGIN, PAUSE, self.now);
                self.now += Duration::from_secs(1);
            }
            self.tracker.settled().expect("fed at least once").as_millis()
        }
    }

    #[test]
    fn the_first_measurement_counts_at_once_and_another_after_ten_seconds() {
        let mut lab = Lab::new();
        assert_eq!(lab.tracker.settled(), None);
        assert_eq!(lab.feed(40, 1), 40);
        assert_eq!(lab.feed(30, 10), 40);
        assert_eq!(lab.feed(30, 1), 30);
        assert_eq!(lab.feed(60, 10), 30);
        assert_eq!(lab.feed(60, 1), 60);
    }

    #[test]
    fn what_stays_within_half_the_margin_is_noise() {
        let mut lab = Lab::new();
        lab.feed(40, 1);
        assert_eq!(lab.feed(42, 100), 40);
        assert_eq!(lab.feed(38, 100), 40);
        assert_eq!(lab.feed(43, 11), 43);
    }

    #[test]
    fn a_break_or_the_other_side_starts_the_patience_over() {
        let mut lab = Lab::new();
        lab.feed(40, 1);
        lab.feed(60, 9);
        lab.feed(41, 1);
        assert_eq!(lab.feed(60, 10), 40);
        let mut lab = Lab::new();
        lab.feed(40, 1);
        for _ in 0..20 {
            lab.feed(60, 5);
            assert_eq!(lab.feed(20, 5), 40, "it swings and stays nowhere");
        }
    }

    #[test]
    fn time_without_samples_is_no_patience() {
        let mut lab = Lab::new();
        lab.feed(40, 1);
        lab.feed(60, 2);
        lab.now += Duration::from_secs(600);
        assert_eq!(lab.feed(60, 8), 40);
        assert_eq!(lab.feed(60, 2), 60);
    }
}
