//! DCs and access points that have as many sessions as they may have.

use nearpoint::routing::Health;
use nearpoint::stub::Whoami;

use crate::places::ip;
use crate::support::client::{Client, End, refusal, who_answers};
use crate::support::eventually;
use crate::support::lab::{AMSTERDAM, DCS, Edge, Lab, MIAMI, SINGAPORE};

/// A client that is at home in Amsterdam.
const DUTCH: &str = "145.97.1.1";

/// Two sessions each in Amsterdam and Miami, the nearest and the second nearest of Dutch clients, and one in
/// Singapore.
const NARROW: &str = "[{id: 1, location: {lat: 25.77, lon: -80.19}, max_sessions: 2}, \
     {id: 2, location: {lat: 52.37, lon: 4.90}, max_sessions: 2}, \
     {id: 5, location: {lat: 1.35, lon: 103.82}, max_sessions: 1}]";

async fn held(edge: &Edge) -> (Client, Whoami) {
    let mut session = Client::announced(edge.clients(), ip(DUTCH)).await.expect("connected");
    let who = session.who().await.expect("a DC");
    (session, who)
}

/// As many sessions as there is room for, and where each went.
async fn fill(edge: &Edge) -> (Vec<Client>, Vec<u16>) {
    let (mut sessions, mut dcs) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let (session, who) = held(edge).await;
        sessions.push(session);
        dcs.push(who.dc);
    }
    (sessions, dcs)
}

#[tokio::test]
async fn who_finds_no_room_goes_on_to_the_next_dc_and_at_last_is_refused() {
    let lab = Lab::new(2);
    lab.configure(&[("dcs", NARROW)]);
    let edge = lab.start().await;
    edge.until_access_points_are(&DCS, Health::Up).await;
    let (mut sessions, dcs) = fill(&edge).await;
    let [ams, mia, sin] = [AMSTERDAM, MIAMI, SINGAPORE];
    assert_eq!(dcs, [ams, ams, mia, mia, sin]);
    assert_eq!(refusal(edge.clients(), ip(DUTCH)).await, End::Reset);
    let overflow = [("listener", "clients"), ("reason", "overflow")];
    assert_eq!(edge.doors.scrape().await.value("refused_total", &overflow), 1.0);
    for session in &mut sessions {
        session.echo(b"still here").await.expect("those who have a place keep it");
    }
    // A place that is given back is had again.
    sessions.remove(0).finish().await.expect("an orderly end");
    let back = eventually("room in Amsterdam", async || {
        who_answers(edge.clients(), ip(DUTCH)).await.ok().filter(|who| who.dc == ams)
    });
    back.await;
}

#[tokio::test]
async fn with_overflow_nearest_nobody_is_refused_for_want_of_room() {
    let lab = Lab::new(2);
    lab.configure(&[("dcs", NARROW), ("overflow", "nearest")]);
    let edge = lab.start().await;
    edge.until_access_points_are(&DCS, Health::Up).await;
    let (_sessions, dcs) = fill(&edge).await;
    assert_eq!(dcs.iter().filter(|dc| **dc == AMSTERDAM).count(), 2, "{dcs:?}");
    let (_beyond, who) = held(&edge).await;
    assert_eq!(who.dc, AMSTERDAM, "the nearest, beyond its capacity");
}

#[tokio::test]
async fn an_access_point_has_a_capacity_of_its_own() {
    let lab = Lab::new(2);
    let listed = lab.dc_options_of(|dc, _| dc == AMSTERDAM);
    let narrow: String = listed
        .lines()
        .map(|line| format!("{}, max_sessions: 1}}\n", line.trim_end().trim_end_matches('}')))
        .collect();
    lab.write("dc_options.yaml", narrow);
    let edge = lab.start().await;
    edge.until_access_points_are(&[AMSTERDAM], Health::Up).await;
    let (mut first, one) = held(&edge).await;
    let (mut second, other) = held(&edge).await;
    assert_ne!(one.access_point, other.access_point, "each has room for one");
    assert_eq!(refusal(edge.clients(), ip(DUTCH)).await, End::Reset);
    first.echo(b"1").await.expect("served");
    second.echo(b"2").await.expect("served");
}
