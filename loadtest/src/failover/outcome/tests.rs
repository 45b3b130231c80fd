use super::news::Change;
use super::*;
use crate::failover::example::{
    answered, dc_in_use, dc1_gone, failed, interrupted, isolated, ms, quiet, strike,
};
use crate::failover::record::{Interruption, Mark};

const DC1: u16 = 1;
const DC2: u16 = 2;

fn outcome(recording: &Recording) -> Outcome {
    Outcome::of(recording, &BTreeSet::from([Dc::Dc1]))
}

fn with_arrivals(arrivals: impl IntoIterator<Item = Arrival>) -> Outcome {
    outcome(&Recording { arrivals: arrivals.into_iter().collect(), ..quiet() })
}

fn with_interruptions(interruptions: impl IntoIterator<Item = Interruption>) -> Outcome {
    outcome(&Recording { interruptions: interruptions.into_iter().collect(), ..quiet() })
}

fn with_marks(marks: impl IntoIterator<Item = Mark>) -> Outcome {
    outcome(&Recording { marks: marks.into_iter().collect(), ..quiet() })
}

fn time(milliseconds: u64) -> Time {
    Time(ms(milliseconds))
}

#[test]
fn an_arrival_belongs_to_the_phase_in_which_it_began() {
    let outcome = with_arrivals([
        answered(ms(0), ms(20), DC1),
        // Begun before the fault, answered during it.
        answered(ms(4_999), ms(300), DC1),
        answered(ms(5_000), ms(20), DC2),
        failed(ms(14_999), ms(3_000), Failure::Silent),
        answered(ms(15_000), ms(20), DC2),
    ]);
    let tried = outcome.new.each().map(|(_, sessions)| sessions.tried);
    assert_eq!(tried, [2, 2, 1]);
    assert_eq!(outcome.new.each().map(|(_, sessions)| sessions.failed), [0, 1, 0]);
    assert_eq!(outcome.failed(), 1);
    assert_eq!(outcome.at_first.tried, 1);
}

#[test]
fn failures_are_counted_by_kind() {
    let at = |milliseconds, why| failed(ms(milliseconds), ms(10), why);
    let outcome = with_arrivals([
        at(7_000, Failure::Reset),
        at(7_100, Failure::Reset),
        at(7_200, Failure::WrongAnswer),
    ]);
    let expected = BTreeMap::from([(Failure::Reset, 2), (Failure::WrongAnswer, 1)]);
    assert_eq!(outcome.new.fault.failed_how, expected);
}

#[test]
fn who_was_under_way_when_it_broke_is_caught_and_not_failed() {
    let outcome = with_arrivals([
        failed(ms(4_990), ms(15), Failure::Reset),
        // The lab takes a moment to break it.
        failed(ms(5_040), ms(20), Failure::Reset),
        failed(ms(5_060), ms(20), Failure::Reset),
        // Over before.
        failed(ms(4_900), ms(50), Failure::Closed),
        answered(ms(4_995), ms(400), DC2),
    ]);
    let Sessions { tried, failed, caught, p50, .. } = outcome.new.before;
    assert_eq!((tried, failed, caught), (3, 1, 1));
    // Of two: the one that was answered is the faster.
    assert_eq!(p50, Some(time(400)));
    assert_eq!((outcome.new.fault.failed, outcome.new.fault.caught), (1, 1));
}

#[test]
fn every_blow_of_a_flapping_fault_catches_somebody() {
    let during = |arrivals: Vec<Arrival>| {
        let strikes = vec![strike(5_000, 5_050), strike(11_000, 11_050)];
        outcome(&Recording { arrivals, strikes, ..quiet() }).new.fault
    };
    let three = [5_010, 7_000, 10_990].map(|at| failed(ms(at), ms(20), Failure::Reset));
    let three = during(three.into());
    assert_eq!((three.caught, three.failed), (2, 1));
    // One that has waited all the while was lost before.
    let waiting = during(vec![failed(ms(9_000), ms(5_000), Failure::Silent)]);
    assert_eq!((waiting.caught, waiting.failed), (0, 1));
}

#[test]
fn who_comes_while_a_busy_machine_still_breaks_it_is_caught() {
    let caught = |done: u64| {
        let arrivals = vec![failed(ms(5_300), ms(20), Failure::Reset)];
        let strikes = vec![strike(5_200, done)];
        outcome(&Recording { arrivals, strikes, ..quiet() }).new.fault.caught
    };
    assert_eq!(caught(5_400), 1);
    assert_eq!(caught(5_210), 0);
}

#[test]
fn percentiles_are_the_nearest_rank_and_the_failed_are_the_slowest() {
    let hundred = |failures: u64| {
        let arrivals = (1..=100).map(move |number| {
            let began = ms(6_000 + number);
            if number > 100 - failures {
                return failed(began, ms(1), Failure::Refused);
            }
            answered(began, ms(number), DC2)
        });
        with_arrivals(arrivals).new.fault
    };
    let all = hundred(0);
    assert_eq!((all.p50, all.p99, all.max), (Some(time(50)), Some(time(99)), Some(time(100))));
    let one = hundred(1);
    assert_eq!((one.p50, one.p99, one.max), (Some(time(50)), Some(time(99)), Some(time(99))));
    let two = hundred(2);
    assert_eq!((two.p50, two.p99, two.max), (Some(time(50)), None, Some(time(98))));
    assert_eq!(hundred(51).p50, None);
    assert_eq!(hundred(100).max, None);
    assert_eq!(with_arrivals([]).new.fault, Sessions::default());
}

#[test]
fn shares_are_of_those_that_were_answered() {
    let during = with_arrivals([
        // On its way when the phase began.
        answered(ms(5_100), ms(20), DC1),
        answered(ms(6_000), ms(20), DC2),
        answered(ms(6_010), ms(20), DC2),
        answered(ms(6_020), ms(20), 3),
        failed(ms(6_030), ms(20), Failure::Reset),
    ])
    .new
    .fault;
    assert_eq!(during.share_by_dc, BTreeMap::from([(DC1, 0.25), (DC2, 0.5), (3, 0.25)]));
    assert_eq!(during.settled_by_dc, BTreeMap::from([(DC2, 2), (3, 1)]));
}

#[test]
fn back_to_normal_is_the_last_disturbed_session_of_the_fault() {
    let normal = |arrivals: &[Arrival]| with_arrivals(arrivals.to_vec()).back_to_normal;
    let fast = answered(ms(14_990), DISTURBED, DC2);
    let slow = |at| answered(ms(at), DISTURBED + ms(1), DC2);
    assert_eq!(normal(std::slice::from_ref(&fast)), BackToNormal::Undisturbed);
    // Before and after the fault is another question.
    assert_eq!(normal(&[slow(4_000), fast.clone(), slow(15_000)]), BackToNormal::Undisturbed);
    assert_eq!(normal(&[slow(5_500), fast.clone()]), BackToNormal::After(time(500)));
    let late = failed(ms(7_000), ms(10), Failure::Refused);
    assert_eq!(normal(&[slow(5_500), late, fast.clone()]), BackToNormal::After(time(2_000)));
    assert_eq!(normal(&[slow(14_700), fast.clone()]), BackToNormal::NotWithinTheFault);
    let caught = failed(ms(5_010), ms(10), Failure::Reset);
    assert_eq!(normal(&[caught, fast]), BackToNormal::Undisturbed);
}

#[test]
fn a_dc_answers_again_with_the_first_session_that_began_after_the_fault() {
    let before = answered(ms(1_000), ms(20), DC1);
    let outcome = with_arrivals([
        before.clone(),
        answered(ms(14_999), ms(20), DC1),
        answered(ms(15_010), ms(20), DC2),
        answered(ms(17_000), ms(20), DC1),
        answered(ms(17_500), ms(20), DC1),
    ]);
    assert_eq!(outcome.answers_again, Some(time(2_000)));
    let never = with_arrivals([before.clone(), answered(ms(16_000), ms(20), DC2)]);
    assert_eq!(never.answers_again, None);
    // DC 3 is out as well, and nobody misses it.
    let arrivals = vec![before, answered(ms(16_000), ms(20), DC1)];
    let recording = Recording { arrivals, ..quiet() };
    let both = BTreeSet::from([Dc::Dc1, Dc::Dc3]);
    assert_eq!(Outcome::of(&recording, &both).answers_again, Some(time(1_000)));
}

#[test]
fn held_sessions_are_interrupted_moved_and_out_for_a_while() {
    let held = with_interruptions([
        interrupted(ms(5_000), DC1, Some((ms(5_100), DC2))),
        interrupted(ms(5_000), DC1, Some((ms(5_300), DC1))),
        interrupted(ms(5_000), DC1, Some((ms(6_000), 3))),
        interrupted(ms(5_000), DC2, None),
    ])
    .held;
    assert_eq!((held.sessions, held.interrupted, held.moved, held.never_back), (40, 4, 2, 1));
    assert_eq!(held.interrupted_by_dc, BTreeMap::from([(DC1, 3), (DC2, 1)]));
    assert_eq!((held.median_outage, held.longest_outage), (Some(time(300)), Some(time(1_000))));
    let untouched = with_interruptions([]).held;
    assert_eq!(untouched, Held { sessions: 40, ..Held::default() });
}

#[test]
fn a_held_session_that_goes_on_after_a_silence_was_out_and_is_not_interrupted() {
    let stalled = Interruption { why: None, ..interrupted(ms(5_000), DC1, Some((ms(9_000), DC1))) };
    let held = with_interruptions([stalled]).held;
    assert_eq!((held.stalled, held.interrupted, held.moved), (1, 0, 0));
    assert_eq!(held.interrupted_by_dc, BTreeMap::new());
    assert_eq!(held.longest_outage, Some(time(4_000)));
}

#[test]
fn nearpoint_says_when_a_dc_is_out_of_use_and_when_it_is_used_again() {
    let news = with_marks([
        dc_in_use(ms(5_620), DC1, false),
        dc_in_use(ms(8_000), DC2, false),
        dc_in_use(ms(9_000), DC2, true),
        dc_in_use(ms(17_400), DC1, true),
    ])
    .news;
    let change = |dc, after, used_again| Change {
        dc,
        after: time(after),
        during_the_fault: true,
        used_again: Some(time(used_again)),
    };
    // In use again before the end of the fault is at its end.
    assert_eq!(news.out_of_use, [change(DC1, 620, 2_400), change(DC2, 3_000, 0)]);
    assert_eq!(news.all_out_of_use(), Some(time(3_000)));
    assert_eq!(news.all_used_again(), Some(time(2_400)));
    assert_eq!(news.isolated, None);
}

#[test]
fn a_dc_that_is_out_of_use_once_more_is_not_used_again() {
    let flapping = [(5_700, false), (9_000, true), (9_600, false)];
    let flapping = flapping.map(|(at, in_use)| dc_in_use(ms(at), DC1, in_use));
    let news = with_marks(flapping.clone()).news;
    assert_eq!(news.out_of_use.len(), 1);
    assert_eq!((news.all_out_of_use(), news.all_used_again()), (Some(time(700)), None));
    let back = flapping.into_iter().chain([dc_in_use(ms(16_000), DC1, true)]);
    assert_eq!(with_marks(back).news.all_used_again(), Some(time(1_000)));
}

#[test]
fn what_happens_before_and_after_the_fault_is_told_apart() {
    let news = with_marks([
        dc_in_use(ms(1_000), DC2, false),
        dc_in_use(ms(2_000), DC2, true),
        dc_in_use(ms(16_000), 3, false),
    ])
    .news;
    assert_eq!(news.out_of_use_before, [DC2]);
    assert_eq!(news.out_of_use.len(), 1);
    assert!(!news.out_of_use[0].during_the_fault);
}

#[test]
fn isolation_counts_from_the_begin_of_the_fault() {
    let news = with_marks([isolated(ms(8_200), true), isolated(ms(15_100), false)]).news;
    assert_eq!(news.isolated, Some(time(3_200)));
}

#[test]
fn a_whole_run_comes_to_what_was_put_into_it() {
    let outcome = outcome(&dc1_gone(ms(600), Some(ms(200))));
    assert_eq!(outcome.new.each().map(|(_, it)| it.tried), [500, 1_000, 1_000]);
    assert_eq!(outcome.failed(), 0);
    // 30 of 1000 sessions waited for a hedge.
    let p99 = outcome.new.fault.p99.unwrap();
    assert!((time(280)..time(285)).contains(&p99), "{p99}");
    assert_eq!(outcome.back_to_normal, BackToNormal::After(time(580)));
    assert_eq!(outcome.answers_again, Some(time(2_500)));
    assert_eq!(outcome.news.all_out_of_use(), Some(time(600)));
    assert_eq!(outcome.held.longest_outage, Some(time(950)));
}
