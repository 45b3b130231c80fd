//! Topologies and snapshots for the tests of this layer.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::client::ClientAddr;
use super::client_match::ClientMatch;
use super::geo::Coordinates;
use super::health::Health;
use super::ids::DcId;
use super::network::Network;
use super::place::{Locate, Location, Origin, Place};
use super::policy::{Action, Policy, Rule};
use super::rank::{Client, Ranking, rank};
use super::snapshot::Snapshot;
use super::topology::{
    AccessPointSpec, ConnectLimits, DcSpec, Egress, HealthSettings, ListenerRoute, OnDown,
    Revision, Route, Topology, TopologySpec,
};

pub(super) const AMSTERDAM: (f64, f64) = (52.37, 4.90);
pub(super) const MIAMI: (f64, f64) = (25.77, -80.19);
pub(super) const SINGAPORE: (f64, f64) = (1.35, 103.82);
pub(super) const BERLIN: (f64, f64) = (52.52, 13.40);

/// The ranking of a client on a listener that needs no header.
pub(super) fn ranked(snapshot: &Snapshot, listener: &ListenerRoute, client: &Client) -> Ranking {
    let destination = listener.destination().expect("a listener that needs no header");
    rank(snapshot, listener, destination, client)
}

pub(super) const NEAREST: ListenerRoute = ListenerRoute::new(Route::Nearest);

/// Some moment to start from; the same for everybody.
pub(super) fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "a test needs some moment to start from")]
    *START.get_or_init(Instant::now)
}

pub(super) fn point((lat, lon): (f64, f64)) -> Coordinates {
    Coordinates::new(lat, lon).expect("a point of the test")
}

/// A rule about clients of these networks.
pub(super) fn rule(networks: &[&str], action: Action) -> Rule {
    Rule { clients: within(networks), action }
}

/// Clients of these networks.
pub(super) fn within(networks: &[&str]) -> ClientMatch {
    let network = |text: &&str| {
        let (first, length) = text.split_once('/').expect("a network of the test");
        let first = first.parse().expect("an address of the test");
        Network::new(first, length.parse().expect("a length")).expect("a network of the test")
    };
    ClientMatch { networks: networks.iter().map(network).collect(), ..ClientMatch::default() }
}

/// A DC with `access_points` access points.
pub(super) fn dc(id: u16, place: Option<(f64, f64)>, access_points: u8) -> DcSpec {
    let address = |n| format!("10.{}.{}.{n}:443", id >> 8, id & 0xff).parse();
    DcSpec {
        id: DcId(id),
        name: format!("dc{id}").into(),
        location: place.map(point),
        site: None,
        weight: 100,
        max_sessions: None,
        max_connecting: 512,
        source: Arc::default(),
        egress: Egress::default(),
        send_proxy: None,
        replicas: Arc::default(),
        health: HealthSettings { jitter_percent: 0, ..HealthSettings::default() },
        access_points: (1..=access_points)
            .map(|n| AccessPointSpec::new(address(n).expect("an address of the test")))
            .collect(),
    }
}

/// Amsterdam (2), Miami (1) and Singapore (5) with two access points each.
pub(super) fn three_dcs() -> TopologySpec {
    topology(vec![dc(2, Some(AMSTERDAM), 2), dc(1, Some(MIAMI), 2), dc(5, Some(SINGAPORE), 2)])
}

pub(super) fn topology(dcs: Vec<DcSpec>) -> TopologySpec {
    TopologySpec {
        revision: Revision([0; 8]),
        is_test_network: false,
        dcs,
        routes: BTreeMap::from([("clients".into(), NEAREST)]),
        advertised: Vec::new(),
        policy: Policy::default(),
        connect: ConnectLimits::default(),
        on_down: OnDown::default(),
        edge: None,
        startup_grace: Duration::from_secs(2),
        max_probes: 512,
    }
}

/// A snapshot in which everything is Up.
pub(super) fn all_up(spec: TopologySpec) -> Snapshot {
    Snapshot::presume_up(Topology::new(spec), Arc::new(Nowhere))
}

/// Makes a DC and all its access points be of this health.
pub(super) fn set_health(snapshot: &mut Snapshot, dc: u16, health: Health) {
    let topology = Arc::clone(&snapshot.topology);
    let index = topology.find_dc(DcId(dc)).expect("a DC of the test");
    snapshot.dcs[index.at()].health = health;
    for (access_point, _) in topology.access_points_of(index) {
        snapshot.access_points[access_point.at()].health = health;
    }
}

pub(super) fn client(ip: &str, place: Option<(f64, f64)>) -> Client {
    client_at(ClientAddr::new(ip.parse().expect("an address of the test")), place)
}

pub(super) fn client_at(addr: ClientAddr, place: Option<(f64, f64)>) -> Client {
    let location = match place {
        None => Location::UNKNOWN,
        Some(place) => Location {
            place: Some(Place { coordinates: point(place), country: None }),
            origin: Origin::Database,
            asn: None,
        },
    };
    Client::new(addr, location)
}

/// Knows nobody.
pub(super) struct Nowhere;

impl Locate for Nowhere {
    fn locate(&self, _: ClientAddr) -> Location {
        Location::UNKNOWN
    }
}
