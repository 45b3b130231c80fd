//! What goes into the control machine and what comes out of it.

use std::sync::Arc;
use std::time::Duration;

use crate::routing::health::{AdminState, Transition};
use crate::routing::ids::{AccessPointId, DcId};
use crate::routing::outcome::ConnectFailure;
use crate::routing::place::Locate;
use crate::routing::snapshot::Snapshot;
use crate::routing::topology::Topology;

/// What happens to the machine.
pub enum Event {
    /// An accepted configuration replaces the last one: what there is, and how clients are located.
    Configuration(Arc<Topology>, Arc<dyn Locate>),
    /// The operator's intent for a DC.
    AdminDc(DcId, AdminState),
    /// The operator's intent for an access point.
    AdminAccessPoint(AccessPointId, AdminState),
    /// A probe has ended.
    Probed(ProbeReport),
    /// Sessions have left evidence in the slots.
    Evidence,
    /// Nothing but the passing of time.
    Tick,
}

/// What the driver is to do.
pub enum Effect {
    /// Probe an access point and report.
    Probe(ProbeRequest),
    /// Publish this snapshot.
    Publish(Arc<Snapshot>),
    /// Tell people that an access point has changed.
    Changed(HealthChange),
}

/// One probe to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeRequest {
    /// Whom.
    pub access_point: AccessPointId,
    /// Distinguishes this probe from earlier ones of the same access point.
    pub number: u64,
    /// When to call it a failure.
    pub timeout: Duration,
}

/// One probe made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeReport {
    /// Whom.
    pub access_point: AccessPointId,
    /// The number of the request.
    pub number: u64,
    /// The round trip, or what went wrong.
    pub outcome: Result<Duration, ConnectFailure>,
}

/// A change of an access point's health, for logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthChange {
    /// Whose.
    pub access_point: AccessPointId,
    /// Before and after.
    pub transition: Transition,
    /// What showed it.
    pub cause: Cause,
}

/// What showed a change of health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A probe was answered.
    ProbeAnswered,
    /// A probe failed.
    ProbeFailed(ConnectFailure),
    /// Sessions failed to connect.
    FailedConnects,
}

impl Cause {
    /// A fixed word for logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProbeAnswered => "probe answered",
            Self::ProbeFailed(failure) => failure.as_str(),
            Self::FailedConnects => "failed connects of sessions",
        }
    }
}
