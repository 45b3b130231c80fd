use std::sync::Arc;

use super::super::tests::{arguments, daemon};
use super::*;
use crate::admin::fixture::{Germany, Live, three_dcs};
use crate::admin::view::explain;
use crate::routing::policy::{Action, Rule};
use crate::routing::{ClientMatch, DcId, Topology};

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address of the test")
}

/// Germans are restricted to Miami, and everybody would like Singapore.
fn ruled() -> Snapshot {
    let mut spec = three_dcs();
    let germans =
        ClientMatch { countries: CountryCode::new("DE").into_iter().collect(), ..<_>::default() };
    let rules = [
        (germans, Action::Restrict([DcId(1)].into())),
        (ClientMatch::default(), Action::Prefer([DcId(5), DcId(1)].into())),
        (ClientMatch { unknown: Some(true), ..<_>::default() }, Action::Allow),
    ];
    let rules = rules.into_iter().map(|(clients, action)| Rule { clients, action });
    spec.policy.rules = rules.collect();
    Snapshot::presume_up(Topology::new(spec), Arc::new(Germany))
}

#[test]
fn what_is_counted_is_what_is_explained() {
    for snapshot in [ruled(), Snapshot::presume_up(Topology::new(three_dcs()), Arc::new(Germany))] {
        let (listener, route) = the_listener(&snapshot.topology, None).expect("one listener");
        for address in ["203.0.113.7", "203.0.113.200", "10.0.0.1", "2001:db8::1"] {
            let view = explain(&snapshot, listener, (ip(address), None), Basis::Presumed);
            let explained = answer_of(&view.expect("the listener is there"));
            let goes_to = route.destination().expect("nearest");
            assert_eq!(decide(&snapshot, route, goes_to, ip(address)), explained, "{address}");
        }
    }
    let snapshot = ruled();
    let (_, route) = the_listener(&snapshot.topology, None).expect("one listener");
    let goes_to = route.destination().expect("nearest");
    let german = decide(&snapshot, route, goes_to, ip("203.0.113.7"));
    assert_eq!(german.fate, Fate::Served(1, "preferred".into()));
    assert_eq!(german.fitting, [(0, true), (1, true)]);
}

#[test]
fn names_learnt_from_explanations_are_those_of_the_configuration() {
    let snapshot = ruled();
    let (listener, _) = the_listener(&snapshot.topology, None).expect("one listener");
    let mut learnt = Names::default();
    for address in ["203.0.113.7", "10.0.0.1"] {
        let view = explain(&snapshot, listener, (ip(address), None), Basis::Presumed);
        learn(&mut learnt, &view.expect("the listener is there"));
    }
    assert_eq!(learnt, names(&snapshot, listener));
}

#[tokio::test]
async fn a_daemon_is_asked_about_every_good_line_and_bad_ones_are_counted() {
    let live = Live::warm().await;
    let url = daemon(&live).await;
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "203.0.113.7 12\n# nobody\nx\n10.0.0.1\n203.0.113.8\n")
        .expect("written");
    let line = format!("nearpoint explain --file {} --admin {url}", file.path().display());
    let args = arguments(&line);
    let mut names = Names::default();
    let report = ask_all(file.path(), &args, &mut names).await.expect("counted");
    let view = report.summary(&names);
    assert_eq!((view.addresses, view.bad_lines, view.unknown_location), (3, 1, 1));
    assert_eq!((&*view.listener, &*view.basis), ("clients", "live"));
    let served: u64 = view.dcs.iter().map(|dc| dc.addresses).sum();
    assert_eq!(served, 3);
}
