use super::*;
use crate::admin::fixture::{all_up, bound_to, set_admin, set_health, three_dcs};
use crate::routing::policy::Objective;
use crate::routing::topology::TopologySpec;
use crate::routing::{AdminState, Health};

fn explained(snapshot: &Snapshot, ip: &str) -> ExplainView {
    let listener = the_listener(&snapshot.topology, None).expect("one listener");
    let ip = ip.parse().expect("an address of the test");
    explain(snapshot, listener, ip).expect("a listener that exists")
}

fn pinned(dc: u16) -> TopologySpec {
    let mut spec = three_dcs();
    spec.routes.clear();
    spec.routes.insert("pinned".into(), bound_to(dc));
    spec
}

#[test]
fn a_located_client_goes_to_the_nearest_dc() {
    let view = explained(&all_up(three_dcs()), "203.0.113.7");
    assert_eq!(view.sentence, "203.0.113.7 (DE, database) goes to DC 2 ams, 576 km away: nearest.");
    assert_eq!(view.why.as_deref(), Some("nearest"));
    let order: Vec<u16> = view.dcs.iter().map(|dc| dc.id).collect();
    assert_eq!(order, [2, 1, 5]);
    let chosen: Vec<bool> = view.dcs.iter().map(|dc| dc.chosen).collect();
    assert_eq!(chosen, [true, false, false]);
    let light = view.dcs[0].client_to_dc_ms.expect("both are located");
    assert!((5.7..5.8).contains(&light), "{light}");
    assert_eq!(view.dcs[0].edge_to_dc_ms, Some(12.0));
}

#[test]
fn the_dials_are_those_of_a_session_that_fails_everywhere() {
    let view = explained(&all_up(three_dcs()), "203.0.113.7");
    let dcs: Vec<u16> = view.attempts.iter().map(|attempt| attempt.dc).collect();
    assert_eq!(dcs, [2, 2, 1, 1, 5], "two per DC, five in all");
    let numbers: Vec<u32> = view.attempts.iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
}

#[test]
fn embedded_forms_are_the_same_client() {
    let snapshot = all_up(three_dcs());
    let plain = explained(&snapshot, "203.0.113.7");
    for form in ["::ffff:203.0.113.7", "64:ff9b::203.0.113.7"] {
        let view = explained(&snapshot, form);
        assert_eq!(view.sentence, plain.sentence);
        let parsed = view.unwrapped_from.as_deref().map(str::parse::<IpAddr>);
        assert_eq!(parsed, Some(form.parse()));
    }
    assert_eq!(plain.unwrapped_from, None);
}

#[test]
fn an_unlocated_client_goes_by_the_round_trip_of_this_edge() {
    let view = explained(&all_up(three_dcs()), "10.0.0.1");
    assert_eq!(
        view.sentence,
        "10.0.0.1 (location unknown) goes to DC 2 ams, 12 ms from this edge: \
         nearest to this edge, since nobody knows where the client is."
    );
    assert_eq!(view.location.coordinates, None);
}

#[test]
fn a_failover_names_the_dc_that_was_passed_over() {
    let mut snapshot = all_up(three_dcs());
    set_health(&mut snapshot, 2, Health::Down);
    let view = explained(&snapshot, "203.0.113.7");
    assert!(
        view.sentence.ends_with("DC 2 ams comes first and is out of use (down)."),
        "{}",
        view.sentence
    );
    assert_eq!(view.why.as_deref(), Some("failover"));
    assert_eq!(view.dcs[0].exclusion.as_deref(), Some("down"));
}

#[test]
fn a_refusal_counts_why_nobody_is_left() {
    let mut spec = three_dcs();
    spec.policy.fail_open = false;
    let mut snapshot = all_up(spec);
    set_health(&mut snapshot, 1, Health::Down);
    set_health(&mut snapshot, 2, Health::Down);
    set_admin(&mut snapshot, 5, AdminState::Drain);
    let view = explained(&snapshot, "203.0.113.7");
    assert_eq!(
        view.sentence,
        "203.0.113.7 (DE, database) is refused: no DC is a candidate (2 down, 1 drain)."
    );
    assert_eq!(view.why, None);
    assert!(view.attempts.is_empty());
}

#[test]
fn fail_open_and_pinned_listeners_say_so() {
    let mut snapshot = all_up(three_dcs());
    for dc in [1, 2, 5] {
        set_health(&mut snapshot, dc, Health::Down);
    }
    let view = explained(&snapshot, "203.0.113.7");
    assert!(view.fail_open);
    assert!(view.sentence.contains("nothing is up"), "{}", view.sentence);
    let view = explained(&all_up(pinned(5)), "203.0.113.7");
    assert!(view.sentence.ends_with("listener pinned has no other."), "{}", view.sentence);
    let view = explained(&all_up(pinned(9)), "203.0.113.7");
    assert!(view.sentence.ends_with("(listener pinned may use none)."), "{}", view.sentence);
}

#[test]
fn ties_and_slow_dcs_are_named() {
    let mut spec = three_dcs();
    spec.policy.tie_margin = Millis(100.0);
    let view = explained(&all_up(spec), "203.0.113.7");
    assert_eq!(view.why.as_deref(), Some("tie"));
    assert!(view.sentence.contains("within 100 ms of DC "), "{}", view.sentence);
    let mut snapshot = all_up(three_dcs());
    snapshot.dcs[1].excess = Millis(400.0);
    let view = explained(&snapshot, "203.0.113.7");
    assert!(
        view.sentence.ends_with("DC 2 ams is nearer, but 400 ms slower than usual."),
        "{}",
        view.sentence
    );
}

#[test]
fn costs_that_cannot_be_compared_are_null_and_survive_json() {
    let mut spec = three_dcs();
    spec.policy.objective = Objective::Latency;
    let mut snapshot = all_up(spec);
    snapshot.dcs[0].round_trip = None;
    snapshot.dcs[0].settled_round_trip = None;
    let view = explained(&snapshot, "203.0.113.7");
    assert_eq!(view.dcs[2].cost_ms, None);
    let text = serde_json::to_string(&view).expect("it serialises");
    let back: ExplainView = serde_json::from_str(&text).expect("it is read back");
    assert_eq!(back, view);
}

#[test]
fn the_listener_is_the_named_or_the_only_one() {
    let mut spec = three_dcs();
    spec.routes.insert("pinned".into(), bound_to(2));
    let topology = Topology::new(spec);
    assert_eq!(the_listener(&topology, Some("pinned")), Ok("pinned"));
    let known = || vec!["clients".to_owned(), "pinned".to_owned()];
    assert_eq!(the_listener(&topology, None), Err(ExplainError::WhichListener(known())));
    assert_eq!(
        the_listener(&topology, Some("x")),
        Err(ExplainError::UnknownListener("x".into(), known()))
    );
}
