//! A seeded simulation: the control machine and the attempt plans of sessions over a network that
//! breaks in every way we know, in simulated time. Rules that must always hold are checked at every
//! event; detection times are asserted on the simulated clock.
//!
//! An *event* is one call of [`ControlState::on_event`] or one question to an [`AttemptPlan`]. A
//! storm of chaos is 500 of them; those of the calm after it come on top, and so do those of the
//! clean storms, which take as long as what they ask needs.
//!
//! A broken rule is told with its seed. `SIM_SEED=<seed> cargo test --test simulation storms` shows
//! all of that one storm.
//!
//! [`ControlState::on_event`]: nearpoint::routing::control::ControlState::on_event
//! [`AttemptPlan`]: nearpoint::routing::AttemptPlan

mod agenda;
mod clients;
mod fault;
mod journal;
mod kind;
mod layout;
mod ledger;
mod machine;
mod network;
mod probes;
mod random;
mod rules;
mod sessions;
mod stand_in;
mod storm;

use std::any::Any;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use journal::Journal;
use kind::Kind;
use random::Random;

/// What a storm came to.
struct Report {
    events: u64,
    simulated: Duration,
    digest: u64,
}

#[test]
fn storms_break_no_rule() {
    match std::env::var("SIM_SEED") {
        Ok(seed) => {
            let seed = seed.parse().expect("SIM_SEED is a number");
            let report = run(seed, true).unwrap_or_else(|broken| panic!("{broken}"));
            eprintln!("seed {seed}, {:?}: {} events", Kind::of(seed), report.events);
        }
        Err(_) => run_all(0..500),
    }
}

#[test]
#[ignore = "takes a while; for changes of control, health and attempts, and by night"]
fn a_hundred_thousand_storms_break_no_rule() {
    run_all(0..100_000);
}

#[test]
fn a_seed_is_the_same_storm_every_time() {
    for seed in 0..20 {
        let digest = |_| run(seed, false).map(|report| report.digest);
        assert_eq!(digest(1), digest(2), "seed {seed}");
    }
}

/// Runs the storms of these seeds on all processors, and says what ran.
fn run_all(seeds: Range<u64>) {
    let began = Instant::now();
    let (next, last) = (AtomicU64::new(seeds.start), seeds.end);
    let (events, simulated) = (AtomicU64::new(0), AtomicU64::new(0));
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let broken: Vec<String> = thread::scope(|scope| {
        let work = || {
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= last {
                    return None;
                }
                match run(seed, false) {
                    Ok(report) => {
                        events.fetch_add(report.events, Ordering::Relaxed);
                        let seconds = report.simulated.as_secs();
                        simulated.fetch_add(seconds, Ordering::Relaxed);
                    }
                    Err(broken) => {
                        // One is enough to look at.
                        next.store(last, Ordering::Relaxed);
                        return Some(broken);
                    }
                }
            }
        };
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().filter_map(|it| it.join().expect("storms are caught")).collect()
    });
    eprintln!(
        "{} storms, {} events, {} s simulated, in {:.1} s",
        seeds.end - seeds.start,
        events.into_inner(),
        simulated.into_inner(),
        began.elapsed().as_secs_f64()
    );
    assert!(broken.is_empty(), "{}", broken.join("\n\n"));
}

/// One storm. When a rule breaks, or the machine panics: what, when, and what came before.
fn run(seed: u64, loud: bool) -> Result<Report, String> {
    let kind = Kind::of(seed);
    let journal = Journal::new(Instant::now(), loud);
    let mut storm = kind.begin(Random::new(seed), journal);
    match catch_unwind(AssertUnwindSafe(|| kind.rage(&mut storm))) {
        Ok(()) => Ok(Report {
            events: storm.events(),
            simulated: storm.elapsed(),
            digest: storm.journal.digest(),
        }),
        Err(panic) => Err(format!(
            "seed {seed}, {kind:?}, after {:.3} s: {}\n{}\nSIM_SEED={seed} shows all of it",
            storm.elapsed().as_secs_f64(),
            in_words(&*panic),
            storm.journal.tail()
        )),
    }
}

fn in_words(panic: &dyn Any) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked")
}
