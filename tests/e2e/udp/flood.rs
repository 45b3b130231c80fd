//! Far more flows than there is room for, against a daemon of its own.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::time::timeout;

use super::lab;
use crate::places::ip;
use crate::support::crowd::Crowd;
use crate::support::eventually;
use crate::support::lab::{DCS, Lab};
use crate::support::process::Process;
use crate::support::upstream::Upstream;

/// New clients, one after the other.
const NEWCOMERS: u32 = 20_000;

/// Places in the table of flows.
const FLOWS: f64 = 6_000.0;

/// Descriptors of the daemon.
const DESCRIPTORS: u32 = 20_000;

/// Clients that go on talking while strangers come.
const TALKING: u32 = 300;

/// Strangers that come between two questions of those who talk.
const STRANGERS: u32 = 1_000;

/// Datagrams under way at a time.
const UNDER_WAY: usize = 64;

/// For an answer that is not lost.
const SOON: Duration = Duration::from_millis(200);

/// What is asked by who gets no answer.
const NO_ANSWER: u8 = b'-';

/// One of many clients, all at home in the same DC as far as it matters.
fn client(block: u8, number: u32) -> IpAddr {
    let [_, b, c, d] = number.to_be_bytes();
    Ipv4Addr::new(127, block + b, c, d).into()
}

async fn start(lab: &Lab, idle: &str) -> (Process, Vec<Upstream>) {
    let mut upstreams = Vec::new();
    let mut list = String::new();
    for dc in DCS {
        let any = SocketAddr::new(ip("127.0.0.1"), 0);
        let upstream = Upstream::start(any, |asked| asked.first() == Some(&NO_ANSWER)).await;
        list += &upstream.listed(dc);
        upstreams.push(upstream);
    }
    lab.write("dc_options.yaml", list);
    let listener = format!(
        "[{{name: clients, protocol: udp, bind: ['127.0.0.1:0'], sticky: none, \
          udp: {{flows: 6000, unanswered_idle: {idle}, idle: {idle}}}}}]"
    );
    lab.configure_udp(&[("listeners", &listener), ("health", "{interval: 1h, down_interval: 1h}")]);
    (Process::start_with_descriptors(lab, DESCRIPTORS).await, upstreams)
}

/// Everybody asks until answered, a few at a time; who answers whom is seen by the upstreams.
async fn ask_all(crowd: &Crowd, to: SocketAddr, clients: impl Iterator<Item = (u32, IpAddr)>) {
    let mut clients = clients.peekable();
    let mut buffer = vec![0; 1 << 16];
    while clients.peek().is_some() {
        let mut open: BTreeMap<u32, IpAddr> = clients.by_ref().take(UNDER_WAY).collect();
        while !open.is_empty() {
            for (number, from) in &open {
                let question = number.to_be_bytes();
                crowd.send(*from, to, &question, None).await.expect("sent");
            }
            while !open.is_empty() {
                let Ok((answers, _)) = timeout(SOON, crowd.receive(&mut buffer)).await else {
                    break;
                };
                for answer in answers {
                    let number = answer.try_into().map(u32::from_be_bytes);
                    open.remove(&number.expect("an answer"));
                }
            }
        }
    }
}

async fn flows(daemon: &Process) -> f64 {
    daemon.doors.scrape().await.sum("udp_flows_active", &[])
}

async fn until_no_flow_is_left(daemon: &Process) {
    eventually("all flows have ended", async || (flows(daemon).await == 0.0).then_some(())).await;
}

#[tokio::test]
async fn twenty_thousand_flows_never_hold_more_than_their_places_and_give_all_back() {
    let lab = lab(1);
    let (daemon, upstreams) = start(&lab, "5s").await;
    let crowd = Crowd::new(ip("0.0.0.0")).await;
    ask_all(&crowd, daemon.clients, [(0, client(2, 0))].into_iter()).await;
    until_no_flow_is_left(&daemon).await;
    let descriptors = daemon.descriptors();
    let mut resident = vec![daemon.resident()];
    for round in 0..2 {
        let mut most = 0.0_f64;
        for first in (0..NEWCOMERS).step_by(1_000) {
            let some = (first..first + 1_000).map(|number| (number, client(10, number)));
            ask_all(&crowd, daemon.clients, some).await;
            let flows = flows(&daemon).await;
            assert!(flows <= FLOWS, "{flows} flows after {first} clients");
            assert!(daemon.descriptors() < descriptors + FLOWS as usize + 100);
            most = most.max(flows);
        }
        assert_eq!(most, FLOWS, "the table was full");
        until_no_flow_is_left(&daemon).await;
        resident.push(daemon.resident());
        println!("round {round}: {most} flows at most, {resident:?} bytes resident after each");
    }
    let served: usize = upstreams.iter().map(|upstream| upstream.received().len()).sum();
    assert!(served >= NEWCOMERS as usize, "{served} flows reached an upstream");
    eventually("descriptors are given back", async || {
        (daemon.descriptors() <= descriptors + 8).then_some(())
    })
    .await;
    let grown = resident[2].saturating_sub(resident[1]);
    assert!(grown < 8 << 20, "what a flood takes is given back, or used again: {resident:?}");
}

#[tokio::test]
async fn who_is_answered_and_goes_on_talking_survives_a_flood_of_strangers() {
    let lab = lab(1);
    let (daemon, upstreams) = start(&lab, "10m").await;
    let crowd = Crowd::new(ip("0.0.0.0")).await;
    let strangers = Crowd::new(ip("0.0.0.0")).await;
    let talking = || (0..TALKING).map(|number| (number, client(2, number)));
    for _ in 0..3 {
        ask_all(&crowd, daemon.clients, talking()).await;
    }
    let known = flows_of_talkers(&upstreams);
    assert_eq!(known.len(), TALKING as usize, "each client is one flow");
    for first in (0..NEWCOMERS).step_by(STRANGERS as usize) {
        for number in first..first + STRANGERS {
            let datagram = [[NO_ANSWER].as_slice(), &number.to_be_bytes()].concat();
            let sent = strangers.send(client(10, number), daemon.clients, &datagram, None).await;
            sent.expect("sent");
        }
        ask_all(&crowd, daemon.clients, talking()).await;
        let flows = flows(&daemon).await;
        assert!(flows <= FLOWS, "{flows} flows after {first} strangers");
    }
    let scrape = daemon.doors.scrape().await;
    let evicted = scrape.sum("udp_flows_ended_total", &[("reason", "evicted")]);
    assert!(evicted >= f64::from(NEWCOMERS) - FLOWS, "{evicted} flows were evicted");
    assert_eq!(flows_of_talkers(&upstreams), known, "nobody who talks has lost a flow");
}

/// From which addresses the upstreams were asked something that they answer.
fn flows_of_talkers(upstreams: &[Upstream]) -> BTreeMap<SocketAddr, usize> {
    let received = upstreams.iter().enumerate().flat_map(|(number, upstream)| {
        upstream.received().into_iter().map(move |(peer, asked)| (number, peer, asked))
    });
    let talkers = received
        .filter(|(_, _, asked)| asked.iter().any(|datagram| datagram.first() != Some(&NO_ANSWER)));
    talkers.map(|(number, peer, _)| (peer, number)).collect()
}
