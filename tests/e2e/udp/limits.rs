//! Limits of a listener: those within them notice nothing, those beyond are counted.

use std::time::Instant;

use nearpoint::routing::Health;
use nearpoint::stub::{Fault, UdpService};

use super::{count, lab, start, until_counted};
use crate::places::ip;
use crate::support::client::Client;
use crate::support::datagram::{UdpClient, client_of};
use crate::support::eventually;
use crate::support::lab::{AMSTERDAM, Edge, Lab, MIAMI};

/// The listener `clients` with these keys.
fn limited(lab: &Lab, keys: &str) {
    let listener =
        format!("[{{name: clients, protocol: udp, bind: ['127.0.0.1:0'], sticky: none, {keys}}}]");
    lab.configure_udp(&[("listeners", &listener)]);
}

async fn active(edge: &Edge) -> f64 {
    count(edge, "udp_flows_active", &[("listener", "clients")]).await
}

const REFUSED: [(&str, &str); 2] = [("listener", "clients"), ("reason", "limit")];

#[tokio::test]
async fn a_full_table_makes_room_for_newcomers_and_never_holds_more() {
    const FLOWS: u8 = 8;
    let lab = lab(1);
    limited(&lab, "udp: {flows: 8}");
    let edge = start(&lab).await;
    let mut clients = Vec::new();
    for number in 1..=5 * FLOWS {
        let mut client = UdpClient::new(client_of(AMSTERDAM, number), edge.clients()).await;
        let who = client.ask_until_answered().await;
        clients.push((who, client));
        let active = active(&edge).await;
        assert!(active <= f64::from(FLOWS), "{active} flows after {number} clients");
    }
    let evicted = [("listener", "clients"), ("reason", "evicted")];
    let evicted = count(&edge, "udp_flows_ended_total", &evicted).await;
    assert!(evicted >= f64::from(4 * FLOWS), "{evicted} evictions are counted");
    // Who was evicted comes back with another flow.
    let (before, first) = &mut clients[0];
    assert_ne!(first.ask_until_answered().await.peer, before.peer);
    assert!(active(&edge).await <= f64::from(FLOWS));
}

#[tokio::test]
async fn the_last_place_can_be_had_at_every_socket() {
    let lab = lab(1);
    limited(&lab, "udp: {flows: 1}");
    let edge = start(&lab).await;
    // The kernel chooses the socket, and so the worker, by the client's port.
    for number in 1..=12 {
        let mut client = UdpClient::new(client_of(AMSTERDAM, number), edge.clients()).await;
        client.ask_until_answered().await;
        assert!(active(&edge).await <= 1.0);
    }
}

#[tokio::test]
async fn who_fills_the_table_at_one_address_shuts_nobody_out_at_another() {
    const FLOWS: u8 = 8;
    let lab = lab(1);
    let listener = "[{name: clients, protocol: udp, bind: ['127.0.0.1:0', '127.0.0.2:0'], \
         sticky: none, udp: {flows: 8}}]";
    lab.configure_udp(&[("listeners", listener)]);
    let edge = start(&lab).await;
    let [crowded, quiet] = edge.app.listeners["clients"][..] else { panic!("two addresses") };
    for number in 1..=3 * FLOWS {
        UdpClient::new(client_of(AMSTERDAM, number), crowded).await.ask_until_answered().await;
    }
    for number in 1..=FLOWS {
        UdpClient::new(client_of(MIAMI, number), quiet).await.ask_until_answered().await;
        assert!(active(&edge).await <= f64::from(FLOWS));
    }
}

#[tokio::test]
async fn a_client_has_only_so_many_flows_and_others_have_theirs() {
    let lab = lab(1);
    limited(&lab, "udp: {flows_per_client: 3}");
    let edge = start(&lab).await;
    let greedy = client_of(AMSTERDAM, 1);
    let mut flows = Vec::new();
    for _ in 0..3 {
        let mut client = UdpClient::new(greedy, edge.clients()).await;
        flows.push((client.ask().await.peer, client));
    }
    for beyond in 1..=5 {
        let client = UdpClient::new(greedy, edge.clients()).await;
        client.send(b"one more?").await;
        until_counted(&edge, "refused_total", &REFUSED, f64::from(beyond)).await;
    }
    let mut other = UdpClient::new(client_of(AMSTERDAM, 2), edge.clients()).await;
    other.ask().await;
    for (peer, client) in &mut flows {
        assert_eq!(client.ask().await.peer, *peer, "what the client has, it keeps");
    }
    assert_eq!(active(&edge).await, 4.0);
}

#[tokio::test]
async fn new_flows_come_only_so_fast_and_old_ones_notice_nothing() {
    const BURST: u8 = 5;
    const CLIENTS: u8 = 60;
    let lab = lab(1);
    limited(&lab, "limits: {new_per_second: {rate: 1, burst: 5}}");
    let edge = start(&lab).await;
    let began = Instant::now();
    let mut old = UdpClient::new(client_of(MIAMI, 1), edge.clients()).await;
    let peer = old.ask().await.peer;
    let mut newcomers = Vec::new();
    for number in 1..=CLIENTS {
        let client = UdpClient::new(client_of(AMSTERDAM, number), edge.clients()).await;
        client.send(b"may I?").await;
        newcomers.push(client);
    }
    let (active, refused) = eventually("everybody has a flow or is refused", async || {
        let scrape = edge.doors.scrape().await;
        let active = scrape.sum("udp_flows_active", &[("listener", "clients")]);
        let refused = scrape.sum("refused_total", &REFUSED);
        (active + refused == f64::from(CLIENTS) + 1.0).then_some((active, refused))
    })
    .await;
    // One a second, of which the machine may have let pass some.
    let most = f64::from(BURST) + began.elapsed().as_secs_f64() + 1.0;
    assert!((f64::from(BURST)..=most).contains(&active), "{active} flows, {most} at most");
    assert_eq!(count(&edge, "udp_drops_total", &[("reason", "rate")]).await, refused);
    assert_eq!(old.ask().await.peer, peer, "who has a flow keeps it");
    // Who goes on asking is let in when there is room again.
    newcomers.pop().expect("the last one").ask_until_answered().await;
}

#[tokio::test]
async fn a_full_dc_takes_no_more_flows_and_one_moves_within_it_all_the_same() {
    let lab = lab(2);
    let dcs = "[{id: 1, location: {lat: 25.77, lon: -80.19}}, \
         {id: 2, location: {lat: 52.37, lon: 4.90}, max_sessions: 1}, \
         {id: 5, location: {lat: 1.35, lon: 103.82}}]";
    lab.configure_udp(&[("dcs", dcs)]);
    let edge = start(&lab).await;
    let mut first = UdpClient::new(client_of(AMSTERDAM, 1), edge.clients()).await;
    let who = first.ask().await;
    assert_eq!(who.dc, AMSTERDAM);
    let mut second = UdpClient::new(client_of(AMSTERDAM, 2), edge.clients()).await;
    assert_eq!(second.ask().await.dc, MIAMI, "there is room for one");
    lab.udp(AMSTERDAM).set_fault(who.access_point, Fault::Refuse).await.expect("a fault");
    let moved = eventually("the flow moves", async || {
        first.ask_once().await.filter(|now| now.access_point != who.access_point)
    });
    assert_eq!(moved.await.dc, AMSTERDAM, "its own place is not in its way");
    assert_eq!(active(&edge).await, 2.0);
}

#[tokio::test]
async fn a_client_that_begins_flows_too_often_takes_nobody_elses_part() {
    const BURST: u32 = 4;
    const OTHERS: u8 = 20;
    let lab = lab(1);
    let keys = "limits: {new_per_second_per_client: {rate: 1, burst: 4}, \
         new_per_second: {rate: 1, burst: 60}}";
    limited(&lab, keys);
    let edge = start(&lab).await;
    let began = Instant::now();
    let greedy = client_of(AMSTERDAM, 200);
    let mut flows = Vec::new();
    for number in 1..=OTHERS {
        for _ in 0..5 {
            let client = UdpClient::new(greedy, edge.clients()).await;
            client.send(b"one more?").await;
            flows.push(client);
        }
        UdpClient::new(client_of(MIAMI, number), edge.clients()).await.ask().await;
    }
    let (active, refused) = eventually("each has a flow or is refused", async || {
        let scrape = edge.doors.scrape().await;
        let active = scrape.sum("udp_flows_active", &[("listener", "clients")]);
        let refused = scrape.sum("refused_total", &REFUSED);
        (active + refused == f64::from(OTHERS) * 6.0).then_some((active, refused))
    })
    .await;
    let of_greedy = active - f64::from(OTHERS);
    // One a second, of which the machine may have let pass some.
    let most = f64::from(BURST) + began.elapsed().as_secs_f64() + 1.0;
    assert!((f64::from(BURST)..=most).contains(&of_greedy), "{of_greedy} flows, {most} at most");
    assert_eq!(count(&edge, "udp_drops_total", &[("reason", "client_rate")]).await, refused);
    let limit = [("listener", "clients"), ("limit", "new_per_second_per_client")];
    let scrape = edge.doors.scrape().await;
    assert_eq!(scrape.value("limited_total", &limit), refused);
    assert_eq!(scrape.sum("limited_total", &[]), refused, "no other limit");
}

#[tokio::test]
async fn a_flood_of_flows_leaves_sessions_their_part_of_a_dc_and_makes_room_for_itself() {
    const CAPACITY: u8 = 8;
    let lab = Lab::with_udp(ip("127.0.0.1"), UdpService::Sink, 1);
    lab.configure_udp(&[
        (
            "dcs",
            "[{id: 1, location: {lat: 25.77, lon: -80.19}}, \
             {id: 2, location: {lat: 52.37, lon: 4.90}, max_sessions: 8}, \
             {id: 5, location: {lat: 1.35, lon: 103.82}}]",
        ),
        (
            "listeners",
            "[{name: clients, protocol: udp, bind: ['127.0.0.1:0'], route: {dc: 2}}, \
             {name: sessions, bind: ['127.0.0.1:0'], route: {dc: 2}}]",
        ),
        ("health", "{interval: 200ms, fast_interval: 100ms}"),
        ("edge", "{name: lab, workers: 1}"),
    ]);
    let edge = lab.start().await;
    edge.until_dcs_are(&[AMSTERDAM], Health::Up).await;
    for number in 1..=4 * CAPACITY {
        let client = UdpClient::new(client_of(AMSTERDAM, number), edge.clients()).await;
        client.send(b"nobody answers this").await;
        let begun = [("listener", "clients")];
        until_counted(&edge, "udp_flows_total", &begun, f64::from(number)).await;
        let active = active(&edge).await;
        assert!(active <= f64::from(CAPACITY) * 3.0 / 4.0, "{active} flows after {number}");
    }
    let mut session = Client::plain(edge.listener("sessions")).await.expect("connected");
    assert_eq!(session.who().await.expect("there is room").dc, AMSTERDAM);
}
