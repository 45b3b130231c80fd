//! What configuration says: DCs, their access points, and how listeners choose among them.

mod connect;
mod on_down;
mod probing;
mod spec;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::client::ClientAddr;
use super::client_match::ClientMatch;
use super::geo::Coordinates;
use super::ids::{AccessPointId, AccessPointIndex, DcId, DcIndex};
use super::policy::Policy;
use super::rank::Client;
use super::rendezvous;
use super::sticky::Sticky;

pub use connect::{ConnectLimits, Hedging};
pub use on_down::OnDown;
pub use probing::{HealthSettings, HoldDown, HttpProbe, Probe};
pub use spec::{AccessPointSpec, DcSpec, TopologySpec};

/// The accepted configuration of routing, immutable. DCs are in the order of their ids; the access
/// points of one DC lie side by side, in the order of their addresses. The order in which a file
/// lists them decides nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Topology {
    revision: Revision,
    dcs: Vec<Dc>,
    access_points: Vec<AccessPoint>,
    routes: BTreeMap<Arc<str>, ListenerRoute>,
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

/// A data centre.
#[derive(Clone, Debug, PartialEq)]
pub struct Dc {
    /// Its number in `dc_options`.
    pub id: DcId,
    /// For people: logs, status, metrics never use it as a label.
    pub name: Arc<str>,
    /// `None` for a DC that only `dc_options` knows: `nearest` uses it after all located ones.
    pub location: Option<Coordinates>,
    /// The place whose power fails. DCs with equal sites fail together.
    pub site: Arc<str>,
    /// Share within a tie group; 100 is usual, 0 takes no part while another member can.
    pub weight: u32,
    /// Connects in flight at most, over all workers.
    pub max_connecting: u32,
    /// How its access points are probed.
    pub health: HealthSettings,
    /// What rendezvous hashing knows it by.
    key: u64,
    access_points: Range<u32>,
    serves_main: bool,
    offers_vary: bool,
}

impl Dc {
    /// Whether any of its access points takes ordinary sessions.
    #[must_use]
    pub fn serves_main(&self) -> bool {
        self.serves_main
    }

    /// Whether some of these are offered to some clients only.
    #[must_use]
    pub fn offers_vary(&self) -> bool {
        self.offers_vary
    }

    /// See [`rendezvous::score`].
    #[must_use]
    pub fn score(&self, client: ClientAddr) -> f64 {
        rendezvous::score(client, self.key, self.weight)
    }

    fn summarise(&mut self, members: &[AccessPoint]) {
        let mut main = members.iter().filter(|member| member.flags.serves_main());
        self.serves_main = main.clone().next().is_some();
        self.offers_vary = main.any(|member| !member.offered_to.is_empty());
    }
}

/// One dialable address of a DC.
#[derive(Clone, Debug, PartialEq)]
pub struct AccessPoint {
    /// Its identity, kept over reloads.
    pub id: AccessPointId,
    /// The DC, by position.
    pub dc: DcIndex,
    /// The flags of its `dcOption`.
    pub flags: AccessPointFlags,
    /// Share within its DC; 100 is usual.
    pub weight: u32,
    /// Offered to clients that one of these fits and to nobody else; to everybody when empty.
    pub offered_to: Arc<[ClientMatch]>,
    /// Left the configuration and serves until its DC has a probed successor.
    pub retiring: bool,
    /// What rendezvous hashing knows it by.
    key: u64,
}

impl AccessPoint {
    /// Whether ordinary sessions of this client may use it.
    #[must_use]
    pub fn is_for(&self, client: &Client) -> bool {
        let mut offered_to = self.offered_to.iter();
        let offered = self.offered_to.is_empty() || offered_to.any(|some| some.fits(client));
        self.flags.serves_main() && offered
    }

    /// See [`rendezvous::score`].
    #[must_use]
    pub fn score(&self, client: ClientAddr) -> f64 {
        rendezvous::score(client, self.key, self.weight)
    }
}

/// The flags of a `dcOption` (TL constructor `dcOption#18b7a10d`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccessPointFlags {
    /// Serves uploads and downloads only.
    pub media_only: bool,
    /// Speaks obfuscated TCP only.
    pub tcpo_only: bool,
    /// Belongs to a CDN DC: no user data.
    pub cdn: bool,
    /// A stable address, meant for proxies; preferred.
    pub static_address: bool,
    /// Clients must not try other ports.
    pub this_port_only: bool,
}

impl AccessPointFlags {
    /// Whether ordinary sessions, neither media nor CDN, may use the access point.
    #[must_use]
    pub fn serves_main(self) -> bool {
        !self.media_only && !self.cdn
    }
}

/// How a listener routes its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerRoute {
    /// What is done with a new client.
    pub route: Route,
    /// The DCs the listener may use; `None` for all.
    pub dcs: Option<BTreeSet<DcId>>,
    /// How it remembers clients, if it does; means nothing to bound sessions.
    pub sticky: Option<Sticky>,
}

impl ListenerRoute {
    /// A listener that may use every DC its route does, and remembers nobody.
    #[must_use]
    pub const fn new(route: Route) -> Self {
        Self { route, dcs: None, sticky: None }
    }

    /// Whether the listener may send anybody to this DC.
    #[must_use]
    pub fn allows(&self, dc: DcId) -> bool {
        let listed = self.dcs.as_ref().is_none_or(|dcs| dcs.contains(&dc));
        listed && self.route.allows(dc)
    }
}

/// What a listener does with a new client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The closest healthy DC.
    Nearest,
    /// This DC and no other: the session is bound.
    Dc(DcId),
}

impl Route {
    fn allows(self, dc: DcId) -> bool {
        match self {
            Self::Nearest => true,
            Self::Dc(bound) => bound == dc,
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nearest => f.write_str("nearest"),
            Self::Dc(dc) => write!(f, "dc {dc}"),
        }
    }
}

impl Topology {
    /// Sorts and indexes the parts.
    #[must_use]
    pub fn new(spec: TopologySpec) -> Self {
        let TopologySpec {
            revision,
            dcs: mut specs,
            routes,
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
            spec.access_points.sort_by_key(|access_point| access_point.address);
            let first = access_points.len() as u32;
            access_points.extend(spec.access_points.into_iter().map(|access_point| {
                let id = AccessPointId { dc: spec.id, address: access_point.address };
                AccessPoint {
                    id,
                    dc: DcIndex(index),
                    flags: access_point.flags,
                    weight: access_point.weight,
                    offered_to: access_point.offered_to,
                    retiring: false,
                    key: rendezvous::access_point_key(id),
                }
            }));
            let mut dc = Dc {
                site: spec.site.unwrap_or_else(|| site_of(spec.id, spec.location)),
                id: spec.id,
                name: spec.name,
                location: spec.location,
                weight: spec.weight,
                max_connecting: spec.max_connecting,
                health: spec.health,
                key: rendezvous::dc_key(spec.id),
                access_points: first..access_points.len() as u32,
                serves_main: false,
                offers_vary: false,
            };
            dc.summarise(&access_points[first as usize..]);
            dcs.push(dc);
        }
        Self {
            revision,
            dcs,
            access_points,
            routes,
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
            Some((gone.id, AccessPoint { dc, retiring: true, ..gone.clone() }))
        });
        let mut members: BTreeMap<AccessPointId, AccessPoint> = leaving.collect();
        members.extend(self.access_points.iter().map(|kept| (kept.id, kept.clone())));
        let mut merged = Self { access_points: members.into_values().collect(), ..self.clone() };
        for (index, dc) in (0..).map(DcIndex).zip(&mut merged.dcs) {
            let first = merged.access_points.partition_point(|it| it.dc < index);
            let end = merged.access_points.partition_point(|it| it.dc <= index);
            dc.summarise(&merged.access_points[first..end]);
            dc.access_points = first as u32..end as u32;
        }
        merged
    }

    /// Which `dc_options` document it was made from.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
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

fn site_of(dc: DcId, location: Option<Coordinates>) -> Arc<str> {
    match location {
        Some(place) => place.to_string().into(),
        None => format!("dc{dc}").into(),
    }
}
