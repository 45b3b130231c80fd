//! DCs that want to be told who comes: PROXY headers towards them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nearpoint::proxy_protocol::{Announced, Details, Header, Parsed, Transport, parse, v1, v2};
use nearpoint::routing::Health;
use nearpoint::stub::{Announcement, Fault, Service};

use crate::hedging::dc_slot;
use crate::support::client::Client;
use crate::support::lab::{AMSTERDAM, BLIND, Edge, Lab, MIAMI};
use crate::support::{eventually, within};

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

const PLAIN: &str =
    "[{name: clients, bind: ['127.0.0.1:0', '[::1]:0'], sticky: none, limits: {sessions: 100}}]";

const CHAINED: &str = "[{name: clients, bind: ['127.0.0.1:0', '[::1]:0'], sticky: none, \
     proxy_protocol: {accept_from: [127.0.0.0/8, '::1']}}]";

/// Everybody is at home in Amsterdam.
const DUTCH: &str = "{overrides: {0.0.0.0/0: {country: NL}, '::/0': {country: NL}}}";

fn dcs(version: &str) -> String {
    let of = |id, name, lat, lon| {
        format!(
            "{{id: {id}, name: {name}, location: {{lat: {lat}, lon: {lon}}}, send_proxy: {version}}}"
        )
    };
    let [mia, ams, sin] =
        [of(1, "mia", 25.77, -80.19), of(2, "ams", 52.37, 4.90), of(5, "sin", 1.35, 103.82)];
    format!("[{mia}, {ams}, {sin}]")
}

fn configure(lab: &Lab, version: &str, sections: &[(&str, &str)]) {
    let dcs = dcs(version);
    let usual = [("dcs", &*dcs), ("listeners", PLAIN), ("geoip", DUTCH)];
    let sections: Vec<_> = usual.into_iter().chain(sections.iter().copied()).collect();
    lab.configure(&sections);
}

/// Where clients of the family come in.
fn door(edge: &Edge, family: IpAddr) -> SocketAddr {
    let doors = &edge.app.listeners["clients"];
    *doors.iter().find(|at| at.is_ipv4() == family.is_ipv4()).expect("a door of each family")
}

/// What the DC was told of a client that says these bytes first.
async fn announced(at: SocketAddr, first: &[u8]) -> (Announcement, SocketAddr) {
    let mut client = Client::plain(at).await.expect("connected");
    let source = client.local_addr();
    client.send(first).await.expect("sent");
    let who = within("an answer", client.who()).await.expect("an answer");
    client.echo(b"hello").await.expect("an echo");
    client.finish().await.expect("an orderly end");
    (who.announced.expect("a header"), source)
}

#[tokio::test]
async fn a_dc_is_told_who_comes_and_whom_they_asked() {
    for version in ["v1", "v2"] {
        for upstream in [V4, V6] {
            let lab = Lab::expecting_headers(Service::Who, upstream);
            configure(&lab, version, &[]);
            let edge = lab.start().await;
            for family in [V4, V6] {
                let at = door(&edge, family);
                let (said, source) = announced(at, b"").await;
                assert_eq!((said.source, said.destination), (Some(source), Some(at)));
                assert!(!said.is_local && !said.is_datagram);
                if version == "v1" {
                    let nothing_else = Announcement {
                        version: 1,
                        source: said.source,
                        destination: said.destination,
                        ..Announcement::default()
                    };
                    assert_eq!(said, nothing_else);
                    continue;
                }
                assert_eq!((said.version, said.dc), (2, Some(AMSTERDAM)));
                assert_eq!(said.country.as_deref(), Some("NL"));
                assert_eq!(said.listener.as_deref(), Some("clients"));
                assert_eq!(said.edge.as_deref(), Some("lab"));
                let (second, _) = announced(at, b"").await;
                let [first, second] = [said, second].map(|it| it.unique_id.expect("a name"));
                assert!(first != second && first.len() == 32, "{first} and {second}");
            }
        }
    }
}

#[tokio::test]
async fn what_a_neighbour_says_is_passed_on() {
    let lab = Lab::expecting_headers(Service::Who, V4);
    let (source, destination) = ("[2001:db8::7]:50000", "[2001:db8::1]:443");
    let [source, destination] = [source, destination].map(|it| it.parse().expect("an address"));
    let client = Announced::Client { source, destination };
    let details = Details { unique_id: b"from before", dc: 77, ..Details::default() };
    let in_v2 = |announced, details| v2(Transport::Stream, announced, details);
    for version in ["v1", "v2"] {
        configure(&lab, version, &[("listeners", CHAINED)]);
        let edge = lab.start().await;
        for header in [v1(&client), in_v2(&client, None), in_v2(&client, Some(&details))] {
            let (said, _) = announced(door(&edge, V4), &header).await;
            assert_eq!((said.source, said.destination), (Some(source), Some(destination)));
            if version == "v2" {
                assert_eq!(said.dc, Some(AMSTERDAM), "ours, not what came");
                let is_kept = said.unique_id.as_deref() == Some("from before");
                assert_eq!(is_kept, header.len() > 52, "{said:?}");
            }
        }
        for header in [v1(&Announced::Nobody), in_v2(&Announced::Nobody, None)] {
            // There is no better address than its own, and receivers want one.
            let at = door(&edge, V6);
            let (said, neighbour) = announced(at, &header).await;
            assert_eq!((said.source, said.destination), (Some(neighbour), Some(at)));
            assert!(!said.is_local);
            assert_eq!(said.unique_id.is_some(), version == "v2");
        }
        let (said, _) = announced(door(&edge, V6), &in_v2(&Announced::Neighbour, None)).await;
        let nothing = Announcement {
            version: if version == "v1" { 1 } else { 2 },
            is_local: version == "v2",
            ..Announcement::default()
        };
        assert_eq!(said, nothing);
    }
}

#[tokio::test]
async fn probes_of_every_kind_say_that_they_are_nobodys_client() {
    for (service, probe) in [
        (Service::Http, "http: {path: /}"),
        (Service::Mtproto { strict: true }, "mtproto: {transport: obfuscated}"),
    ] {
        for version in ["v1", "v2"] {
            let lab = Lab::expecting_headers(service, V4);
            let health = format!("{{interval: 200ms, fast_interval: 100ms, probe: {{{probe}}}}}");
            configure(&lab, version, &[("health", &health)]);
            let edge = lab.start().await;
            edge.until_dcs_are(&[AMSTERDAM], Health::Up).await;
        }
    }
}

#[tokio::test]
async fn only_the_dial_that_wins_is_told_who_comes_and_not_a_byte_of_it_is_counted() {
    // It knows nothing of headers, and sends back all that it gets.
    let lab = Lab::serving(Service::Echo, 1);
    let connect = "{hedge: {min: 50ms, factor: 1}}";
    configure(&lab, "v2", &[("connect", connect), ("health", BLIND)]);
    let edge = lab.start().await;
    dc_slot(&edge, AMSTERDAM).refill_hedges(10, 10);
    let amsterdam = lab.dc(AMSTERDAM);
    let before = [AMSTERDAM, MIAMI].map(|dc| lab.dc(dc).total().bytes_in);
    amsterdam.set_fault_everywhere(Fault::Drop).await.expect("dark");
    let at = door(&edge, V4);
    let mut client = Client::plain(at).await.expect("connected");
    let source = client.local_addr();
    let header = within("a header", client.hear_header()).await;
    let Parsed::Whole(_, Header { announced, .. }) = parse(&header) else { panic!("{header:?}") };
    assert_eq!(announced, Announced::Client { source, destination: at });
    client.echo(b"hello").await.expect("an echo");
    client.finish().await.expect("an orderly end");
    amsterdam.set_fault_everywhere(Fault::None).await.expect("healed");
    let miami = lab.dc(MIAMI).total();
    assert_eq!(miami.bytes_in - before[1], (header.len() + 5) as u64);
    assert_eq!(amsterdam.total().bytes_in, before[0]);
    eventually("the session has ended", async || {
        (edge.doors.scrape().await.sum("worker_sessions", &[]) == 0.0).then_some(())
    })
    .await;
    let counted = |direction| {
        let edge = &edge;
        eventually("the bytes are counted", async move || {
            let scrape = edge.doors.scrape().await;
            let sum = scrape.sum("bytes_total", &[("dc", "1"), ("direction", direction)]);
            (sum > 0.0).then_some(sum)
        })
    };
    assert_eq!(counted("up").await, 5.0, "the header is not the client's");
    assert_eq!(counted("down").await, (header.len() + 5) as f64, "what came is");
}

#[tokio::test]
async fn what_follows_a_header_is_spliced_and_arrives_whole() {
    const BULK: usize = 64 << 20;
    let lab = Lab::expecting_headers(Service::Sink, V4);
    configure(&lab, "v2", &[]);
    let edge = lab.start().await;
    let mut client = Client::plain(door(&edge, V4)).await.expect("connected");
    let chunk: Vec<u8> = (0..=250).cycle().take(251 << 12).collect();
    let mut sent = 0;
    while sent < BULK {
        let piece = &chunk[..chunk.len().min(BULK - sent)];
        within("a piece is taken", client.send(piece)).await.expect("sent");
        sent += piece.len();
    }
    client.end_stream().await.expect("ended");
    let answer = format!("{BULK}\n");
    within("all of it arrives", client.hear(answer.as_bytes())).await.expect("the sum");
    client.finish().await.expect("an orderly end");
    let up = |path| [("dc", "2"), ("direction", "up"), ("path", path)];
    let spliced = eventually("the bytes are counted", async || {
        let scrape = edge.doors.scrape().await;
        let [copied, spliced] = ["copy", "splice"].map(|path| scrape.sum("bytes_total", &up(path)));
        (copied + spliced == BULK as f64).then_some(spliced)
    });
    assert!(spliced.await > BULK as f64 / 2.0, "it was bulk");
}
