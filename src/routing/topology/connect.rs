//! How the dials of one session are bounded.

use std::time::Duration;

/// Bounds on the dials of one session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConnectLimits {
    /// One attempt.
    pub timeout: Duration,
    /// All attempts together.
    pub deadline: Duration,
    /// Dials in all; at least 1.
    pub attempts: u32,
    /// When a silent attempt gets company; `None` for never.
    pub hedging: Option<Hedging>,
}

/// When a second dial starts while the first is silent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hedging {
    /// Not sooner than this.
    pub min: Duration,
    /// Not sooner than so many usual round trips of the access point that is silent; at least 1.
    pub factor: f64,
    /// Hedges in percent of the new sessions of a DC. What one second's sessions are may be hedged
    /// beside it: a DC that has just died is not slow.
    pub budget_percent: u8,
}

impl Default for ConnectLimits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(3),
            deadline: Duration::from_secs(10),
            attempts: 5,
            hedging: Some(Hedging::default()),
        }
    }
}

impl Default for Hedging {
    fn default() -> Self {
        Self { min: Duration::from_millis(200), factor: 2.0, budget_percent: 10 }
    }
}

impl Hedging {
    /// How long an access point may be silent whose round trip is `usual`, if it is known.
    #[must_use]
    pub fn patience(&self, usual: Option<Duration>) -> Duration {
        usual.map_or(self.min, |usual| usual.mul_f64(self.factor).max(self.min))
    }
}
