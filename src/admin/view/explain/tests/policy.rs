use std::collections::BTreeMap;

use super::*;
use crate::routing::policy::{Action, Admission, EnforceOnBound, Rule};

const GERMAN: &str = "203.0.113.7";

fn germans() -> ClientMatch {
    ClientMatch {
        countries: CountryCode::new("DE").into_iter().collect(),
        ..ClientMatch::default()
    }
}

fn chinese() -> ClientMatch {
    ClientMatch {
        countries: CountryCode::new("CN").into_iter().collect(),
        ..ClientMatch::default()
    }
}

fn ruled(rules: impl IntoIterator<Item = (ClientMatch, Action)>) -> TopologySpec {
    let mut spec = three_dcs();
    let rules = rules.into_iter().map(|(clients, action)| Rule { clients, action });
    spec.policy.rules = rules.collect();
    spec
}

fn dcs(ids: &[u16]) -> std::sync::Arc<[DcId]> {
    ids.iter().copied().map(DcId).collect()
}

/// What became of the rules that fit: by index, whether it decides, and what beat it.
fn parts(view: &ExplainView) -> Vec<(usize, bool, Option<&str>)> {
    let rules = view.policy.fitting.iter();
    rules.map(|rule| (rule.index, rule.decides, rule.beaten_by.as_deref())).collect()
}

#[test]
fn every_rule_that_fits_is_shown_with_what_beat_it() {
    let spec = ruled([
        (chinese(), Action::Deny),
        (germans(), Action::Allow),
        (germans(), Action::Restrict(dcs(&[5, 1]))),
        (ClientMatch::default(), Action::Restrict(dcs(&[2]))),
        (germans(), Action::Prefer(dcs(&[5]))),
        (germans(), Action::Prefer(dcs(&[1]))),
    ]);
    let view = explained(&all_up(spec), GERMAN);
    let expected = [
        (1, false, Some("policy.rules[2]")),
        (2, true, None),
        (3, false, Some("policy.rules[2]")),
        (4, true, None),
        (5, false, Some("policy.rules[4]")),
    ];
    assert_eq!(parts(&view), expected);
    assert_eq!(view.policy.rules, 6);
    assert_eq!(view.policy.fitting[1].rule, "policy.rules[2]");
    assert_eq!(view.policy.fitting[1].text, "restrict country DE to DC 5, 1");
    assert!(!view.policy.default_decides);
    assert_eq!(
        view.sentence,
        "203.0.113.7 (DE, database) goes to DC 5 sin, 9917 km away: \
         policy.rules[4], prefer DC 5 for country DE."
    );
    let ams = view.dcs.iter().find(|dc| dc.id == 2).expect("Amsterdam");
    assert_eq!(ams.exclusion.as_deref(), Some("policy"));
    assert_eq!(ams.exclusion_says.as_deref(), Some("not in policy.rules[2]"));
    assert_eq!((&*ams.precedence, ams.group), ("ruled_out", None));
}

#[test]
fn a_denied_client_is_told_the_rule_and_prefers_nothing() {
    let spec = ruled([
        (germans(), Action::Prefer(dcs(&[5]))),
        (germans(), Action::Deny),
        (ClientMatch::default(), Action::Deny),
    ]);
    let view = explained(&all_up(spec), GERMAN);
    let by = Some("policy.rules[1]");
    assert_eq!(parts(&view), [(0, false, by), (1, true, None), (2, false, by)]);
    assert_eq!(view.refused.as_deref(), Some("policy"));
    let refused = "is refused by policy: policy.rules[1], deny country DE.";
    assert!(view.sentence.ends_with(refused), "{}", view.sentence);
    let says = view.dcs.iter().map(|dc| dc.exclusion_says.as_deref());
    assert!(says.clone().all(|says| says == Some("denied by policy.rules[1]")));
}

#[test]
fn the_default_decides_where_no_rule_admits() {
    let mut spec = ruled([(germans(), Action::Prefer(dcs(&[5])))]);
    let view = explained(&all_up(spec.clone()), GERMAN);
    assert_eq!(parts(&view), [(0, true, None)]);
    assert!(view.policy.default_decides);
    spec.policy.default = Admission::Deny;
    let view = explained(&all_up(spec), GERMAN);
    assert_eq!(parts(&view), [(0, false, Some("policy.default"))]);
    assert_eq!((&*view.policy.default, view.refused.as_deref()), ("deny", Some("policy")));
    assert!(view.sentence.ends_with("no rule admits it, and policy.default is deny."));
}

#[test]
fn a_bound_listener_says_what_rules_mean_for_it() {
    let rules = [(germans(), Action::Deny), (germans(), Action::Prefer(dcs(&[1])))];
    let view_with = |enforce| {
        let mut spec = ruled(rules.clone());
        spec.policy.enforce_on_bound = enforce;
        spec.routes = BTreeMap::from([("pinned".into(), bound_to(5))]);
        explained(&all_up(spec), GERMAN)
    };
    let audit = view_with(EnforceOnBound::Audit);
    assert!(audit.policy.audited);
    assert_eq!(parts(&audit), [(0, true, None), (1, false, Some("policy.rules[0]"))]);
    assert!(audit.policy.says.starts_with("would refuse; only counted"), "{}", audit.policy.says);
    assert!(
        audit.sentence.ends_with(
            "goes to DC 5 sin, 9917 km away: listener pinned binds the session to it; \
             policy would refuse it (policy.rules[0], deny country DE)."
        ),
        "{}",
        audit.sentence
    );
    let off = view_with(EnforceOnBound::Off);
    assert_eq!(parts(&off), [(0, false, None), (1, false, None)]);
    assert!(!off.policy.audited && off.policy.says.starts_with("not asked"));
    assert_eq!(off.why.as_deref(), Some("pinned"));
    let enforce = view_with(EnforceOnBound::Enforce);
    assert_eq!(enforce.refused.as_deref(), Some("policy"));
}

#[test]
fn a_rule_of_a_thousand_networks_does_not_fill_the_sentence() {
    let networks = (0..1000u32).map(|n| {
        let first = std::net::Ipv4Addr::from_bits(0xcb00_7100 ^ n << 8);
        crate::routing::Network::new(first.into(), 24).expect("a network")
    });
    let clients = ClientMatch { networks: networks.collect(), ..ClientMatch::default() };
    let view = explained(&all_up(ruled([(clients, Action::Deny)])), GERMAN);
    assert!(view.sentence.len() < 200, "{}", view.sentence);
    assert!(view.policy.fitting[0].text.len() > 10_000, "JSON has all of it");
}
