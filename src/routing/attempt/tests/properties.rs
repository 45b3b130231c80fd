//! What holds however dials end.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::routing::fixture::{AMSTERDAM, MIAMI, SINGAPORE};
use crate::routing::ids::{AccessPointIndex, DcId};
use crate::routing::topology::{Hedging, Route};

/// What comes of a dial, and when.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// Its DC has no room.
    Full,
    /// Its access point has none.
    PassedOver,
    /// It is a hedge, and there is no budget; else as `Silent`.
    NoBudget,
    /// It fails after so many milliseconds, if it is let.
    Fails(u64),
    /// It connects after so many milliseconds, if it is let.
    Connects(u64),
    /// It says nothing.
    Silent,
}

#[derive(Clone, Debug)]
struct Case {
    /// Access points and place of each DC.
    dcs: Vec<(u8, usize)>,
    attempts: u32,
    timeout: u64,
    deadline: u64,
    round_trip: Option<u64>,
    hedging: bool,
    bound: bool,
    /// Of the dials, in the order in which the plan asks for them.
    fates: Vec<Fate>,
}

const PLACES: [(f64, f64); 3] = [AMSTERDAM, MIAMI, SINGAPORE];

fn fates() -> impl Strategy<Value = Fate> {
    prop_oneof![
        1 => Just(Fate::Full),
        1 => Just(Fate::PassedOver),
        1 => Just(Fate::NoBudget),
        4 => (0u64..4000).prop_map(Fate::Fails),
        1 => (0u64..4000).prop_map(Fate::Connects),
        4 => Just(Fate::Silent),
    ]
}

fn cases() -> impl Strategy<Value = Case> {
    (
        prop::collection::vec((0u8..5, 0..PLACES.len()), 1..6),
        (1u32..12, 100u64..4000, 0u64..12_000),
        (prop::option::of(1u64..800), any::<bool>(), any::<bool>()),
        prop::collection::vec(fates(), 60),
    )
        .prop_map(|(dcs, (attempts, timeout, more), (round_trip, hedging, bound), fates)| {
            Case {
                dcs,
                attempts,
                timeout,
                deadline: timeout + more,
                round_trip,
                hedging,
                bound,
                fates,
            }
        })
}

impl Case {
    fn snapshot(&self) -> Snapshot {
        let dcs = (1..).zip(&self.dcs).map(|(id, (size, at))| dc(id, Some(PLACES[*at]), *size));
        let mut spec = topology(dcs.collect());
        spec.connect = ConnectLimits {
            timeout: Duration::from_millis(self.timeout),
            deadline: Duration::from_millis(self.deadline),
            attempts: self.attempts,
            hedging: self.hedging.then(Hedging::default),
        };
        let mut snapshot = all_up(spec);
        for state in &mut snapshot.access_points {
            state.round_trip = self.round_trip.map(Duration::from_millis);
        }
        snapshot
    }

    fn listener(&self) -> ListenerRoute {
        ListenerRoute::new(if self.bound { Route::Dc(DcId(1)) } else { Route::Nearest })
    }

    /// Runs the plan to its end.
    fn run(&self) -> Run {
        let mut lab = Lab::on(&self.listener(), self.snapshot());
        let mut run = Run::new(lab.now);
        let mut fates = self.fates.iter().copied();
        let mut flying: Vec<(Attempt, Option<(Instant, bool)>)> = Vec::new();
        for _ in 0..1000 {
            let step = lab.next();
            run.ended = lab.now;
            match step {
                Step::Dial(attempt) => match fates.next().unwrap_or(Fate::Silent) {
                    Fate::Full => {
                        run.full.push(attempt);
                        lab.plan.on_full(attempt, Full::Dc);
                    }
                    Fate::PassedOver => {
                        run.passed_over.push(attempt);
                        lab.plan.on_full(attempt, Full::AccessPoint);
                    }
                    Fate::NoBudget if attempt.hedge_of.is_some() => {
                        lab.plan.on_no_budget(attempt, lab.now)
                    }
                    fate => {
                        let in_flight = flying.iter().map(|(it, _)| *it).collect();
                        run.dials.push(Dialled { attempt, at: lab.now, in_flight });
                        let due = |after| lab.now + Duration::from_millis(after);
                        flying.push((
                            attempt,
                            match fate {
                                Fate::Fails(after) => Some((due(after), false)),
                                Fate::Connects(after) => Some((due(after), true)),
                                Fate::Full | Fate::PassedOver | Fate::NoBudget | Fate::Silent => {
                                    None
                                }
                            },
                        ));
                    }
                },
                Step::Abandon { attempt, .. } => flying.retain(|(it, _)| *it != attempt),
                Step::Wait(until) => {
                    assert!(until > lab.now, "waiting costs time");
                    let ends = flying.iter().filter_map(|(it, end)| Some((*it, (*end)?)));
                    let first = ends.min_by_key(|(_, (at, _))| *at);
                    match first.filter(|(_, (at, _))| *at <= until) {
                        None => lab.now = until,
                        Some((attempt, (at, connects))) => {
                            lab.now = lab.now.max(at);
                            run.ended = lab.now;
                            flying.retain(|(it, _)| *it != attempt);
                            if connects {
                                run.overtaken = lab.plan.on_connected(attempt);
                                run.beside = flying.into_iter().map(|(it, _)| it).collect();
                                run.winner = Some(attempt);
                                return run;
                            }
                            lab.plan.on_failed(attempt);
                        }
                    }
                }
                Step::GiveUp(_) => {
                    assert!(flying.is_empty(), "{flying:?} would have been waited for");
                    return run;
                }
            }
        }
        panic!("no end");
    }
}

/// A dial that was made.
#[derive(Clone, Debug, PartialEq)]
struct Dialled {
    attempt: Attempt,
    at: Instant,
    /// What was in flight when it started.
    in_flight: Vec<Attempt>,
}

/// What a plan did.
#[derive(Debug)]
struct Run {
    began: Instant,
    ended: Instant,
    dials: Vec<Dialled>,
    full: Vec<Attempt>,
    passed_over: Vec<Attempt>,
    winner: Option<Attempt>,
    /// In flight when it connected.
    beside: Vec<Attempt>,
    overtaken: Vec<Attempt>,
}

impl Run {
    fn new(began: Instant) -> Self {
        let (full, passed_over) = (vec![], vec![]);
        let (dials, beside, overtaken) = (vec![], vec![], vec![]);
        Self { began, ended: began, dials, full, passed_over, winner: None, beside, overtaken }
    }

    fn began(&self, attempt: Attempt) -> Instant {
        let dial = self.dials.iter().find(|it| it.attempt == attempt);
        dial.expect("it was dialled").at
    }

    fn hedges(&self) -> impl Iterator<Item = &Dialled> {
        self.dials.iter().filter(|it| it.attempt.hedge_of.is_some())
    }
}

/// The access points in the order in which one dial after the other takes them: two of a DC, then the
/// next DC, and round again.
fn one_by_one(snapshot: &Snapshot, case: &Case) -> Vec<AccessPointIndex> {
    let berliner = client("203.0.113.7", Some(BERLIN));
    let ranking = ranked(snapshot, &case.listener(), &berliner);
    let order =
        |dc| crate::routing::order_access_points(snapshot, dc, &ranking.eligible(&berliner));
    let mut dcs: Vec<Vec<_>> = ranking.candidates().map(order).collect();
    let mut all = Vec::new();
    while dcs.iter().any(|left| !left.is_empty()) {
        for left in &mut dcs {
            all.extend(left.drain(..left.len().min(2)));
        }
    }
    all
}

proptest! {
    #[test]
    fn every_plan_keeps_within_its_limits(case in cases()) {
        let run = case.run();
        prop_assert!(run.dials.len() <= case.attempts as usize);
        prop_assert!(run.ended <= run.began + Duration::from_millis(case.deadline));
        let tried: BTreeSet<_> = run.dials.iter().map(|it| it.attempt.access_point).collect();
        prop_assert_eq!(tried.len(), run.dials.len(), "nobody twice");
        let passed_over = run.passed_over.iter().map(|it| it.access_point);
        prop_assert!(passed_over.clone().all(|it| !tried.contains(&it)));
        prop_assert_eq!(passed_over.clone().collect::<BTreeSet<_>>().len(), passed_over.count());
        for (number, dial) in (1..).zip(&run.dials) {
            prop_assert_eq!(dial.attempt.number, number);
            prop_assert!(dial.in_flight.len() < IN_FLIGHT);
            prop_assert!(dial.at < run.began + Duration::from_millis(case.deadline));
        }
    }

    #[test]
    fn the_first_dial_is_the_best_of_the_ranking(case in cases()) {
        let run = case.run();
        if let (Some(first), true) = (run.dials.first(), run.full.is_empty() && run.passed_over.is_empty())
        {
            let best = one_by_one(&case.snapshot(), &case)[0];
            prop_assert_eq!(first.attempt.access_point, best);
            prop_assert_eq!(first.at, run.began);
        }
    }

    #[test]
    fn without_hedging_one_dial_follows_the_other(case in cases()) {
        let full = |fate: &Fate| matches!(fate, Fate::Full | Fate::PassedOver);
        let fates = case.fates.iter().copied().filter(|fate| !full(fate)).collect();
        let case = Case { hedging: false, fates, ..case };
        let run = case.run();
        let dialled = run.dials.iter().map(|it| it.attempt.access_point);
        let expected = one_by_one(&case.snapshot(), &case);
        prop_assert!(dialled.clone().eq(expected.iter().copied().take(run.dials.len())));
        prop_assert!(run.dials.iter().all(|it| it.in_flight.is_empty()));
        prop_assert!(run.overtaken.is_empty());
        if run.winner.is_none() && run.ended < run.began + Duration::from_millis(case.deadline) {
            prop_assert_eq!(run.dials.len(), expected.len().min(case.attempts as usize));
        }
    }

    #[test]
    fn a_hedge_is_of_one_silent_dial_that_had_its_time(case in cases()) {
        let run = case.run();
        let least = Duration::from_millis(case.round_trip.map_or(200, |it| (2 * it).max(200)));
        let mut hedged = BTreeSet::new();
        for hedge in run.hedges() {
            prop_assert!(case.hedging);
            prop_assert_eq!(hedge.in_flight.len(), 1);
            let silent = hedge.in_flight[0];
            prop_assert_eq!(hedge.attempt.hedge_of, Some(silent.dc));
            prop_assert!(hedge.at >= run.began(silent) + least);
            prop_assert!(hedged.insert(silent.number), "each once");
        }
    }

    #[test]
    fn a_hedge_goes_to_another_site_while_there_is_one(case in cases()) {
        let (snapshot, run) = (case.snapshot(), case.run());
        let topology = &snapshot.topology;
        for hedge in run.hedges().filter(|_| !case.bound) {
            let silent = &topology.dc(hedge.in_flight[0].dc).site;
            if topology.dc(hedge.attempt.dc).site != *silent {
                continue;
            }
            let before = run.dials.iter().take_while(|it| it.attempt != hedge.attempt);
            let passed_over = run.passed_over.iter().map(|it| it.access_point);
            let tried: Vec<_> =
                before.map(|it| it.attempt.access_point).chain(passed_over).collect();
            let full = |dc| run.full.iter().any(|it| it.dc == dc);
            let elsewhere = (0..).zip(topology.access_points()).filter(|(_, it)| {
                topology.dc(it.dc).site != *silent && !full(it.dc)
            });
            for (index, _) in elsewhere {
                prop_assert!(tried.contains(&AccessPointIndex(index)), "{hedge:?}");
            }
        }
    }

    #[test]
    fn a_bound_session_stays_in_its_dc(case in cases()) {
        let case = Case { bound: true, ..case };
        for dial in case.run().dials {
            prop_assert_eq!(dial.attempt.dc.0, 0);
        }
    }

    #[test]
    fn who_is_overtaken_was_silent_before_the_winner_started(case in cases()) {
        let run = case.run();
        let least = Duration::from_millis(case.round_trip.map_or(200, |it| (2 * it).max(200)));
        for beside in &run.beside {
            let Some(winner) = run.winner else { unreachable!("somebody connected") };
            let overdue = run.began(*beside) + least <= run.began(winner);
            prop_assert_eq!(run.overtaken.contains(beside), case.hedging && overdue);
        }
        prop_assert!(run.overtaken.iter().all(|it| run.beside.contains(it)));
    }
}
