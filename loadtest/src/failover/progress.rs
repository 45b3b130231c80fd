//! How far a long comparison is, for whoever waits: on standard error.

use std::time::Duration;

/// What a run needs beside its phases: building the lab, starting everybody, and waiting for the last
/// clients.
const AROUND: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Progress {
    runs: usize,
    run: usize,
    left: Duration,
}

impl Progress {
    /// Each of `phases` is run through so many peers.
    pub(super) fn new(phases: impl Iterator<Item = Duration>, peers: usize) -> Progress {
        let times: Vec<Duration> = phases.map(|total| total + AROUND).collect();
        let count = u32::try_from(peers).unwrap_or(u32::MAX);
        Progress { runs: times.len() * peers, run: 0, left: times.iter().sum::<Duration>() * count }
    }

    pub(super) fn begin(&mut self, scenario: &str, peer: &str) {
        self.run += 1;
        let Progress { runs, run, left } = self;
        let left = humantime::format_duration(Duration::from_secs(left.as_secs()));
        eprintln!("{run}/{runs} {scenario} through {peer}; about {left} left");
    }

    pub(super) fn end(&mut self, phases: Duration) {
        self.left = self.left.saturating_sub(phases + AROUND);
    }
}
