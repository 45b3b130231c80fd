//! Times, counted in buckets: memory does not grow with what is measured.

use serde::Serialize;
use std::time::Duration;

/// Buckets between two powers of two: a time is told to 1/64 of itself.
const STEPS: u32 = 64;
const STEP_BITS: u32 = STEPS.ilog2();
const BUCKETS: usize = ((64 - STEP_BITS + 1) * STEPS) as usize;

#[derive(Clone, Debug)]
pub(super) struct Histogram {
    counts: Vec<u64>,
    count: u64,
    max: Duration,
}

/// What a histogram comes to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Times {
    pub(super) count: u64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    pub(super) max_us: f64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { counts: vec![0; BUCKETS], count: 0, max: Duration::ZERO }
    }
}

impl Histogram {
    pub(super) fn add(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(nanos)] += 1;
        self.count += 1;
        self.max = self.max.max(time);
    }

    pub(super) fn merge(&mut self, other: &Histogram) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.count += other.count;
        self.max = self.max.max(other.max);
    }

    /// `None` while there is nothing in it.
    pub(super) fn times(&self) -> Option<Times> {
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        (self.count > 0).then(|| Times {
            count: self.count,
            p50_us: micros(self.at(0.5)),
            p99_us: micros(self.at(0.99)),
            max_us: micros(self.max),
        })
    }

    /// So large a share of the times is no longer than this.
    fn at(&self, share: f64) -> Duration {
        let rank = ((self.count as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        let found = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        let most = Duration::from_nanos(largest(found.unwrap_or(BUCKETS - 1)));
        most.min(self.max)
    }
}

fn bucket(nanos: u64) -> usize {
    // Below the first power of two that has so many numbers, each has a bucket of its own.
    let shift = nanos.max(u64::from(STEPS)).ilog2() - STEP_BITS;
    (u64::from(shift * STEPS) + (nanos >> shift)) as usize
}

/// The longest time of a bucket.
fn largest(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let shift = (bucket / u64::from(STEPS)).saturating_sub(1);
    let first = bucket - shift * u64::from(STEPS);
    // The last bucket ends with the largest number there is.
    (u128::from(first + 1) << shift).saturating_sub(1).min(u128::from(u64::MAX)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_told_to_a_part_of_itself() {
        for bits in 0..64 {
            for nanos in [1 << bits, (1_u64 << bits) + (1 << bits) / 3, (1 << bits) - 1] {
                let told = largest(bucket(nanos));
                assert!(told >= nanos, "{nanos}: {told}");
                assert!(told - nanos <= nanos / u64::from(STEPS), "{nanos}: {told}");
            }
        }
        assert_eq!(largest(bucket(u64::MAX)), u64::MAX);
        assert!(bucket(u64::MAX) < BUCKETS);
    }

    #[test]
    fn quantiles_are_of_all_that_was_added_and_merged() {
        let millis = Duration::from_millis;
        let mut all = Histogram::default();
        assert_eq!(all.times(), None);
        (1..=50).for_each(|n| all.add(millis(n)));
        let mut rest = Histogram::default();
        (51..=100).for_each(|n| rest.add(millis(n)));
        all.merge(&rest);
        let times = all.times().unwrap();
        assert_eq!((times.count, times.max_us), (100, 100_000.0));
        assert!((50_000.0..51_000.0).contains(&times.p50_us), "{times:?}");
        assert!((99_000.0..=100_000.0).contains(&times.p99_us), "{times:?}");
    }
}
