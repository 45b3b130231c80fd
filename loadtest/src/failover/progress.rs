//! How far a long comparison is, for whoever waits: on standard error.

use super::report::ScenarioReport;
use std::fmt;
use std::time::Duration;

/// What a run needs beside its phases: building the lab, starting everybody, and waiting for the last
/// clients.
const AROUND: Duration = Duration::from_secs(2);

/// Runs that were begun, and those to come.
#[derive(Debug)]
pub(super) struct Progress {
    runs: usize,
    run: usize,
    left: Duration,
}

impl Progress {
    /// Phases of each length are run through so many peers.
    pub(super) fn new(phases: impl IntoIterator<Item = Duration>, peers: usize) -> Progress {
        let times: Vec<Duration> = phases.into_iter().map(|total| total + AROUND).collect();
        let count = u32::try_from(peers).unwrap_or(u32::MAX);
        let left = times.iter().sum::<Duration>().saturating_mul(count);
        Progress { runs: times.len() * peers, run: 0, left }
    }

    /// A run begins.
    pub(super) fn begin(&mut self, scenario: &str, peer: &str) {
        self.run += 1;
        eprintln!("{self}: {scenario} through {peer}");
    }

    /// It has ended, whatever came of it.
    pub(super) fn end(&mut self, phases: Duration) {
        self.left = self.left.saturating_sub(phases + AROUND);
    }

    /// All runs of a scenario have ended.
    pub(super) fn tell(scenario: &ScenarioReport) {
        for line in scenario.brief() {
            eprintln!("    {line}");
        }
    }
}

/// As `3/64, about 27m left`.
impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Progress { runs, run, left } = self;
        let left = humantime::format_duration(Duration::from_secs(left.as_secs()));
        write!(f, "{run}/{runs}, about {left} left")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_shrinks_by_each_run_with_what_is_around_it() {
        let [short, long] = [11, 26].map(Duration::from_secs);
        let mut progress = Progress::new([short, long], 2);
        progress.begin("killed", "nearpoint");
        assert_eq!(progress.to_string(), "1/4, about 1m 22s left");
        progress.end(short);
        progress.begin("killed", "nginx");
        assert_eq!(progress.to_string(), "2/4, about 1m 9s left");
        progress.end(short);
        progress.end(long);
        progress.end(long);
        assert_eq!(progress.left, Duration::ZERO);
    }

    #[test]
    fn nobody_to_run_takes_no_time() {
        assert_eq!(Progress::new([Duration::from_secs(25)], 0).to_string(), "0/0, about 0s left");
    }
}
