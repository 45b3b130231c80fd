//! What every peer is given, so that only what they make of it differs.

use crate::lab::layout::{self, AccessPoint, Dc, Door, Site};
use crate::peers::descriptors;
use clap::ValueEnum;
use serde::Deserialize;
use serde_yaml::Mapping;
use std::net::{Ipv4Addr, SocketAddr};

/// What a configuration is made of.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// Where clients connect.
    pub(crate) listen: SocketAddr,
    /// Where those that answer questions do: nearpoint and Envoy.
    pub(crate) admin: SocketAddr,
    /// Where nearpoint shows its metrics.
    pub(crate) metrics: SocketAddr,
    pub(crate) access_points: Vec<AccessPoint>,
    pub(crate) probe: Probe,
    /// Whether datagrams are served as well, at the same addresses.
    pub(crate) udp: bool,
    /// Merged into nearpoint's configuration.
    pub(crate) extra: Mapping,
    pub(crate) cores: usize,
    /// Descriptors that a process may have.
    pub(crate) descriptors: u64,
}

/// How access points are asked whether they are well. nginx does not ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Probe {
    /// By a connect.
    #[default]
    Tcp,
    /// By `GET /`, which has to be answered with 200.
    Http,
}

// What nearpoint does unless it is told otherwise, wherever a peer has an equal.

/// For all of them, in seconds (`connect.deadline`).
pub(super) const DEADLINE: u32 = 10;
/// Between two probes of an access point that is down or suspect, in milliseconds
/// (`health.fast_interval`).
pub(super) const FAST_INTERVAL: u32 = 300;
/// Failed probes, one after the other, that take an access point out of use (`health.fall`).
pub(super) const FALL: u32 = 3;
/// Good ones that bring it back (`health.rise`).
pub(super) const RISE: u32 = 2;
/// How long a session may be idle, in minutes (`timeouts.idle`).
pub(super) const IDLE: u32 = 10;

// What peers have no default for that would do here.

/// Attempts of a session, in all. nearpoint's are 5, and two at a time.
pub(super) const ATTEMPTS: u32 = 4;

/// For one connect, in seconds. nearpoint waits for 3 s, but begins another attempt long before.
pub(super) const CONNECT_TIMEOUT: u32 = 1;
/// Between two probes of an access point that is well, in seconds. nearpoint's is 2 s.
pub(super) const INTERVAL: u32 = 1;

/// Connects of clients that fail one after the other and take an access point out of use, like failed
/// checks.
pub(super) const ERRORS: u32 = 5;

/// Sessions at once are far fewer; tables of peers grow with this.
const MAX_SESSIONS: u64 = 20_000;

impl Setting {
    /// In the lab's edge, which has its ports for itself, with the cores and descriptors of this process.
    pub(crate) fn new(access_points: Vec<AccessPoint>, probe: Probe) -> Setting {
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Setting {
            listen: layout::edge(),
            admin: local(9900),
            metrics: local(9901),
            access_points,
            probe,
            udp: false,
            extra: Mapping::new(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            descriptors: descriptors(),
        }
    }

    /// Sessions that a peer has to have room for, if it needs three descriptors for each.
    pub(super) fn sessions(&self) -> u64 {
        (self.descriptors / 3).min(MAX_SESSIONS)
    }

    /// Access points of DCs that serve while they can, and of those that only stand in.
    pub(super) fn near_and_far(&self) -> (Vec<AccessPoint>, Vec<AccessPoint>) {
        self.access_points.iter().partition(|access_point| is_near(access_point.dc))
    }
}

/// Every access point of the lab.
pub(crate) fn everywhere() -> Vec<AccessPoint> {
    let doors = |dc| [Door::A, Door::B, Door::V6].map(|door| AccessPoint { dc, door });
    Dc::ALL.into_iter().flat_map(doors).collect()
}

/// All clients of the lab are in Amsterdam.
pub(super) fn is_near(dc: Dc) -> bool {
    match dc.site() {
        Site::Ams => true,
        Site::Sin => false,
    }
}

/// An access point as a word that may stand in any configuration.
pub(super) fn word(access_point: AccessPoint) -> String {
    access_point.to_string().replace('/', "-")
}

#[cfg(test)]
impl Setting {
    /// The same on every machine.
    pub(super) fn example(probe: Probe) -> Setting {
        Setting { cores: 2, descriptors: 30_000, ..Setting::new(everywhere(), probe) }
    }
}
