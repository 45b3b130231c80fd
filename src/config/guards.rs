//! What a reload may not do by accident: empty a DC, leave it none that serves ordinary sessions or none
//! for UDP, lose most of the access points, or send most clients to another DC.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use serde::Serialize;
use serde_json::Value;

use crate::routing::topology::{AccessPointFlags, Class};
use crate::routing::{AccessPointId, DcId, DialAddress, Protocol, Topology, Traffic};

use super::daemon::{EmptyDc, Guards};

/// Why a reload is refused although the configuration is valid. An operator may force it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct GuardRefusal {
    /// Ids of DCs that have access points and would have none, or would be gone.
    pub emptied: Vec<u16>,
    /// Ids of DCs that take ordinary sessions and would not: what stays is for media or a CDN only.
    pub without_main: Vec<u16>,
    /// Ids of DCs that take flows and would not: what stays is for TCP.
    pub without_udp: Vec<u16>,
    /// More access points would leave than may leave at once.
    pub removed: Option<Removal>,
    /// More clients would get another DC than may at once.
    pub moved: Option<Movement>,
}

/// How many access points would leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Removal {
    /// Those that would leave.
    pub removed: usize,
    /// Those there are.
    pub of: usize,
    /// `guards.max_removed`, in percent.
    pub max_percent: u8,
}

/// How many clients would get another DC.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Movement {
    /// Their share, of 0 to 1.
    pub share: f64,
    /// Those that were looked at.
    pub clients: u64,
    /// `guards.max_moved`, in percent.
    pub max_percent: u8,
}

/// Of fewer clients a share says nothing.
pub const FEWEST_CLIENTS: u64 = 50;

impl GuardRefusal {
    /// Each reason in a sentence.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        for dc in &self.emptied {
            reasons.push(format!(
                "DC {dc} would lose its last access point (guards.empty_dc: refuse)"
            ));
        }
        for dc in &self.without_main {
            reasons.push(format!(
                "DC {dc} would lose its last access point for ordinary sessions: the others are \
                 media_only, cdn or for UDP (guards.empty_dc: refuse)"
            ));
        }
        for dc in &self.without_udp {
            reasons.push(format!(
                "DC {dc} would lose its last access point for UDP (guards.empty_dc: refuse)"
            ));
        }
        if let Some(Removal { removed, of, max_percent }) = self.removed {
            reasons.push(format!(
                "{removed} of {of} access points would leave (guards.max_removed: {max_percent}%)"
            ));
        }
        if let Some(Movement { share, clients, max_percent }) = self.moved {
            reasons.push(format!(
                "{:.1}% of the clients seen lately would get another DC, or none \
                 (guards.max_moved: {max_percent}%; {clients} were looked at)",
                share * 100.0
            ));
        }
        reasons
    }
}

impl fmt::Display for GuardRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reasons().join("; "))
    }
}

impl std::error::Error for GuardRefusal {}

/// The access points of a configuration, and whether each serves ordinary sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing(BTreeMap<AccessPointId, bool>);

impl Listing {
    /// Of a topology. Those that retire have left already.
    #[must_use]
    pub fn of(topology: &Topology) -> Self {
        let all = topology.access_points().iter();
        let present = all.filter(|access_point| !access_point.retiring);
        Self(present.map(|it| (it.id, it.takes(Traffic::tcp(Class::Main)))).collect())
    }

    /// Of an effective configuration, as [`Config::effective`](super::Config::effective) or a running
    /// daemon tells it; `None` for anything else.
    #[must_use]
    pub fn of_effective(configuration: &Value) -> Option<Self> {
        let list = configuration["dc_options"].as_array()?.iter();
        let entries = list.map(|entry| {
            let address = SocketAddr::new(
                entry["ip_address"].as_str()?.parse().ok()?,
                u16::try_from(entry["port"].as_u64()?).ok()?,
            );
            let dc = DcId(u16::try_from(entry["id"].as_u64()?).ok()?);
            let flag = |name: &str| entry[name].as_bool().unwrap_or_default();
            let flags = AccessPointFlags {
                media_only: flag("media_only"),
                cdn: flag("cdn"),
                ..AccessPointFlags::default()
            };
            let serves = |protocol: &Protocol| match entry["protocols"].as_array() {
                Some(listed) => listed.iter().any(|it| it == protocol.as_str()),
                None => *protocol == Protocol::Tcp,
            };
            let served = Protocol::ALL.into_iter().filter(serves).map(|protocol| {
                let id = AccessPointId { dc, address: DialAddress { socket: address, protocol } };
                (id, protocol == Protocol::Tcp && flags.serves(Class::Main))
            });
            Some(served.collect::<Vec<_>>())
        });
        let listed = entries.collect::<Option<Vec<_>>>()?;
        Some(Self(listed.into_iter().flatten().collect()))
    }

    /// The DCs that have any access point, and what for.
    fn dcs(&self) -> BTreeMap<DcId, Serves> {
        let mut dcs: BTreeMap<DcId, Serves> = BTreeMap::new();
        for (id, serves_main) in &self.0 {
            let serves = dcs.entry(id.dc).or_default();
            serves.main |= serves_main;
            serves.udp |= id.address.protocol == Protocol::Udp;
        }
        dcs
    }
}

/// What the access points of a DC are for, as far as losing it is guarded.
#[derive(Clone, Copy, Default)]
struct Serves {
    /// Ordinary sessions.
    main: bool,
    /// Flows.
    udp: bool,
}

/// Compares what serves with what is about to.
///
/// # Errors
/// With everything that `guards` forbid.
pub fn check(old: &Listing, new: &Listing, guards: &Guards) -> Result<(), GuardRefusal> {
    let emptied = match guards.empty_dc {
        EmptyDc::Refuse => emptied(old, new),
        EmptyDc::Allow => GuardRefusal::default(),
    };
    let refusal = GuardRefusal { removed: removal(old, new, guards.max_removed), ..emptied };
    match refusal == GuardRefusal::default() {
        true => Ok(()),
        false => Err(refusal),
    }
}

/// Of so many clients seen lately this share, of 0 to 1, would get another DC, or none.
///
/// # Errors
/// When `guards` forbid that.
pub fn check_moves(clients: u64, share: f64, guards: &Guards) -> Result<(), GuardRefusal> {
    let max_percent = guards.max_moved;
    if clients < FEWEST_CLIENTS || share * 100.0 <= f64::from(max_percent) {
        return Ok(());
    }
    let moved = Some(Movement { share, clients, max_percent });
    Err(GuardRefusal { moved, ..GuardRefusal::default() })
}

/// The DCs that would have no access point left, or none of a kind that they have.
fn emptied(old: &Listing, new: &Listing) -> GuardRefusal {
    let mut refusal = GuardRefusal::default();
    let after = new.dcs();
    for (id, before) in old.dcs() {
        let Some(after) = after.get(&id) else {
            refusal.emptied.push(id.0);
            continue;
        };
        if before.main && !after.main {
            refusal.without_main.push(id.0);
        }
        if before.udp && !after.udp {
            refusal.without_udp.push(id.0);
        }
    }
    refusal
}

fn removal(old: &Listing, new: &Listing, max_percent: u8) -> Option<Removal> {
    let of = old.0.len();
    let removed = old.0.keys().filter(|id| !new.0.contains_key(id)).count();
    let too_many = removed * 100 > of * usize::from(max_percent);
    too_many.then_some(Removal { removed, of, max_percent })
}

#[cfg(test)]
mod tests;
