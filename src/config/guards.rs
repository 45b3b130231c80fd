//! What a reload may not do by accident: empty a DC, leave it none that serves ordinary sessions, or
//! lose most of the access points.

use std::fmt;

use serde::Serialize;

use crate::routing::topology::AccessPointFlags;
use crate::routing::{AccessPointId, DcId, Topology};

use super::daemon::{EmptyDc, Guards};

/// Why a reload is refused although the configuration is valid. An operator may force it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GuardRefusal {
    /// Ids of DCs that have access points and would have none, or would be gone.
    pub emptied: Vec<u16>,
    /// Ids of DCs that take ordinary sessions and would not: what stays is for media or a CDN only.
    pub without_main: Vec<u16>,
    /// More access points would leave than may leave at once.
    pub removed: Option<Removal>,
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

impl fmt::Display for GuardRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut reasons = Vec::new();
        for dc in &self.emptied {
            reasons.push(format!(
                "DC {dc} would lose its last access point (guards.empty_dc: refuse)"
            ));
        }
        for dc in &self.without_main {
            reasons.push(format!(
                "DC {dc} would lose its last access point for ordinary sessions: the others are \
                 media_only or cdn (guards.empty_dc: refuse)"
            ));
        }
        if let Some(Removal { removed, of, max_percent }) = self.removed {
            reasons.push(format!(
                "{removed} of {of} access points would leave (guards.max_removed: {max_percent}%)"
            ));
        }
        f.write_str(&reasons.join("; "))
    }
}

impl std::error::Error for GuardRefusal {}

/// Compares what serves with what is about to. Retiring access points have left already.
///
/// # Errors
/// With everything that `guards` forbid.
pub fn check(old: &Topology, new: &Topology, guards: &Guards) -> Result<(), GuardRefusal> {
    let (emptied, without_main) = match guards.empty_dc {
        EmptyDc::Refuse => emptied(old, new),
        EmptyDc::Allow => Default::default(),
    };
    let refusal =
        GuardRefusal { emptied, without_main, removed: removal(old, new, guards.max_removed) };
    match refusal == GuardRefusal::default() {
        true => Ok(()),
        false => Err(refusal),
    }
}

/// The DCs that would have no access point left, and those that would have none of class main.
fn emptied(old: &Topology, new: &Topology) -> (Vec<u16>, Vec<u16>) {
    let (mut emptied, mut without_main) = (Vec::new(), Vec::new());
    for id in old.dcs().iter().map(|dc| dc.id) {
        if any_of(old, id, |_| true) && !any_of(new, id, |_| true) {
            emptied.push(id.0);
        } else if any_of(old, id, AccessPointFlags::serves_main)
            && !any_of(new, id, AccessPointFlags::serves_main)
        {
            without_main.push(id.0);
        }
    }
    (emptied, without_main)
}

/// Whether any access point of the DC that has not left is such.
fn any_of(topology: &Topology, dc: DcId, such: impl Fn(AccessPointFlags) -> bool) -> bool {
    let dc = topology.find_dc(dc);
    dc.is_some_and(|dc| {
        let mut members = topology.access_points_of(dc);
        members.any(|(_, member)| !member.retiring && such(member.flags))
    })
}

fn removal(old: &Topology, new: &Topology, max_percent: u8) -> Option<Removal> {
    let of = present(old).count();
    let removed = present(old).filter(|id| new.find_access_point(*id).is_none()).count();
    let too_many = removed * 100 > of * usize::from(max_percent);
    too_many.then_some(Removal { removed, of, max_percent })
}

/// The access points that have not left.
fn present(topology: &Topology) -> impl Iterator<Item = AccessPointId> {
    let all = topology.access_points().iter();
    all.filter(|access_point| !access_point.retiring).map(|access_point| access_point.id)
}

#[cfg(test)]
mod tests;
