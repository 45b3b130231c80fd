//! Who a flow is for, told to DCs that want to know: a PROXY header in each of its datagrams, as a receiver
//! reads it that knows the specification and nothing of nearpoint.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nearpoint::reload::Outcome;

use crate::places::ip;
use crate::support::crowd::Crowd;
use crate::support::eventually;
use crate::support::lab::{AMSTERDAM, Edge, Lab, MIAMI, SINGAPORE};
use crate::support::upstream::Upstream;
use crate::support::within;

/// `proxy-protocol.txt`, 2.2.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
const VERSION_2_PROXY: u8 = 0x21;
const UDP_OVER_IPV4: u8 = 0x12;
const UDP_OVER_IPV6: u8 = 0x22;

/// What a header says, and what is behind it.
#[derive(Debug, PartialEq)]
struct Told<'a> {
    source: SocketAddr,
    destination: SocketAddr,
    payload: &'a [u8],
}

fn read(datagram: &[u8]) -> Told<'_> {
    let (signature, rest) = datagram.split_at(12);
    assert_eq!(signature, SIGNATURE);
    let (&[command, family, high, low], rest) = rest.split_first_chunk().expect("a header");
    assert_eq!(command, VERSION_2_PROXY);
    let (said, payload) = rest.split_at(usize::from(u16::from_be_bytes([high, low])));
    let (ips, ports): ([IpAddr; 2], &[u8]) = match family {
        UDP_OVER_IPV4 => {
            let (ips, ports) = said.split_at(8);
            let ip = |at| Ipv4Addr::from(<[u8; 4]>::try_from(&ips[at..at + 4]).expect("4")).into();
            ([ip(0), ip(4)], ports)
        }
        UDP_OVER_IPV6 => {
            let (ips, ports) = said.split_at(32);
            let ip =
                |at| Ipv6Addr::from(<[u8; 16]>::try_from(&ips[at..at + 16]).expect("16")).into();
            ([ip(0), ip(16)], ports)
        }
        other => panic!("{other:#x} is no family and protocol of UDP"),
    };
    let port = |at| u16::from_be_bytes([ports[at], ports[at + 1]]);
    Told {
        source: SocketAddr::new(ips[0], port(0)),
        destination: SocketAddr::new(ips[1], port(2)),
        payload,
    }
}

const ANNOUNCED: &str = "[{id: 1, location: {lat: 25.77, lon: -80.19}}, \
     {id: 2, location: {lat: 52.37, lon: 4.90}, send_proxy: v2}, \
     {id: 5, location: {lat: 1.35, lon: 103.82}, send_proxy: v2}]";

/// The same for Amsterdam, which wants none any more.
const UNANNOUNCED: &str = "[{id: 1, location: {lat: 25.77, lon: -80.19}}, \
     {id: 2, location: {lat: 52.37, lon: 4.90}}, {id: 5, location: {lat: 1.35, lon: 103.82}}]";

/// The usual sections with these DCs.
fn configure(lab: &Lab, dcs: &str) {
    lab.configure_udp(&[
        ("dcs", dcs),
        (
            "listeners",
            "[{name: clients, protocol: udp, bind: ['0.0.0.0:0', '[::]:0'], sticky: none}]",
        ),
        ("health", "{interval: 1h, down_interval: 1h}"),
    ]);
}

/// Amsterdam and Singapore want headers, Miami does not; Singapore is reached over IPv6.
async fn start() -> (Lab, Edge, [Upstream; 3]) {
    let lab = super::lab(1);
    let at = |host| Upstream::start(SocketAddr::new(ip(host), 0), |_| false);
    let upstreams = [at("127.0.0.1").await, at("127.0.0.1").await, at("::1").await];
    let listed = upstreams.iter().zip([MIAMI, AMSTERDAM, SINGAPORE]);
    lab.write("dc_options.yaml", listed.map(|(it, dc)| it.listed(dc)).collect::<String>());
    configure(&lab, ANNOUNCED);
    let edge = lab.start().await;
    (lab, edge, upstreams)
}

#[tokio::test]
async fn every_datagram_says_whose_it_is_and_what_that_asked_for() {
    const SEGMENT: usize = 700;
    let (_lab, edge, [miami, amsterdam, singapore]) = start().await;
    let bound = &edge.app.listeners["clients"];
    let port = |v4| bound.iter().find(|it| it.is_ipv4() == v4).expect("both are bound").port();
    for (from, to, upstream) in [
        ("127.0.2.1", "127.0.0.1", &amsterdam),
        ("127.0.2.1", "127.0.0.77", &amsterdam),
        ("127.0.5.1", "127.0.0.1", &singapore),
        ("::1", "::1", &amsterdam),
        ("127.0.1.1", "127.0.0.1", &miami),
    ] {
        let (from, to) = (ip(from), ip(to));
        let to = SocketAddr::new(to, port(to.is_ipv4()));
        let client = Crowd::new(from).await;
        let source = client.local_addr();
        let train: Vec<u8> = (0..9 * SEGMENT + 5).map(|at| (at / 3) as u8).collect();
        let single: &[u8] = b"one more";
        client.send(from, to, &train, Some(SEGMENT)).await.expect("sent");
        client.send(from, to, single, None).await.expect("sent");
        client.send(from, to, b"", None).await.expect("sent");
        let mut sent: Vec<&[u8]> = train.chunks(SEGMENT).collect();
        sent.extend([single, b""]);
        let is_told = !std::ptr::eq(upstream, &miami);
        let arrived = eventually("all of them arrive", async || {
            let of_flow = upstream.received().into_values().next()?;
            (of_flow.len() == sent.len()).then_some(of_flow)
        })
        .await;
        upstream.take();
        for (arrived, sent) in arrived.iter().zip(&sent) {
            match is_told {
                true => {
                    let told = Told { source, destination: to, payload: sent };
                    assert_eq!(read(arrived), told);
                }
                false => assert_eq!(arrived, sent, "Miami has not asked for headers"),
            }
        }
        // Answers have none: what comes back is what the upstream sent, which is all that it got.
        let mut heard = Vec::new();
        let mut buffer = vec![0; 1 << 17];
        while heard.len() < sent.len() {
            let (datagrams, _) = within("answers", client.receive(&mut buffer)).await;
            heard.extend(datagrams);
        }
        assert_eq!(heard, arrived);
    }
}

#[tokio::test]
async fn a_flow_that_is_there_follows_when_its_dc_wants_headers_or_none() {
    let (lab, edge, [_, amsterdam, _]) = start().await;
    let client = Crowd::new(ip("127.0.2.1")).await;
    let to = SocketAddr::new(ip("127.0.0.1"), edge.clients().port());
    let mut flow = None;
    for (dcs, is_told) in [(ANNOUNCED, true), (UNANNOUNCED, false), (ANNOUNCED, true)] {
        configure(&lab, dcs);
        let outcome = within("a reload", edge.app.reload()).await;
        assert!(matches!(outcome, Outcome::Accepted | Outcome::Unchanged), "{outcome:?}");
        client.send(ip("127.0.2.1"), to, b"whose am I?", None).await.expect("sent");
        let (from, arrived) = eventually("it arrives", async || {
            amsterdam.take().into_iter().next().map(|(from, all)| (from, all.concat()))
        })
        .await;
        assert_eq!(*flow.get_or_insert(from), from, "it is one flow all the time");
        match is_told {
            true => assert_eq!(read(&arrived).payload, b"whose am I?"),
            false => assert_eq!(arrived, b"whose am I?"),
        }
    }
}
