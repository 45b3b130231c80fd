//! What sticky memory costs: time for each session start, bytes for each client.
//!
//! `fill` shows the memory of a million clients (`max alloc`); the others run beside a full one.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use divan::{AllocProfiler, Bencher, black_box};
use nearpoint::memory::{EpochSeconds, HashKey, ListenerMemory, StickyMemory};
use nearpoint::routing::topology::{ListenerRoute, Route};
use nearpoint::routing::{ClientAddr, DcId, Sticky};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

const CLIENTS: u32 = 1_000_000;
const NOW: EpochSeconds = EpochSeconds(1_800_000_000);

fn main() {
    divan::main();
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

/// Clients in no order that a cache could guess.
fn next(counter: &AtomicU32) -> ClientAddr {
    client(counter.fetch_add(1, Ordering::Relaxed).wrapping_mul(2_654_435_761) % CLIENTS)
}

#[divan::bench(sample_count = 3)]
fn fill() -> Arc<ListenerMemory> {
    full()
}

#[divan::bench(threads = [1, 2], sample_size = 1000)]
fn recall(bencher: Bencher) {
    let (memory, counter) = (full(), AtomicU32::new(0));
    bencher.bench(|| memory.recall(black_box(next(&counter)), NOW));
}

#[divan::bench(threads = [1, 2], sample_size = 1000)]
fn recall_and_remember(bencher: Bencher) {
    let (memory, counter) = (full(), AtomicU32::new(0));
    bencher.bench(|| {
        let client = black_box(next(&counter));
        let dc = memory.recall(client, NOW).unwrap_or(DcId(2));
        memory.remember(client, dc, NOW)
    });
}

/// Everybody is new, and somebody has to go.
#[divan::bench(threads = [1, 2], sample_size = 1000)]
fn remember_a_new_client(bencher: Bencher) {
    let (memory, counter) = (full(), AtomicU32::new(2 * CLIENTS));
    bencher.bench(|| {
        let number = counter.fetch_add(1, Ordering::Relaxed);
        memory.remember(black_box(client(number)), DcId(2), NOW)
    });
}
