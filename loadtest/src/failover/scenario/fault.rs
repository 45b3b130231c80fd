//! What goes wrong, where, and when.

use super::place::Place;
use crate::lab::layout::{AccessPoint, Dc};
use crate::lab::paths::{self, Direction};
use std::collections::BTreeSet;
use std::fmt::{self, Display};
use std::time::Duration;

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    pub(crate) what: What,
    pub(super) times: Times,
}

/// When, in the long run, since the begin of the phase `fault`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Times {
    pub(super) from: Duration,
    pub(super) until: Duration,
    /// It is there for so long, then gone for so long, and so on.
    pub(super) every: Option<Duration>,
}

/// What goes wrong, and where.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    /// Packets, in the router.
    Path(paths::What, Place),
    /// Round trips of these lines take so many times as long.
    Slow { factor: f64, dcs: Vec<Dc> },
    /// All of a DC: it is one process.
    Process(ProcessFault, Vec<Dc>),
    /// The service at these addresses.
    Service(ServiceFault, Vec<AccessPoint>),
    /// The process is killed; from `back` on (since the begin of the phase, in the long run)
    /// something else serves at its addresses, until the end.
    WrongService { dcs: Vec<Dc>, back: Duration },
    /// `dc_options` is replaced by a list of these. Nothing undoes it.
    Replace(Vec<AccessPoint>),
    /// A drill of a DC is ordered, which lasts so long in every run. Nothing undoes it: it ends by itself.
    Drill { dc: Dc, lasts: Duration, force: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProcessFault {
    /// SIGKILL; it is started anew at the end.
    Kill,
    /// SIGSTOP, SIGCONT at the end: the kernel accepts, and nobody answers.
    Stop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServiceFault {
    /// The port is closed, and open sessions are reset.
    Refuse,
    /// Everything is read and nothing answered.
    Mute,
    /// Each answer leaves so much later.
    Delay(Duration),
    /// Requests of HTTP are answered with this status.
    Status(u16),
}

impl Fault {
    /// Whether both cannot be there at once: each has the same process, line or service in its hands, and the
    /// end of one would end the other. Rules of the router are told apart, so that any of them may overlap.
    pub(super) fn hinders(&self, other: &Fault) -> bool {
        let overlap = self.times.from < other.times.until && other.times.from < self.times.until;
        overlap && self.what.hinders(&other.what)
    }
}

impl What {
    fn hinders(&self, other: &What) -> bool {
        let same_dc = || !self.dcs().is_disjoint(&other.dcs());
        match (self, other) {
            (What::Slow { .. }, What::Slow { .. })
            | (
                What::Process(..) | What::WrongService { .. },
                What::Process(..) | What::WrongService { .. } | What::Service(..),
            )
            | (What::Service(..), What::Process(..) | What::WrongService { .. }) => same_dc(),
            (What::Service(_, these), What::Service(_, those)) => {
                these.iter().any(|it| those.contains(it))
            }
            (What::Path(..) | What::Replace(_) | What::Drill { .. }, _)
            | (_, What::Path(..) | What::Replace(_) | What::Drill { .. } | What::Slow { .. })
            | (
                What::Slow { .. },
                What::Process(..) | What::WrongService { .. } | What::Service(..),
            ) => false,
        }
    }

    /// The DCs that it is about. A list that is replaced is nobody's fault, nor is a drill.
    pub(crate) fn dcs(&self) -> BTreeSet<Dc> {
        match self {
            What::Path(_, place) => place.dcs().into_iter().collect(),
            What::Slow { dcs, .. } | What::Process(_, dcs) | What::WrongService { dcs, .. } => {
                dcs.iter().copied().collect()
            }
            What::Service(_, access_points) => access_points.iter().map(|it| it.dc).collect(),
            What::Replace(_) | What::Drill { .. } => BTreeSet::new(),
        }
    }

    /// Whether all is well again when it ends.
    pub(super) fn is_undone(&self) -> bool {
        match self {
            What::Replace(_) | What::Drill { .. } => false,
            What::Path(..)
            | What::Slow { .. }
            | What::Process(..)
            | What::Service(..)
            | What::WrongService { .. } => true,
        }
    }
}

/// As `blackhole dc1` or `slow x10 dc1 dc2`.
impl Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Path(paths::What::OneWay(Direction::To), place) => {
                write!(f, "one-way loss to {place}")
            }
            What::Path(paths::What::OneWay(Direction::From), place) => {
                write!(f, "one-way loss from {place}")
            }
            What::Path(what, place) => write!(f, "{what} {place}"),
            What::Slow { factor, dcs } => write!(f, "slow x{factor} {}", listed(dcs)),
            What::Process(ProcessFault::Kill, dcs) => write!(f, "kill {}", listed(dcs)),
            What::Process(ProcessFault::Stop, dcs) => write!(f, "stop {}", listed(dcs)),
            What::Service(what, access_points) => write!(f, "{what} {}", listed(access_points)),
            What::WrongService { dcs, .. } => write!(f, "wrong service {}", listed(dcs)),
            What::Replace(access_points) => write!(f, "list of {}", listed(access_points)),
            What::Drill { dc, force: false, .. } => write!(f, "drill of {dc}"),
            What::Drill { dc, force: true, .. } => write!(f, "forced drill of {dc}"),
        }
    }
}

impl Display for ServiceFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServiceFault::Refuse => f.write_str("refuse"),
            ServiceFault::Mute => f.write_str("mute"),
            ServiceFault::Delay(by) => write!(f, "delay by {}", humantime::format_duration(*by)),
            ServiceFault::Status(code) => write!(f, "status {code}"),
        }
    }
}

fn listed<T: Display>(all: &[T]) -> String {
    all.iter().map(T::to_string).collect::<Vec<_>>().join(" ")
}
