mod hedging;
mod properties;

use std::time::Duration;

use super::*;
use crate::routing::fixture::{
    BERLIN, NEAREST, all_up, client, dc, ranked, set_health, start, three_dcs, topology,
};
use crate::routing::health::Health;
use crate::routing::ids::DcId;
use crate::routing::slot::Full;
use crate::routing::topology::{ListenerRoute, Route, TopologySpec};

/// The plan of a client in Berlin: of [`three_dcs`] it gets 2, then 1, then 5.
struct Lab {
    snapshot: Snapshot,
    plan: AttemptPlan,
    now: Instant,
}

impl Lab {
    fn new(snapshot: Snapshot) -> Self {
        Self::on(&NEAREST, snapshot)
    }

    fn on(listener: &ListenerRoute, snapshot: Snapshot) -> Self {
        let berliner = client("203.0.113.7", Some(BERLIN));
        let ranking = ranked(&snapshot, listener, &berliner);
        let now = start();
        let limits = snapshot.topology.connect();
        Self { plan: AttemptPlan::new(&ranking, &berliner, limits, now), snapshot, now }
    }

    fn next(&mut self) -> Step {
        self.plan.next(&self.snapshot, self.now)
    }

    fn dial(&mut self) -> Attempt {
        match self.next() {
            Step::Dial(attempt) => attempt,
            other => panic!("expected a dial, got {other:?}"),
        }
    }

    /// Waits for as long as the plan says.
    fn wait(&mut self) {
        match self.next() {
            Step::Wait(until) => self.now = until,
            other => panic!("expected to wait, got {other:?}"),
        }
    }

    /// What is dialled once the plan has waited.
    fn dial_later(&mut self) -> Attempt {
        self.wait();
        self.dial()
    }

    fn id(&self, attempt: Attempt) -> u16 {
        self.snapshot.topology.dc(attempt.dc).id.0
    }

    /// Fails every dial and returns the DCs dialled, and the end.
    fn fail_all(&mut self) -> (Vec<u16>, GiveUp) {
        let mut dialled = Vec::new();
        loop {
            match self.next() {
                Step::Dial(attempt) => {
                    dialled.push(self.id(attempt));
                    self.plan.on_failed(attempt);
                }
                Step::GiveUp(why) => return (dialled, why),
                other => panic!("nothing is in flight: {other:?}"),
            }
        }
    }
}

fn unhedged(spec: TopologySpec) -> TopologySpec {
    let connect = ConnectLimits { hedging: None, ..spec.connect };
    TopologySpec { connect, ..spec }
}

#[test]
fn two_access_points_of_a_dc_are_tried_before_the_next_dc() {
    let mut lab = Lab::new(all_up(three_dcs()));
    assert_eq!(lab.fail_all(), (vec![2, 2, 1, 1, 5], GiveUp::Failed));
}

#[test]
fn a_dc_alone_is_tried_beyond_two_access_points() {
    let mut lab = Lab::new(all_up(topology(vec![dc(1, None, 4)])));
    assert_eq!(lab.fail_all(), (vec![1, 1, 1, 1], GiveUp::Failed));
}

#[test]
fn a_second_round_takes_the_access_points_that_are_left() {
    let mut spec = topology(vec![dc(2, Some(BERLIN), 3), dc(1, None, 1)]);
    spec.connect.attempts = 9;
    assert_eq!(Lab::new(all_up(spec)).fail_all(), (vec![2, 2, 1, 2], GiveUp::Failed));
}

#[test]
fn nobody_to_dial_is_said_at_once() {
    let mut spec = three_dcs();
    spec.policy.fail_open = false;
    let mut snapshot = all_up(spec);
    for dc in [1, 2, 5] {
        set_health(&mut snapshot, dc, Health::Down);
    }
    assert_eq!(Lab::new(snapshot).fail_all(), (vec![], GiveUp::NoCandidate));
}

#[test]
fn a_silent_dial_is_abandoned_when_its_time_is_up() {
    let mut lab = Lab::new(all_up(unhedged(three_dcs())));
    let first = lab.dial();
    let until = lab.now + Duration::from_secs(3);
    assert_eq!(lab.next(), Step::Wait(until));
    lab.now = until;
    assert_eq!(lab.next(), Step::Abandon { attempt: first, timed_out: true });
    let second = lab.dial();
    assert_eq!((second.number, lab.id(second)), (2, 2));
    assert_ne!(first.access_point, second.access_point);
}

#[test]
fn the_deadline_bounds_all_attempts_together() {
    let mut lab = Lab::new(all_up(unhedged(three_dcs())));
    let began = lab.now;
    for number in 1..=4 {
        let attempt = lab.dial();
        let Step::Wait(until) = lab.next() else { panic!("in flight") };
        lab.now = until;
        let timed_out = number < 4;
        assert_eq!(lab.next(), Step::Abandon { attempt, timed_out }, "the fourth had one second");
    }
    assert_eq!(lab.now, began + Duration::from_secs(10));
    assert_eq!(lab.next(), Step::GiveUp(GiveUp::Deadline));
}

#[test]
fn a_full_dc_is_skipped_without_an_attempt() {
    let mut lab = Lab::new(all_up(three_dcs()));
    let first = lab.dial();
    lab.plan.on_full(first, Full::Dc);
    let second = lab.dial();
    assert_eq!((second.number, lab.id(second)), (1, 1));
    lab.plan.on_full(second, Full::Dc);
    let third = lab.dial();
    lab.plan.on_full(third, Full::Dc);
    assert_eq!(lab.next(), Step::GiveUp(GiveUp::Full));
}

#[test]
fn an_access_point_without_room_is_passed_over_for_the_next_of_its_dc() {
    let mut lab = Lab::new(all_up(three_dcs()));
    let mut passed_over = Vec::new();
    for (dc, number) in [(2, 1), (2, 1), (1, 1), (1, 1), (5, 1), (5, 1)] {
        let attempt = lab.dial();
        assert_eq!((lab.id(attempt), attempt.number), (dc, number), "no attempt was made");
        lab.plan.on_full(attempt, Full::AccessPoint);
        passed_over.push(attempt.access_point);
    }
    assert_eq!(lab.next(), Step::GiveUp(GiveUp::Full));
    passed_over.sort_unstable();
    passed_over.dedup();
    assert_eq!(passed_over.len(), 6, "each was asked once");
}

#[test]
fn dcs_that_the_ranking_left_out_as_full_are_said_to_be_full() {
    let mut spec = three_dcs();
    spec.dcs.iter_mut().for_each(|dc| dc.max_connecting = 0);
    assert_eq!(Lab::new(all_up(spec)).fail_all(), (vec![], GiveUp::Full));
    let mut spec = three_dcs();
    spec.dcs[0].max_connecting = 0;
    assert_eq!(Lab::new(all_up(spec)).fail_all(), (vec![1, 1, 5, 5], GiveUp::Failed));
}

#[test]
fn a_bound_session_with_nothing_left_makes_one_dial_at_its_dc() {
    let mut spec = three_dcs();
    spec.policy.bound_fail_open = true;
    let mut snapshot = all_up(spec);
    set_health(&mut snapshot, 2, Health::Down);
    let bound = ListenerRoute::new(Route::Dc(DcId(2)));
    let mut lab = Lab::on(&bound, snapshot);
    let only = lab.dial();
    assert_eq!(lab.id(only), 2);
    lab.plan.on_failed(only);
    assert_eq!(lab.next(), Step::GiveUp(GiveUp::Failed));
}
