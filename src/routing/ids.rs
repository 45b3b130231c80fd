//! Names of things: identities that survive a reload, and indexes that hold within one [`Topology`].
//!
//! [`Topology`]: super::Topology

use std::fmt;
use std::net::SocketAddr;

/// The number of a data centre, as `dc_options` gives it; 1 to 32767 (`int` in TL, an `i16` on the wire).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DcId(pub u16);

impl fmt::Display for DcId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One dialable address of a DC. Two entries with the same id are the same access point, before and
/// after a reload: health and counters follow this identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccessPointId {
    /// The DC it belongs to.
    pub dc: DcId,
    /// Where it is dialled.
    pub address: SocketAddr,
}

impl fmt::Display for AccessPointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.dc, self.address)
    }
}

/// Position of a DC in [`Topology::dcs`](super::Topology::dcs).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DcIndex(pub u32);

/// Position of an access point in [`Topology::access_points`](super::Topology::access_points).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccessPointIndex(pub u32);

impl DcIndex {
    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }
}

impl AccessPointIndex {
    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }
}
