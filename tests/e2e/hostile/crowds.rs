//! Many clients that want nothing, or too much: what they take comes back, and others are served meanwhile.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use nearpoint::stub::{Fault, Service};
use rustix::net::sockopt::set_socket_linger;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::hedging::dc_slot;
use crate::places::{clients, ip};
use crate::support::arrivals::Arrivals;
use crate::support::client::{Client, End, proxy_v2, refusal_of, who_answers};
use crate::support::lab::{AMSTERDAM, BLIND, DCS, Edge, Lab};
use crate::support::process::Process;
use crate::support::{eventually, within};

/// Comes without a header.
const CROWD: [u8; 4] = [127, 0, 0, 9];

/// The listener `clients` with these keys. Others are announced by a load balancer at 127.0.0.1.
fn listener(keys: &str) -> String {
    format!(
        "[{{name: clients, bind: ['127.0.0.1:0'], sticky: none, \
         proxy_protocol: {{accept_from: [127.0.0.1/32], timeout: 1h}}, {keys}}}]"
    )
}

async fn start(lab: &Lab, keys: &str) -> Process {
    lab.configure(&[("listeners", &listener(keys)), ("memory", "{pipes: 0KiB}")]);
    Process::start(lab).await
}

async fn connect(at: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((CROWD, 0)))?;
    socket.connect(at).await
}

/// Leaves with a reset, as a process does that is killed.
fn vanish(stream: TcpStream) {
    set_socket_linger(&stream, Some(Duration::ZERO)).expect("an option of a socket");
}

async fn until_sessions_are(edge: &Edge, count: usize) {
    eventually(&format!("there are {count} sessions"), async || {
        let scrape = edge.doors.scrape().await;
        (scrape.sum("worker_sessions", &[]) == count as f64).then_some(())
    })
    .await;
}

/// Waits until so many connects to Amsterdam are in flight.
async fn until_connecting(edge: &Edge, count: u32) {
    let amsterdam = dc_slot(edge, AMSTERDAM);
    eventually(&format!("{count} are dialled for"), async || {
        (amsterdam.connecting() == count).then_some(())
    })
    .await;
}

async fn until_sessions(daemon: &Process, count: usize) {
    eventually(&format!("there are {count} sessions"), async || {
        let scrape = daemon.doors.scrape().await;
        (scrape.sum("worker_sessions", &[]) == count as f64).then_some(())
    })
    .await;
}

/// Waits until the daemon has as many descriptors as it had, but for a few of its own.
async fn until_descriptors_are_back(daemon: &Process, before: usize) {
    const OF_ITS_OWN: usize = 16;
    eventually("descriptors are back", async || {
        (daemon.descriptors() <= before + OF_ITS_OWN).then_some(())
    })
    .await;
}

#[tokio::test]
async fn ten_thousand_connects_of_one_client_take_nothing_from_others_and_leave_nothing_behind() {
    const CONNECTS: usize = 10_000;
    const AT_ONCE: usize = 16;
    let lab = Lab::new(1);
    let keys = "limits: {sessions_per_client: 10000, new_per_second: {rate: 200, burst: 8000}, \
         new_per_second_per_client: {rate: 5, burst: 400}}";
    let daemon = start(&lab, keys).await;
    let at = daemon.clients;
    let (before, began) = (daemon.descriptors(), Instant::now());
    // Each of them comes a few times a second.
    let others = Arrivals::start(at, clients(40), Duration::from_millis(5));
    others.until(40, began).await;
    let mut resident = Vec::new();
    for _half in 0..2 {
        let mut crowd = JoinSet::new();
        for _ in 0..AT_ONCE {
            crowd.spawn(async move {
                for _ in 0..CONNECTS / AT_ONCE / 2 {
                    // A reset may be there before the connect has ended.
                    if let Ok(stream) = connect(at).await {
                        vanish(stream);
                    }
                }
            });
        }
        while let Some(ended) = within("the crowd goes", crowd.join_next()).await {
            ended.expect("no panic");
        }
        resident.push(daemon.resident());
    }
    let others = others.stop().await;
    let failed: Vec<_> = others.iter().filter(|it| it.answered.is_err()).collect();
    assert!(failed.is_empty(), "{} of {}: {:?}", failed.len(), others.len(), failed.first());
    until_sessions(&daemon, 0).await;
    until_descriptors_are_back(&daemon, before).await;
    let scrape = daemon.doors.scrape().await;
    let refused = scrape.value("limited_total", &[("limit", "new_per_second_per_client")]);
    assert_eq!(scrape.sum("limited_total", &[]), refused, "no other limit");
    assert!(refused > CONNECTS as f64 / 2.0, "{refused} of {CONNECTS} were refused");
    println!("{} sessions of others, {refused} refused, {resident:?} bytes", others.len());
    assert!(resident[1] < resident[0] + (4 << 20), "{resident:?} bytes after each half");
}

#[tokio::test]
async fn clients_without_a_byte_cost_what_dial_says_and_it_all_comes_back() {
    const CLIENTS: usize = 400;
    for (dial, of_each) in [("on_accept", 2), ("on_first_byte", 1)] {
        let lab = Lab::serving(Service::Echo, 1);
        let daemon = start(&lab, &format!("dial: {dial}")).await;
        let before = daemon.descriptors();
        let mut silent = Vec::new();
        for _ in 0..CLIENTS {
            silent.push(connect(daemon.clients).await.expect("connected"));
        }
        until_sessions(&daemon, CLIENTS).await;
        eventually("each has what it takes", async || {
            (daemon.descriptors() >= before + of_each * CLIENTS).then_some(())
        })
        .await;
        assert!(daemon.descriptors() <= before + of_each * CLIENTS + 16, "and no more, {dial}");
        let mut other = Client::announced(daemon.clients, ip("8.8.8.8")).await.expect("connected");
        other.echo(b"hello").await.expect("others are served");
        other.finish().await.expect("an orderly end");
        // Half of them in order.
        drop(silent.split_off(CLIENTS / 2));
        silent.into_iter().for_each(vanish);
        until_sessions(&daemon, 0).await;
        until_descriptors_are_back(&daemon, before).await;
    }
}

#[tokio::test]
async fn clients_that_vanish_in_any_phase_leave_nothing_behind() {
    const CLIENTS: usize = 50;
    let lab = Lab::new(1);
    let pinned = "{name: pinned, bind: ['127.0.0.1:0'], route: {dc: 2}}";
    let sniffed = "{name: sniffed, bind: ['127.0.0.1:0'], route: {mtproto: {sniff_timeout: 1h}}}";
    let listeners = listener("dial: on_accept");
    let listeners = format!("{}, {pinned}, {sniffed}]", &listeners[..listeners.len() - 1]);
    // Longer than any event is waited for.
    let patient = "{timeout: 60s, deadline: 300s, hedge: none}";
    lab.configure(&[("listeners", &listeners), ("health", BLIND), ("connect", patient)]);
    let edge = lab.start().await;
    let header = proxy_v2(ip("8.8.8.8"));
    let (clients, pinned, sniffed) =
        (edge.clients(), edge.listener("pinned"), edge.listener("sniffed"));
    // The power of DC 2 fails: whoever is bound to it is dialled for as long as it is there.
    lab.dc(AMSTERDAM).set_fault_everywhere(Fault::Drop).await.expect("without power");
    let phases: [(&str, SocketAddr, &[u8]); 4] = [
        ("header", clients, &header[..20]),
        ("sniff", sniffed, &[0xab; 30]),
        ("dial", pinned, b"hello"),
        ("relay", clients, &header),
    ];
    for (phase, at, says) in phases {
        let mut here = Vec::new();
        for _ in 0..CLIENTS {
            let mut stream = TcpStream::connect(at).await.expect("connected");
            stream.write_all(says).await.expect("sent");
            here.push(stream);
        }
        until_sessions_are(&edge, CLIENTS).await;
        if phase == "dial" {
            until_connecting(&edge, CLIENTS as u32).await;
        }
        here.into_iter().for_each(vanish);
        let gone = eventually("nobody is left", async || {
            let scrape = edge.doors.scrape().await;
            (scrape.sum("worker_sessions", &[]) == 0.0).then_some(scrape)
        })
        .await;
        assert_eq!(gone.sum("sessions_active", &[]), 0.0, "{phase}");
        assert_eq!(gone.value("pending_bytes", &[]), 0.0, "{phase}");
        who_answers(clients, ip("8.8.8.8")).await.expect("the next client is served");
        until_sessions_are(&edge, 0).await;
    }
}

#[tokio::test]
async fn a_dc_without_power_holds_up_as_many_connects_as_it_may_until_their_clients_vanish() {
    const HELD_UP: usize = 3;
    let lab = Lab::new(1);
    let dcs = "[{id: 1, location: {lat: 25.77, lon: -80.19}}, \
         {id: 2, location: {lat: 52.37, lon: 4.90}, max_connecting: 3}, \
         {id: 5, location: {lat: 1.35, lon: 103.82}}]";
    let listeners = "[{name: clients, bind: ['127.0.0.1:0'], sticky: none, \
         proxy_protocol: {accept_from: [127.0.0.1/32]}}, \
         {name: pinned, bind: ['127.0.0.1:0'], route: {dc: 2}}]";
    // Longer than any event is waited for.
    let connect = "{timeout: 60s, deadline: 300s, hedge: none}";
    let sections =
        [("dcs", dcs), ("listeners", listeners), ("health", BLIND), ("connect", connect)];
    lab.configure(&sections);
    let edge = lab.start().await;
    edge.until_access_points_are(&DCS, nearpoint::routing::Health::Up).await;
    lab.dc(AMSTERDAM).set_fault_everywhere(Fault::Drop).await.expect("without power");
    for round in 1..=3 {
        let mut held_up = Vec::new();
        for _ in 0..HELD_UP {
            held_up.push(TcpStream::connect(edge.listener("pinned")).await.expect("connected"));
        }
        until_connecting(&edge, HELD_UP as u32).await;
        assert_eq!(refusal_of(edge.listener("pinned"), b"hello").await, End::Reset);
        let scrape = edge.doors.scrape().await;
        assert_eq!(scrape.sum("refused_total", &[("reason", "overflow")]), f64::from(round));
        let refused = scrape.sum("refused_total", &[]);
        assert_eq!(
            refused,
            f64::from(round),
            "the others are dialled for, and nobody refuses them"
        );
        for client in ["8.8.8.8", "133.11.1.1"] {
            who_answers(edge.clients(), ip(client)).await.expect("other DCs serve");
        }
        // Their places are there for the next round.
        held_up.into_iter().for_each(vanish);
        until_connecting(&edge, 0).await;
    }
    let failed = edge.doors.scrape().await.sum("connect_failures_total", &[]);
    assert_eq!(failed, 0.0, "that a client leaves is no failure of its DC");
}

#[tokio::test]
async fn a_client_that_sends_a_byte_at_a_time_is_served_like_any_other() {
    let lab = Lab::serving(Service::Echo, 1);
    let daemon = start(&lab, "dial: on_first_byte").await;
    let said: Vec<u8> = (0..=255).collect();
    let mut slow = Client::plain(daemon.clients).await.expect("connected");
    for byte in proxy_v2(ip("8.8.8.8")).iter().chain(&said) {
        slow.send(&[*byte]).await.expect("sent");
        let mut other = Client::announced(daemon.clients, ip("145.97.1.1")).await.expect("another");
        other.echo(b"hello").await.expect("others are served meanwhile");
    }
    slow.hear(&said).await.expect("every byte came back");
    slow.finish().await.expect("an orderly end");
}
