//! What control costs when there is much of it: 10,000 access points, put into force at once, and
//! failing together.

#[path = "support/network.rs"]
mod network;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use nearpoint::routing::control::{Brought, ControlState, Effect, Event, ProbeReport, ProbeTimes};
use nearpoint::routing::{AccessPointId, ConnectFailure, Intents, Policy, Snapshot};
use network::{network, ten_rules};

const DCS: u16 = 40;
const EACH: u8 = 250;

/// The machine and the probes under way, in time of its own.
struct Lab {
    state: ControlState,
    now: Instant,
    probes: BinaryHeap<Reverse<(Instant, u64, AccessPointId)>>,
    blackholed: bool,
    published: u32,
    reported: u32,
}

impl Lab {
    fn new(network: Snapshot) -> Self {
        let now = Instant::now();
        let (state, _) =
            ControlState::new(network.topology, network.locate, Intents::default(), now);
        let probes = BinaryHeap::new();
        Self { state, now, probes, blackholed: false, published: 0, reported: 0 }
    }

    /// The first DC stays, or the edge would take itself for cut off.
    fn is_gone(&self, access_point: AccessPointId) -> bool {
        self.blackholed && access_point.dc.0 > 1
    }

    fn event(&mut self, event: Event) {
        for effect in self.state.on_event(event, self.now) {
            match effect {
                Effect::Probe(request) => {
                    let takes = match self.is_gone(request.access_point) {
                        true => request.timeout,
                        false => Duration::from_millis(20),
                    };
                    let ends = (self.now + takes, request.number, request.access_point);
                    self.probes.push(Reverse(ends));
                }
                Effect::Publish(_) => self.published += 1,
                Effect::Changed(_) => {}
            }
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let ended = self.probes.peek().map(|Reverse((at, ..))| *at);
            let next = [ended, self.state.next_deadline()].into_iter().flatten().min();
            let Some(at) = next.filter(|at| *at <= end) else { break };
            self.now = self.now.max(at);
            match ended.filter(|ended| *ended <= self.now).and_then(|_| self.probes.pop()) {
                None => self.event(Event::Tick),
                Some(Reverse((_, number, access_point))) => {
                    let outcome = match self.is_gone(access_point) {
                        true => Err(ConnectFailure::Timeout.into()),
                        false => {
                            Ok(ProbeTimes::Connected { connect: Duration::from_millis(20) }.into())
                        }
                    };
                    self.reported += 1;
                    self.event(Event::Probed(ProbeReport { access_point, number, outcome }));
                }
            }
        }
        self.now = end;
    }
}

fn reloads(criterion: &mut Criterion) {
    let name = "a list of 10,000 access points from accepted to published";
    criterion.bench_function(name, |bencher| {
        let setup = || {
            let mut lab = Lab::new(network(1, 10, Policy::default()));
            lab.run(Duration::from_secs(1));
            let published = lab.published;
            (lab, published, network(DCS, EACH, ten_rules(DCS)))
        };
        let reload = |(mut lab, published, list): (Lab, u32, Snapshot)| {
            lab.event(Event::Configuration(list.topology, list.locate, Brought::default()));
            assert!(lab.published > published);
            lab
        };
        bencher.iter_batched(setup, reload, BatchSize::PerIteration);
    });
}

fn failures(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a minute of 10,000 access points");
    group.sample_size(10);
    for (name, blackholed) in [("that are well", false), ("that fail together", true)] {
        let setup = || {
            let mut lab = Lab::new(network(DCS, EACH, Policy::default()));
            lab.run(Duration::from_secs(30));
            lab.blackholed = blackholed;
            Lab { published: 0, reported: 0, ..lab }
        };
        group.bench_function(name, |bencher| {
            let minute = |mut lab: Lab| {
                lab.run(Duration::from_secs(60));
                lab
            };
            bencher.iter_batched(setup, minute, BatchSize::PerIteration);
        });
    }
}

criterion_group!(benches, reloads, failures);
criterion_main!(benches);
