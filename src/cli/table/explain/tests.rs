use std::collections::BTreeMap;

use super::*;
use crate::admin::fixture::{all_up, bound_to, set_health, three_dcs};
use crate::admin::view::{Basis, explain};
use crate::memory::{EpochSeconds, HashKey, StickyMemory};
use crate::routing::policy::{Action, Rule};
use crate::routing::topology::{
    ByHeader, ListenerRoute, Route, TopologySpec, TrustPlainDc, UnknownClient,
};
use crate::routing::{ClientAddr, ClientMatch, CountryCode, DcId, Health, Snapshot, Sticky};

/// What an operator reads of the client 203.0.113.7 without a daemon.
fn read(snapshot: &Snapshot, listener: &str, client: &str) -> String {
    let client = client.parse().expect("an address of the test");
    let view = explain(snapshot, listener, (client, None), Basis::Presumed).expect("a listener");
    render(&view, Look::Plain)
}

/// The same of a listener that looks for a DC in the header of its clients, and sends others to DC 5.
fn read_by_header(dc: Option<i16>) -> String {
    let route = Route::Mtproto(ByHeader {
        trust_plain_dc: TrustPlainDc::Never,
        unknown: UnknownClient::Dc(DcId(5)),
    });
    let mut spec = three_dcs();
    spec.routes = BTreeMap::from([("sniffed".into(), ListenerRoute::new(route))]);
    let client = "203.0.113.7".parse().expect("an address of the test");
    let view = explain(&all_up(spec), "sniffed", (client, dc), Basis::Presumed);
    render(&view.expect("a DC that is there"), Look::Plain)
}

/// The first lines, down to this one.
fn until<'a>(rendered: &'a str, last: &str) -> &'a str {
    rendered.split_once(last).map_or(rendered, |(before, _)| before).trim_end()
}

/// Three rules that fit a German, and one that does not.
fn ruled() -> TopologySpec {
    let country = |code| ClientMatch {
        countries: CountryCode::new(code).into_iter().collect(),
        ..ClientMatch::default()
    };
    let rules = [
        (country("CN"), Action::Deny),
        (country("DE"), Action::Restrict([DcId(1), DcId(2)].into())),
        (ClientMatch { eu: Some(true), ..ClientMatch::default() }, Action::Allow),
        (country("DE"), Action::Prefer([DcId(1)].into())),
    ];
    let rules = rules.into_iter().map(|(clients, action)| Rule { clients, action });
    let mut spec = three_dcs();
    spec.policy.rules = rules.collect();
    spec
}

#[test]
fn an_operator_reads_where_a_client_goes_and_why() {
    let mut snapshot = all_up(three_dcs());
    set_health(&mut snapshot, 2, Health::Down);
    let expected = "\
203.0.113.7 (DE, database) goes to DC 1 mia, 7995 km away: \
DC 2 ams comes first and is out of use (down).

 client     203.0.113.7, carried by ::ffff:203.0.113.7 (v4-mapped)
 location   DE Germany, continent EU, EU and EEA, at 52.52,13.40, by the database
 listener   clients (nearest)
 memory     the listener remembers nobody
 objective  balanced, ties within 5 ms
 health     presumed up: no daemon was asked, nothing is measured
 policy     no rules; default allow, which decides; enforced

    DC  NAME  DISTANCE  CLIENT-DC  EDGE-DC  COST    GROUP
     2  ams     576 km     5.8 ms    12 ms  5.8 ms      1
 *   1  mia    7995 km      80 ms    24 ms   80 ms      2
     5  sin    9917 km      99 ms    36 ms   99 ms      3

    DC  SITE          HEALTH  ADMIN  SESSIONS  CONNECTING  LEFT OUT
     2  52.37,4.90    down    ready         0    0 of 512  no access point is up
 *   1  25.77,-80.19  up      ready         0    0 of 512
     5  1.35,103.82   up      ready         0    0 of 512

 DIAL  DC  ACCESS POINT  HEALTH  ADMIN  EDGE-DC  WEIGHT  FLAGS  LEFT OUT  FOR
    1   1  10.0.1.1:443  up      ready    24 ms     100
    2   1  10.0.1.2:443  up      ready    24 ms     100
    3   5  10.0.5.2:443  up      ready    36 ms     100
    4   5  10.0.5.1:443  up      ready    36 ms     100";
    let rendered = read(&snapshot, "clients", "::ffff:203.0.113.7");
    assert_eq!(rendered, expected, "\n{rendered}");
    assert!(rendered.lines().skip(1).all(|line| line.chars().count() <= 100));
}

#[test]
fn the_rules_that_fit_are_shown_with_what_counts() {
    let expected = "\
203.0.113.7 (DE, database) goes to DC 1 mia, 7995 km away: \
policy.rules[3], prefer DC 1 for country DE.

 client     203.0.113.7
 location   DE Germany, continent EU, EU and EEA, at 52.52,13.40, by the database
 listener   clients (nearest)
 memory     the listener remembers nobody
 objective  balanced, ties within 5 ms
 health     presumed up: no daemon was asked, nothing is measured
 policy     4 rules, 3 fit; default allow; enforced

 RULE             COUNTS                     TEXT
 policy.rules[1]  decides                    restrict country DE to DC 1, 2
 policy.rules[2]  beaten by policy.rules[1]  allow eu
 policy.rules[3]  decides                    prefer DC 1 for country DE

    DC  NAME  DISTANCE  CLIENT-DC  EDGE-DC  COST    GROUP  PRECEDENCE
 *   1  mia    7995 km      80 ms    24 ms   80 ms      2  preferred
     2  ams     576 km     5.8 ms    12 ms  5.8 ms      1  ordinary
     5  sin    9917 km      99 ms    36 ms   99 ms      -  ruled out

    DC  SITE          HEALTH  ADMIN  SESSIONS  CONNECTING  LEFT OUT
 *   1  25.77,-80.19  up      ready         0    0 of 512
     2  52.37,4.90    up      ready         0    0 of 512
     5  1.35,103.82   up      ready         0    0 of 512  not in policy.rules[1]";
    let rendered = read(&all_up(ruled()), "clients", "203.0.113.7");
    assert_eq!(until(&rendered, " DIAL"), expected, "\n{rendered}");
}

#[test]
fn a_remembered_client_is_shown_where_it_was() {
    let mut spec = three_dcs();
    spec.routes.get_mut("clients").expect("the listener").sticky = Some(Sticky::default());
    let snapshot = all_up(spec);
    let now = EpochSeconds(1000);
    let memory = StickyMemory::new(HashKey::new([0; 16]));
    memory.follow(snapshot.topology.routes(), now);
    let client = "203.0.113.7".parse().expect("an address");
    let listener = memory.of_listener("clients").expect("it is sticky");
    listener.remember(ClientAddr::new(client), DcId(5), now);
    let basis = Basis::Live { memory: &memory, now };
    let view = explain(&snapshot, "clients", (client, None), basis).expect("a listener");
    let expected = "\
203.0.113.7 (DE, database) goes to DC 5 sin, 9917 km away: \
listener clients remembers that it was there before.

 client     203.0.113.7
 location   DE Germany, continent EU, EU and EEA, at 52.52,13.40, by the database
 listener   clients (nearest)
 memory     DC 5; when it is down: move
 objective  balanced, ties within 5 ms
 health     as measured, generation 7
 policy     no rules; default allow, which decides; enforced

    DC  NAME  DISTANCE  CLIENT-DC  EDGE-DC  COST    GROUP  PRECEDENCE
 *   5  sin    9917 km      99 ms    36 ms   99 ms      3  remembered
     2  ams     576 km     5.8 ms    12 ms  5.8 ms      1  ordinary
     1  mia    7995 km      80 ms    24 ms   80 ms      2  ordinary";
    let rendered = render(&view, Look::Plain);
    assert_eq!(until(&rendered, "    DC  SITE"), expected, "\n{rendered}");
}

#[test]
fn a_bound_listener_that_audits_says_that_it_would_refuse() {
    let mut spec = ruled();
    spec.routes = BTreeMap::from([("pinned".into(), bound_to(5))]);
    let expected = "\
203.0.113.7 (DE, database) goes to DC 5 sin, 9917 km away: listener pinned binds the session to it; \
policy would refuse it (policy.rules[1], restrict country DE to DC 1, 2, \
which leaves it nothing that can be used).

 client     203.0.113.7
 location   DE Germany, continent EU, EU and EEA, at 52.52,13.40, by the database
 listener   pinned (dc 5)
 memory     the listener remembers nobody
 objective  balanced, ties within 5 ms
 health     presumed up: no daemon was asked, nothing is measured
 policy     4 rules, 3 fit; default allow; would refuse; only counted: the session is bound, and \
enforce_on_bound is audit

 RULE             COUNTS                     TEXT
 policy.rules[1]  decides                    restrict country DE to DC 1, 2
 policy.rules[2]  beaten by policy.rules[1]  allow eu
 policy.rules[3]  not asked                  prefer DC 1 for country DE";
    let rendered = read(&all_up(spec), "pinned", "203.0.113.7");
    assert_eq!(until(&rendered, "    DC  NAME"), expected, "\n{rendered}");
}

#[test]
fn what_a_client_is_taken_to_say_is_shown() {
    let expected = "\
203.0.113.7 (DE, database) goes to DC 1 mia, 7995 km away: its header names it.

 client     203.0.113.7
 location   DE Germany, continent EU, EU and EEA, at 52.52,13.40, by the database
 listener   sniffed (mtproto)
 header     names DC -1, taken to be proved by a secret
 memory     of no account: the client names its DC
 objective  balanced, ties within 5 ms";
    let rendered = read_by_header(Some(-1));
    assert_eq!(until(&rendered, " health"), expected, "\n{rendered}");
    let expected = "\
203.0.113.7 (DE, database) goes to DC 5 sin, 9917 km away: listener sniffed binds the session to it.

 client     203.0.113.7
 location   DE Germany, continent EU, EU and EEA, at 52.52,13.40, by the database
 listener   sniffed (mtproto)
 header     names no DC
 memory     the listener remembers nobody
 objective  balanced, ties within 5 ms";
    let rendered = read_by_header(None);
    assert_eq!(until(&rendered, " health"), expected, "\n{rendered}");
}
