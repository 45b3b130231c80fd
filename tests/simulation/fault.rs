//! What can be wrong with the network, and where.

use std::fmt;
use std::time::Duration;

use nearpoint::routing::{AccessPointId, DcId};

use crate::random::Random;

/// Something wrong somewhere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fault {
    /// Where.
    pub(crate) scope: Scope,
    /// What.
    pub(crate) ailment: Ailment,
}

/// A part of the network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scope {
    AccessPoint(AccessPointId),
    Dc(DcId),
    Site(usize),
    /// This edge, and so all it sees.
    Edge,
}

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ailment {
    /// Nobody listens.
    Refuses,
    /// Nothing comes back.
    Blackholed,
    /// What is sent arrives and what is answered does not: to the edge it is a blackhole.
    OneWay,
    /// Connections are accepted, and that is all.
    Mute,
    /// A probe that asks gets the wrong answer; sessions get bytes.
    WrongAnswer,
    /// Ten times the round trip.
    Slow,
    /// One packet of twenty is lost.
    Lossy,
    /// Well for half of the period, then refusing or silent.
    Flapping { period: Duration, refuses: bool },
    /// The edge has no way there.
    NoRoute,
    /// The edge has no descriptor for sessions, and often none for probes.
    NoDescriptors,
}

impl Fault {
    /// A fault like any other.
    pub(crate) fn new(scope: Scope, ailment: Ailment) -> Self {
        Self { scope, ailment }
    }

    /// Any fault of this part: of a site its end, of the edge what edges suffer.
    pub(crate) fn random(scope: Scope, random: &mut Random) -> Self {
        let period = random.time(Duration::from_millis(500)..=Duration::from_secs(10));
        let flapping = Ailment::Flapping { period, refuses: random.percent(50) };
        let upstream = [
            Ailment::Refuses,
            Ailment::Refuses,
            Ailment::Blackholed,
            Ailment::OneWay,
            Ailment::Mute,
            Ailment::Mute,
            Ailment::WrongAnswer,
            Ailment::Slow,
            Ailment::Lossy,
            flapping,
        ];
        let site = [Ailment::Blackholed, Ailment::Blackholed, Ailment::Lossy, Ailment::Slow];
        let edge = [Ailment::Blackholed, Ailment::NoRoute, Ailment::NoDescriptors, Ailment::Lossy];
        let ailment = match scope {
            Scope::AccessPoint(_) | Scope::Dc(_) => *random.one(&upstream),
            Scope::Site(_) => *random.one(&site),
            Scope::Edge => *random.one(&edge),
        };
        Self { scope, ailment }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scope {
            Scope::AccessPoint(id) => write!(f, "access point {id}: ")?,
            Scope::Dc(dc) => write!(f, "DC {dc}: ")?,
            Scope::Site(site) => write!(f, "site {site}: ")?,
            Scope::Edge => f.write_str("edge: ")?,
        }
        write!(f, "{:?}", self.ailment)
    }
}
