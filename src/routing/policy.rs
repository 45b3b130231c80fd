//! What operators decide about all clients: what a DC costs, and the rules about who may go where.

use std::fmt;
use std::sync::Arc;

use super::client_match::ClientMatch;
use super::geo::Millis;
use super::ids::DcId;

/// How DCs are compared, and for whom which of them are allowed.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// What a DC costs.
    pub objective: Objective,
    /// Costs within this much of a group's first are equal.
    pub tie_margin: Millis,
    /// Whether `nearest` ignores health when nothing is Up.
    pub fail_open: bool,
    /// Whether a bound session whose DC is Down, as are its replicas, is given one dial there.
    pub bound_fail_open: bool,
    /// What happens to a client that no rule denies, restricts or allows.
    pub default: Admission,
    /// In the order of the file: within a kind of action the first that fits counts.
    pub rules: Arc<[Rule]>,
    /// Whether the rules hold for bound sessions too.
    pub enforce_on_bound: EnforceOnBound,
    /// What happens to a client of a `nearest` listener when no candidate has room.
    pub overflow: Overflow,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            objective: Objective::Balanced,
            tie_margin: Millis(5.0),
            fail_open: true,
            bound_fail_open: false,
            default: Admission::Allow,
            rules: Arc::default(),
            enforce_on_bound: EnforceOnBound::Audit,
            overflow: Overflow::Refuse,
        }
    }
}

/// What happens to a client when every DC that it could use has as many sessions as it may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// It is refused.
    #[default]
    Refuse,
    /// It goes to the nearest of them all the same.
    Nearest,
}

/// What a DC costs a client, in milliseconds of round trip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objective {
    /// Light in fibre from the client.
    Distance,
    /// The measured round trip from this edge.
    Latency,
    /// Distance, plus what the measured round trip has in excess of its usual.
    Balanced,
}

impl Objective {
    /// The word of the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Distance => "distance",
            Self::Latency => "latency",
            Self::Balanced => "balanced",
        }
    }
}

/// Whether a client is served at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is.
    Allow,
    /// It is refused.
    Deny,
}

impl Admission {
    /// The word of the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// What the rules mean for a session whose DC is fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnforceOnBound {
    /// Nothing.
    Off,
    /// What they would refuse is counted and served.
    Audit,
    /// What they refuse is refused.
    Enforce,
}

impl EnforceOnBound {
    /// The word of the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Audit => "audit",
            Self::Enforce => "enforce",
        }
    }
}

/// One rule about clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Which clients.
    pub clients: ClientMatch,
    /// What about them.
    pub action: Action,
}

/// What a rule does, from the strongest: deny wins over restrict, restrict over allow, allow over
/// prefer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Refuses them.
    Deny,
    /// Serves them by these DCs and never by another, whatever happens to these.
    Restrict(Arc<[DcId]>),
    /// Serves them, whatever the default says.
    Allow,
    /// Puts these DCs first, in this order, while they can be used. Admits nobody.
    Prefer(Arc<[DcId]>),
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.action {
            Action::Deny => write!(f, "deny {}", self.clients),
            Action::Restrict(dcs) => write!(f, "restrict {} to DC {}", self.clients, listed(dcs)),
            Action::Allow => write!(f, "allow {}", self.clients),
            Action::Prefer(dcs) => write!(f, "prefer DC {} for {}", listed(dcs), self.clients),
        }
    }
}

fn listed(dcs: &[DcId]) -> String {
    let ids: Vec<String> = dcs.iter().map(ToString::to_string).collect();
    ids.join(", ")
}
