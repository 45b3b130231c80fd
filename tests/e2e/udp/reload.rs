//! What a reload does to flows, and what it leaves alone.

use std::io;
use std::net::SocketAddr;

use nearpoint::reload::Outcome;
use tokio::net::UdpSocket;

use super::{lab, start};
use crate::support::datagram::{UdpClient, client_of};
use crate::support::lab::{AMSTERDAM, DCS, Edge, Lab, UDP_LISTENER};
use crate::support::{eventually, within};

async fn reload(edge: &Edge) {
    let outcome = within("a reload", edge.app.reload()).await;
    assert!(matches!(outcome, Outcome::Accepted | Outcome::Unchanged), "{outcome:?}");
}

/// A list without one access point, in force; it has left when this returns.
async fn remove(lab: &Lab, edge: &Edge, gone: SocketAddr) {
    let addrs = |dc| lab.udp(dc).local_addrs();
    lab.write("dc_options.yaml", lab.dc_options_of(|dc, number| addrs(dc)[number] != gone));
    reload(edge).await;
    edge.until("the access point has left", |snapshot| {
        snapshot.topology.access_points().iter().all(|it| it.id.address.socket != gone)
    })
    .await;
}

#[tokio::test]
async fn flows_outlive_reloads() {
    let lab = lab(2);
    let edge = start(&lab).await;
    let mut flows = Vec::new();
    for dc in DCS {
        let mut client = UdpClient::new(client_of(dc, 1), edge.clients()).await;
        flows.push((client.ask().await, client));
    }
    // Another list with the same access points and more, and another configuration.
    lab.write("dc_options.yaml", format!("{}# another list\n", lab.dc_options()));
    reload(&edge).await;
    lab.configure_udp(&[("policy", "{objective: distance, tie_margin: 7ms}")]);
    reload(&edge).await;
    let used: Vec<_> = flows.iter().map(|(who, _)| who.access_point).collect();
    let addrs = |dc| lab.udp(dc).local_addrs();
    lab.write("dc_options.yaml", lab.dc_options_of(|dc, n| used.contains(&addrs(dc)[n])));
    reload(&edge).await;
    for (before, client) in &mut flows {
        let after = client.ask().await;
        assert_eq!((after.access_point, after.peer), (before.access_point, before.peer));
    }
}

#[tokio::test]
async fn a_flow_keeps_an_access_point_that_leaves_the_list_and_new_flows_do_not_find_it() {
    let lab = lab(2);
    let edge = start(&lab).await;
    let mut client = UdpClient::new(client_of(AMSTERDAM, 1), edge.clients()).await;
    let before = client.ask().await;
    remove(&lab, &edge, before.access_point).await;
    for _ in 0..3 {
        assert_eq!(client.ask().await.peer, before.peer);
    }
    for number in 2..=9 {
        let mut newcomer = UdpClient::new(client_of(AMSTERDAM, number), edge.clients()).await;
        let who = newcomer.ask().await;
        assert_eq!(who.dc, AMSTERDAM);
        assert_ne!(who.access_point, before.access_point);
    }
}

#[tokio::test]
async fn a_flow_is_moved_from_an_access_point_that_leaves_the_list_if_the_listener_says_so() {
    let lab = lab(2);
    let moving = UDP_LISTENER.replace("sticky: none", "sticky: none, udp: {on_removed: move}");
    lab.configure_udp(&[("listeners", &moving)]);
    let edge = start(&lab).await;
    let mut client = UdpClient::new(client_of(AMSTERDAM, 1), edge.clients()).await;
    let before = client.ask().await;
    remove(&lab, &edge, before.access_point).await;
    let after = eventually("the flow moves", async || {
        let who = client.ask().await;
        (who.access_point != before.access_point).then_some(who)
    })
    .await;
    assert_eq!(after.dc, AMSTERDAM);
}

#[tokio::test]
async fn listeners_come_and_go_and_those_that_stay_keep_their_flows() {
    let listener = |name: &str, ip: &str| {
        format!("{{name: {name}, protocol: udp, bind: ['{ip}:0'], sticky: none}}")
    };
    let lab = lab(1);
    let (stays, leaves) = (listener("clients", "127.0.0.1"), listener("leaves", "127.0.0.2"));
    let comes = listener("comes", "127.0.0.3");
    lab.configure_udp(&[("listeners", &format!("[{stays}, {leaves}]"))]);
    let edge = start(&lab).await;
    let leaves_at = edge.listener("leaves");
    let mut staying = UdpClient::new(client_of(AMSTERDAM, 1), edge.clients()).await;
    let mut leaving = UdpClient::new(client_of(AMSTERDAM, 1), leaves_at).await;
    let (before, _) = (staying.ask().await, leaving.ask().await);
    let sockets = bound_sockets(edge.clients());
    assert_eq!(sockets.len(), 2, "one for each worker");

    lab.configure_udp(&[("listeners", &format!("[{stays}, {comes}]"))]);
    reload(&edge).await;
    assert_eq!(staying.ask().await.peer, before.peer);
    assert_eq!(bound_sockets(edge.clients()), sockets, "the sockets are the same");
    let status = edge.doors.json("/v1/status").await;
    let views = status["listeners"].as_array().expect("a list");
    let view = views.iter().find(|view| view["name"] == "comes").expect("the new listener");
    let comes_at = view["addresses"][0].as_str().expect("an address");
    let comes_at = comes_at.trim_end_matches("/udp").parse().expect("an address");
    let mut newcomer = UdpClient::new(client_of(AMSTERDAM, 2), comes_at).await;
    assert_eq!(newcomer.ask().await.dc, AMSTERDAM);

    eventually("nobody is at the address of the removed listener", async || {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        socket.connect(leaves_at).await.expect("connected");
        // A refusal is told at the next use of the socket.
        let (sent, again) = (socket.send(b"?").await, socket.send(b"?").await);
        let refused = |it: &io::Result<usize>| {
            it.as_ref().is_err_and(|it| it.kind() == io::ErrorKind::ConnectionRefused)
        };
        [sent, again].iter().any(refused).then_some(())
    })
    .await;
    assert_eq!(edge.doors.scrape().await.sum("udp_flows_active", &[("listener", "leaves")]), 0.0);
}

/// Inodes of the sockets of UDP that are bound there (proc_net(5)).
fn bound_sockets(at: SocketAddr) -> Vec<String> {
    let SocketAddr::V4(at) = at else { panic!("of IPv4: {at}") };
    let octets = u32::from_ne_bytes(at.ip().octets());
    let local = format!("{octets:08X}:{:04X}", at.port());
    let table = std::fs::read_to_string("/proc/net/udp").expect("the table of sockets");
    let fields = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let bound = fields.filter(|fields| fields.get(1) == Some(&local.as_str()));
    let mut inodes: Vec<String> = bound.map(|fields| fields[9].to_owned()).collect();
    inodes.sort();
    inodes
}
