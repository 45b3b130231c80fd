//! What a `nearest` listener remembers of its clients.
//!
//! A client that made a key with a DC must find that DC again. So the listener remembers which one a
//! client was given; where that is kept is not routing's business.

use std::time::Duration;

/// How a listener remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sticky {
    /// How long after its last session a client is remembered.
    pub ttl: Duration,
    /// How many clients at most; the one that came longest ago is forgotten first.
    pub clients: u32,
    /// What happens to a client whose DC is not usable.
    pub when_down: WhenDown,
}

impl Default for Sticky {
    fn default() -> Self {
        Self { ttl: Duration::from_secs(7 * 86_400), clients: 1_000_000, when_down: WhenDown::Move }
    }
}

/// What happens to a client whose remembered DC has no usable access point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenDown {
    /// It is given another DC, and that one is remembered.
    Move,
    /// It is refused until its DC is back.
    Refuse,
}

impl WhenDown {
    /// The word of the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Move => "move",
            Self::Refuse => "refuse",
        }
    }
}
