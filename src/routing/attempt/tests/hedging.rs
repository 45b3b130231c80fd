//! Two dials at a time.

use super::*;
use crate::routing::fixture::{AMSTERDAM, MIAMI, SINGAPORE};
use crate::routing::ids::DcId;
use crate::routing::topology::Route;

const BOUND: ListenerRoute = ListenerRoute::new(Route::Dc(DcId(2)));

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A first dial that was silent for too long, and its hedge that has just begun.
fn hedged(spec: TopologySpec) -> (Lab, Attempt, Attempt) {
    let mut lab = Lab::new(all_up(spec));
    let first = lab.dial();
    let hedge = lab.dial_later();
    (lab, first, hedge)
}

/// The DCs of [`three_dcs`], each with a site and an access point of its own.
fn one_access_point_each() -> TopologySpec {
    topology(vec![dc(2, Some(AMSTERDAM), 1), dc(1, Some(MIAMI), 1), dc(5, Some(SINGAPORE), 1)])
}

/// The place of a dial in the list of access points of its DC.
fn member(lab: &Lab, attempt: Attempt) -> u32 {
    let (first, _) = lab.snapshot.topology.access_points_of(attempt.dc).next().expect("some");
    attempt.access_point.0 - first.0
}

#[test]
fn a_silent_dial_gets_company_of_another_site_and_goes_on() {
    let (mut lab, first, hedge) = hedged(three_dcs());
    assert_eq!(lab.now, start() + millis(200));
    assert_eq!((lab.id(hedge), hedge.number, hedge.hedge_of), (1, 2, Some(first.dc)));
    assert_eq!(lab.next(), Step::Wait(start() + millis(3000)), "no third dial");
    assert_eq!(lab.plan.on_connected(hedge), [first]);
}

#[test]
fn patience_grows_with_the_usual_round_trip_of_who_is_silent() {
    let mut snapshot = all_up(three_dcs());
    for state in &mut snapshot.access_points {
        state.round_trip = Some(millis(150));
    }
    let mut lab = Lab::new(snapshot);
    lab.dial();
    lab.dial_later();
    assert_eq!(lab.now, start() + millis(300));
}

#[test]
fn dcs_of_the_silent_site_are_passed_over_while_there_is_another_site() {
    let near = [dc(2, Some(AMSTERDAM), 1), dc(3, Some(AMSTERDAM), 1), dc(4, Some(AMSTERDAM), 1)];
    let mut spec = topology(near.clone().into());
    spec.dcs.push(dc(1, Some(MIAMI), 1));
    spec.dcs.push(dc(5, Some(SINGAPORE), 1));
    let (lab, _, hedge) = hedged(spec);
    assert_eq!(lab.id(hedge), 1);

    let (_, first, hedge) = hedged(topology(near.into()));
    assert_ne!(hedge.dc, first.dc, "of one site: another DC at least");

    let (_, first, hedge) = hedged(topology(vec![dc(2, None, 2)]));
    assert_eq!(hedge.dc, first.dc, "there is no other");
    assert_ne!(hedge.access_point, first.access_point);
}

#[test]
fn a_bound_session_is_hedged_within_its_dc() {
    let mut lab = Lab::on(&BOUND, all_up(three_dcs()));
    let first = lab.dial();
    let hedge = lab.dial_later();
    assert_eq!((lab.id(hedge), hedge.hedge_of), (2, Some(first.dc)));
    assert_ne!(hedge.access_point, first.access_point);
    lab.plan.on_failed(hedge);
    assert_eq!(lab.next(), Step::Wait(lab.now + millis(2800)), "there is no third");
}

#[test]
fn a_failure_beside_a_silent_dial_is_followed_at_once() {
    let (mut lab, first, hedge) = hedged(three_dcs());
    lab.plan.on_failed(hedge);
    let second = lab.dial();
    assert_eq!((lab.id(second), member(&lab, second)), (1, 1 - member(&lab, hedge)));
    assert_eq!(second.hedge_of, None);
    lab.plan.on_failed(first);
    let third = lab.dial();
    assert_eq!(lab.id(third), 2, "two of a DC before the next");
    lab.plan.on_failed(second);
    let fourth = lab.dial();
    assert_eq!(lab.id(fourth), 5);
    lab.plan.on_failed(fourth);
    assert!(matches!(lab.next(), Step::Wait(_)), "all attempts are made, and one is in flight");
    lab.plan.on_failed(third);
    assert_eq!(lab.next(), Step::GiveUp(GiveUp::Failed));
}

#[test]
fn each_dial_is_hedged_once() {
    let (mut lab, first, hedge) = hedged(one_access_point_each());
    lab.plan.on_failed(hedge);
    let follower = lab.dial();
    assert_eq!((lab.id(follower), follower.hedge_of), (5, None));
    lab.plan.on_failed(follower);
    assert_eq!(lab.next(), Step::Wait(start() + millis(3000)));
    lab.plan.on_failed(first);
    assert_eq!(lab.next(), Step::GiveUp(GiveUp::Failed));
}

#[test]
fn a_hedge_that_is_silent_is_hedged_when_it_is_alone() {
    let (mut lab, first, hedge) = hedged(one_access_point_each());
    lab.wait();
    assert_eq!(lab.now, start() + millis(3000));
    assert_eq!(lab.next(), Step::Abandon { attempt: first, timed_out: true });
    let last = lab.dial();
    assert_eq!((lab.id(last), last.hedge_of), (5, None), "a failure is followed, not hedged");
    lab.plan.on_failed(last);
    assert_eq!(lab.next(), Step::Wait(start() + millis(3200)), "nobody is left to hedge with");
    assert!(lab.plan.on_connected(hedge).is_empty(), "nobody was overtaken: who was had failed");
}

#[test]
fn a_hedge_without_budget_is_no_attempt_and_is_asked_for_again_as_long_as_the_dial_is_silent() {
    let (mut lab, first, mut hedge) = hedged(three_dcs());
    for asked in 2..15 {
        lab.plan.on_no_budget(hedge, lab.now);
        hedge = lab.dial_later();
        assert_eq!((lab.now, hedge.number), (start() + asked * millis(200), 2));
        assert_eq!((lab.id(hedge), hedge.hedge_of), (1, Some(first.dc)));
    }
    lab.plan.on_no_budget(hedge, lab.now);
    lab.wait();
    assert_eq!(lab.now, start() + millis(3000));
    assert_eq!(lab.next(), Step::Abandon { attempt: first, timed_out: true });
    let (dialled, why) = lab.fail_all();
    assert_eq!((dialled, why), (vec![2, 1, 1, 5], GiveUp::Failed), "as if there had been none");
}

#[test]
fn a_hedge_whose_dc_is_full_goes_to_another_one_and_the_dc_keeps_its_turn() {
    let (mut lab, first, full) = hedged(three_dcs());
    assert_eq!(lab.id(full), 1);
    lab.plan.on_full(full, Full::Dc);
    let hedge = lab.dial();
    assert_eq!((lab.id(hedge), hedge.number, hedge.hedge_of), (5, 2, Some(first.dc)));
    lab.plan.on_full(hedge, Full::Dc);
    let last = lab.dial();
    assert_eq!(lab.id(last), 2, "better than none");
    lab.plan.on_full(last, Full::Dc);
    assert!(matches!(lab.next(), Step::Wait(_)));
    lab.plan.on_failed(first);
    let (dialled, why) = lab.fail_all();
    assert_eq!((dialled, why), (vec![2, 1, 1, 5], GiveUp::Failed), "there may be room by now");
}

#[test]
fn a_full_dc_beside_a_silent_dial_is_skipped_without_an_attempt() {
    let (mut lab, _, hedge) = hedged(three_dcs());
    lab.plan.on_failed(hedge);
    let full = lab.dial();
    lab.plan.on_full(full, Full::Dc);
    let next = lab.dial();
    assert_eq!((lab.id(next), next.number), (5, 3));
}

#[test]
fn who_started_later_or_was_not_silent_for_long_is_not_overtaken() {
    let (mut lab, first, hedge) = hedged(three_dcs());
    assert!(lab.plan.on_connected(first).is_empty(), "the hedge is later");

    let (mut lab, first, other) = hedged(three_dcs());
    assert_eq!(hedge, other);
    lab.plan.on_failed(first);
    let follower = lab.dial();
    lab.now += millis(1);
    lab.plan.on_failed(other);
    let winner = lab.dial();
    assert!(lab.plan.on_connected(winner).is_empty(), "{follower:?} had a millisecond");
}

#[test]
fn the_deadline_ends_both_dials_and_proves_nothing() {
    let mut spec = three_dcs();
    spec.connect.deadline = millis(2900);
    let (mut lab, first, hedge) = hedged(spec);
    lab.wait();
    assert_eq!(lab.now, start() + millis(2900));
    for attempt in [first, hedge] {
        assert_eq!(lab.next(), Step::Abandon { attempt, timed_out: false });
    }
    assert_eq!(lab.next(), Step::GiveUp(GiveUp::Deadline));
}

#[test]
fn a_plan_of_one_attempt_has_no_hedge() {
    let mut spec = three_dcs();
    spec.connect.attempts = 1;
    let mut lab = Lab::new(all_up(spec));
    let first = lab.dial();
    lab.wait();
    assert_eq!(lab.now, start() + millis(3000));
    assert_eq!(lab.next(), Step::Abandon { attempt: first, timed_out: true });
    assert_eq!(lab.next(), Step::GiveUp(GiveUp::Failed));
}

#[test]
fn patience_beyond_the_timeout_is_none() {
    let mut spec = three_dcs();
    spec.connect.timeout = millis(200);
    let mut lab = Lab::new(all_up(spec));
    let first = lab.dial();
    lab.wait();
    assert_eq!(lab.next(), Step::Abandon { attempt: first, timed_out: true });
    let next = lab.dial();
    assert_eq!((lab.id(next), next.hedge_of), (2, None));
}
