//! How long something has held at every sample without a break.

use std::time::{Duration, Instant};

/// Watches a condition on the samples of one access point. A long pause between two samples does not
/// count: in time in which nobody looked nothing has lasted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lasting {
    since: Option<Instant>,
    last_sample: Option<Instant>,
}

impl Lasting {
    /// Takes note of a sample, and says for how long the condition has held: nothing when it does not.
    /// Of pauses above `longest_pause` nothing counts.
    pub(super) fn on_sample(
        &mut self,
        holds: bool,
        longest_pause: Duration,
        now: Instant,
    ) -> Duration {
        let last = self.last_sample.replace(now).unwrap_or(now);
        let pause = now.saturating_duration_since(last);
        let unseen = if pause > longest_pause { pause } else { Duration::ZERO };
        let since = self.since.map_or(now, |since| since + unseen);
        self.since = holds.then_some(since);
        self.since.map_or(Duration::ZERO, |since| now.duration_since(since))
    }

    /// What comes is another condition.
    pub(super) fn start_over(&mut self) {
        self.since = None;
    }
}
