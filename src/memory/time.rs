//! The time that memory goes by: coarse, small, and the same after a restart.

use std::time::{Duration, SystemTime};

/// Whole seconds since 1970, up to the year 2106.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EpochSeconds(pub u32);

impl EpochSeconds {
    /// How long ago this was at `now`; nothing if a clock that was set back has it in the future.
    #[must_use]
    pub fn age(self, now: Self) -> Duration {
        Duration::from_secs(u64::from(now.0.saturating_sub(self.0)))
    }
}

impl From<SystemTime> for EpochSeconds {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self(u32::try_from(since.as_secs()).unwrap_or(u32::MAX))
    }
}
