//! How long it takes to decide where a client goes. The budget of one ranking over 20 DCs of 10
//! access points is a microsecond.

#[path = "support/network.rs"]
mod network;

use std::hint::black_box;
use std::net::Ipv4Addr;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use nearpoint::routing::pick::{Eligible, FailOpen};
use nearpoint::routing::topology::{Class, Destination, ListenerRoute, Route, Traffic};
use nearpoint::routing::{Client, ClientAddr, DcIndex, Policy, pick_access_point, rank};
use network::{berlin, network, ten_rules};

/// Access points of each DC.
const ACCESS_POINTS: u8 = 10;

/// Clients of Germany, so many that no branch is learned by heart.
fn clients() -> Vec<Client> {
    let location = berlin();
    let addr = |n: u32| ClientAddr::new(Ipv4Addr::from_bits(n.wrapping_mul(0x9e37_79b9)).into());
    (0..1024).map(|n| Client::new(addr(n), location)).collect()
}

fn rankings(criterion: &mut Criterion) {
    let listener = ListenerRoute::new(Route::Nearest);
    let nearest = Destination::Nearest(Class::Main);
    let clients = clients();
    for dcs in [3, 20, 30, 300] {
        for (name, policy) in [("no rules", Policy::default()), ("10 rules", ten_rules(dcs))] {
            let snapshot = network(dcs, ACCESS_POINTS, policy);
            let mut clients = clients.iter().cycle();
            criterion.bench_function(&format!("rank {dcs} x {ACCESS_POINTS}, {name}"), |bencher| {
                bencher.iter(|| {
                    let client = clients.next().expect("a cycle has no end");
                    rank(black_box(&snapshot), black_box(&listener), nearest, black_box(client))
                });
            });
        }
    }
}

fn picks(criterion: &mut Criterion) {
    let snapshot = network(20, ACCESS_POINTS, Policy::default());
    let clients = clients();
    let mut clients = clients.iter().cycle();
    criterion.bench_function(&format!("pick 1 of {ACCESS_POINTS} access points"), |bencher| {
        bencher.iter(|| {
            let client = clients.next().expect("a cycle has no end");
            let (class, fail_open) = (Class::Main, FailOpen::Closed);
            let eligible = Eligible {
                client: *client,
                traffic: Traffic::tcp(class),
                fail_open,
                overflow: false,
            };
            pick_access_point(black_box(&snapshot), DcIndex(3), black_box(&eligible), &[])
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1));
    targets = rankings, picks
}
criterion_main!(benches);
