//! Flows follow health: the next datagram goes to where it is answered.

use std::collections::BTreeMap;

use nearpoint::routing::Health;
use nearpoint::stub::Fault;

use super::{count, lab, start};
use crate::support::datagram::{UdpClient, client_of};
use crate::support::eventually;
use crate::support::lab::{AMSTERDAM, DCS, Edge, Lab, MIAMI, SINGAPORE};

/// Quick, and without a question that services of UDP would answer.
const UNASKED: &str =
    "{interval: 200ms, fast_interval: 100ms, down_interval: 200ms, fall: 3, rise: 2}";

/// After its first round nobody is probed again of itself.
const BLIND_UDP: &str = "{interval: 1h, fast_interval: 100ms, down_interval: 1h, fall: 2, \
     rise: 1, udp_probe: {send: 'who is there?', expect: any}}";

/// Clients of every DC, each of which has asked once; by home.
async fn clients(edge: &Edge, of_each: u8) -> BTreeMap<u16, Vec<UdpClient>> {
    let mut clients = BTreeMap::new();
    for dc in DCS {
        let mut at_home = Vec::new();
        for number in 1..=of_each {
            let mut client = UdpClient::new(client_of(dc, number), edge.clients()).await;
            assert_eq!(client.ask().await.dc, dc);
            at_home.push(client);
        }
        clients.insert(dc, at_home);
    }
    clients
}

/// Clients of Amsterdam reach another DC, and nobody else moves.
async fn only_clients_of_amsterdam_move(clients: &mut BTreeMap<u16, Vec<UdpClient>>) {
    for (home, clients) in clients {
        for client in clients {
            match *home {
                AMSTERDAM => assert_ne!(client.ask_until_answered().await.dc, AMSTERDAM),
                home => assert_eq!(client.ask().await.dc, home),
            }
        }
    }
}

#[tokio::test]
async fn flows_of_a_dc_whose_service_is_silent_reach_another_once_its_probe_fails() {
    let lab = lab(2);
    let edge = start(&lab).await;
    let mut clients = clients(&edge, 3).await;
    lab.udp(AMSTERDAM).set_fault_everywhere(Fault::Drop).await.expect("without power");
    only_clients_of_amsterdam_move(&mut clients).await;
    // Its TCP is well: what is down is what serves UDP.
    let snapshot = edge.app.reader.load_full();
    let states = snapshot.topology.access_points().iter().zip(&snapshot.access_points);
    for (access_point, state) in states.filter(|(it, _)| it.id.dc.0 == AMSTERDAM) {
        let expected = match access_point.id.address.to_string().ends_with("/udp") {
            true => Health::Down,
            false => Health::Up,
        };
        assert_eq!(state.health, expected, "{}", access_point.id.address);
    }
}

#[tokio::test]
async fn a_refused_datagram_is_evidence_and_the_next_one_goes_elsewhere() {
    let lab = lab(1);
    lab.configure_udp(&[("health", BLIND_UDP)]);
    let edge = start(&lab).await;
    let mut clients = clients(&edge, 3).await;
    // Nobody probes: what is noticed is noticed by the flows.
    lab.udp(AMSTERDAM).kill_everywhere().await.expect("killed");
    only_clients_of_amsterdam_move(&mut clients).await;
    let labels = [("dc", "2"), ("reason", "refused")];
    assert!(count(&edge, "connect_failures_total", &labels).await > 0.0, "it is counted");
}

#[tokio::test]
async fn a_flow_whose_access_point_refuses_goes_to_the_next_one_of_its_dc() {
    let lab = lab(2);
    lab.configure_udp(&[("health", BLIND_UDP)]);
    let edge = start(&lab).await;
    let mut client = UdpClient::new(client_of(AMSTERDAM, 1), edge.clients()).await;
    let first = client.ask().await;
    lab.udp(AMSTERDAM).kill(first.access_point).await.expect("killed");
    let next = client.ask_until_answered().await;
    assert_eq!(next.dc, AMSTERDAM);
    assert_ne!(next.access_point, first.access_point);
}

#[tokio::test]
async fn a_dc_of_which_tcp_alone_is_probed_is_left_when_its_tcp_is_down() {
    let lab = lab(1);
    lab.configure_udp(&[("health", UNASKED)]);
    let edge = lab.start().await;
    let mut clients = clients(&edge, 2).await;
    lab.dc(AMSTERDAM).kill_everywhere().await.expect("killed");
    // Its UDP serves on, but of the DC nothing better is known.
    for client in clients.get_mut(&AMSTERDAM).expect("clients of Amsterdam") {
        eventually("another DC answers", async || {
            client.ask_once().await.filter(|who| who.dc != AMSTERDAM)
        })
        .await;
    }
    for home in [MIAMI, SINGAPORE] {
        for client in clients.get_mut(&home).expect("clients") {
            assert_eq!(client.ask().await.dc, home);
        }
    }
}

#[tokio::test]
async fn silence_moves_nobody() {
    let lab = lab(1);
    lab.configure_udp(&[("health", UNASKED)]);
    let edge = lab.start().await;
    let mut client = UdpClient::new(client_of(AMSTERDAM, 1), edge.clients()).await;
    let before = client.ask().await;
    let at = before.access_point;
    lab.udp(AMSTERDAM).set_fault_everywhere(Fault::Mute).await.expect("mute");
    let heard = lab.udp(AMSTERDAM).counts(at).expect("an access point").datagrams_in;
    for _ in 0..50 {
        client.send(b"no answer is needed").await;
    }
    let counts = lab.udp(AMSTERDAM).wait_until(at, |it| it.datagrams_in >= heard + 50).await;
    assert_eq!(counts.expect("an access point").datagrams_in, heard + 50);
    assert_eq!(client.ask_once().await, None);
    lab.udp(AMSTERDAM).set_fault_everywhere(Fault::None).await.expect("healed");
    let after = client.ask().await;
    assert_eq!((after.dc, after.peer), (before.dc, before.peer), "the same flow");
    assert_eq!(count(&edge, "connect_failures_total", &[]).await, 0.0);
}

#[tokio::test]
async fn flows_that_moved_stay_where_they_are_answered_and_new_ones_go_home() {
    let lab: Lab = lab(1);
    let edge = start(&lab).await;
    let mut client = UdpClient::new(client_of(AMSTERDAM, 1), edge.clients()).await;
    client.ask().await;
    lab.udp(AMSTERDAM).kill_everywhere().await.expect("killed");
    let moved = client.ask_until_answered().await;
    assert_ne!(moved.dc, AMSTERDAM);
    lab.udp(AMSTERDAM).set_fault_everywhere(Fault::None).await.expect("healed");
    edge.until_access_points_are(&[AMSTERDAM], Health::Up).await;
    let mut newcomer = UdpClient::new(client_of(AMSTERDAM, 2), edge.clients()).await;
    assert_eq!(newcomer.ask().await.dc, AMSTERDAM);
    assert_eq!(client.ask().await.peer, moved.peer, "a flow is not moved without need");
}
