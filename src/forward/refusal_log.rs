//! Refusals in the log: a sample of them, however many there are.

use std::cell::Cell;
use std::fmt;
use std::time::Duration;

use tracing::info;

use super::idle::TICK;

/// Between log lines about refusals of one listener.
const SAMPLE: Duration = Duration::from_secs(10);

/// When refusals of one listener were last told of, in ticks of the worker.
#[derive(Default)]
pub(super) struct RefusalLog(Cell<Option<u32>>);

impl RefusalLog {
    /// Tells of a refusal, if none was told of lately.
    pub(super) fn tell(&self, now: u32, listener: &str, reason: &str, detail: &dyn fmt::Display) {
        let last = self.0.get();
        if last.is_none_or(|at| TICK * now.wrapping_sub(at) >= SAMPLE) {
            self.0.set(Some(now));
            info!(listener, reason, %detail, "refusing clients; one line in 10s, see refused_total");
        }
    }
}
