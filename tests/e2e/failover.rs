//! DCs and access points that die under load, and what is said of them meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Instant;

use nearpoint::routing::{AdminState, Health};
use nearpoint::stub::{Fault, Whoami};
use serde_json::Value;

use crate::places::{clients, ip};
use crate::support::client::{Client, End, refusal, who_answers};
use crate::support::doors::Doors;
use crate::support::eventually;
use crate::support::lab::{AMSTERDAM, BLIND, DCS, Edge, Lab, MIAMI, SINGAPORE};
use crate::support::load::{Load, Outcome};
use crate::support::scrape::Scrape;

/// Closed loops; one of each place and more.
const CLIENTS: usize = 32;

/// A client that is at home in Amsterdam.
const DUTCH: &str = "145.97.1.1";

/// Two listeners, to tell those who may go elsewhere from those who may not.
const NEAREST_AND_BOUND: &str = "[{name: clients, bind: ['127.0.0.1:0'], \
     proxy_protocol: {accept_from: [127.0.0.0/8]}}, \
     {name: bound, bind: ['127.0.0.1:0'], route: {dc: 2}, \
     proxy_protocol: {accept_from: [127.0.0.0/8]}}]";

#[tokio::test]
async fn a_dc_that_is_killed_then_refuses_then_heals_costs_no_new_session() {
    let lab = Lab::new(2);
    // One session stays open, and says nothing for a while.
    lab.configure(&[("on_down", "{sessions: keep}")]);
    let edge = lab.start().await;
    let (amsterdam, clients) = (lab.dc(AMSTERDAM), clients(CLIENTS));
    let load = Load::start(edge.clients(), &clients);
    let homes = explained_and_answered(&edge, &load, &clients).await;
    assert_eq!(homes.values().copied().collect::<BTreeSet<_>>(), BTreeSet::from(DCS));
    agree(&edge.doors, &[]).await;

    let killing = Instant::now();
    amsterdam.kill_everywhere().await.expect("killed");
    let killed = Instant::now();
    edge.until_access_points_are(&[AMSTERDAM], Health::Down).await;
    let moved = explained_and_answered(&edge, &load, &clients).await;
    for (client, home) in &homes {
        match *home {
            AMSTERDAM => assert_ne!(moved[client], AMSTERDAM),
            home => assert_eq!(moved[client], home, "only clients of the dead DC move"),
        }
    }
    agree(&edge.doors, &[AMSTERDAM]).await;

    amsterdam.set_fault_everywhere(Fault::None).await.expect("healed");
    edge.until_access_points_are(&[AMSTERDAM], Health::Up).await;
    assert_eq!(explained_and_answered(&edge, &load, &clients).await, homes);
    agree(&edge.doors, &[]).await;

    let mut open = Client::announced(edge.clients(), ip(DUTCH)).await.expect("a session");
    assert_eq!(open.who().await.expect("an answer").dc, AMSTERDAM);
    let refusing = Instant::now();
    amsterdam.set_fault_everywhere(Fault::Refuse).await.expect("refusing");
    let refused = Instant::now();
    edge.until_access_points_are(&[AMSTERDAM], Health::Down).await;
    assert_eq!(explained_and_answered(&edge, &load, &clients).await, moved);
    agree(&edge.doors, &[AMSTERDAM]).await;
    open.echo(b"still here").await.expect("a DC that refuses ends no session");
    open.finish().await.expect("an orderly end");

    amsterdam.set_fault_everywhere(Fault::None).await.expect("healed");
    edge.until_access_points_are(&[AMSTERDAM], Health::Up).await;
    assert_eq!(explained_and_answered(&edge, &load, &clients).await, homes);

    let outcomes = load.stop().await;
    // The kernel of a stub may have taken a connection just before its process died.
    let shared_by = |outcome: &Outcome| {
        let moments = [(killing, killed), (refusing, refused)];
        moments.iter().any(|(from, to)| outcome.ended >= *from && outcome.began <= *to)
    };
    for outcome in outcomes.iter().filter(|outcome| !shared_by(outcome)) {
        assert!(outcome.answered.is_ok(), "{outcome:?}");
    }
    accounted(&edge.doors, &outcomes).await;
}

#[tokio::test]
async fn a_dead_access_point_leaves_its_clients_in_their_dc() {
    let lab = Lab::new(2);
    lab.configure(&[("health", BLIND)]);
    let edge = lab.start().await;
    let amsterdam = lab.dc(AMSTERDAM);
    let client = ip(DUTCH);
    let before = who_answers(edge.clients(), client).await.expect("a session");
    assert_eq!(before.dc, AMSTERDAM);

    amsterdam.kill(before.access_point).await.expect("killed");
    for client in clients(20).into_iter().chain([client]) {
        let who = who_answers(edge.clients(), client).await.expect("a session");
        assert_ne!(who.access_point, before.access_point);
        assert_eq!(edge.doors.explain(client).await["dcs"][0]["id"], who.dc, "{client}");
    }
    let dead = before.access_point.to_string();
    edge.until("the access point is Down", |snapshot| {
        let states = snapshot.topology.access_points().iter().zip(&snapshot.access_points);
        let down = states.filter(|(_, state)| state.health == Health::Down);
        down.map(|(it, _)| it.id.address.socket).eq([before.access_point])
    })
    .await;

    let scrape = edge.doors.scrape().await;
    assert_eq!(scrape.value("dc_up", &[("dc", "2")]), 1.0);
    assert_eq!(scrape.value("access_point_up", &[("access_point", &dead)]), 0.0);
    let failures = [("dc", "2"), ("access_point", &*dead), ("reason", "refused")];
    assert!(scrape.value("connect_failures_total", &failures) >= 1.0);
    assert_eq!(scrape.sum("failover_total", &[]), 0.0);
    assert_eq!(scrape.sum("refused_total", &[]), 0.0);
    let status = edge.doors.json("/v1/status").await;
    let amsterdam = by_id(&status["dcs"], AMSTERDAM);
    assert_eq!(amsterdam["standing"], "degraded");
    assert_eq!(
        (&amsterdam["access_points_up"], &amsterdam["access_points"]),
        (&1.into(), &2.into())
    );
}

#[tokio::test]
async fn sessions_bound_to_a_dead_dc_are_reset_and_others_are_not() {
    let lab = Lab::new(2);
    lab.configure(&[("listeners", NEAREST_AND_BOUND)]);
    let edge = lab.start().await;
    let (amsterdam, client) = (lab.dc(AMSTERDAM), ip("8.8.8.8"));
    let bound = edge.listener("bound");
    assert_eq!(who_answers(bound, client).await.expect("a session").dc, AMSTERDAM);

    amsterdam.kill_everywhere().await.expect("killed");
    // Whether or not it is known yet that the DC is dead.
    assert_eq!(refusal(bound, client).await, End::Reset);
    edge.until_dcs_are(&[AMSTERDAM], Health::Down).await;
    assert_eq!(refusal(bound, client).await, End::Reset);
    assert_ne!(who_answers(edge.clients(), ip(DUTCH)).await.expect("a session").dc, AMSTERDAM);
    let refused = [("listener", "bound"), ("reason", "no_dc")];
    let scrape = edge.doors.scrape().await;
    assert_eq!(scrape.value("refused_total", &refused), 2.0);
    assert_eq!(scrape.sum("refused_total", &[]), 2.0);
    let status = edge.doors.json("/v1/status").await;
    let told = by_id(&status["dcs"], AMSTERDAM);
    assert_eq!(told["standing"], "refusing");
    let says = told["says"].as_str().expect("a sentence");
    assert!(says.contains("no replica: refusing (listener bound)"), "{says}");
    assert_eq!(edge.doors.get("/readyz").await.0, 200, "a dead DC does not withdraw the edge");

    amsterdam.set_fault_everywhere(Fault::None).await.expect("healed");
    edge.until_dcs_are(&[AMSTERDAM], Health::Up).await;
    assert_eq!(who_answers(bound, client).await.expect("a session").dc, AMSTERDAM);
    assert_eq!(
        edge.doors.scrape().await.value("routed_total", &[("dc", "2"), ("why", "pinned")]),
        2.0
    );
}

/// A daemon before DCs that were all found dead and live again, which it cannot have noticed.
async fn all_down_as_far_as_is_known(lab: &Lab, policy: &str) -> Edge {
    const NEVER_AGAIN: &str =
        "{interval: 100ms, fast_interval: 100ms, down_interval: 1h, fall: 2, rise: 2}";
    lab.configure(&[("policy", policy), ("health", NEVER_AGAIN)]);
    let edge = lab.start().await;
    for dc in DCS {
        lab.dc(dc).kill_everywhere().await.expect("killed");
    }
    edge.until_access_points_are(&DCS, Health::Down).await;
    assert_eq!(refusal(edge.clients(), ip(DUTCH)).await, End::Reset);
    for dc in DCS {
        lab.dc(dc).set_fault_everywhere(Fault::None).await.expect("healed");
    }
    edge
}

#[tokio::test]
async fn when_everything_is_down_fail_open_tries_all_the_same() {
    let lab = Lab::new(1);
    let policy = "{objective: distance, fail_open: true}";
    let edge = all_down_as_far_as_is_known(&lab, policy).await;
    let explained = edge.doors.explain(ip(DUTCH)).await;
    assert_eq!((&explained["fail_open"], &explained["why"]), (&true.into(), &"fail_open".into()));
    let who = who_answers(edge.clients(), ip(DUTCH)).await.expect("a session");
    assert_eq!(who.dc, AMSTERDAM);
    let scrape = edge.doors.scrape().await;
    assert_eq!(scrape.value("routed_total", &[("why", "fail_open"), ("dc", "2")]), 1.0);
    assert_eq!(scrape.sum("dc_up", &[]), 0.0);
    assert_eq!(edge.doors.get("/readyz").await.0, 200);
    let status = edge.doors.json("/v1/status").await;
    assert_eq!(by_id(&status["dcs"], AMSTERDAM)["standing"], "fail_open");
}

#[tokio::test]
async fn when_everything_is_down_and_fail_open_is_off_clients_are_reset() {
    let lab = Lab::new(1);
    let policy = "{objective: distance, fail_open: false}";
    let edge = all_down_as_far_as_is_known(&lab, policy).await;
    assert_eq!(refusal(edge.clients(), ip(DUTCH)).await, End::Reset);
    let explained = edge.doors.explain(ip(DUTCH)).await;
    assert_eq!((&explained["why"], &explained["attempts"]), (&Value::Null, &Value::Array(vec![])));
    let (status, body) = edge.doors.get("/readyz").await;
    assert_eq!(status, 503, "{body}");
    assert!(body.contains("listener clients: 3 down"), "{body}");
    let refused = [("listener", "clients"), ("reason", "no_dc")];
    assert_eq!(edge.doors.scrape().await.value("refused_total", &refused), 2.0);
    let status = edge.doors.json("/v1/status").await;
    assert_eq!(by_id(&status["dcs"], AMSTERDAM)["standing"], "refusing");
}

#[tokio::test]
async fn a_blackholed_dc_without_hedges_costs_its_clients_time_and_no_session() {
    let lab = Lab::new(2);
    lab.configure(&[("connect", "{timeout: 300ms, hedge: none}"), ("health", BLIND)]);
    let edge = lab.start().await;
    lab.dc(AMSTERDAM).set_fault_everywhere(Fault::Drop).await.expect("dark");
    let who = who_answers(edge.clients(), ip(DUTCH)).await.expect("a session");
    assert_ne!(who.dc, AMSTERDAM);
    let timeouts = [("dc", "2"), ("reason", "timeout")];
    let scrape = edge.doors.scrape().await;
    let failures = scrape.sum("connect_failures_total", &timeouts);
    assert_eq!(failures, 2.0, "both access points of the DC come first");
    let to = who.dc.to_string();
    assert_eq!(scrape.value("failover_total", &[("from", "2"), ("to", &to)]), 1.0);

    // What that session experienced had the access points probed.
    edge.until_access_points_are(&[AMSTERDAM], Health::Down).await;
    let again = who_answers(edge.clients(), ip(DUTCH)).await.expect("a session");
    assert_eq!(again.dc, who.dc);
    let scrape = edge.doors.scrape().await;
    assert_eq!(scrape.sum("connect_failures_total", &timeouts), 2.0, "nobody waits any more");
    assert_eq!(scrape.sum("refused_total", &[]), 0.0);
}

/// Where each client goes now: by what is explained, and by who has answered since.
async fn explained_and_answered(
    edge: &Edge,
    load: &Load,
    clients: &[IpAddr],
) -> BTreeMap<IpAddr, u16> {
    let began = Instant::now();
    load.go_on(3).await;
    let outcomes = load.since(began);
    let mut went = BTreeMap::new();
    for client in clients {
        let explained = edge.doors.explain(*client).await;
        let first = &explained["attempts"][0];
        for outcome in outcomes.iter().filter(|outcome| outcome.client == *client) {
            let who: &Whoami = outcome.answered.as_ref().expect("an answer");
            assert_eq!(first["dc"], who.dc, "{client}: {}", explained["sentence"]);
            assert_eq!(first["access_point"], who.access_point.to_string(), "{client}");
            went.insert(*client, who.dc);
        }
    }
    assert_eq!(went.len(), clients.len());
    went
}

/// Status, the list of DCs and metrics say of every DC and access point whether it is Down.
async fn agree(doors: &Doors, down: &[u16]) {
    let (status, dcs) = (doors.json("/v1/status").await, doors.json("/v1/dcs").await);
    let scrape = doors.scrape().await;
    assert_eq!(status["revision"], dcs["revision"]);
    for id in DCS {
        let is_down = down.contains(&id);
        let (health, up) = if is_down { ("down", 0.0) } else { ("up", 1.0) };
        let label = id.to_string();
        let (told, dc) = (by_id(&status["dcs"], id), by_id(&dcs["dcs"], id));
        assert_eq!(told["standing"], if is_down { "down" } else { "serving" }, "{told}");
        assert_eq!(dc["health"], health);
        assert_eq!(dc["admin"], AdminState::Ready.as_str());
        assert_eq!(scrape.value("dc_up", &[("dc", &label)]), up);
        for access_point in dc["access_points"].as_array().expect("a list") {
            let address = access_point["address"].as_str().expect("an address");
            let labels = [("dc", &*label), ("access_point", address)];
            assert_eq!(access_point["health"], health);
            assert_eq!(scrape.value("access_point_up", &labels), up);
            if is_down {
                let failed = access_point["failed_dials"].as_f64().expect("a number");
                assert_eq!(scrape.sum("connect_failures_total", &labels), failed);
            }
        }
    }
}

/// Everybody who was accepted is accounted for, and went where the counters say.
async fn accounted(doors: &Doors, outcomes: &[Outcome]) {
    let scrape = eventually("all sessions have ended", async || {
        let scrape = doors.scrape().await;
        (scrape.sum("worker_sessions", &[]) == 0.0).then_some(scrape)
    })
    .await;
    assert_eq!(scrape.sum("refused_total", &[]), 0.0);
    assert_eq!(scrape.sum("sessions_active", &[]), 0.0);
    let accepted = scrape.value("sessions_total", &[("listener", "clients")]);
    assert_eq!(scrape.sum("routed_total", &[]), accepted);
    assert_eq!(scrape.sum("close_total", &[]), accepted);
    assert_eq!(scrape.sum("session_seconds_count", &[]), accepted);
    assert_eq!(scrape.sum("connect_seconds_count", &[]), accepted);
    // One more was open while Amsterdam refused.
    assert_eq!(accepted, outcomes.len() as f64 + 1.0);
    let lost = outcomes.iter().filter(|outcome| outcome.answered.is_err()).count() as f64;
    for dc in DCS {
        let answered = outcomes.iter().filter_map(|outcome| outcome.answered.as_ref().ok());
        let answered = answered.filter(|who| who.dc == dc).count() as f64;
        let routed = scrape.sum("routed_total", &[("dc", &dc.to_string())]);
        assert!((answered..=answered + lost + 1.0).contains(&routed), "DC {dc}: {routed}");
    }
    let moved = scrape.sum("routed_total", &[("why", "failover")]);
    assert!(moved > 0.0);
    assert_eq!(scrape.sum("failover_total", &[]), moved);
    assert_eq!(scrape.sum("failover_total", &[("from", "2")]), moved);
    assert!(to(&scrape, MIAMI) + to(&scrape, SINGAPORE) == moved);
}

fn to(scrape: &Scrape, dc: u16) -> f64 {
    scrape.sum("failover_total", &[("to", &dc.to_string())])
}

fn by_id(dcs: &Value, id: u16) -> &Value {
    let found = dcs.as_array().and_then(|dcs| dcs.iter().find(|dc| dc["id"] == id));
    found.expect("every DC is told of")
}
