//! What sessions and probes of different depths come to.

use super::*;
use crate::routing::passive::{ENOUGH, WINDOW};
use crate::routing::slot::AccessPointSlot;
use crate::routing::topology::HttpProbe;

fn with_http_probes() -> TopologySpec {
    let mut spec = three_dcs();
    let probe = HttpProbe { path: "/".into(), host: None, port: None, expect: 200..=399 };
    for dc in &mut spec.dcs {
        dc.health.probe = Probe::Http(Arc::new(probe.clone()));
    }
    spec
}

impl Lab {
    fn slot(&self, id: AccessPointId) -> &AccessPointSlot {
        let index = self.snapshot.topology.find_access_point(id).expect("is there");
        &self.snapshot.access_point(index).slot
    }

    /// Every 100 ms a session of another neighbourhood at each access point of a DC, for so long;
    /// what it leaves is up to `session`.
    fn sessions(&mut self, dc: u16, time: Duration, session: impl Fn(&AccessPointSlot, u8)) {
        let end = self.now + time;
        for n in (0..=u8::MAX).cycle() {
            if self.now >= end {
                return;
            }
            for id in self.access_points_of(dc) {
                session(self.slot(id), n);
            }
            self.event(Event::Evidence);
            self.run(100 * MS);
        }
    }

    fn causes(&self) -> Vec<Cause> {
        let changes = self.changes.iter().filter_map(|change| match change {
            Change::AccessPoint(change) if change.transition.to == Health::Down => {
                Some(change.cause)
            }
            _ => None,
        });
        changes.collect()
    }
}

/// As a session of a mute DC leaves it: connected, a byte sent, none received.
fn mute(slot: &AccessPointSlot, n: u8) {
    slot.record_connected();
    slot.record_mute(prefix(n));
}

#[test]
fn silence_towards_sessions_is_a_failure_of_the_access_point() {
    let mut lab = Lab::new(three_dcs());
    lab.run(SECOND);
    let [first, second] = lab.access_points_of(2)[..] else { panic!("two access points") };
    lab.faults.insert(second, Fault::Refuses);
    lab.run(SECOND);
    assert_eq!(lab.slot(first).last_failure(), 0);
    lab.faults.clear();
    mute(lab.slot(first), 1);
    lab.event(Event::Evidence);
    assert!(lab.slot(first).last_failure() > lab.slot(second).last_failure());
}

#[test]
fn a_mute_dc_is_found_by_a_probe_that_wants_an_answer_whatever_connects() {
    let mut lab = Lab::new(with_http_probes());
    lab.run(10 * SECOND);
    lab.break_dc(2, Fault::Mute);
    let began = lab.now;
    lab.sessions(2, 5 * SECOND, |slot, _| slot.record_connected());
    assert_eq!(lab.dc(2).health, Health::Down);
    assert!(lab.now - began <= 6 * SECOND);
    assert_eq!(lab.causes(), [Cause::ProbeFailed(ProbeFailure::Silent); 2]);
}

#[test]
fn a_mute_dc_is_found_by_its_sessions_where_probes_only_connect() {
    let mut lab = Lab::new(three_dcs());
    lab.sessions(2, 10 * SECOND, |slot, _| slot.record_answered());
    lab.break_dc(2, Fault::Mute);
    lab.sessions(2, 4 * SECOND, mute);
    assert_eq!(lab.causes(), [], "more had an answer in the ten seconds before");
    lab.sessions(2, 2 * SECOND, |slot, n| mute(slot, 100 + n));
    assert_eq!(lab.causes(), [Cause::Mute; 2]);
    assert_eq!(lab.dc(2).health, Health::Down);
    lab.run(28 * SECOND);
    assert_eq!(lab.dc(2).health, Health::Down, "held: its probes see nothing");
    lab.run(5 * SECOND);
    assert_eq!(lab.dc(2).health, Health::Up, "another try");
    lab.sessions(2, 2 * SECOND, mute);
    let index = lab.snapshot.topology.find_access_point(lab.access_points_of(2)[0]);
    let state = lab.snapshot.access_point(index.expect("is there"));
    let held_until = state.held_until.expect("held again");
    assert!(held_until - lab.now > 50 * SECOND, "twice as long");
}

#[test]
fn mute_sessions_of_few_neighbourhoods_make_suspect_and_never_down() {
    let mut lab = Lab::new(three_dcs());
    lab.run(SECOND);
    let few = ENOUGH as u8 - 1;
    lab.sessions(2, 60 * SECOND, |slot, n| mute(slot, n % few));
    assert!(lab.turned().all(|to| to != Health::Down));
    assert_eq!(lab.dc(2).health, Health::Up, "usable");
    let suspect = |lab: &Lab| lab.health(lab.access_points_of(2)[0]) == Some(Health::Suspect);
    assert!(suspect(&lab));
    lab.run(WINDOW + SECOND);
    assert!(!suspect(&lab), "nobody complains any more");
}

#[test]
fn clients_that_leave_without_a_byte_prove_nothing() {
    let mut lab = Lab::new(three_dcs());
    lab.run(SECOND);
    let before = lab.changes.len();
    lab.sessions(2, 60 * SECOND, |slot, _| (0..100).for_each(|_| slot.record_connected()));
    assert_eq!(lab.changes.len(), before);
}

#[test]
fn three_overtaken_dials_in_a_row_make_suspect_and_a_probe_clears_it() {
    let mut lab = Lab::new(three_dcs());
    lab.run(SECOND);
    let id = lab.access_points_of(2)[0];
    for _ in 0..20 {
        lab.slot(id).record_overtaken();
        lab.slot(id).record_overtaken();
        lab.slot(id).record_connected();
        lab.event(Event::Evidence);
    }
    let suspected = |lab: &Lab| lab.turned().filter(|to| *to == Health::Suspect).count();
    assert_eq!(suspected(&lab), 0);
    (0..3).for_each(|_| _ = lab.slot(id).record_overtaken());
    lab.event(Event::Evidence);
    assert_eq!(suspected(&lab), 1);
    lab.run(SECOND);
    assert_eq!(lab.health(id), Some(Health::Up));
    lab.slot(id).record_overtaken();
    lab.event(Event::Evidence);
    assert_eq!(suspected(&lab), 1, "a row of one");
}

#[test]
fn a_blackholed_dc_under_traffic_is_out_of_use_within_a_second() {
    for round_trip in [2 * MS, 20 * MS, 50 * MS] {
        let mut lab = Lab::new(three_dcs());
        lab.round_trip = round_trip;
        lab.run(10 * SECOND);
        lab.break_dc(2, Fault::Blackhole);
        let began = lab.now;
        // Its first sessions are overtaken after the hedge and a round trip elsewhere.
        lab.run(200 * MS + 2 * round_trip);
        let ids = lab.access_points_of(2);
        for id in ids.iter().cycle().take(3 * ids.len()) {
            lab.slot(*id).record_overtaken();
        }
        lab.event(Event::Evidence);
        lab.run_until(|lab| lab.dc(2).health == Health::Down);
        assert!(lab.now - began <= SECOND, "{:?} at {round_trip:?}", lab.now - began);
    }
}

#[test]
fn one_access_point_that_sessions_cannot_reach_has_all_of_its_dc_asked() {
    let mut lab = Lab::new(topology(vec![dc(2, Some(AMSTERDAM), 4), dc(1, Some(MIAMI), 1)]));
    lab.run(10 * SECOND);
    lab.break_dc(2, Fault::Refuses);
    lab.slot(lab.access_points_of(2)[0]).record_failed_connect(prefix(7));
    lab.event(Event::Evidence);
    let took = lab.run_until(|lab| lab.dc(2).health == Health::Down);
    assert!(took <= 700 * MS, "three probes of each, {took:?}");
    let mut lab = Lab::new(topology(vec![dc(2, Some(AMSTERDAM), 4), dc(1, Some(MIAMI), 1)]));
    lab.run(10 * SECOND);
    let before = lab.probes_made;
    for _ in 0..40 {
        lab.slot(lab.access_points_of(2)[0]).record_failed_connect(prefix(7));
        lab.event(Event::Evidence);
        lab.run(25 * MS);
    }
    let made = lab.probes_made - before;
    assert!(made <= 60, "the others once a second, not at each: {made}");
}

#[test]
fn what_sessions_reached_before_they_complained_does_not_speak_against_it() {
    let mut lab = Lab::new(with_http_probes());
    lab.run(10 * SECOND);
    let id = lab.access_points_of(2)[0];
    while !lab.probes.iter().any(|(_, request)| request.access_point == id) {
        lab.run(MS);
    }
    lab.slot(id).record_connected();
    lab.event(Event::Evidence);
    lab.faults.insert(id, Fault::Blackhole);
    lab.slot(id).record_failed_connect(prefix(7));
    lab.event(Event::Evidence);
    let took = lab.run_until(|lab| lab.health(id) == Some(Health::Down));
    assert!(took <= 400 * MS, "the probe under way and one more, {took:?}");
}

#[test]
fn sessions_that_connect_speak_against_a_probe_that_cannot() {
    let mut lab = Lab::new(three_dcs());
    lab.run(10 * SECOND);
    lab.break_dc(2, Fault::Blackhole);
    lab.sessions(2, 20 * SECOND, |slot, _| slot.record_connected());
    assert!(lab.turned().all(|to| to != Health::Down), "only probes are filtered");
}

#[test]
fn one_that_flaps_is_held_down_longer_each_time() {
    let mut lab = Lab::new(three_dcs());
    lab.run(60 * SECOND);
    for _ in 0..200 {
        lab.break_dc(2, Fault::Refuses);
        lab.run(1500 * MS);
        lab.faults.clear();
        lab.run(1500 * MS);
    }
    let held: Vec<u64> = (lab.changes.iter())
        .filter_map(|change| match change {
            Change::AccessPoint(it) if it.transition.to == Health::Down => {
                Some(it.held_for.as_secs())
            }
            _ => None,
        })
        .collect();
    assert!(held.len() <= 14, "ten minutes of it: {held:?}");
    for expected in [0, 30, 60, 120, 240] {
        assert!(held.contains(&expected), "{expected} is not in {held:?}");
    }
}

#[test]
fn an_operators_ready_does_not_bring_back_what_probes_hold_down() {
    let mut lab = Lab::new(three_dcs());
    lab.break_dc(2, Fault::Refuses);
    lab.run(5 * SECOND);
    lab.set_dc(DcId(2), AdminState::Drain);
    lab.set_dc(DcId(2), AdminState::Ready);
    lab.run(5 * SECOND);
    assert_eq!(lab.dc(2).health, Health::Down);
}

#[test]
fn changes_of_dcs_and_commands_are_told_once() {
    let mut lab = Lab::new(three_dcs());
    lab.run(SECOND);
    lab.changes.clear();
    for _ in 0..3 {
        lab.set_dc(DcId(2), AdminState::Drain);
        lab.set_dc(DcId(99), AdminState::Drain);
    }
    lab.break_dc(1, Fault::Refuses);
    lab.run(10 * SECOND);
    let told = lab.changes.iter().filter(|change| !matches!(change, Change::AccessPoint(_)));
    let transition = Transition { from: Health::Up, to: Health::Down };
    let drained = |dc| {
        let (from, to, told) = (AdminState::Ready, AdminState::Drain, Arc::default());
        let target = Target::Dc(DcId(dc));
        Change::Intent(IntentChange { target, from, to, lasting: None, expired: false, told })
    };
    let expected = [drained(2), drained(99), Change::Dc { dc: DcId(1), transition }];
    assert!(told.eq(&expected), "{:?}", lab.changes);
}

#[test]
fn one_that_refused_for_a_moment_is_not_held_while_its_probes_see_as_deep() {
    let mut lab = Lab::new(three_dcs());
    lab.run(10 * SECOND);
    for id in lab.access_points_of(2) {
        (0..20).for_each(|n| lab.slot(id).record_failed_connect(prefix(n)));
    }
    lab.event(Event::Evidence);
    lab.run(COALESCE);
    assert_eq!(lab.causes(), [Cause::FailedConnects; 2]);
    assert_eq!(lab.dc(2).health, Health::Down);
    let took = lab.run_until(|lab| lab.dc(2).health == Health::Up);
    assert!(took <= SECOND, "{took:?}");
}

#[test]
fn the_cause_of_a_down_is_what_most_complain_of_whatever_came_first() {
    let mut lab = Lab::new(three_dcs());
    lab.run(10 * SECOND);
    let id = lab.access_points_of(2)[0];
    lab.slot(id).record_mute(prefix(1));
    lab.state.look_at_sessions(lab.now, &mut Vec::new());
    (0..20).for_each(|n| lab.slot(id).record_failed_connect(prefix(n)));
    lab.slot(id).record_mute(prefix(2));
    lab.event(Event::Evidence);
    assert_eq!(lab.causes(), [Cause::FailedConnects]);
}
