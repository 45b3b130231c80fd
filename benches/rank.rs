//! How long it takes to decide where a client goes. The budget of one ranking over 20 DCs of 10
//! access points is a microsecond.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use nearpoint::routing::policy::{Action, Rule};
use nearpoint::routing::topology::{
    AccessPointSpec, ConnectLimits, DcSpec, HealthSettings, ListenerRoute, Revision, Route,
    TopologySpec,
};
use nearpoint::routing::{
    Client, ClientAddr, ClientMatch, Coordinates, CountryCode, DcId, DcIndex, Locate, Location,
    Network, Origin, Place, Policy, Snapshot, Topology, country, pick_access_point, rank,
};

const ACCESS_POINTS: u8 = 10;

/// Locates nobody: the clients of a benchmark come with their places.
struct Nowhere;

impl Locate for Nowhere {
    fn locate(&self, _: ClientAddr) -> Location {
        Location::UNKNOWN
    }
}

/// A network in which all is well, its DCs at the centres of countries.
fn network(dcs: u16, policy: Policy) -> Snapshot {
    let places = country::all().iter().cycle();
    let dcs = (1..=dcs).zip(places.step_by(7)).map(|(id, place)| DcSpec {
        id: DcId(id),
        name: format!("dc{id}").into(),
        location: Some(place.centroid),
        site: None,
        weight: 100,
        max_connecting: 512,
        health: HealthSettings::default(),
        access_points: (1..=ACCESS_POINTS).map(|n| access_point(id, n)).collect(),
    });
    let topology = Topology::new(TopologySpec {
        revision: Revision([0; 8]),
        dcs: dcs.collect(),
        routes: BTreeMap::new(),
        policy,
        connect: ConnectLimits {
            timeout: Duration::from_secs(3),
            deadline: Duration::from_secs(10),
            attempts: 5,
        },
        edge: None,
        startup_grace: Duration::from_secs(2),
    });
    Snapshot::presume_up(topology, Arc::new(Nowhere))
}

fn access_point(dc: u16, number: u8) -> AccessPointSpec {
    let [high, low] = dc.to_be_bytes();
    AccessPointSpec::new(SocketAddr::from(([10, high, low, number], 443)))
}

/// Ten rules, the last of which of each kind fits: none saves the others their turn.
fn ten_rules(dcs: u16) -> Policy {
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

/// Clients of Germany, so many that no branch is learned by heart.
fn clients() -> Vec<Client> {
    let place = Place {
        coordinates: Coordinates::new(52.52, 13.40).expect("Berlin"),
        country: CountryCode::new("DE"),
    };
    let location = Location { place: Some(place), origin: Origin::Database, asn: None };
    let addr = |n: u32| ClientAddr::new(Ipv4Addr::from_bits(n.wrapping_mul(0x9e37_79b9)).into());
    (0..1024).map(|n| Client::new(addr(n), location)).collect()
}

fn rankings(criterion: &mut Criterion) {
    let listener = ListenerRoute::new(Route::Nearest);
    let clients = clients();
    for dcs in [20, 300] {
        for (name, policy) in [("no rules", Policy::default()), ("10 rules", ten_rules(dcs))] {
            let snapshot = network(dcs, policy);
            let mut clients = clients.iter().cycle();
            criterion.bench_function(&format!("rank {dcs} x {ACCESS_POINTS}, {name}"), |bencher| {
                bencher.iter(|| {
                    let client = clients.next().expect("a cycle has no end");
                    rank(black_box(&snapshot), black_box(&listener), black_box(client))
                });
            });
        }
    }
}

fn picks(criterion: &mut Criterion) {
    let snapshot = network(20, Policy::default());
    let clients = clients();
    let mut clients = clients.iter().cycle();
    criterion.bench_function(&format!("pick 1 of {ACCESS_POINTS} access points"), |bencher| {
        bencher.iter(|| {
            let client = clients.next().expect("a cycle has no end");
            pick_access_point(black_box(&snapshot), DcIndex(3), black_box(client), &[], false)
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1));
    targets = rankings, picks
}
criterion_main!(benches);
