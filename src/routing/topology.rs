//! What configuration says: DCs, their access points, and how listeners choose among them.

mod access_point;
mod advertised;
mod connect;
mod conversation;
mod dc;
mod egress;
mod on_down;
mod probing;
mod route;
mod spec;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::geo::Coordinates;
use super::ids::{AccessPointId, AccessPointIndex, DcId, DcIndex};
use super::policy::Policy;
use super::rendezvous;

pub use access_point::{
    AccessPoint, AccessPointFlags, AccessPointSecret, Class, SecretForm, Traffic,
};
pub use advertised::{Advertised, Advertisement};
pub use connect::{ConnectLimits, Hedging};
pub use conversation::{Conversation, MtprotoStyle};
pub use dc::Dc;
pub use egress::{Egress, SendProxy};
pub use on_down::OnDown;
pub use probing::{Framing, HealthSettings, HoldDown, HttpProbe, MtprotoProbe, Probe, UdpProbe};
pub use route::{
    ByHeader, Destination, ListenerRoute, NamedDc, Route, TEST_DCS, TrustPlainDc, UnknownClient,
};
pub use spec::{AccessPointSpec, DcSpec, TopologySpec};

/// The accepted configuration of routing, immutable. DCs are in the order of their ids; the access
/// points of one DC lie side by side, in the order of their addresses. The order in which a file
/// lists them decides nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Topology {
    revision: Revision,
    is_test_network: bool,
    dcs: Vec<Dc>,
    access_points: Vec<AccessPoint>,
    routes: BTreeMap<Arc<str>, ListenerRoute>,
    advertised: Vec<Advertised>,
    policy: Policy,
    connect: ConnectLimits,
    on_down: OnDown,
    edge: Option<Coordinates>,
    startup_grace: Duration,
    max_probes: usize,
}

/// Hash of an accepted `dc_options` document; its ETag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Revision(pub [u8; 8]);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A text is no revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevisionError;

impl fmt::Display for RevisionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a revision has 16 hexadecimal digits")
    }
}

impl std::error::Error for RevisionError {}

impl FromStr for Revision {
    type Err = RevisionError;

    fn from_str(text: &str) -> Result<Self, RevisionError> {
        let is_written = text.len() == 16 && text.bytes().all(|it| it.is_ascii_hexdigit());
        let number = is_written.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        number.map(|number| Self(number.to_be_bytes())).ok_or(RevisionError)
    }
}

impl Topology {
    /// Sorts and indexes the parts.
    #[must_use]
    pub fn new(spec: TopologySpec) -> Self {
        let TopologySpec {
            revision,
            is_test_network,
            dcs: mut specs,
            routes,
            advertised,
            policy,
            connect,
            on_down,
            edge,
            startup_grace,
            max_probes,
        } = spec;
        specs.sort_by_key(|dc| dc.id);
        let mut dcs = Vec::with_capacity(specs.len());
        let mut access_points = Vec::new();
        for (index, mut spec) in (0..).zip(specs) {
            let mut members = std::mem::take(&mut spec.access_points);
            members.sort_by_key(|access_point| access_point.address);
            let first = access_points.len();
            access_points.extend(members.into_iter().map(|access_point| {
                let id = AccessPointId { dc: spec.id, address: access_point.address };
                AccessPoint {
                    id,
                    dc: DcIndex(index),
                    flags: access_point.flags,
                    weight: access_point.weight,
                    max_sessions: access_point.max_sessions,
                    offered_to: access_point.offered_to,
                    secret: access_point.secret,
                    retiring: false,
                    key: rendezvous::access_point_key(id),
                }
            }));
            let range = first as u32..access_points.len() as u32;
            dcs.push(Dc::new(spec, range, &access_points[first..]));
        }
        Self {
            revision,
            is_test_network,
            dcs,
            access_points,
            routes,
            advertised,
            policy,
            connect,
            on_down,
            edge,
            startup_grace,
            max_probes,
        }
    }

    /// This topology with access points that have left it put back, marked as retiring. Those of
    /// DCs that have left, and those that are still here, are dropped.
    #[must_use]
    pub fn with_retiring<'a>(&self, retiring: impl IntoIterator<Item = &'a AccessPoint>) -> Self {
        let leaving = retiring.into_iter().filter_map(|gone| {
            let dc = self.find_dc(gone.id.dc)?;
            Some(AccessPoint { dc, retiring: true, ..gone.clone() })
        });
        let leaving = leaving.filter(|gone| self.find_access_point(gone.id).is_none());
        let mut members: Vec<AccessPoint> =
            self.access_points.iter().cloned().chain(leaving).collect();
        // Two runs that are in order already, mostly: merged in one walk.
        members.sort_by_key(|member| member.id);
        let mut merged = Self {
            dcs: self.dcs.clone(),
            access_points: members,
            routes: self.routes.clone(),
            advertised: self.advertised.clone(),
            policy: self.policy.clone(),
            ..*self
        };
        for (index, dc) in (0..).map(DcIndex).zip(&mut merged.dcs) {
            let first = merged.access_points.partition_point(|it| it.dc < index);
            let end = merged.access_points.partition_point(|it| it.dc <= index);
            dc.summarise(&merged.access_points[first..end]);
            dc.access_points = first as u32..end as u32;
        }
        merged
    }

    /// This topology as it will be once those that retire have left.
    #[must_use]
    pub fn without_retiring(self: &Arc<Self>) -> Arc<Self> {
        if !self.access_points.iter().any(|it| it.retiring) {
            return Arc::clone(self);
        }
        let stays = self.access_points.iter().filter(|it| !it.retiring).cloned().collect();
        Arc::new(Self { access_points: stays, ..Self::clone(self) }.with_retiring([]))
    }

    /// Which `dc_options` document it was made from.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Whether the DCs are those of a test network, which clients name by numbers of their own
    /// ([`TEST_DCS`]).
    #[must_use]
    pub fn is_test_network(&self) -> bool {
        self.is_test_network
    }

    /// All DCs, by id.
    #[must_use]
    pub fn dcs(&self) -> &[Dc] {
        &self.dcs
    }

    /// All access points, by DC and address.
    #[must_use]
    pub fn access_points(&self) -> &[AccessPoint] {
        &self.access_points
    }

    /// One DC.
    #[must_use]
    pub fn dc(&self, index: DcIndex) -> &Dc {
        &self.dcs[index.at()]
    }

    /// One access point.
    #[must_use]
    pub fn access_point(&self, index: AccessPointIndex) -> &AccessPoint {
        &self.access_points[index.at()]
    }

    /// The position of the DC with this id.
    #[must_use]
    pub fn find_dc(&self, id: DcId) -> Option<DcIndex> {
        self.dcs.binary_search_by_key(&id, |dc| dc.id).ok().map(|at| DcIndex(at as u32))
    }

    /// The position of the access point with this identity.
    #[must_use]
    pub fn find_access_point(&self, id: AccessPointId) -> Option<AccessPointIndex> {
        let at = self.access_points.binary_search_by_key(&id, |access_point| access_point.id);
        at.ok().map(|at| AccessPointIndex(at as u32))
    }

    /// All access points, each with its position in `other` if that has it too: what
    /// [`Topology::find_access_point`] finds, for all of them in one walk.
    pub fn found_in<'a>(
        &'a self,
        other: &'a Self,
    ) -> impl Iterator<Item = (&'a AccessPoint, Option<AccessPointIndex>)> {
        let mut others = (0..).map(AccessPointIndex).zip(&other.access_points).peekable();
        self.access_points.iter().map(move |it| {
            while others.next_if(|(_, other)| other.id < it.id).is_some() {}
            let found = others.next_if(|(_, other)| other.id == it.id);
            (it, found.map(|(index, _)| index))
        })
    }

    /// The access points of one DC, retiring ones included.
    pub fn access_points_of(
        &self,
        dc: DcIndex,
    ) -> impl Iterator<Item = (AccessPointIndex, &AccessPoint)> {
        let range = self.dc(dc).access_points.clone();
        range.map(AccessPointIndex).map(|index| (index, self.access_point(index)))
    }

    /// How the listener of this name routes.
    #[must_use]
    pub fn route(&self, listener: &str) -> Option<&ListenerRoute> {
        self.routes.get(listener)
    }

    /// All routes by listener name.
    #[must_use]
    pub fn routes(&self) -> &BTreeMap<Arc<str>, ListenerRoute> {
        &self.routes
    }

    /// How DCs are compared, and for whom which of them are allowed.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Bounds on the dials of one session.
    #[must_use]
    pub fn connect(&self) -> ConnectLimits {
        self.connect
    }

    /// What becomes of the open sessions of access points that go Down.
    #[must_use]
    pub fn on_down(&self) -> OnDown {
        self.on_down
    }

    /// Where this edge stands, if it says so.
    #[must_use]
    pub fn edge(&self) -> Option<Coordinates> {
        self.edge
    }

    /// How long the first probe round is waited for.
    #[must_use]
    pub fn startup_grace(&self) -> Duration {
        self.startup_grace
    }

    /// Probes under way at a time, over all DCs; at least 1.
    #[must_use]
    pub fn max_probes(&self) -> usize {
        self.max_probes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::routing::fixture::{dc, topology};

    proptest! {
        /// One walk finds what a search for each finds.
        #[test]
        fn all_are_found_as_each_would_be(
            one in prop::collection::btree_map(1u16..6, 0u8..5, 0..5),
            other in prop::collection::btree_map(1u16..6, 0u8..5, 0..5),
        ) {
            let of = |dcs: &BTreeMap<u16, u8>| {
                let dcs = dcs.iter().map(|(id, access_points)| dc(*id, None, *access_points));
                Topology::new(topology(dcs.collect()))
            };
            let (one, other) = (of(&one), of(&other));
            let found: Vec<_> = one.found_in(&other).map(|(it, at)| (it.id, at)).collect();
            let searched = one.access_points().iter();
            let searched = searched.map(|it| (it.id, other.find_access_point(it.id)));
            prop_assert_eq!(found, searched.collect::<Vec<_>>());
        }
    }
}
