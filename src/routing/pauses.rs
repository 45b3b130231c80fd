//! Time in which nobody looked: something that is to last must not have lasted through it.

use std::time::{Duration, Instant};

/// Watches the pauses between the samples of one access point.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pauses {
    last_sample: Option<Instant>,
}

impl Pauses {
    /// Takes note of a sample, and says how much of the time since the one before does not count:
    /// nothing of a pause up to `longest`, all of a longer one.
    pub(super) fn on_sample(&mut self, longest: Duration, now: Instant) -> Duration {
        let last = self.last_sample.replace(now).unwrap_or(now);
        let pause = now.saturating_duration_since(last);
        if pause > longest { pause } else { Duration::ZERO }
    }
}
