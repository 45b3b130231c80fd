//! What sticky memory costs: time for each session start, bytes for each client.
//!
//! `cargo bench --bench memory` prints how much larger the process is with a million clients, then
//! times a session start's calls beside them.

use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use nearpoint::memory::{EpochSeconds, HashKey, ListenerMemory, StickyMemory};
use nearpoint::routing::topology::{ListenerRoute, Route};
use nearpoint::routing::{ClientAddr, DcId, Sticky};

const CLIENTS: u32 = 1_000_000;
const NOW: EpochSeconds = EpochSeconds(1_800_000_000);

criterion_group!(benches, sticky);
criterion_main!(benches);

fn sticky(criterion: &mut Criterion) {
    let before = resident_bytes();
    let memory = full();
    let grown = resident_bytes().saturating_sub(before);
    println!("memory of {CLIENTS} clients: {} bytes each", grown / u64::from(CLIENTS));
    let mut number = 0_u32;
    // Clients in no order that a cache could guess.
    let mut next = move || {
        number = number.wrapping_add(2_654_435_761);
        client(number % CLIENTS)
    };
    let mut group = criterion.benchmark_group("sticky");
    group.bench_function("recall", |bencher| {
        bencher.iter(|| memory.recall(black_box(next()), NOW));
    });
    group.bench_function("recall and remember", |bencher| {
        bencher.iter(|| {
            let client = black_box(next());
            let dc = memory.recall(client, NOW).unwrap_or(DcId(2));
            memory.remember(client, dc, NOW);
        });
    });
    // Everybody is new, and somebody has to go.
    let mut stranger = 2 * CLIENTS;
    group.bench_function("remember a new client", |bencher| {
        bencher.iter(|| {
            stranger += 1;
            memory.remember(black_box(client(stranger)), DcId(2), NOW);
        });
    });
    group.finish();
}

fn client(number: u32) -> ClientAddr {
    ClientAddr::new(IpAddr::V4(Ipv4Addr::from_bits(number)))
}

fn full() -> Arc<ListenerMemory> {
    let sticky = Some(Sticky { clients: CLIENTS, ..Sticky::default() });
    let route = ListenerRoute { sticky, ..ListenerRoute::new(Route::Nearest) };
    let all = StickyMemory::new(HashKey::new([7; 16]));
    all.follow(&BTreeMap::from([("clients".into(), route)]), NOW);
    let memory = all.of_listener("clients").expect("it is sticky");
    // Shards fill unevenly: more come than are kept.
    for number in 0..CLIENTS + CLIENTS / 20 {
        memory.remember(client(number), DcId(2), NOW);
    }
    memory
}

/// The process in memory, from `/proc/self/status` (proc_pid_status(5)).
fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("procfs is mounted");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).expect("the kernel's format");
    kib.parse::<u64>().expect("a number") * 1024
}
