//! A seeded simulation: the control machine and the attempt plans of sessions over a network that
//! breaks in every way we know, in simulated time. Rules that must always hold are checked at every
//! event; detection times are asserted on the simulated clock.
//!
//! An *event* is one call of [`ControlState::on_event`] or one question to an [`AttemptPlan`]. A
//! storm of chaos is 500 of them; those of the calm after it come on top, and so do those of the
//! clean storms, which take as long as what they ask needs.
//!
//! A broken rule is told with its seed. `SIM_SEED=<seed> cargo test --test simulation storms` shows
//! all of that one storm; `SIM_SEED=<first>..<end>` runs these instead of the usual ones.
//!
//! [`ControlState::on_event`]: nearpoint::routing::control::ControlState::on_event
//! [`AttemptPlan`]: nearpoint::routing::AttemptPlan

mod agenda;
mod clients;
mod fault;
mod flows;
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
mod storm;

use std::any::Any;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use journal::Journal;
use kind::Kind;
use random::Random;

/// Broken storms after which no more are begun.
const ENOUGH: usize = 20;

/// What a storm came to.
struct Report {
    events: u64,
    simulated: Duration,
    digest: u64,
}

#[test]
fn storms_break_no_rule() {
    match std::env::var("SIM_SEED") {
        Ok(seeds) => match seeds.split_once("..") {
            Some((first, end)) => run_all(number(first)..number(end)),
            None => {
                let seed = number(&seeds);
                let report = run(seed, true).unwrap_or_else(|broken| panic!("{broken}"));
                eprintln!("seed {seed}, {:?}: {} events", Kind::of(seed), report.events);
            }
        },
        Err(_) => run_all(0..500),
    }
}

fn number(seed: &str) -> u64 {
    seed.parse().expect("seeds of SIM_SEED are numbers")
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

/// Runs the storms of these seeds on all processors, and says what ran. Of broken rules the first is
/// told in full, and of some more what they are.
fn run_all(seeds: Range<u64>) {
    let began = Instant::now();
    let next = AtomicU64::new(seeds.start);
    let (storms, events, simulated) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let broken = Mutex::new(Vec::new());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end || broken.lock().is_ok_and(|it| it.len() >= ENOUGH) {
                return;
            }
            storms.fetch_add(1, Ordering::Relaxed);
            match run(seed, false) {
                Ok(report) => {
                    events.fetch_add(report.events, Ordering::Relaxed);
                    simulated.fetch_add(report.simulated.as_secs(), Ordering::Relaxed);
                }
                Err(text) => broken.lock().expect("nobody panics with it").push((seed, text)),
            }
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(work))));
    eprintln!(
        "{} storms, {} events, {} s simulated, in {:.1} s",
        storms.into_inner(),
        events.into_inner(),
        simulated.into_inner(),
        began.elapsed().as_secs_f64()
    );
    let mut broken = broken.into_inner().expect("nobody panics with it");
    broken.sort_unstable();
    let Some(((_, first), others)) = broken.split_first() else { return };
    let others: Vec<&str> = others.iter().filter_map(|(_, text)| text.lines().next()).collect();
    panic!("{first}\n{}", others.join("\n"));
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
