//! DCs that do not answer, and sessions that do not wait for them.

use std::sync::Arc;

use nearpoint::routing::{AccessPointSlot, DcId, DcSlot, Health};
use nearpoint::stub::Fault;

use crate::places::ip;
use crate::sticky::STICKY;
use crate::support::client::who_answers;
use crate::support::eventually;
use crate::support::lab::{AMSTERDAM, BLIND, DCS, Edge, Lab, MIAMI, SINGAPORE};

/// A client that is at home in Amsterdam, then Miami, then Singapore.
const DUTCH: &str = "145.97.1.1";

const HASTY: &str = "{hedge: {min: 50ms, factor: 1}}";

/// Nobody is found Down here: sessions alone have to get by.
const NEVER_DOWN: &str =
    "{interval: 1h, fast_interval: 100ms, down_interval: 1h, fall: 100, rise: 1}";

/// A DC that hardly anybody uses may hedge so many sessions at once.
const BUDGET: u32 = 10;

async fn start(lab: &Lab, connect: &str, health: &str) -> Edge {
    lab.configure(&[("connect", connect), ("health", health), ("listeners", STICKY)]);
    let edge = lab.start().await;
    for dc in DCS {
        dc_slot(&edge, dc).refill_hedges(BUDGET, BUDGET);
    }
    edge
}

pub(crate) fn dc_slot(edge: &Edge, dc: u16) -> Arc<DcSlot> {
    let snapshot = edge.app.reader.load_full();
    let index = snapshot.topology.find_dc(DcId(dc)).expect("a DC of the laboratory");
    Arc::clone(&snapshot.dc(index).slot)
}

/// The slot of the only access point of a DC.
fn access_point_slot(edge: &Edge, dc: u16) -> Arc<AccessPointSlot> {
    let snapshot = edge.app.reader.load_full();
    let index = snapshot.topology.find_dc(DcId(dc)).expect("a DC of the laboratory");
    let (at, _) = snapshot.topology.access_points_of(index).next().expect("an access point");
    Arc::clone(&snapshot.access_point(at).slot)
}

async fn hedges(edge: &Edge, dc: u16, result: &str) -> f64 {
    let labels = [("dc", &*dc.to_string()), ("result", result)];
    edge.doors.scrape().await.sum("hedges_total", &labels)
}

#[tokio::test]
async fn a_session_whose_dc_is_silent_is_served_by_another_site() {
    let lab = Lab::new(1);
    let edge = start(&lab, HASTY, NEVER_DOWN).await;
    lab.dc(AMSTERDAM).set_fault_everywhere(Fault::Drop).await.expect("dark");
    for number in 1..=3 {
        let who = who_answers(edge.clients(), ip(DUTCH)).await.expect("a session");
        assert_eq!(who.dc, MIAMI);
        assert_eq!(hedges(&edge, AMSTERDAM, "won").await, f64::from(number));
    }
    let scrape = edge.doors.scrape().await;
    assert_eq!(scrape.sum("hedges_total", &[]), 3.0);
    assert_eq!(scrape.sum("connect_failures_total", &[]), 0.0, "silent is not failed");
    assert_eq!(scrape.value("routed_total", &[("dc", "1"), ("why", "failover")]), 3.0);
    assert_eq!(scrape.value("failover_total", &[("from", "2"), ("to", "1")]), 3.0);
    assert_eq!(scrape.value("sticky_clients", &[]), 0.0, "it was only faster");
    assert_eq!(access_point_slot(&edge, AMSTERDAM).take_seen().overtaken, 3);
    for dc in DCS {
        assert_eq!(dc_slot(&edge, dc).connecting(), 0);
    }

    lab.dc(AMSTERDAM).set_fault_everywhere(Fault::None).await.expect("healed");
    let who = who_answers(edge.clients(), ip(DUTCH)).await.expect("a session");
    assert_eq!(who.dc, AMSTERDAM, "it is at home as if nothing had been");
    assert_eq!(access_point_slot(&edge, AMSTERDAM).take_seen().overtaken, 0);
}

#[tokio::test]
async fn a_dc_that_answers_before_its_hedge_keeps_the_session() {
    let lab = Lab::new(1);
    let edge = start(&lab, HASTY, NEVER_DOWN).await;
    for dc in [AMSTERDAM, MIAMI] {
        lab.dc(dc).set_fault_everywhere(Fault::Drop).await.expect("dark");
    }
    let clients = edge.clients();
    let session = tokio::spawn(async move { who_answers(clients, ip(DUTCH)).await });
    let miami = dc_slot(&edge, MIAMI);
    eventually("the hedge is in flight", async || (miami.connecting() == 1).then_some(())).await;
    // The kernel asks again a second after it has asked first.
    lab.dc(AMSTERDAM).set_fault_everywhere(Fault::None).await.expect("healed");
    let who = session.await.expect("no panic").expect("a session");
    assert_eq!(who.dc, AMSTERDAM, "and not Singapore: two dials are enough");
    assert_eq!(hedges(&edge, AMSTERDAM, "lost").await, 1.0);
    assert_eq!(edge.doors.scrape().await.sum("connect_failures_total", &[]), 0.0);
    assert_eq!(access_point_slot(&edge, MIAMI).take_seen().overtaken, 0, "it was the later one");
    assert_eq!((miami.connecting(), dc_slot(&edge, SINGAPORE).connecting()), (0, 0));
}

#[tokio::test]
async fn without_budget_sessions_wait_for_the_dial_to_fail() {
    let lab = Lab::new(1);
    let edge = start(&lab, "{timeout: 300ms, hedge: {min: 50ms}}", BLIND).await;
    let amsterdam = dc_slot(&edge, AMSTERDAM);
    while amsterdam.take_hedge() {}
    lab.dc(AMSTERDAM).set_fault_everywhere(Fault::Drop).await.expect("dark");
    let who = who_answers(edge.clients(), ip(DUTCH)).await.expect("a session");
    assert_eq!(who.dc, MIAMI);
    let asked = hedges(&edge, AMSTERDAM, "no_budget").await;
    assert!((1.0..=5.0).contains(&asked), "every 50 ms of 300: {asked}");
    let scrape = edge.doors.scrape().await;
    assert_eq!(scrape.sum("hedges_total", &[]), asked);
    assert_eq!(scrape.value("connect_failures_total", &[("reason", "timeout")]), 1.0);
    assert_eq!(scrape.value("sticky_clients", &[]), 1.0, "its DC had failed");
}

#[tokio::test]
async fn without_budget_sessions_wait_no_longer_than_until_their_access_point_is_down() {
    const CONNECT: &str = "{timeout: 60s, deadline: 60s, hedge: {min: 50ms}}";
    let lab = Lab::new(1);
    let edge = start(&lab, CONNECT, NEVER_DOWN).await;
    let amsterdam = dc_slot(&edge, AMSTERDAM);
    while amsterdam.take_hedge() {}
    lab.dc(AMSTERDAM).set_fault_everywhere(Fault::Drop).await.expect("dark");
    let clients = edge.clients();
    let session = tokio::spawn(async move { who_answers(clients, ip(DUTCH)).await });
    let asked = async || hedges(&edge, AMSTERDAM, "no_budget").await;
    eventually("it asks again", async || (asked().await >= 2.0).then_some(())).await;
    let probing = "{interval: 200ms, fast_interval: 50ms, timeout: 200ms}";
    lab.configure(&[("connect", CONNECT), ("health", probing), ("listeners", STICKY)]);
    let who = session.await.expect("no panic").expect("a session");
    assert_eq!(who.dc, MIAMI);
    edge.until_dcs_are(&[AMSTERDAM], Health::Down).await;
    assert_eq!(hedges(&edge, AMSTERDAM, "won").await, 1.0);
    assert_eq!(edge.doors.scrape().await.sum("connect_failures_total", &[]), 0.0);
}

#[tokio::test]
async fn an_access_point_that_is_overtaken_again_and_again_is_suspect() {
    let lab = Lab::new(1);
    let edge = start(&lab, HASTY, NEVER_DOWN).await;
    lab.dc(AMSTERDAM).set_fault_everywhere(Fault::Drop).await.expect("dark");
    for _ in 0..3 {
        who_answers(edge.clients(), ip(DUTCH)).await.expect("a session");
    }
    edge.until_access_points_are(&[AMSTERDAM], Health::Suspect).await;
    assert_eq!(edge.doors.scrape().await.sum("connect_failures_total", &[]), 0.0);
}
