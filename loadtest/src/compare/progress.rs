//! How far a long run is, for whoever waits: on standard error.

use std::fmt;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Progress {
    /// Measurements, and how many of them have begun.
    all: usize,
    begun: usize,
    /// Of those that have ended, all together.
    took: Duration,
    ended: u32,
    /// Of one, as long as none has ended.
    expected: Duration,
    since: Instant,
}

impl Progress {
    pub(super) fn new(all: usize, expected: Duration) -> Progress {
        let (took, since) = (Duration::ZERO, Instant::now());
        Progress { all, begun: 0, took, ended: 0, expected, since }
    }

    pub(super) fn begin(&mut self, case: &str, peer: &str) {
        self.begun += 1;
        self.since = Instant::now();
        eprintln!("{self}: {case} through {peer}");
    }

    /// With its result on a line.
    pub(super) fn end(&mut self, result: &str) {
        self.took += self.since.elapsed();
        self.ended += 1;
        eprintln!("    {result}");
    }

    /// So many will not be measured.
    pub(super) fn skip(&mut self, count: usize) {
        self.all -= count;
    }

    fn left(&self) -> Duration {
        let each = self.took.checked_div(self.ended).unwrap_or(self.expected);
        let count = (self.all + 1).saturating_sub(self.begun);
        each.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX))
    }
}

/// As `12/96, about 5m left`.
impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Progress { all, begun, .. } = self;
        let left = self.left().as_secs();
        // Seconds matter in the last minutes only.
        let left = if left > 300 { left.div_ceil(60) * 60 } else { left };
        let left = humantime::format_duration(Duration::from_secs(left));
        write!(f, "{begun}/{all}, about {left} left")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_as_long_as_what_was() {
        let mut progress = Progress::new(96, Duration::from_secs(6));
        progress.begin("rt-64b-100", "nginx");
        assert_eq!(progress.to_string(), "1/96, about 10m left");
        progress.end("8.96 us/round trip");
        progress.took = Duration::from_secs(2);
        progress.skip(45);
        progress.begin("rt-64b-100", "envoy");
        assert_eq!(progress.to_string(), "2/51, about 1m 40s left");
        progress.begun = 51;
        assert_eq!(progress.to_string(), "51/51, about 2s left");
    }

    #[test]
    fn nothing_to_measure_takes_no_time_worth_telling() {
        assert!(Progress::new(0, Duration::from_secs(6)).left() <= Duration::from_secs(6));
    }
}
