//! How many sessions all workers together may reset.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Resets that were not made may be made up for within this time: workers ask a few sessions at a time.
const ARREARS: Duration = Duration::from_millis(50);

/// The pace of the resets of the whole process.
#[derive(Debug)]
pub(in crate::forward) struct ResetPace {
    began: Instant,
    /// Before then there is none: microseconds since `began`.
    next: AtomicU64,
}

impl Default for ResetPace {
    fn default() -> Self {
        Self { began: Instant::now(), next: AtomicU64::new(0) }
    }
}

impl ResetPace {
    /// Takes the place of one reset; `false` when it is too soon for one more at this `rate` a second.
    pub(in crate::forward) fn take(&self, rate: u32, now: Instant) -> bool {
        if rate == 0 {
            return false;
        }
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let now = micros(now.saturating_duration_since(self.began));
        let pause = (1_000_000 / u64::from(rate)).max(1);
        let take = |next: u64| {
            let after = next.max(now.saturating_sub(micros(ARREARS))).saturating_add(pause);
            (next <= now).then_some(after)
        };
        self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// How many of those that ask every millisecond, `crowd` at a time, get a place in this time.
    fn taken(pace: &ResetPace, rate: u32, crowd: usize, time: Duration) -> usize {
        let asked = (0..time.as_millis() as u32).map(|ms| pace.began + MS * ms);
        asked.map(|now| (0..crowd).filter(|_| pace.take(rate, now)).count()).sum()
    }

    #[test]
    fn a_crowd_is_let_through_at_the_rate_and_one_by_one_where_that_is_slow() {
        for (rate, least, most) in [(2000, 9_990, 10_001), (100, 499, 501), (1, 5, 5)] {
            let taken = taken(&ResetPace::default(), rate, 1000, 5000 * MS);
            assert!((least..=most).contains(&taken), "{rate}: {taken}");
        }
    }

    #[test]
    fn nobody_saves_up_for_longer_than_it_takes_to_ask_a_few() {
        let pace = ResetPace::default();
        let later = pace.began + Duration::from_secs(3600);
        let at_once = (0..100_000).filter(|_| pace.take(2000, later)).count();
        assert_eq!(at_once, 101, "fifty milliseconds and the moment itself");
        assert!(!pace.take(2000, later));
        assert!(pace.take(2000, later + MS));
    }

    #[test]
    fn without_a_rate_there_is_none() {
        assert_eq!(taken(&ResetPace::default(), 0, 1, 100 * MS), 0);
    }
}
