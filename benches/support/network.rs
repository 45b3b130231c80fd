//! The network of the benchmarks: all is well in it, and its size is what the budgets are stated of.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use nearpoint::routing::policy::{Action, Rule};
use nearpoint::routing::topology::{
    AccessPointSpec, ConnectLimits, DcSpec, Egress, HealthSettings, ListenerRoute, OnDown,
    Revision, Route, TopologySpec,
};
use nearpoint::routing::{
    ClientAddr, ClientMatch, Coordinates, CountryCode, DcId, Locate, Location, Network, Origin,
    Place, Policy, Snapshot, Topology, country,
};

/// Locates everybody in Berlin.
struct Germany;

impl Locate for Germany {
    fn locate(&self, _: ClientAddr) -> Location {
        berlin()
    }
}

/// Where all clients are.
pub(crate) fn berlin() -> Location {
    let place = Place {
        coordinates: Coordinates::new(52.52, 13.40).expect("Berlin"),
        country: CountryCode::new("DE"),
    };
    Location { place: Some(place), origin: Origin::Database, asn: None }
}

/// A network in which all is well, its DCs at the centres of countries.
pub(crate) fn network(dcs: u16, access_points: u8, policy: Policy) -> Snapshot {
    let places = country::all().iter().cycle();
    let dcs = (1..=dcs).zip(places.step_by(7)).map(|(id, place)| DcSpec {
        id: DcId(id),
        name: format!("dc{id}").into(),
        location: Some(place.centroid),
        site: None,
        weight: 100,
        max_sessions: None,
        max_connecting: 512,
        source: Arc::default(),
        egress: Egress::default(),
        send_proxy: None,
        replicas: Arc::default(),
        health: HealthSettings::default(),
        access_points: (1..=access_points).map(|n| access_point(id, n)).collect(),
    });
    let topology = Topology::new(TopologySpec {
        revision: Revision([0; 8]),
        is_test_network: false,
        dcs: dcs.collect(),
        routes: BTreeMap::from([("clients".into(), ListenerRoute::new(Route::Nearest))]),
        advertised: Vec::new(),
        policy,
        connect: ConnectLimits::default(),
        on_down: OnDown::default(),
        edge: None,
        startup_grace: Duration::from_secs(2),
        max_probes: 512,
    });
    Snapshot::presume_up(topology, Arc::new(Germany))
}

fn access_point(dc: u16, number: u8) -> AccessPointSpec {
    let [high, low] = dc.to_be_bytes();
    AccessPointSpec::new(SocketAddr::from(([10, high, low, number], 443)))
}

/// Ten rules, the last of which of each kind fits: none saves the others their turn.
pub(crate) fn ten_rules(dcs: u16) -> Policy {
    let country = |code: &str| CountryCode::new(code).expect("two letters");
    let in_countries = |codes: &[&str]| ClientMatch {
        countries: codes.iter().map(|code| country(code)).collect(),
        ..ClientMatch::default()
    };
    let within = |third: u8| ClientMatch {
        networks: BTreeSet::from([
            Network::new(IpAddr::from([198, 51, third, 0]), 24).expect("no bits beyond its length")
        ]),
        ..ClientMatch::default()
    };
    let all: Arc<[DcId]> = (1..=dcs).map(DcId).collect();
    let few: Arc<[DcId]> = (1..=5.min(dcs)).map(DcId).collect();
    let rules = [
        (within(1), Action::Deny),
        (within(2), Action::Deny),
        (in_countries(&["KP", "AQ"]), Action::Deny),
        (in_countries(&["US", "CA", "MX"]), Action::Restrict(Arc::clone(&few))),
        (ClientMatch { eu: Some(false), ..ClientMatch::default() }, Action::Restrict(few.clone())),
        (in_countries(&["DE"]), Action::Restrict(all)),
        (within(3), Action::Allow),
        (in_countries(&["DE", "NL"]), Action::Allow),
        (in_countries(&["FR"]), Action::Prefer(few.clone())),
        (in_countries(&["DE", "AT", "CH"]), Action::Prefer(few)),
    ];
    let rules = rules.into_iter().map(|(clients, action)| Rule { clients, action });
    Policy { rules: rules.collect(), ..Policy::default() }
}
