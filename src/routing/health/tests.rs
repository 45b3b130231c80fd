use super::*;
use crate::routing::topology::{HoldDown, Probe};
use proptest::prelude::*;

const SETTINGS: HealthSettings = HealthSettings {
    udp_probe: None,
    interval: Duration::from_secs(2),
    fast_interval: Duration::from_millis(300),
    down_interval: Duration::from_secs(5),
    timeout: Duration::from_secs(1),
    fall: 3,
    rise: 2,
    jitter_percent: 0,
    probe: Probe::Tcp,
    hold_down: HoldDown { first: Duration::from_secs(30), max: Duration::from_secs(300) },
};

fn tracker_in(health: Health) -> HealthTracker {
    HealthTracker { health, ..HealthTracker::default() }
}

#[test]
fn first_good_probe_settles_an_unknown_access_point() {
    let mut tracker = HealthTracker::default();
    assert_eq!(tracker.interval(&SETTINGS), SETTINGS.fast_interval);
    let transition = tracker.on_probe_success(Depth::Connect, &SETTINGS, false);
    assert_eq!(transition, Some(Transition { from: Health::Unknown, to: Health::Up }));
    assert_eq!(tracker.interval(&SETTINGS), SETTINGS.interval);
}

#[test]
fn fall_failures_in_a_row_are_down_and_a_success_between_starts_over() {
    let mut tracker = tracker_in(Health::Up);
    for _ in 0..2 {
        assert_eq!(tracker.on_probe_failure(Depth::Connect, &SETTINGS), None);
        assert_eq!(tracker.interval(&SETTINGS), SETTINGS.fast_interval);
    }
    assert_eq!(tracker.on_probe_success(Depth::Connect, &SETTINGS, false), None);
    for _ in 0..2 {
        assert_eq!(tracker.on_probe_failure(Depth::Connect, &SETTINGS), None);
    }
    let transition = tracker.on_probe_failure(Depth::Connect, &SETTINGS);
    assert_eq!(transition, Some(Transition { from: Health::Up, to: Health::Down }));
    assert_eq!(tracker.interval(&SETTINGS), SETTINGS.down_interval);
}

#[test]
fn a_down_access_point_needs_rise_successes_probed_fast() {
    let mut tracker = tracker_in(Health::Down);
    assert_eq!(tracker.on_probe_success(Depth::Connect, &SETTINGS, false), None);
    assert_eq!(tracker.interval(&SETTINGS), SETTINGS.fast_interval);
    assert_eq!(tracker.on_probe_failure(Depth::Connect, &SETTINGS), None);
    assert_eq!(tracker.interval(&SETTINGS), SETTINGS.down_interval);
    assert_eq!(tracker.on_probe_success(Depth::Connect, &SETTINGS, false), None);
    let transition = tracker.on_probe_success(Depth::Connect, &SETTINGS, false);
    assert_eq!(transition, Some(Transition { from: Health::Down, to: Health::Up }));
}

#[test]
fn failed_connects_make_suspect_and_a_good_probe_clears_it() {
    let mut tracker = tracker_in(Health::Up);
    let transition = tracker.suspect(Depth::Connect);
    assert_eq!(transition, Some(Transition { from: Health::Up, to: Health::Suspect }));
    assert_eq!(tracker.interval(&SETTINGS), SETTINGS.fast_interval);
    let transition = tracker.on_probe_success(Depth::Connect, &SETTINGS, false);
    assert_eq!(transition, Some(Transition { from: Health::Suspect, to: Health::Up }));
}

#[test]
fn good_connects_do_not_hide_probes_that_get_no_answer() {
    let mut tracker = tracker_in(Health::Up);
    for _ in 0..2 {
        assert_eq!(tracker.on_probe_failure(Depth::FirstByte, &SETTINGS), None);
        tracker.on_session_success(Depth::Connect);
    }
    let transition = tracker.on_probe_failure(Depth::FirstByte, &SETTINGS);
    assert_eq!(transition, Some(Transition { from: Health::Up, to: Health::Down }));
}

#[test]
fn sessions_that_get_deeper_clear_what_failed_before() {
    let mut tracker = tracker_in(Health::Up);
    for _ in 0..9 {
        assert_eq!(tracker.on_probe_failure(Depth::Connect, &SETTINGS), None);
        tracker.on_session_success(Depth::FirstByte);
    }
    assert_eq!(tracker.failures(), 0);
}

#[test]
fn a_probe_that_only_connects_does_not_clear_what_mute_sessions_say() {
    let mut tracker = tracker_in(Health::Up);
    assert!(tracker.suspect(Depth::FirstByte).is_some());
    assert_eq!(tracker.on_probe_success(Depth::Connect, &SETTINGS, false), None);
    assert_eq!(tracker.health(), Health::Suspect);
    tracker.forget_suspicion();
    let transition = tracker.on_probe_success(Depth::Connect, &SETTINGS, false);
    assert_eq!(transition, Some(Transition { from: Health::Suspect, to: Health::Up }));
    tracker.suspect(Depth::FirstByte);
    assert!(tracker.on_probe_success(Depth::Answer, &SETTINGS, false).is_some());
}

#[test]
fn failed_connects_save_probes_one_failure_and_never_all() {
    let mut tracker = tracker_in(Health::Up);
    for _ in 0..100 {
        tracker.suspect(Depth::Connect);
    }
    assert_eq!(tracker.failures(), 1);
    assert_eq!(tracker.on_probe_failure(Depth::Connect, &SETTINGS), None);
    assert!(tracker.on_probe_failure(Depth::Connect, &SETTINGS).is_some());
}

#[test]
fn one_that_is_held_down_stays_so_until_a_probe_after_that() {
    let mut tracker = tracker_in(Health::Down);
    for _ in 0..9 {
        assert_eq!(tracker.on_probe_success(Depth::Connect, &SETTINGS, true), None);
    }
    assert!(tracker.on_probe_success(Depth::Connect, &SETTINGS, false).is_some());
}

#[derive(Clone, Copy, Debug)]
enum Seen {
    Good(Depth),
    Bad(Depth),
    Session(Depth),
    Complaint(Depth),
    Condemned,
}

fn depth() -> impl Strategy<Value = Depth> {
    prop_oneof![Just(Depth::Connect), Just(Depth::FirstByte), Just(Depth::Answer)]
}

fn seen() -> impl Strategy<Value = Seen> {
    prop_oneof![
        depth().prop_map(Seen::Good),
        depth().prop_map(Seen::Bad),
        depth().prop_map(Seen::Session),
        depth().prop_map(Seen::Complaint),
        Just(Seen::Condemned),
    ]
}

proptest! {
    /// Down needs failures that nothing as deep has cleared, or enough sessions; Up needs probes:
    /// whatever else happens.
    #[test]
    fn every_judgement_has_its_reasons(events in prop::collection::vec(seen(), 0..200)) {
        let mut tracker = HealthTracker::default();
        let mut failures = Vec::new();
        let mut good = 0;
        for event in events {
            let transition = match event {
                Seen::Good(depth) => {
                    good += 1;
                    failures.retain(|failed| *failed > depth);
                    tracker.on_probe_success(depth, &SETTINGS, false)
                }
                Seen::Bad(depth) => {
                    good = 0;
                    failures.push(depth);
                    tracker.on_probe_failure(depth, &SETTINGS)
                }
                Seen::Session(depth) => {
                    failures.retain(|failed| *failed > depth);
                    tracker.on_session_success(depth);
                    None
                }
                Seen::Complaint(depth) => {
                    let transition = tracker.suspect(depth);
                    if transition.is_some() && depth == Depth::Connect {
                        failures.push(depth);
                    }
                    transition
                }
                Seen::Condemned => {
                    let transition = tracker.condemn();
                    good = if transition.is_some() { 0 } else { good };
                    transition
                }
            };
            let Some(Transition { from, to }) = transition else { continue };
            prop_assert_ne!(from, to);
            match to {
                Health::Down => {
                    let condemned = matches!(event, Seen::Condemned);
                    let failed = matches!(event, Seen::Bad(_)) && failures.len() >= 3;
                    prop_assert!(condemned || failed);
                }
                Health::Up => {
                    prop_assert!(matches!(event, Seen::Good(_)));
                    let needed = if from == Health::Down { SETTINGS.rise } else { 1 };
                    prop_assert!(good >= needed);
                    failures.clear();
                }
                Health::Suspect => prop_assert!(matches!(event, Seen::Complaint(_))),
                Health::Unknown => prop_assert!(false, "nothing is forgotten"),
            }
        }
    }
}
