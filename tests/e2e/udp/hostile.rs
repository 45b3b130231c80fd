//! What nobody sends who means well.

use nearpoint::stub::{Fault, UdpService};
use socket2::SockRef;

use super::{count, lab, start};
use crate::places::ip;
use crate::support::datagram::{UdpClient, client_of};
use crate::support::lab::{AMSTERDAM, DCS, Lab, MIAMI, UDP_LISTENER};

/// The largest datagram of IPv4: 65,535 bytes less both headers.
const LARGEST: usize = 65_507;

#[tokio::test]
async fn datagrams_of_every_size_come_back_as_they_are() {
    for host in ["127.0.0.1", "::1"] {
        let lab = Lab::with_udp(ip(host), UdpService::Echo, 1);
        let bind = host.replace("::1", "[::1]");
        lab.configure_udp(&[("listeners", &UDP_LISTENER.replace("127.0.0.1", &bind))]);
        let edge = start(&lab).await;
        let mut client = UdpClient::new(ip(host), edge.clients()).await;
        for length in [0, 1, 2, 1_471, 1_472, 1_473, 3_000, 9_000, 65_000, LARGEST, 0, 7] {
            let datagram: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            client.send(&datagram).await;
            assert!(client.hear().await == datagram, "{length} bytes over {host}");
        }
        assert_eq!(count(&edge, "udp_drops_total", &[]).await, 0.0);
    }
}

#[tokio::test]
async fn empty_datagrams_alone_make_a_flow_like_any_other() {
    let lab = lab(1);
    let edge = start(&lab).await;
    let mut client = UdpClient::new(client_of(AMSTERDAM, 1), edge.clients()).await;
    for _ in 0..200 {
        client.send(b"").await;
        let answer = client.hear().await;
        assert!(answer.ends_with(b"\n"), "who it is, and nothing behind it");
    }
    assert_eq!(count(&edge, "udp_flows_active", &[]).await, 1.0);
}

#[tokio::test]
async fn senders_that_are_gone_before_their_answer_disturb_nobody() {
    let lab = lab(1);
    let edge = start(&lab).await;
    let mut client = UdpClient::new(client_of(AMSTERDAM, 1), edge.clients()).await;
    let peer = client.ask().await.peer;
    for number in 1..=200 {
        let gone = UdpClient::new(client_of(MIAMI, number), edge.clients()).await;
        gone.send(&vec![number; usize::from(number) * 7]).await;
        drop(gone);
        assert_eq!(client.ask().await.peer, peer);
    }
}

#[tokio::test]
async fn what_is_sent_to_everybody_disturbs_nobody() {
    let lab = lab(1);
    lab.configure_udp(&[("listeners", &UDP_LISTENER.replace("127.0.0.1", "0.0.0.0"))]);
    let edge = start(&lab).await;
    let port = edge.clients().port();
    let to_us = (ip("127.0.0.1"), port).into();
    let mut client = UdpClient::new(client_of(AMSTERDAM, 1), to_us).await;
    let peer = client.ask().await.peer;
    let socket = std::net::UdpSocket::bind((client_of(MIAMI, 1), 0)).expect("a port");
    SockRef::from(&socket).set_broadcast(true).expect("allowed");
    for _ in 0..20 {
        for everybody in ["127.255.255.255", "255.255.255.255"] {
            // Not every machine has a way to everybody.
            let _ = socket.send_to(b"hello, all", (everybody, port));
        }
        assert_eq!(client.ask().await.peer, peer);
    }
}

#[tokio::test]
async fn an_access_point_that_cannot_be_sent_to_is_nobodys_end() {
    let lab = lab(1);
    // One that sockets may not be connected to.
    let more = "- {id: 2, ip: 127.255.255.255, port: 9, protocols: [udp]}\n";
    let health = "{interval: 1h, fast_interval: 1h, down_interval: 1h}";
    lab.write("dc_options.yaml", lab.dc_options() + more);
    lab.configure_udp(&[("health", health)]);
    let edge = lab.start().await;
    for number in 1..=40 {
        let mut client = UdpClient::new(client_of(AMSTERDAM, number), edge.clients()).await;
        client.ask_until_answered().await;
    }
}

#[tokio::test]
async fn answers_out_of_the_blue_go_to_nobody() {
    let lab = lab(1);
    let edge = start(&lab).await;
    let mut client = UdpClient::new(client_of(AMSTERDAM, 1), edge.clients()).await;
    let who = client.ask().await;
    // Somebody else writes to the upstream side of the flow.
    let stranger = UdpClient::new(ip("127.0.0.1"), who.peer).await;
    for _ in 0..20 {
        // It may be told that nobody listens to it.
        let _ = stranger.try_send(b"forged").await;
        assert_eq!(client.ask().await.peer, who.peer);
    }
}

#[tokio::test]
async fn a_service_that_dies_and_comes_back_again_and_again_stops_nobody() {
    let lab = lab(2);
    let edge = start(&lab).await;
    let mut clients = Vec::new();
    for dc in DCS {
        clients.push(UdpClient::new(client_of(dc, 1), edge.clients()).await);
    }
    for _ in 0..10 {
        for fault in [Fault::Refuse, Fault::Mute, Fault::Drop, Fault::None] {
            lab.udp(AMSTERDAM).set_fault_everywhere(fault).await.expect("set");
            for client in &mut clients {
                client.ask_until_answered().await;
            }
        }
    }
}
