//! How long it takes to tell what a client begins with. Paid once for each session, on the thread of
//! the data plane.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use nearpoint::mtproto::{HEADER, Obfuscation, Random, Secret, Transport, sniff};

/// Headers of so many clients, so that no branch is learned by heart.
const CLIENTS: u64 = 1024;

/// Bytes that look random, the same ones in every run (SplitMix64).
fn random(seed: u64) -> Random {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let drawn = Random::draw(|bytes| {
        for byte in bytes {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            *byte = (mixed >> 56) as u8;
        }
        Ok::<(), std::convert::Infallible>(())
    });
    let Ok(random) = drawn;
    random
}

fn headers(secret: Option<&Secret>) -> Vec<[u8; HEADER]> {
    let header = |seed| Obfuscation::connect(&random(seed), Transport::Intermediate, 2, secret).1;
    (0..CLIENTS).map(header).collect()
}

fn decisions(criterion: &mut Criterion) {
    let secrets: Vec<Secret> =
        (1..=16).map(|number| Secret::new(&[number; 16]).expect("16 bytes are a secret")).collect();
    let cases = [
        ("no secret, fits without", headers(None), &secrets[..0]),
        ("1 secret, fits it", headers(Some(&secrets[0])), &secrets[..1]),
        ("16 secrets, fits the last", headers(Some(&secrets[15])), &secrets[..]),
        ("16 secrets, fits without", headers(None), &secrets[..]),
    ];
    for (name, headers, secrets) in cases {
        let mut headers = headers.iter().cycle();
        criterion.bench_function(&format!("sniff a header, {name}"), |bencher| {
            bencher.iter(|| {
                let header = headers.next().expect("a cycle has no end");
                sniff(black_box(header), black_box(secrets))
            });
        });
    }
    criterion.bench_function("sniff one byte of abridged", |bencher| {
        bencher.iter(|| sniff(black_box(&[0xef]), black_box(&secrets)));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1));
    targets = decisions
}
criterion_main!(benches);
