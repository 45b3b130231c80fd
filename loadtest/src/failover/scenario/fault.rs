//! What goes wrong, where, and when.

use crate::lab::layout::{AccessPoint, Dc, Door, Site, UnknownPlace};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt::{self, Display};
use std::str::FromStr;
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
    Path(PathFault, Place),
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
}

/// What the router does with packets between edge and DCs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum PathFault {
    /// All vanish, in both directions.
    Blackhole,
    /// Those of one direction vanish.
    OneWay(Direction),
    /// This share of them vanishes, in both directions.
    Loss(Share),
    /// The router answers with a reset, to this share of them.
    Reset(Share),
    /// The router answers that there is no way.
    Unreachable,
    /// What is more than this vanishes.
    Police { packets_per_second: u32 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Direction {
    ToDc,
    FromDc,
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

/// Where a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    AccessPoint(AccessPoint),
    Dc(Dc),
    /// The addresses of a DC that are of one family.
    Family(Dc, Family),
    Site(Site),
    /// Every DC.
    All,
    /// The way from the edge to everybody but its clients.
    Uplink,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Ipv4,
    Ipv6,
}

/// A part of the whole, 0 to 1; `5%` in a file.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) struct Share(f64);

impl What {
    /// The DCs that it is about. A list that is replaced is nobody's fault.
    pub(crate) fn dcs(&self) -> BTreeSet<Dc> {
        match self {
            What::Path(_, place) => place.dcs().into_iter().collect(),
            What::Slow { dcs, .. } | What::Process(_, dcs) | What::WrongService { dcs, .. } => {
                dcs.iter().copied().collect()
            }
            What::Service(_, access_points) => access_points.iter().map(|it| it.dc).collect(),
            What::Replace(_) => BTreeSet::new(),
        }
    }

    /// Whether all is well again when it ends.
    pub(super) fn is_undone(&self) -> bool {
        match self {
            What::Replace(_) => false,
            What::Path(..)
            | What::Slow { .. }
            | What::Process(..)
            | What::Service(..)
            | What::WrongService { .. } => true,
        }
    }
}

impl Place {
    pub(crate) fn dcs(self) -> Vec<Dc> {
        match self {
            Place::AccessPoint(AccessPoint { dc, .. }) | Place::Dc(dc) | Place::Family(dc, _) => {
                vec![dc]
            }
            Place::Site(site) => site.dcs().collect(),
            Place::All | Place::Uplink => Dc::ALL.into(),
        }
    }

    pub(crate) fn access_points(self) -> Vec<AccessPoint> {
        let of = |doors: &[Door]| {
            let dcs = self.dcs().into_iter();
            dcs.flat_map(|dc| doors.iter().map(move |&door| AccessPoint { dc, door })).collect()
        };
        match self {
            Place::AccessPoint(access_point) => vec![access_point],
            Place::Family(_, Family::Ipv4) => of(&[Door::A, Door::B]),
            Place::Family(_, Family::Ipv6) => of(&[Door::V6]),
            Place::Dc(_) | Place::Site(_) | Place::All | Place::Uplink => {
                of(&[Door::A, Door::B, Door::V6])
            }
        }
    }
}

impl Share {
    pub(crate) const ALL: Share = Share(1.0);

    pub(crate) fn value(self) -> f64 {
        self.0
    }
}

/// As `blackhole dc1` or `slow x10 dc1 dc2`.
impl Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Path(what, place) => write!(f, "{what} {place}"),
            What::Slow { factor, dcs } => write!(f, "slow x{factor} {}", listed(dcs)),
            What::Process(ProcessFault::Kill, dcs) => write!(f, "kill {}", listed(dcs)),
            What::Process(ProcessFault::Stop, dcs) => write!(f, "stop {}", listed(dcs)),
            What::Service(what, access_points) => write!(f, "{what} {}", listed(access_points)),
            What::WrongService { dcs, .. } => write!(f, "wrong service {}", listed(dcs)),
            What::Replace(access_points) => write!(f, "list of {}", listed(access_points)),
        }
    }
}

impl Display for PathFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PathFault::Blackhole => f.write_str("blackhole"),
            PathFault::OneWay(Direction::ToDc) => f.write_str("one-way loss to"),
            PathFault::OneWay(Direction::FromDc) => f.write_str("one-way loss from"),
            PathFault::Loss(share) => write!(f, "loss of {share}"),
            PathFault::Reset(share) => write!(f, "reset of {share}"),
            PathFault::Unreachable => f.write_str("unreachable"),
            PathFault::Police { packets_per_second } => {
                write!(f, "at most {packets_per_second} packets/s")
            }
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

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::AccessPoint(access_point) => access_point.fmt(f),
            Place::Dc(dc) => dc.fmt(f),
            Place::Family(dc, Family::Ipv4) => write!(f, "{dc} ipv4"),
            Place::Family(dc, Family::Ipv6) => write!(f, "{dc} ipv6"),
            Place::Site(Site::Ams) => f.write_str("ams"),
            Place::Site(Site::Sin) => f.write_str("sin"),
            Place::All => f.write_str("all"),
            Place::Uplink => f.write_str("uplink"),
        }
    }
}

/// `dc1`, `dc1 ipv6`, `dc1/a`, `ams`, `all` or `uplink`
impl FromStr for Place {
    type Err = UnknownPlace;

    fn from_str(text: &str) -> Result<Place, UnknownPlace> {
        match text {
            "ams" => return Ok(Place::Site(Site::Ams)),
            "sin" => return Ok(Place::Site(Site::Sin)),
            "all" => return Ok(Place::All),
            "uplink" => return Ok(Place::Uplink),
            _ => {}
        }
        let unknown = |_| UnknownPlace(text.to_owned());
        if let Some((dc, family)) = text.split_once(' ') {
            let dc = dc.parse().map_err(unknown)?;
            return match family.trim() {
                "ipv4" => Ok(Place::Family(dc, Family::Ipv4)),
                "ipv6" => Ok(Place::Family(dc, Family::Ipv6)),
                _ => Err(UnknownPlace(text.to_owned())),
            };
        }
        if text.contains('/') {
            return text.parse().map(Place::AccessPoint);
        }
        text.parse().map(Place::Dc)
    }
}

impl Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As it was written: 0.07 * 100 is not quite 7.
        write!(f, "{}%", (self.0 * 1e6).round() / 1e4)
    }
}

/// `5%`
impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Share, String> {
        let percent = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
        match percent {
            Some(percent) if (0.0..=100.0).contains(&percent) => Ok(Share(percent / 100.0)),
            Some(_) | None => Err(format!("{text:?} is no share: write 0% to 100%")),
        }
    }
}

fn listed<T: Display>(all: &[T]) -> String {
    all.iter().map(T::to_string).collect::<Vec<_>>().join(" ")
}
