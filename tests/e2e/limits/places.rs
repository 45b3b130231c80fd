//! Sessions of one client at a time, and the ways in which their places come back.

use std::io::ErrorKind;

use super::*;
use nearpoint::routing::Health;

use crate::support::lab::{AMSTERDAM, DCS};

#[tokio::test]
async fn a_client_has_only_so_many_sessions_and_others_notice_nothing() {
    let lab = Lab::new(1);
    let edge = start(&lab, "limits: {sessions_per_client: 3}").await;
    let load = Load::start(edge.clients(), &clients(4));
    load.go_on(3).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(session(edge.clients(), ip(GREEDY)).await);
    }
    for beyond in 1..=50 {
        assert_eq!(refusal(edge.clients(), ip(GREEDY)).await, End::Reset);
        assert_eq!(refused_by(&edge, "sessions_per_client").await, f64::from(beyond));
    }
    load.go_on(3).await;
    for session in &mut open {
        session.echo(b"unmoved").await.expect("what the client has, it keeps");
    }
    all_were_served(load).await;
    open.pop().expect("three").finish().await.expect("an orderly end");
    drop(until_there_is_room_for(&edge, ip(GREEDY), 1).await);
}

#[tokio::test]
async fn a_client_of_ipv6_is_its_network() {
    let lab = Lab::new(1);
    let edge = start(&lab, "limits: {sessions_per_client: 1}").await;
    let _first = session(edge.clients(), ip("2001:db8:1:2::1")).await;
    for same in ["2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"] {
        assert_eq!(refusal(edge.clients(), ip(same)).await, End::Reset);
    }
    let _other = session(edge.clients(), ip("2001:db8:1:3::1")).await;
    let _carried = session(edge.clients(), ip("::ffff:145.97.77.7")).await;
    assert_eq!(refusal(edge.clients(), ip(GREEDY)).await, End::Reset, "it is the same client");
    assert_eq!(refused_by(&edge, "sessions_per_client").await, 3.0);
}

#[tokio::test]
async fn whoever_comes_directly_is_the_client_that_a_load_balancer_announces_and_it_is_none() {
    let lab = Lab::new(1);
    let edge = start(&lab, "limits: {sessions_per_client: 1}").await;
    let direct = ip("127.0.0.9");
    let mut first = Client::plain_from(direct, edge.clients()).await.expect("connected");
    first.who().await.expect("an answer");
    assert_eq!(refusal(edge.clients(), direct).await, End::Reset, "announced");
    match Client::plain_from(direct, edge.clients()).await {
        Ok(mut second) => assert_eq!(within("a refusal", second.end()).await, End::Reset),
        // The reset has overtaken the end of the connect.
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    // The load balancer looks whether we live, as often as it likes.
    let local = [SIGNATURE, &[0x20, 0, 0, 0]].concat();
    let mut looks = Vec::new();
    for _ in 0..5 {
        let mut look = Client::plain(edge.clients()).await.expect("connected");
        look.send(&local).await.expect("sent");
        look.who().await.expect("an answer");
        looks.push(look);
    }
    assert_eq!(refused_by(&edge, "sessions_per_client").await, 2.0);
}

#[tokio::test]
async fn places_come_back_whatever_ends_the_session() {
    let lab = Lab::new(1);
    let keys = "limits: {sessions_per_client: 2}, dial: on_first_byte";
    let edge = start(&lab, keys).await;
    let (at, greedy) = (edge.clients(), ip(GREEDY));
    // They vanish while they are waited for, and while they are dialled for or served.
    for (says, come) in [(&b""[..], 2), (b"hello", 4)] {
        for _ in 0..2 {
            let mut client = Client::announced(at, greedy).await.expect("connected");
            client.send(says).await.expect("sent");
        }
        until_all_have_left(&edge, come).await;
    }
    // Whoever sends a bad header has none to give back.
    for header in [&b"GET / HTTP/1.1\r\n\r\n"[..], &SIGNATURE[..7]] {
        let mut bad = Client::plain(at).await.expect("connected");
        bad.send(header).await.expect("sent");
        // The reset may be there before.
        let _ = bad.end_stream().await;
        assert_eq!(within("a refusal", bad.end()).await, End::Reset);
    }
    // One whose DC cannot be reached.
    for dc in DCS {
        lab.dc(dc).kill_everywhere().await.expect("killed");
    }
    edge.until_dcs_are(&DCS, Health::Down).await;
    for _ in 0..6 {
        let mut client = Client::announced(at, greedy).await.expect("connected");
        client.send(b"hello").await.expect("sent");
        assert_eq!(within("a refusal", client.end()).await, End::Reset);
    }
    let scrape = edge.doors.scrape().await;
    assert_eq!(scrape.sum("limited_total", &[]), 0.0);
    assert_eq!(scrape.sum("refused_total", &[("reason", "no_dc")]), 6.0);
    // Both places are there.
    let mut waiting = Vec::new();
    for _ in 0..2 {
        waiting.push(Client::announced(at, greedy).await.expect("connected"));
    }
    eventually("both wait", async || {
        (edge.doors.scrape().await.sum("worker_sessions", &[]) == 2.0).then_some(())
    })
    .await;
    assert_eq!(refusal(at, greedy).await, End::Reset);
    assert_eq!(limited(&edge.doors.scrape().await, "sessions_per_client"), 1.0);
}

#[tokio::test]
async fn another_limit_holds_for_new_sessions_while_sessions_run() {
    let lab = Lab::new(1);
    // The others have one at a time, and its place is free a moment after its end.
    let edge = start(&lab, "limits: {sessions_per_client: 2}").await;
    let (at, greedy) = (edge.clients(), ip(GREEDY));
    let load = Load::start(at, &clients(4));
    let mut open = vec![session(at, greedy).await, session(at, greedy).await];
    assert_eq!(refusal(at, greedy).await, End::Reset);
    reload(&lab, &edge, "limits: {sessions_per_client: 4}").await;
    open.push(session(at, greedy).await);
    open.push(session(at, greedy).await);
    assert_eq!(refusal(at, greedy).await, End::Reset);
    reload(&lab, &edge, "limits: {sessions_per_client: 3}").await;
    for session in &mut open {
        session.echo(b"unmoved").await.expect("sessions that are open go on");
    }
    open.pop().expect("four").finish().await.expect("an orderly end");
    assert_eq!(refusal(at, greedy).await, End::Reset, "there are as many as there may be");
    assert_eq!(refused_by(&edge, "sessions_per_client").await, 3.0);
    reload(&lab, &edge, "limits: {sessions_per_client: none}").await;
    for _ in 0..5 {
        open.push(session(at, greedy).await);
    }
    load.go_on(2).await;
    all_were_served(load).await;
}

#[tokio::test]
async fn a_full_dc_is_passed_over_and_when_all_are_full_nobody_new_comes_in() {
    const DCS_OF_ONE: &str = "[\
        {id: 1, location: {lat: 25.77, lon: -80.19}, max_sessions: 1}, \
        {id: 2, location: {lat: 52.37, lon: 4.90}, max_sessions: 1}, \
        {id: 5, location: {lat: 1.35, lon: 103.82}, max_sessions: 1}]";
    let lab = Lab::new(2);
    lab.configure(&[("dcs", DCS_OF_ONE)]);
    let edge = lab.start().await;
    let mut open = Vec::new();
    let mut found = Vec::new();
    for _ in DCS {
        let mut session = Client::announced(edge.clients(), ip(GREEDY)).await.expect("connected");
        found.push(session.who().await.expect("an answer").dc);
        open.push(session);
    }
    assert_eq!(found[0], AMSTERDAM, "at home, while there is room");
    found.sort_unstable();
    assert_eq!(found, DCS, "then wherever there is");
    assert_eq!(refusal(edge.clients(), ip(GREEDY)).await, End::Reset);
    let scrape = edge.doors.scrape().await;
    assert_eq!(scrape.value("refused_total", &[("reason", "overflow")]), 1.0);
    assert_eq!((scrape.sum("refused_total", &[]), scrape.sum("limited_total", &[])), (1.0, 0.0));
    for session in &mut open {
        session.echo(b"unmoved").await.expect("others go on");
    }
    open.pop().expect("three").finish().await.expect("an orderly end");
    eventually("a place has come back", async || {
        who_answers(edge.clients(), ip(GREEDY)).await.ok()
    })
    .await;
}

#[tokio::test]
async fn a_full_access_point_is_passed_over_within_its_dc() {
    let lab = Lab::new(2);
    let mut list = String::new();
    for dc in DCS {
        for at in lab.dc(dc).local_addrs() {
            let (ip, port) = (at.ip(), at.port());
            list += &format!("- {{id: {dc}, ip: {ip}, port: {port}, max_sessions: 1}}\n");
        }
    }
    lab.write("dc_options.yaml", list);
    let edge = lab.start().await;
    let mut open = Vec::new();
    let mut found = Vec::new();
    for _ in 0..2 * DCS.len() {
        let mut session = Client::announced(edge.clients(), ip(GREEDY)).await.expect("connected");
        let who = session.who().await.expect("an answer");
        found.push((who.dc, who.access_point));
        open.push(session);
    }
    assert_eq!((found[0].0, found[1].0), (AMSTERDAM, AMSTERDAM), "both of them at home first");
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len(), 2 * DCS.len(), "each has one");
    assert_eq!(refusal(edge.clients(), ip(GREEDY)).await, End::Reset);
    let scrape = edge.doors.scrape().await;
    assert_eq!(scrape.value("refused_total", &[("reason", "overflow")]), 1.0);
    assert_eq!(scrape.sum("connect_failures_total", &[]), 0.0, "it is nobody's failure");
}

async fn reload(lab: &Lab, edge: &Edge, keys: &str) {
    lab.configure(&[("listeners", &listener(keys))]);
    let outcome = within("a reload", edge.app.reload()).await;
    assert!(matches!(outcome, Outcome::Accepted), "{outcome:?}");
}
