//! What goes into the control machine and what comes out of it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::routing::alarm::Alarm;
use crate::routing::failure::{Depth, ProbeFailure};
use crate::routing::health::{AdminState, Health, Transition};
use crate::routing::ids::{AccessPointId, DcId};
use crate::routing::intent::{Intent, Target, Told};
use crate::routing::place::Locate;
use crate::routing::snapshot::Snapshot;
use crate::routing::topology::{Conversation, Egress, Revision, SendProxy, Topology};

/// What happens to the machine.
pub enum Event {
    /// An accepted configuration replaces the last one: what there is, how clients are located, and who
    /// brought it.
    Configuration(Arc<Topology>, Arc<dyn Locate>, Brought),
    /// What an operator wants of a DC or an access point.
    Intent(Target, Intent),
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
    /// Tell people that something has changed.
    Changed(Change),
}

/// One probe to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeRequest {
    /// Whom.
    pub access_point: AccessPointId,
    /// Distinguishes this probe from earlier ones of the same access point.
    pub number: u64,
    /// What to do.
    pub conversation: Conversation,
    /// The addresses to dial from, the one whose turn it is first, as sessions do; none where the kernel
    /// chooses.
    pub sources: Box<[IpAddr]>,
    /// What else to leave by.
    pub egress: Egress,
    /// The PROXY header to send first; it says that nobody but this edge is there.
    pub send_proxy: Option<SendProxy>,
    /// When to call it a failure that there is no connection yet; not longer than `timeout`.
    pub connect_timeout: Duration,
    /// When to call it a failure.
    pub timeout: Duration,
}

/// One probe made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeReport {
    /// Whom.
    pub access_point: AccessPointId,
    /// The number of the request.
    pub number: u64,
    /// What came of it.
    pub outcome: ProbeOutcome,
}

/// What comes of a probe: the answer of who is alive, or what went wrong.
pub type ProbeOutcome = Result<ProbeAnswer, ProbeFailure>;

/// The answer of an access point that is alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeAnswer {
    /// How long it took.
    pub times: ProbeTimes,
    /// What is to be said of it; nothing of a good one.
    pub remark: Option<Remark>,
}

/// What there is to say of the answer of an access point that is alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// It wants to be asked less often: -429 of MTProto.
    RateLimited,
    /// Its keys are not those that it should have; these are their fingerprints, rising.
    OtherFingerprints(Arc<[u64]>),
}

impl ProbeAnswer {
    /// A fixed word, the metric label.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self.remark {
            None => "ok",
            Some(Remark::RateLimited) => "rate_limited",
            Some(Remark::OtherFingerprints(_)) => "other_fingerprints",
        }
    }
}

/// A good answer.
impl From<ProbeTimes> for ProbeAnswer {
    fn from(times: ProbeTimes) -> Self {
        Self { times, remark: None }
    }
}

/// How long a good probe took, and with that what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeTimes {
    /// A connection, and no question.
    Connected {
        /// To the connection: a round trip.
        connect: Duration,
    },
    /// A question over a connection.
    Asked {
        /// From the start to the connection: a round trip.
        connect: Duration,
        /// From there to the answer.
        answer: Duration,
    },
    /// A question without a connection, one datagram for another.
    Echoed {
        /// To the answer: a round trip, and whatever the service takes, which nobody can tell apart.
        answer: Duration,
    },
}

impl ProbeTimes {
    /// A round trip, as far as it is known.
    #[must_use]
    pub fn round_trip(self) -> Duration {
        match self {
            Self::Connected { connect } | Self::Asked { connect, .. } => connect,
            Self::Echoed { answer } => answer,
        }
    }

    /// How long the service took, with the round trip that the question needs; `None` where that is not
    /// measured beside the round trip.
    #[must_use]
    pub fn answer(self) -> Option<Duration> {
        match self {
            Self::Asked { answer, .. } => Some(answer),
            Self::Connected { .. } | Self::Echoed { .. } => None,
        }
    }

    /// What the probe took in all.
    #[must_use]
    pub fn total(self) -> Duration {
        self.round_trip() + self.answer().unwrap_or_default()
    }

    /// How deep the probe got.
    #[must_use]
    pub fn depth(self) -> Depth {
        match self {
            Self::Connected { .. } => Depth::Connect,
            Self::Asked { .. } | Self::Echoed { .. } => Depth::Answer,
        }
    }
}

/// A change that people are told of, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The health of an access point.
    AccessPoint(HealthChange),
    /// An alarm about an access point begins or ends.
    Alarm(AlarmChange),
    /// The health of a DC: what its access points make of it.
    Dc {
        /// Which.
        dc: DcId,
        /// Before and after.
        transition: Transition,
    },
    /// The silent sessions of an access point that is Down are closed from now on.
    Closing {
        /// Whose.
        access_point: AccessPointId,
        /// All that are open, silent or not.
        sessions: u32,
    },
    /// What an operator wants of a DC or an access point.
    Intent(IntentChange),
    /// A drill begins, or is over.
    Drill(DrillChange),
    /// The edge is cut off, or is so no more.
    Isolation {
        /// Whether it is.
        isolated: bool,
    },
    /// A configuration was accepted.
    Configuration(ConfigurationChange),
}

/// A configuration that is in force from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigurationChange {
    /// Of its list of access points.
    pub revision: Revision,
    /// Who brought it.
    pub brought: Brought,
}

/// How a configuration came, by whom, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brought {
    /// A fixed word, as `config_reloads_total` knows them; empty when nobody says.
    pub how: &'static str,
    /// Who brought it, and why; nobody when it was a file.
    pub told: Arc<Told>,
}

/// A change of an access point's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthChange {
    /// Whose.
    pub access_point: AccessPointId,
    /// Before and after.
    pub transition: Transition,
    /// What showed it.
    pub cause: Cause,
    /// How long it stays Down from now on, whatever its probes say; zero for as long as they say.
    pub held_for: Duration,
}

/// What an operator wants from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntentChange {
    /// Of what.
    pub target: Target,
    /// What was wanted before.
    pub from: AdminState,
    /// What is wanted now.
    pub to: AdminState,
    /// How long, if not until somebody says otherwise.
    pub lasting: Option<Duration>,
    /// Whether it is so because the time of the one before is over: nobody did anything.
    pub expired: bool,
    /// Who said so, and why; of one whose time is over those who had said that.
    pub told: Arc<Told>,
}

/// The beginning or the end of a drill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrillChange {
    /// The DC that is to be without sessions.
    pub dc: DcId,
    /// What became of the drill.
    pub step: DrillStep,
    /// Whether the DC takes sessions again.
    pub is_ready: bool,
    /// Who wanted it so, and why; why it was aborted.
    pub told: Arc<Told>,
}

/// What becomes of a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrillStep {
    /// It begins, and is to last so long.
    Began(Duration),
    /// It has lasted as long as it was to.
    Done,
    /// It was given up, because the others did not bear it.
    Aborted,
    /// Somebody has ended it.
    Ended,
}

impl DrillStep {
    /// All ends, for metrics.
    pub const ENDS: [Self; 3] = [Self::Done, Self::Aborted, Self::Ended];

    /// A fixed word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Began(_) => "running",
            Self::Done => "done",
            Self::Aborted => "aborted",
            Self::Ended => "ended",
        }
    }
}

/// The beginning or the end of an alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmChange {
    /// About whom.
    pub access_point: AccessPointId,
    /// What about.
    pub alarm: Alarm,
    /// Why it ends; `None` when it begins.
    pub end: Option<AlarmEnd>,
}

/// Why an alarm ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmEnd {
    /// A probe got a good answer.
    Answered,
    /// There is another one in its place.
    Replaced,
    /// The access point is probed in another way from now on.
    Reconfigured,
    /// The access point has left.
    Left,
}

impl AlarmEnd {
    /// A fixed text for logs and events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "probe answered",
            Self::Replaced => "another alarm",
            Self::Reconfigured => "probed in another way",
            Self::Left => "left dc_options",
        }
    }
}

/// What showed a change of health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Probes were answered.
    ProbeAnswered,
    /// A probe failed.
    ProbeFailed(ProbeFailure),
    /// Sessions failed to connect.
    FailedConnects,
    /// Dials elsewhere that started later connected before.
    Overtaken,
    /// Sessions were connected, sent a byte and never got one.
    Mute,
    /// The edge was cut off: what was concluded since says nothing.
    Isolated,
    /// Nobody probes it, and this is what the access points of its DC that take TCP have come to.
    TcpOfDc,
    /// Nobody probes it, and its hold-down is over: it has another chance.
    HoldDownOver,
    /// Nobody probes it, and no session complains any more.
    NoComplaints,
}

impl Cause {
    /// What sessions complain of that found an access point failing at this depth.
    pub(super) fn of_sessions(depth: Depth) -> Self {
        match depth {
            Depth::Connect => Self::FailedConnects,
            Depth::FirstByte | Depth::Answer => Self::Mute,
        }
    }

    /// Whether probes would not see it, and say that all is well. Those of this access point may dial
    /// where sessions do, or not.
    pub(super) fn is_unseen(self, dial_there: bool) -> bool {
        match self {
            Self::ProbeAnswered | Self::ProbeFailed(_) => false,
            Self::FailedConnects | Self::Overtaken => !dial_there,
            Self::Mute
            | Self::Isolated
            | Self::TcpOfDc
            | Self::HoldDownOver
            | Self::NoComplaints => true,
        }
    }

    /// A fixed word for logs and events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProbeAnswered => "probe answered",
            Self::ProbeFailed(failure) => failure.as_str(),
            Self::FailedConnects => "failed connects of sessions",
            Self::Overtaken => "overtaken connects of sessions",
            Self::Mute => "mute sessions",
            Self::Isolated => "edge isolated",
            Self::TcpOfDc => "TCP access points of its DC",
            Self::HoldDownOver => "hold-down over",
            Self::NoComplaints => "no more complaints",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ProbeFailed(failure) => write!(f, "probe failed: {failure}"),
            Self::ProbeAnswered
            | Self::FailedConnects
            | Self::Overtaken
            | Self::Mute
            | Self::Isolated
            | Self::TcpOfDc
            | Self::HoldDownOver
            | Self::NoComplaints => f.write_str(self.as_str()),
        }
    }
}

impl Transition {
    /// Of a DC: whether it came into use or went out of it.
    #[must_use]
    pub fn changes_use(self) -> bool {
        (self.from == Health::Up) != (self.to == Health::Up)
    }
}
