//! A line for every second, on standard error.

use super::report::{rate_text, time_text};
use crate::load::{Latencies, Unit};
use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;

/// Who watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watcher {
    Nobody,
    /// Each line takes the place of the one before.
    Terminal,
    Log,
}

#[derive(Debug)]
pub(super) struct Progress {
    watcher: Watcher,
    unit: Unit,
}

/// What was seen in one second.
#[derive(Debug)]
pub(super) struct Second<'a> {
    /// Of the whole measured time.
    pub(super) passed: Duration,
    pub(super) of: Duration,
    pub(super) per_second: f64,
    pub(super) latencies: &'a Latencies,
    pub(super) failed: u64,
}

impl Progress {
    pub(super) fn new(quiet: bool, unit: Unit) -> Progress {
        let watcher = match (quiet, stderr().is_terminal()) {
            (true, _) => Watcher::Nobody,
            (false, true) => Watcher::Terminal,
            (false, false) => Watcher::Log,
        };
        Progress { watcher, unit }
    }

    /// What is being done.
    pub(super) fn stage(&self, stage: &str) {
        self.write(&format!("{stage} ..."));
    }

    pub(super) fn second(&self, second: &Second) {
        self.write(&line(self.unit, second));
    }

    /// Makes room for the report.
    pub(super) fn end(&self) {
        if self.watcher == Watcher::Terminal {
            self.write("");
        }
    }

    fn write(&self, text: &str) {
        let mut out = stderr().lock();
        // Who does not want to hear it does not have to.
        let _ = match self.watcher {
            Watcher::Nobody => Ok(()),
            // To the begin of the line, and nothing right of the text (ECMA-48, EL).
            Watcher::Terminal => write!(out, "\r{text}\x1b[K").and_then(|()| out.flush()),
            Watcher::Log => writeln!(out, "{text}"),
        };
    }
}

fn line(unit: Unit, second: &Second) -> String {
    let Second { passed, of, per_second, latencies, failed } = second;
    let rate = rate_text(unit, *per_second);
    let mut line = format!("{:3.0} of {:.0} s: {rate}", passed.as_secs_f64(), of.as_secs_f64());
    if let (Some(p50), Some(p99)) = (latencies.quantile(0.5), latencies.quantile(0.99)) {
        line += &format!(", p50 {}, p99 {}", time_text(p50), time_text(p99));
    }
    line + &format!(", {failed} failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_told_with_times_where_there_are_any() {
        let mut latencies = Latencies::default();
        let told = |unit, per_second, latencies: &Latencies| {
            let passed = Duration::from_millis(3_001);
            let of = Duration::from_secs(10);
            line(unit, &Second { passed, of, per_second, latencies, failed: 2 })
        };
        let bulk = told(Unit::Byte, 1.25e9, &latencies);
        assert_eq!(bulk, "  3 of 10 s: 1.25 GB/s, 2 failed");
        latencies.add(Duration::from_micros(80));
        let trips = told(Unit::RoundTrip, 12_345.6, &latencies);
        assert_eq!(trips, "  3 of 10 s: 12,346/s, p50 80 us, p99 80 us, 2 failed");
    }
}
