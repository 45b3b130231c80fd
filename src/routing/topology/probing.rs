//! How access points are probed and judged.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use crate::routing::failure::Depth;

/// How an access point is probed and judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthSettings {
    /// What a probe does.
    pub probe: Probe,
    /// Between probes of an access point that is well.
    pub interval: Duration,
    /// Between probes while it changes or is suspect.
    pub fast_interval: Duration,
    /// Between probes while it is Down.
    pub down_interval: Duration,
    /// The longest a probe may take.
    pub timeout: Duration,
    /// Failures in a row that make it Down; at least 1.
    pub fall: u32,
    /// Successes in a row that bring it back; at least 1.
    pub rise: u32,
    /// Spread of the intervals, in percent of each.
    pub jitter_percent: u8,
    /// How long one that keeps changing stays Down.
    pub hold_down: HoldDown,
}

/// What a probe does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Connects.
    Tcp,
    /// Asks for a page.
    Http(Arc<HttpProbe>),
}

/// A request of HTTP/1.1 and the answer that it wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpProbe {
    /// The target of the request: path, and query if any.
    pub path: Box<str>,
    /// The `Host` header; `None` for the address that is dialled.
    pub host: Option<Box<str>>,
    /// The port that is dialled; `None` for the access point's own.
    pub port: Option<u16>,
    /// The status codes that are good.
    pub expect: RangeInclusive<u16>,
}

impl Probe {
    /// Whether it dials where sessions do.
    #[must_use]
    pub fn dials_access_point(&self) -> bool {
        match self {
            Self::Tcp => true,
            Self::Http(http) => http.port.is_none(),
        }
    }

    /// What a good probe proves.
    #[must_use]
    pub fn depth(&self) -> Depth {
        match self {
            Self::Tcp => Depth::Connect,
            Self::Http(_) => Depth::Answer,
        }
    }
}

/// How long an access point that keeps changing stays Down, whatever its probes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldDown {
    /// The first time.
    pub first: Duration,
    /// At most, doubling each time.
    pub max: Duration,
}

impl Default for HealthSettings {
    fn default() -> Self {
        Self {
            probe: Probe::Tcp,
            interval: Duration::from_secs(2),
            fast_interval: Duration::from_millis(300),
            down_interval: Duration::from_secs(2),
            timeout: Duration::from_secs(1),
            fall: 3,
            rise: 2,
            jitter_percent: 10,
            hold_down: HoldDown::default(),
        }
    }
}

impl Default for HoldDown {
    fn default() -> Self {
        Self { first: Duration::from_secs(30), max: Duration::from_secs(300) }
    }
}
