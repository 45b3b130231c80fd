//! Excess: how far an access point's round trip is above its own best of the last hour, once that
//! lasts.
//!
//! It enters after 10 s above the tie margin and leaves after 30 s below half of it: one whose
//! path is congested is used later, and a single slow probe moves nobody. Time without samples is nobody's evidence.

use std::time::{Duration, Instant};

use super::geo::Millis;
use super::lasting::Lasting;

/// How long it must last before it counts, and before it stops counting.
const ENTER: Duration = Duration::from_secs(10);
const LEAVE: Duration = Duration::from_secs(30);

const MINUTE: Duration = Duration::from_secs(60);
const MINUTES: usize = 60;

/// Watches the round trip of one access point.
#[derive(Clone, Debug)]
pub struct ExcessTracker {
    /// The best round trip of each of the last 60 minutes, the current one first.
    best: [Option<Duration>; MINUTES],
    minute_began: Option<Instant>,
    /// The other side of the threshold.
    turning: Lasting,
    current: Option<Millis>,
}

impl Default for ExcessTracker {
    fn default() -> Self {
        Self {
            best: [None; MINUTES],
            minute_began: None,
            turning: Lasting::default(),
            current: None,
        }
    }
}

impl ExcessTracker {
    /// Takes the round trip as it is now. Through a pause above `longest_pause` nothing has lasted.
    pub fn on_round_trip(
        &mut self,
        round_trip: Duration,
        tie_margin: Millis,
        longest_pause: Duration,
        now: Instant,
    ) {
        self.turn_minutes(now);
        self.best[0] = Some(self.best[0].map_or(round_trip, |best| best.min(round_trip)));
        let best = self.best.iter().flatten().min().copied().unwrap_or(round_trip);
        let above = Millis::from(round_trip.saturating_sub(best));
        let (turns, patience) = match self.current {
            None => (above > tie_margin, ENTER),
            Some(_) => (above.0 < tie_margin.0 / 2.0, LEAVE),
        };
        let lasted = self.turning.on_sample(turns, longest_pause, now);
        if !turns {
            self.current = self.current.map(|_| above);
        } else if lasted >= patience {
            self.turning.start_over();
            self.current = match self.current {
                None => Some(above),
                Some(_) => None,
            };
        }
    }

    /// The excess to act on; 0 while there is none worth it.
    #[must_use]
    pub fn excess(&self) -> Millis {
        self.current.unwrap_or(Millis(0.0))
    }

    fn turn_minutes(&mut self, now: Instant) {
        let mut began = *self.minute_began.get_or_insert(now);
        let passed = now.duration_since(began).as_secs() / MINUTE.as_secs();
        if passed == 0 {
            return;
        }
        self.best.rotate_right((passed as usize).min(MINUTES));
        self.best[..(passed as usize).min(MINUTES)].fill(None);
        began += MINUTE * u32::try_from(passed).unwrap_or(u32::MAX);
        self.minute_began = Some(began);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARGIN: Millis = Millis(5.0);
    const PAUSE: Duration = Duration::from_secs(10);

    struct Lab {
        tracker: ExcessTracker,
        now: Instant,
    }

    impl Lab {
        fn new() -> Self {
            #[expect(clippy::disallowed_methods, reason = "a test needs some moment to start from")]
            let now = Instant::now();
            Self { tracker: ExcessTracker::default(), now }
        }

        /// Feeds `ms` each second for so many seconds and returns the excess.
        fn feed(&mut self, ms: u64, seconds: u64) -> f64 {
            for _ in 0..seconds {
                self.tracker.on_round_trip(Duration::from_millis(ms), MARGIN, PAUSE, self.now);
                self.now += Duration::from_secs(1);
            }
            self.tracker.excess().0
        }
    }

    #[test]
    fn excess_enters_after_ten_seconds_and_leaves_after_thirty() {
        let mut lab = Lab::new();
        assert_eq!(lab.feed(20, 60), 0.0);
        assert_eq!(lab.feed(60, 10), 0.0);
        assert_eq!(lab.feed(60, 1), 40.0);
        assert_eq!(lab.feed(80, 1), 60.0, "it follows while it lasts");
        assert!(lab.feed(20, 30) >= 0.0);
        assert_eq!(lab.feed(20, 1), 0.0);
    }

    #[test]
    fn a_break_starts_the_patience_over() {
        let mut lab = Lab::new();
        lab.feed(20, 60);
        lab.feed(60, 9);
        lab.feed(20, 1);
        assert_eq!(lab.feed(60, 10), 0.0);
    }

    #[test]
    fn time_without_samples_is_no_patience() {
        let mut lab = Lab::new();
        lab.feed(20, 60);
        lab.feed(60, 2);
        lab.now += Duration::from_secs(600);
        assert_eq!(lab.feed(60, 9), 0.0);
        assert_eq!(lab.feed(60, 2), 40.0);
        lab.feed(20, 1);
        lab.now += Duration::from_secs(600);
        lab.feed(20, 1);
        assert!(lab.tracker.current.is_some(), "not left after two samples");
    }

    #[test]
    fn between_half_the_margin_and_the_margin_nothing_changes() {
        let mut lab = Lab::new();
        lab.feed(20, 60);
        assert_eq!(lab.feed(24, 60), 0.0, "not entered");
        lab.feed(60, 11);
        assert_eq!(lab.feed(24, 60), 4.0, "not left");
    }

    #[test]
    fn the_best_is_forgotten_after_an_hour() {
        let mut lab = Lab::new();
        lab.feed(20, 60);
        assert_eq!(lab.feed(60, 3000), 40.0);
        assert_eq!(lab.feed(60, 700), 0.0, "60 ms is what is usual now");
    }
}
