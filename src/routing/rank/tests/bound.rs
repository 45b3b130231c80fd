//! Sessions that are bound to a DC, and the classes of access points.

use super::*;
use crate::routing::fixture::rule;
use crate::routing::policy::Action;
use crate::routing::topology::TopologySpec;

/// Amsterdam has Singapore and then Miami for replicas, and another DC is nearer than both.
fn replicated() -> TopologySpec {
    let mut spec = topology(vec![
        dc(2, Some(AMSTERDAM), 2),
        dc(1, Some(MIAMI), 2),
        dc(4, Some(AMSTERDAM), 2),
        dc(5, Some(SINGAPORE), 2),
    ]);
    spec.dcs[0].replicas = [DcId(5), DcId(1)].into();
    spec
}

fn berliner() -> Client {
    client("203.0.113.7", Some(BERLIN))
}

fn order(snapshot: &Snapshot, dc: u16) -> Vec<u16> {
    order_of(snapshot, &bound_to(dc), &berliner())
}

/// All access points of one DC.
fn members(spec: &mut TopologySpec, at: usize) -> &mut [crate::routing::topology::AccessPointSpec] {
    &mut spec.dcs[at].access_points
}

#[test]
fn a_bound_session_goes_to_its_dc_then_to_replicas_as_they_are_listed_and_to_nobody_else() {
    let mut snapshot = all_up(replicated());
    assert_eq!(order(&snapshot, 2), [2, 5, 1]);
    assert_eq!(order(&snapshot, 5), [5], "who is a replica has none for that");
    assert_eq!(why(&snapshot, &bound_to(2), &berliner()), Why::Pinned);
    set_health(&mut snapshot, 2, Health::Down);
    assert_eq!(order(&snapshot, 2), [5, 1]);
    let ranking = ranked(&snapshot, &bound_to(2), &berliner());
    assert_eq!(why(&snapshot, &bound_to(2), &berliner()), Why::Replica);
    assert_eq!(ranking.home(), snapshot.topology.find_dc(DcId(2)), "where it belongs");
    set_health(&mut snapshot, 5, Health::Down);
    assert_eq!(order(&snapshot, 2), [1]);
    set_health(&mut snapshot, 1, Health::Down);
    assert_eq!(order(&snapshot, 2), [0; 0], "another DC is up, and is not asked");
}

#[test]
fn an_operator_who_drains_a_dc_sends_its_bound_sessions_to_the_replicas() {
    for admin in [AdminState::Drain, AdminState::Maint] {
        let mut snapshot = all_up(replicated());
        let index = snapshot.topology.find_dc(DcId(2)).expect("Amsterdam");
        snapshot.dcs[index.at()].admin = admin;
        assert_eq!(order(&snapshot, 2), [5, 1]);
    }
}

#[test]
fn a_replica_that_the_listener_does_not_list_stands_in_for_nobody() {
    let snapshot = all_up(replicated());
    let listed = BTreeSet::from([DcId(2), DcId(1)]);
    let listener = ListenerRoute { dcs: Some(listed), ..bound_to(2) };
    assert_eq!(order_of(&snapshot, &listener, &berliner()), [2, 1]);
}

#[test]
fn a_dc_that_nobody_listed_leaves_its_sessions_to_nobody() {
    let snapshot = all_up(replicated());
    assert_eq!(order(&snapshot, 77), [0; 0]);
    let mut spec = replicated();
    spec.dcs[0].access_points.clear();
    let snapshot = all_up(spec);
    assert_eq!(
        order(&snapshot, 2),
        [5, 1],
        "described, with replicas, and without an access point"
    );
    let ranking = ranked(&snapshot, &bound_to(2), &berliner());
    let amsterdam = snapshot.topology.find_dc(DcId(2));
    let left_out = ranking.dcs.iter().find(|it| Some(it.dc) == amsterdam);
    assert_eq!(left_out.and_then(|it| it.exclusion), Some(Exclusion::Class));
    assert_eq!(why(&snapshot, &bound_to(2), &berliner()), Why::Replica);
}

#[test]
fn fail_open_of_bound_sessions_is_for_their_own_dc_and_only_when_replicas_are_gone_too() {
    let mut spec = replicated();
    spec.policy.bound_fail_open = true;
    let mut snapshot = all_up(spec);
    set_health(&mut snapshot, 2, Health::Down);
    assert_eq!(order(&snapshot, 2), [5, 1]);
    set_health(&mut snapshot, 5, Health::Down);
    set_health(&mut snapshot, 1, Health::Down);
    assert_eq!(order(&snapshot, 2), [2]);
    let ranking = ranked(&snapshot, &bound_to(2), &berliner());
    assert!(ranking.is_last_resort());
    assert_eq!(why(&snapshot, &bound_to(2), &berliner()), Why::FailOpen);
    let index = snapshot.topology.find_dc(DcId(2)).expect("Amsterdam");
    snapshot.dcs[index.at()].admin = AdminState::Drain;
    assert_eq!(order(&snapshot, 2), [0; 0], "the operator's word is not lifted");
}

#[test]
fn without_it_nothing_is_dialled_that_is_down() {
    let mut snapshot = all_up(replicated());
    for dc in [2, 5, 1, 4] {
        set_health(&mut snapshot, dc, Health::Down);
    }
    assert_eq!(order(&snapshot, 2), [0; 0], "fail_open is for nearest");
}

#[test]
fn media_falls_back_to_the_main_access_points_of_its_dc_and_no_further() {
    let mut spec = replicated();
    members(&mut spec, 0)[1].flags.media_only = true;
    let mut snapshot = all_up(spec);
    let listener = ListenerRoute { class: Class::Media, ..bound_to(2) };
    let first = |snapshot: &Snapshot| {
        let ranking = ranked(snapshot, &listener, &berliner());
        let dc = ranking.candidates().next()?;
        let eligible = ranking.eligible(&berliner());
        let order = crate::routing::order_access_points(snapshot, dc, &eligible);
        let made_for = |at: &_| snapshot.topology.access_point(*at).flags.media_only;
        Some((snapshot.topology.dc(dc).id.0, order.iter().map(made_for).collect::<Vec<_>>()))
    };
    assert_eq!(first(&snapshot), Some((2, vec![true, false])));
    snapshot.access_points[3].health = Health::Down;
    let at = |snapshot: &Snapshot, n: usize| snapshot.topology.access_points()[n].id.dc.0;
    assert_eq!(at(&snapshot, 3), 2);
    assert_eq!(first(&snapshot), Some((2, vec![false])), "main stands in");
    snapshot.access_points[2].health = Health::Down;
    set_health(&mut snapshot, 2, Health::Down);
    assert_eq!(first(&snapshot), None, "replicas are for ordinary sessions");
    assert_eq!(order(&snapshot, 2), [5, 1]);
}

#[test]
fn ordinary_sessions_never_use_media_or_cdn_access_points() {
    let mut spec = replicated();
    members(&mut spec, 0)[0].flags.media_only = true;
    members(&mut spec, 0)[1].flags.cdn = true;
    spec.dcs[0].replicas = [].into();
    let snapshot = all_up(spec);
    assert_eq!(order(&snapshot, 2), [0; 0]);
    let of = |class| order_of(&snapshot, &ListenerRoute { class, ..bound_to(2) }, &berliner());
    assert_eq!(of(Class::Media), [2]);
    assert_eq!(of(Class::Cdn), [2]);
    let everywhere = ListenerRoute { class: Class::Cdn, ..NEAREST };
    assert_eq!(order_of(&snapshot, &everywhere, &berliner()), [2], "who has a CDN access point");
}

#[test]
fn the_health_of_a_class_is_that_of_its_access_points() {
    let mut spec = replicated();
    members(&mut spec, 0)[1].flags.cdn = true;
    let mut snapshot = all_up(spec);
    snapshot.access_points[3].health = Health::Down;
    let cdn = ListenerRoute { class: Class::Cdn, ..bound_to(2) };
    let ranking = ranked(&snapshot, &cdn, &berliner());
    assert_eq!(ranking.dcs[0].exclusion, Some(Exclusion::Down));
    assert_eq!(order(&snapshot, 2), [2, 5, 1], "ordinary sessions do not care");
}

#[test]
fn audit_counts_who_is_given_a_dc_that_policy_forbids_and_nobody_else() {
    let mut spec = replicated();
    spec.policy.rules = [rule(&["0.0.0.0/0"], Action::Restrict([DcId(2), DcId(1)].into()))].into();
    let mut snapshot = all_up(spec);
    let audited = |snapshot: &Snapshot| ranked(snapshot, &bound_to(2), &berliner()).audited;
    assert!(!audited(&snapshot));
    set_health(&mut snapshot, 2, Health::Down);
    assert!(audited(&snapshot), "Singapore stands in, where the client may not go");
    set_health(&mut snapshot, 5, Health::Down);
    assert!(!audited(&snapshot), "Miami it may");
}
