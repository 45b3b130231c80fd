//! Where a fault is.

use crate::lab::layout::{AccessPoint, Dc, Door, Site, UnknownPlace};
use crate::lab::paths::Where;
use std::fmt;
use std::str::FromStr;

/// A part of the lab that can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    AccessPoint(AccessPoint),
    Dc(Dc),
    /// The addresses of a DC that are of one family.
    Family(Dc, Family),
    Site(Site),
    /// Every DC.
    All,
    /// Everything to and from the edge, its clients included.
    Uplink,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Ipv4,
    Ipv6,
}

impl Place {
    /// Those that can be reached no more, or not as they could, when it fails.
    pub(crate) fn dcs(self) -> Vec<Dc> {
        match self {
            Place::AccessPoint(AccessPoint { dc, .. }) | Place::Dc(dc) | Place::Family(dc, _) => {
                vec![dc]
            }
            Place::Site(site) => site.dcs().collect(),
            Place::All | Place::Uplink => Dc::ALL.into(),
        }
    }

    /// The same for the router.
    pub(crate) fn paths(self) -> Vec<Where> {
        match self {
            Place::AccessPoint(access_point) => vec![Where::AccessPoint(access_point)],
            Place::Dc(dc) => vec![Where::Dc(dc)],
            Place::Family(dc, Family::Ipv6) => vec![Where::V6(dc)],
            Place::Family(_, Family::Ipv4) => {
                self.access_points().into_iter().map(Where::AccessPoint).collect()
            }
            Place::Site(site) => site.dcs().map(Where::Dc).collect(),
            Place::All => vec![Where::AllDcs],
            Place::Uplink => vec![Where::Uplink],
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

impl fmt::Display for Place {
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
