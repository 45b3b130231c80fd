//! What clients have got done, and how long it took.

use hdrhistogram::Histogram;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Shared by all clients of a load.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    done: AtomicU64,
    offered: AtomicU64,
    failed: AtomicU64,
    latencies: Mutex<Latencies>,
}

/// What was counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Round trips, sessions, or bytes as the client's kernel took or gave them; of datagrams, bytes that
    /// arrived.
    pub(crate) done: u64,
    /// The same of what was sent by UDP, lost or not; 0 with TCP.
    pub(crate) offered: u64,
    /// Clients that failed and began anew.
    pub(crate) failed: u64,
}

impl Tally {
    pub(super) fn add(&self, amount: u64) {
        self.0.done.fetch_add(amount, Relaxed);
    }

    /// What is sent by UDP and may be lost; asked again, it is offered again.
    pub(super) fn offer(&self, amount: u64) {
        self.0.offered.fetch_add(amount, Relaxed);
    }

    pub(super) fn fail(&self) {
        self.0.failed.fetch_add(1, Relaxed);
    }

    /// An operation is done, and took so long.
    pub(super) fn done_in(&self, time: Duration) {
        self.add(1);
        self.latencies().add(time);
    }

    pub(crate) fn counts(&self) -> Counts {
        let Shared { done, offered, failed, .. } = &*self.0;
        Counts {
            done: done.load(Relaxed),
            offered: offered.load(Relaxed),
            failed: failed.load(Relaxed),
        }
    }

    /// The latencies since the last call.
    pub(crate) fn take_latencies(&self) -> Latencies {
        std::mem::take(&mut *self.latencies())
    }

    fn latencies(&self) -> MutexGuard<'_, Latencies> {
        self.0.latencies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Times of operations, to three digits, from a microsecond to an hour.
#[derive(Clone)]
pub(crate) struct Latencies(Histogram<u64>);

const LONGEST: Duration = Duration::from_secs(3600);

impl Default for Latencies {
    fn default() -> Latencies {
        let longest = LONGEST.as_micros() as u64;
        Latencies(Histogram::new_with_bounds(1, longest, 3).expect("bounds of a histogram"))
    }
}

impl Latencies {
    pub(crate) fn add(&mut self, time: Duration) {
        // What is below a microsecond is one, what is beyond an hour is that.
        self.0.saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1));
    }

    pub(crate) fn merge(&mut self, other: &Latencies) {
        // Both have the same bounds.
        self.0.add(&other.0).expect("one kind of histogram");
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// So large a share took no longer: 0.5 is the median. `None` while nothing is counted.
    pub(crate) fn quantile(&self, share: f64) -> Option<Duration> {
        (!self.0.is_empty()).then(|| Duration::from_micros(self.0.value_at_quantile(share)))
    }

    pub(crate) fn max(&self) -> Option<Duration> {
        (!self.0.is_empty()).then(|| Duration::from_micros(self.0.max()))
    }
}

impl fmt::Debug for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |share| self.quantile(share);
        write!(f, "Latencies({}, p50 {:?}, p99 {:?})", self.count(), of(0.5), of(0.99))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_told_to_three_digits_and_the_largest_exactly_enough() {
        let mut latencies = Latencies::default();
        assert_eq!((latencies.quantile(0.5), latencies.max()), (None, None));
        for millis in 1..=100 {
            latencies.add(Duration::from_millis(millis));
        }
        let near = |share: f64, expected: f64| {
            let found = latencies.quantile(share).unwrap().as_secs_f64() * 1e3;
            assert!((found / expected - 1.0).abs() < 1e-3, "{found} for {expected}");
        };
        near(0.5, 50.0);
        near(0.99, 99.0);
        near(1.0, 100.0);
        let mut both = Latencies::default();
        both.merge(&latencies);
        both.add(Duration::MAX);
        assert_eq!(both.count(), 101);
        assert!(both.max().unwrap() >= LONGEST);
    }
}
