//! How long it takes to explain where a client goes: over 20 DCs of 10 access points and 10 rules, as
//! the admin API does it, to its JSON. It runs beside probes and control, and must not keep them.

#[path = "support/network.rs"]
mod network;

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use nearpoint::admin::view::{Basis, explain};
use network::{network, ten_rules};

const DCS: u16 = 20;

/// Access points of each DC.
const ACCESS_POINTS: u8 = 10;

/// Clients, so many that no branch is learned by heart.
fn clients() -> Vec<IpAddr> {
    let addr = |n: u32| Ipv4Addr::from_bits(n.wrapping_mul(0x9e37_79b9));
    (0..1024).map(|n| addr(n).into()).collect()
}

fn explanations(criterion: &mut Criterion) {
    let snapshot = network(DCS, ACCESS_POINTS, ten_rules(DCS));
    let clients = clients();
    let mut clients = clients.iter().cycle();
    let mut next = || *clients.next().expect("a cycle has no end");
    let explained = |client| {
        explain(black_box(&snapshot), "clients", (client, None), Basis::Presumed)
            .expect("a listener")
    };
    let of = format!("{DCS} x {ACCESS_POINTS}, 10 rules");
    criterion.bench_function(&format!("explain {of}"), |bencher| {
        bencher.iter(|| explained(next()));
    });
    criterion.bench_function(&format!("explain {of}, as JSON"), |bencher| {
        bencher.iter(|| serde_json::to_string(&explained(next())).expect("it serialises"));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1));
    targets = explanations
}
criterion_main!(benches);
