//! What a reload may not do by accident: empty a DC, or lose most of the access points.

use std::fmt;

use serde::Serialize;

use crate::routing::{AccessPointId, DcId, Topology};

use super::daemon::{EmptyDc, Guards};

/// Why a reload is refused although the configuration is valid. An operator may force it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GuardRefusal {
    /// Ids of DCs that have access points and would have none, or would be gone.
    pub emptied: Vec<u16>,
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
    let refusal = GuardRefusal {
        emptied: match guards.empty_dc {
            EmptyDc::Refuse => emptied(old, new),
            EmptyDc::Allow => Vec::new(),
        },
        removed: removal(old, new, guards.max_removed),
    };
    match refusal == GuardRefusal::default() {
        true => Ok(()),
        false => Err(refusal),
    }
}

fn emptied(old: &Topology, new: &Topology) -> Vec<u16> {
    let serves = |topology: &Topology, id: DcId| {
        let dc = topology.find_dc(id);
        dc.is_some_and(|dc| topology.access_points_of(dc).any(|(_, ap)| !ap.retiring))
    };
    let ids = old.dcs().iter().map(|dc| dc.id);
    ids.filter(|id| serves(old, *id) && !serves(new, *id)).map(|id| id.0).collect()
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
