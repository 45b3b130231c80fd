//! What the rules make of a ranking.

use super::*;
use crate::routing::fixture::rule;
use crate::routing::policy::{Action, Admission, EnforceOnBound, Rule};
use crate::routing::topology::TopologySpec;
use crate::routing::verdict::Decision;

const EVERYBODY: [&str; 1] = ["0.0.0.0/0"];

fn with_rules(rules: Vec<Rule>) -> TopologySpec {
    let mut spec = three_dcs();
    spec.policy.rules = rules.into();
    spec
}

fn dcs(ids: &[u16]) -> std::sync::Arc<[DcId]> {
    ids.iter().copied().map(DcId).collect()
}

fn restrict(ids: &[u16]) -> Rule {
    rule(&EVERYBODY, Action::Restrict(dcs(ids)))
}

fn prefer(ids: &[u16]) -> Rule {
    rule(&EVERYBODY, Action::Prefer(dcs(ids)))
}

fn berliner() -> Client {
    client("203.0.113.7", Some(BERLIN))
}

fn ruled(snapshot: &Snapshot) -> Ranking {
    ranked(snapshot, &NEAREST, &berliner())
}

const NOBODY: [u16; 0] = [];

#[test]
fn a_denied_client_has_no_dc_and_policy_is_the_reason() {
    let mut spec = with_rules(vec![restrict(&[2]), rule(&EVERYBODY, Action::Deny)]);
    let ranking = ruled(&all_up(spec.clone()));
    assert_eq!(ranking.candidates().count(), 0);
    assert!(ranking.dcs.iter().all(|it| it.exclusion == Some(Exclusion::Policy)));
    assert!(ranking.refused_by_policy);
    assert_eq!(ranking.verdict.map(|it| it.decision), Some(Decision::Denied(1)));
    spec.policy.rules = [].into();
    spec.policy.default = Admission::Deny;
    let ranking = ruled(&all_up(spec));
    assert_eq!((ranking.candidates().count(), ranking.refused_by_policy), (0, true));
    assert_eq!(ranking.home(), None);
}

#[test]
fn a_restricted_client_is_refused_while_another_dc_is_up() {
    let mut snapshot = all_up(with_rules(vec![restrict(&[2, 1])]));
    assert_eq!(order_of(&snapshot, &NEAREST, &berliner()), [2, 1]);
    set_health(&mut snapshot, 2, Health::Down);
    assert_eq!(order_of(&snapshot, &NEAREST, &berliner()), [1]);
    assert!(!ruled(&snapshot).refused_by_policy);
    snapshot.dcs[0].admin = AdminState::Drain;
    let ranking = ruled(&snapshot);
    assert_eq!((ranking.candidates().count(), ranking.fail_open), (0, false));
    assert!(ranking.refused_by_policy, "DC 5 could serve it");
}

#[test]
fn fail_open_keeps_to_the_restriction_and_is_nobody_elses_refusal() {
    let mut snapshot = all_up(with_rules(vec![restrict(&[5])]));
    for dc in [1, 2, 5] {
        set_health(&mut snapshot, dc, Health::Down);
    }
    assert_eq!(order_of(&snapshot, &NEAREST, &berliner()), [5]);
    assert_eq!(why(&snapshot, &NEAREST, &berliner()), Why::FailOpen);
    let mut spec = with_rules(vec![restrict(&[5])]);
    spec.policy.fail_open = false;
    let mut snapshot = all_up(spec);
    for dc in [1, 2, 5] {
        set_health(&mut snapshot, dc, Health::Down);
    }
    let ranking = ruled(&snapshot);
    assert_eq!((ranking.candidates().count(), ranking.refused_by_policy), (0, false));
}

#[test]
fn a_restriction_whose_dcs_are_full_is_no_refusal_by_policy() {
    let mut spec = with_rules(vec![restrict(&[2])]);
    spec.dcs[0].max_connecting = 0;
    let ranking = ruled(&all_up(spec));
    assert_eq!((ranking.candidates().count(), ranking.refused_by_policy), (0, false));
}

#[test]
fn a_restriction_to_dcs_that_nobody_has_is_a_refusal_by_policy() {
    let mut snapshot = all_up(with_rules(vec![restrict(&[7])]));
    assert!(ruled(&snapshot).refused_by_policy);
    for dc in [1, 2, 5] {
        set_health(&mut snapshot, dc, Health::Down);
    }
    assert!(ruled(&snapshot).refused_by_policy, "whatever the health");
}

#[test]
fn groups_are_formed_from_what_policy_leaves() {
    let mut spec = with_rules(vec![restrict(&[1, 2])]);
    spec.dcs.push(dc(3, Some(AMSTERDAM), 1));
    let snapshot = all_up(spec);
    for n in 0..50 {
        let client = client(&format!("203.0.113.{n}"), Some(BERLIN));
        assert_eq!(why(&snapshot, &NEAREST, &client), Why::Nearest, "no tie with DC 3");
        let ranking = ranked(&snapshot, &NEAREST, &client);
        assert!(ranking.dcs[2..].iter().all(|it| it.group.is_none()));
    }
}

#[test]
fn preferred_dcs_come_first_in_their_order_and_the_others_by_cost() {
    let mut snapshot = all_up(with_rules(vec![prefer(&[5, 9, 1])]));
    assert_eq!(order_of(&snapshot, &NEAREST, &berliner()), [5, 1, 2]);
    assert_eq!(why(&snapshot, &NEAREST, &berliner()), Why::Preferred);
    set_health(&mut snapshot, 5, Health::Down);
    assert_eq!(order_of(&snapshot, &NEAREST, &berliner()), [1, 2]);
    assert_eq!(why(&snapshot, &NEAREST, &berliner()), Why::Failover);
    assert_eq!(ruled(&snapshot).dcs[0].precedence, Precedence::Preferred(0));
    let snapshot = all_up(with_rules(vec![prefer(&[5, 1]), restrict(&[1, 2])]));
    assert_eq!(order_of(&snapshot, &NEAREST, &berliner()), [1, 2], "both apply");
    let mut spec = with_rules(vec![prefer(&[5])]);
    spec.policy.default = Admission::Deny;
    assert_eq!(order_of(&all_up(spec), &NEAREST, &berliner()), NOBODY, "it admits nobody");
}

#[test]
fn a_bound_session_is_judged_as_enforce_on_bound_says() {
    let judged = |mode, rules: Vec<Rule>| {
        let mut spec = with_rules(rules);
        spec.policy.enforce_on_bound = mode;
        let snapshot = all_up(spec);
        let ranking = ranked(&snapshot, &bound_to(5), &berliner());
        let served = ranking.candidates().count() == 1;
        assert_ne!(served, ranking.refused_by_policy);
        (served, ranking.audited, ranking.verdict.is_some())
    };
    for refusing in [restrict(&[1, 2]), rule(&EVERYBODY, Action::Deny)] {
        let refusing = || vec![refusing.clone()];
        assert_eq!(judged(EnforceOnBound::Off, refusing()), (true, false, false));
        assert_eq!(judged(EnforceOnBound::Audit, refusing()), (true, true, true));
        assert_eq!(judged(EnforceOnBound::Enforce, refusing()), (false, false, true));
    }
    let admitting = || vec![restrict(&[5]), prefer(&[1])];
    assert_eq!(judged(EnforceOnBound::Audit, admitting()), (true, false, true));
    assert_eq!(judged(EnforceOnBound::Enforce, admitting()), (true, false, true));
    let mut spec = three_dcs();
    spec.policy.default = Admission::Deny;
    spec.policy.enforce_on_bound = EnforceOnBound::Enforce;
    let ranking = ranked(&all_up(spec), &bound_to(5), &berliner());
    assert!(ranking.refused_by_policy);
}

#[test]
fn nobody_in_particular_is_ranked_whatever_the_rules() {
    let mut spec = with_rules(vec![rule(&EVERYBODY, Action::Deny)]);
    spec.policy.default = Admission::Deny;
    spec.policy.enforce_on_bound = EnforceOnBound::Enforce;
    let snapshot = all_up(spec);
    let bound = Destination::Dc(DcId(5), Class::Main);
    assert_eq!(rank_anybody(&snapshot, &NEAREST, ANYWHERE).candidates().count(), 3);
    assert_eq!(rank_anybody(&snapshot, &bound_to(5), bound).candidates().count(), 1);
}
