//! What clients have got done, and how long it took.

use hdrhistogram::Histogram;
use serde::Serialize;
use std::fmt;
use std::io;
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
    beside: AtomicU64,
    failures: Mutex<Vec<Failure>>,
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
    /// Clients that failed and began anew, and operations of an open loop that nobody was free for.
    pub(crate) failed: u64,
    /// Bytes of bulk beside the work of a mixture: those that came back, or were sent where it takes all it gets.
    pub(crate) beside: u64,
}

/// What has failed in one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Failure {
    /// `late`, or what the system calls it; see [`io::ErrorKind`].
    pub(crate) kind: String,
    pub(crate) count: u64,
    /// What the first of them said.
    pub(crate) first: String,
}

impl Tally {
    pub(super) fn add(&self, amount: u64) {
        self.0.done.fetch_add(amount, Relaxed);
    }

    /// What is sent by UDP and may be lost; asked again, it is offered again.
    pub(super) fn offer(&self, amount: u64) {
        self.0.offered.fetch_add(amount, Relaxed);
    }

    /// Of bulk that is not the work.
    pub(super) fn add_beside(&self, bytes: u64) {
        self.0.beside.fetch_add(bytes, Relaxed);
    }

    /// A client failed.
    pub(super) fn fail(&self, error: &io::Error) {
        self.failed(error.kind().to_string(), 1, || error.to_string());
    }

    /// Nobody was free in time for so many operations.
    pub(super) fn late(&self, count: u64) {
        self.failed("late".to_owned(), count, || "no client was free in time".to_owned());
    }

    fn failed(&self, kind: String, count: u64, say: impl FnOnce() -> String) {
        self.0.failed.fetch_add(count, Relaxed);
        // There are no more kinds than the system has.
        let mut failures = lock(&self.0.failures);
        match failures.iter_mut().find(|failure| failure.kind == kind) {
            Some(failure) => failure.count += count,
            None => failures.push(Failure { kind, count, first: say() }),
        }
    }

    /// An operation is done, and took so long.
    pub(super) fn done_in(&self, time: Duration) {
        self.add(1);
        lock(&self.0.latencies).add(time);
    }

    pub(crate) fn counts(&self) -> Counts {
        let Shared { done, offered, failed, beside, .. } = &*self.0;
        Counts {
            done: done.load(Relaxed),
            offered: offered.load(Relaxed),
            failed: failed.load(Relaxed),
            beside: beside.load(Relaxed),
        }
    }

    /// What has failed since the start, each kind once.
    pub(crate) fn failures(&self) -> Vec<Failure> {
        lock(&self.0.failures).clone()
    }

    /// The latencies since the last call.
    pub(crate) fn take_latencies(&self) -> Latencies {
        std::mem::take(&mut *lock(&self.0.latencies))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// How many took longer, as far as three digits tell.
    #[cfg(test)]
    pub(super) fn longer_than(&self, time: Duration) -> u64 {
        self.0.count_between(time.as_micros() as u64 + 1, u64::MAX)
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
    fn failures_are_counted_by_kind_with_the_first_of_each() {
        let tally = Tally::default();
        let refused = |text: &str| io::Error::new(io::ErrorKind::ConnectionRefused, text);
        tally.fail(&refused("first"));
        tally.fail(&refused("second"));
        tally.late(5);
        let failure = |kind: &str, count, first: &str| Failure {
            kind: kind.to_owned(),
            count,
            first: first.to_owned(),
        };
        assert_eq!(
            tally.failures(),
            [
                failure("connection refused", 2, "first"),
                failure("late", 5, "no client was free in time"),
            ]
        );
        assert_eq!(tally.counts(), Counts { failed: 7, ..Counts::default() });
    }

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
