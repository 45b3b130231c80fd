//! UDP from outside: where datagrams go, and from where their answers come.

mod announced;
mod drain;
mod failover;
mod flood;
mod hostile;
mod limits;
mod property;
mod reload;

use std::net::{IpAddr, SocketAddr};

use nearpoint::routing::Health;
use nearpoint::stub::UdpService;

use crate::places::ip;
use crate::support::datagram::{UdpClient, client_of};
use crate::support::eventually;
use crate::support::lab::{AMSTERDAM, DCS, Edge, Lab, MIAMI, SINGAPORE};

/// Access points at 127.0.0.1.
fn lab(access_points: usize) -> Lab {
    Lab::with_udp(ip("127.0.0.1"), UdpService::Who, access_points)
}

/// A daemon that knows of every access point that it is up.
async fn start(lab: &Lab) -> Edge {
    let edge = lab.start().await;
    edge.until_access_points_are(&DCS, Health::Up).await;
    edge
}

/// One sample or the sum of several.
async fn count(edge: &Edge, metric: &str, labels: &[(&str, &str)]) -> f64 {
    edge.doors.scrape().await.sum(metric, labels)
}

/// Waits until the samples add up to so much.
async fn until_counted(edge: &Edge, metric: &str, labels: &[(&str, &str)], goal: f64) {
    eventually(&format!("{metric} {labels:?} is {goal}"), async || {
        (count(edge, metric, labels).await == goal).then_some(())
    })
    .await;
}

#[tokio::test]
async fn datagrams_go_to_the_closest_dc_as_explained() {
    let lab = lab(2);
    let edge = start(&lab).await;
    for dc in DCS {
        for number in 1..=4 {
            let address = client_of(dc, number);
            let mut client = UdpClient::new(address, edge.clients()).await;
            let who = client.ask().await;
            assert_eq!(who.dc, dc, "{address}");
            let explained = edge.doors.explain(address).await;
            let first = &explained["attempts"][0];
            assert_eq!(first["dc"], dc, "{explained}");
            let access_point = first["access_point"].as_str().expect("an address");
            let socket = access_point.trim_end_matches("/udp");
            assert_eq!(socket, who.access_point.to_string(), "{explained}");
            for _ in 0..3 {
                let again = client.ask().await;
                assert_eq!((again.dc, again.peer), (dc, who.peer), "one client is one flow");
            }
        }
    }
    let flows = (4 * DCS.len()) as f64;
    until_counted(&edge, "udp_flows_active", &[("listener", "clients")], flows).await;
    let datagrams = 4.0 * flows;
    until_counted(&edge, "udp_datagrams_total", &[("direction", "up")], datagrams).await;
    until_counted(&edge, "udp_datagrams_total", &[("direction", "down")], datagrams).await;
    assert_eq!(count(&edge, "udp_drops_total", &[]).await, 0.0);
    assert_eq!(count(&edge, "refused_total", &[]).await, 0.0);
}

#[tokio::test]
async fn clients_and_access_points_may_both_be_of_ipv6() {
    let lab = Lab::with_udp(ip("::1"), UdpService::Who, 1);
    lab.configure_udp(&[(
        "listeners",
        "[{name: clients, protocol: udp, bind: ['[::1]:0'], sticky: none}, \
          {name: old, protocol: udp, bind: ['127.0.0.1:0'], sticky: none}]",
    )]);
    let edge = start(&lab).await;
    let mut client = UdpClient::new(ip("::1"), edge.clients()).await;
    let who = client.ask().await;
    assert_eq!((who.dc, who.peer.ip()), (AMSTERDAM, ip("::1")));
    let mut client = UdpClient::new(client_of(SINGAPORE, 1), edge.listener("old")).await;
    let who = client.ask().await;
    assert_eq!((who.dc, who.peer.ip()), (SINGAPORE, ip("::1")));
}

#[tokio::test]
async fn a_bound_listener_sends_datagrams_to_its_dc_or_to_nobody() {
    let lab = lab(1);
    lab.configure_udp(&[(
        "listeners",
        "[{name: clients, protocol: udp, bind: ['127.0.0.1:0'], route: {dc: 5}}]",
    )]);
    let edge = start(&lab).await;
    let mut client = UdpClient::new(client_of(MIAMI, 1), edge.clients()).await;
    assert_eq!(client.ask().await.dc, SINGAPORE);
    lab.udp(SINGAPORE).kill_everywhere().await.expect("killed");
    lab.dc(SINGAPORE).kill_everywhere().await.expect("killed");
    edge.until_access_points_are(&[SINGAPORE], Health::Down).await;

    let refused = [("listener", "clients"), ("reason", "no_dc")];
    let stranger = UdpClient::new(client_of(MIAMI, 2), edge.clients()).await;
    let before = count(&edge, "refused_total", &refused).await;
    stranger.send(b"anybody there?").await;
    eventually("the stranger is refused", async || {
        (count(&edge, "refused_total", &refused).await > before).then_some(())
    })
    .await;
    for _ in 0..3 {
        assert_eq!(client.ask_once().await, None, "nobody else answers");
    }
    lab.udp(SINGAPORE).set_fault_everywhere(nearpoint::stub::Fault::None).await.expect("healed");
    lab.dc(SINGAPORE).set_fault_everywhere(nearpoint::stub::Fault::None).await.expect("healed");
    assert_eq!(client.ask_until_answered().await.dc, SINGAPORE);
}

#[tokio::test]
async fn answers_leave_from_the_address_that_was_asked_also_on_wildcards() {
    let lab = lab(1);
    lab.configure_udp(&[(
        "listeners",
        "[{name: clients, protocol: udp, bind: ['0.0.0.0:0', '[::]:0'], sticky: none}]",
    )]);
    let edge = start(&lab).await;
    let bound: Vec<SocketAddr> = edge.app.listeners["clients"].clone();
    let port =
        |v4: bool| bound.iter().find(|it| it.is_ipv4() == v4).expect("both are bound").port();
    let mut client = UdpClient::new(client_of(MIAMI, 1), edge.clients()).await;
    let mut flows = Vec::new();
    // Three flows of one client, in turn.
    for round in 0..3 {
        for (number, local) in ["127.0.0.1", "127.0.0.2", "127.77.0.3"].into_iter().enumerate() {
            client.turn_to(SocketAddr::new(ip(local), port(true)));
            let who = client.ask().await;
            assert_eq!(who.dc, MIAMI);
            match round {
                0 => flows.push(who.peer),
                _ => assert_eq!(who.peer, flows[number], "{local}"),
            }
        }
    }
    flows.sort();
    flows.dedup();
    assert_eq!(flows.len(), 3, "what was asked of another address is another flow");
    let mut client = UdpClient::new(ip("::1"), SocketAddr::new(ip("::1"), port(false))).await;
    assert_eq!(client.ask().await.dc, AMSTERDAM);
}

#[tokio::test]
async fn a_client_may_go_only_where_policy_lets_it() {
    const RULES: &str = "{objective: distance, rules: [\
         {match: {cidr: ['127.0.1.0/24']}, deny: true}, \
         {match: {cidr: ['127.0.5.0/24']}, restrict: [2]}]}";
    let lab = lab(1);
    lab.configure_udp(&[("policy", RULES)]);
    let edge = start(&lab).await;
    let refused = async |client: IpAddr, reason: &str| {
        let labels = [("listener", "clients"), ("reason", reason)];
        let before = count(&edge, "refused_total", &labels).await;
        let client = UdpClient::new(client, edge.clients()).await;
        client.send(b"may I?").await;
        eventually("it is refused", async || {
            (count(&edge, "refused_total", &labels).await > before).then_some(())
        })
        .await;
        client
    };
    let mut denied = refused(client_of(MIAMI, 1), "policy").await;
    assert_eq!(denied.ask_once().await, None);

    let mut restricted = UdpClient::new(client_of(SINGAPORE, 1), edge.clients()).await;
    assert_eq!(restricted.ask().await.dc, AMSTERDAM);
    lab.udp(AMSTERDAM).kill_everywhere().await.expect("killed");
    lab.dc(AMSTERDAM).kill_everywhere().await.expect("killed");
    edge.until_access_points_are(&[AMSTERDAM], Health::Down).await;
    for _ in 0..3 {
        assert_eq!(restricted.ask_once().await, None, "restricted to a DC that is down");
    }
    let mut free = UdpClient::new(client_of(AMSTERDAM, 1), edge.clients()).await;
    assert_ne!(free.ask_until_answered().await.dc, AMSTERDAM, "others are served elsewhere");
}
