//! PROXY headers between nearpoint and HAProxy, which is whose protocol it is.
//!
//! It needs `haproxy`: without it these tests are reported as ignored, with the reason.
//! `NEARPOINT_FAIL_ON_SKIP=1` makes that a failure. What HAProxy cannot tell of a header before release
//! 2.9, a receiver tells that was written from the specification.

mod edge;
mod process;
mod receiver;
#[path = "../../loadtest/tests/support/skip.rs"]
mod skip;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use edge::Edge;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use nearpoint::proxy_protocol::{Announced, Details, Transport, v2};
use nearpoint::stub::{Announcement, Service, Setup, StubDc, Whoami};
use process::HaProxy;
use skip::skip;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// Longer than anything takes on a machine that is merely busy.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let trials = vec![
        trial("haproxy_hears_who_comes_from_nearpoint", haproxy_hears),
        trial("haproxy_takes_no_header_whose_checksum_is_wrong", haproxy_checks),
        trial("haproxy_serves_whom_a_load_balancer_does_not_know", haproxy_serves),
        Trial::test("a_receiver_reads_all_that_a_header_says", || {
            run(receiver_reads()).map(|_| ())
        }),
        trial("nearpoint_hears_who_comes_from_haproxy", nearpoint_hears),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trial<F: Future<Output = ()>>(name: &str, test: fn() -> F) -> Trial
where
    fn() -> F: Send + 'static,
{
    Trial::ignorable_test(name, move || match HaProxy::is_installed() {
        true => run(test()),
        false => skip("there is no `haproxy`"),
    })
}

fn run(test: impl Future<Output = ()>) -> Result<Completion, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { timeout(PATIENCE, test).await.map_err(|_| "waited in vain") })?;
    Ok(Completion::Completed)
}

/// HAProxy says what is in a type of nearpoint from this release on.
const TELLS_TYPES: (u32, u32) = (2, 9);

/// A service that tells who was announced to it: source and destination, what the session is called, and
/// if HAProxy can the country, the DC, the listener and the edge.
fn telling(host: IpAddr, port: u16) -> String {
    let at = SocketAddr::new(host, port);
    let types = match HaProxy::release() >= TELLS_TYPES {
        true => " %[fc_pp_tlv(0xE4)] %[fc_pp_tlv(0xE5),hex] %[fc_pp_tlv(0xE6)] %[fc_pp_tlv(0xE7)]",
        false => "",
    };
    format!(
        "frontend telling\n    \
             mode http\n    \
             bind {at} accept-proxy\n    \
             http-request return status 200 content-type text/plain lf-string \
             \"%[src] %[src_port] %[dst] %[dst_port] %[fc_pp_unique_id]{types}\\n\"\n"
    )
}

async fn haproxy_hears() {
    for host in [V4, V6] {
        let haproxy = HaProxy::start(|[port]| telling(host, port)).await;
        for version in ["v1", "v2"] {
            // It is not up until HAProxy has answered a probe that announces nobody.
            let at = SocketAddr::new(host, haproxy.ports[0]);
            let edge = Edge::start(at, version, "probe: {http: {path: /}}", "").await;
            for door in &edge.doors {
                let mut client = TcpStream::connect(door).await.expect("connected");
                let source = client.local_addr().expect("bound");
                let told = ask(&mut client).await.expect("an answer");
                let words: Vec<&str> = told.split_ascii_whitespace().collect();
                assert_eq!(words[..4], spelled(source, *door), "{version}: {told}");
                match (version, &words[4..]) {
                    ("v2", [id, types @ ..]) => {
                        assert_eq!(id.len(), 32, "{told}");
                        let tells = HaProxy::release() >= TELLS_TYPES;
                        let expected: &[&str] = &["NL", "0002", "clients", "edge-1"];
                        assert_eq!(types, if tells { expected } else { &[] }, "{told}");
                    }
                    // HAProxy says `-` of what it does not know, or nothing.
                    ("v1", unknown) => assert!(unknown.iter().all(|it| *it == "-"), "{told}"),
                    _ => panic!("{version}: {told}"),
                }
            }
        }
    }
}

/// As HAProxy spells them.
fn spelled(source: SocketAddr, destination: SocketAddr) -> Vec<String> {
    [source, destination].map(|it| [it.ip().to_string(), it.port().to_string()]).concat()
}

/// `accept-proxy` rejects version 2 without addresses: nearpoint says those that it knows.
async fn haproxy_serves() {
    let nobody = |details| v2(Transport::Stream, &Announced::Nobody, details);
    let details = Details { unique_id: b"one", ..Details::default() };
    for host in [V4, V6] {
        let haproxy = HaProxy::start(|[port]| telling(host, port)).await;
        let at = SocketAddr::new(host, haproxy.ports[0]);
        let refused = ask_after(at, &nobody(None)).await;
        assert!(refused.is_err(), "HAProxy serves nobody: {refused:?}");
        let trusting = "proxy_protocol: {accept_from: [127.0.0.0/8, '::1']}";
        for version in ["v1", "v2"] {
            let edge = Edge::start(at, version, "probe: {http: {path: /}}", trusting).await;
            for door in &edge.doors {
                for (header, id) in [
                    (b"PROXY UNKNOWN\r\n".to_vec(), None),
                    (nobody(None), None),
                    (nobody(Some(&details)), Some("one")),
                ] {
                    let mut stream = TcpStream::connect(door).await.expect("connected");
                    let source = stream.local_addr().expect("bound");
                    stream.write_all(&header).await.expect("sent");
                    let told = ask(&mut stream).await.expect("an answer");
                    let words: Vec<&str> = told.split_ascii_whitespace().collect();
                    assert_eq!(words[..4], spelled(source, *door), "{version}: {told}");
                    if let (Some(id), "v2") = (id, version) {
                        assert_eq!(words[4], id, "{told}");
                    }
                }
            }
        }
    }
}

async fn receiver_reads() {
    const UNIQUE_ID: u8 = 0x05;
    receiver::check_crc32c();
    for host in [V4, V6] {
        let listener = TcpListener::bind((host, 0)).await.expect("a listener");
        let at = listener.local_addr().expect("bound");
        let edge = Edge::start(at, "v2", "probe: tcp", "").await;
        for door in &edge.doors {
            let mut client = TcpStream::connect(door).await.expect("connected");
            let source = client.local_addr().expect("bound");
            client.write_all(b"hello").await.expect("sent");
            let (told, mut stream) = receiver::next_client(&listener).await;
            assert_eq!((told.source, told.destination), (source, *door));
            let mut values = told.values;
            let id = values.remove(&UNIQUE_ID).expect("a name");
            let is_digit = |it: &u8| it.is_ascii_digit() || (b'a'..=b'f').contains(it);
            assert!(id.len() == 32 && id.iter().all(is_digit), "{id:?}");
            let expected: [(u8, &[u8]); 4] =
                [(0xE4, b"NL"), (0xE5, &[0, 2]), (0xE6, b"clients"), (0xE7, b"edge-1")];
            assert_eq!(values, expected.map(|(kind, value)| (kind, value.to_vec())).into());
            let mut behind = [0; 5];
            stream.read_exact(&mut behind).await.expect("what the client said");
            assert_eq!(&behind, b"hello");
        }
    }
}

async fn haproxy_checks() {
    let haproxy = HaProxy::start(|[port]| telling(V4, port)).await;
    let at = SocketAddr::new(V4, haproxy.ports[0]);
    let [source, destination] = ["[2001:db8::7]:50000", "192.0.2.1:443"];
    let [source, destination] = [source, destination].map(|it| it.parse().expect("an address"));
    let announced = Announced::Client { source, destination };
    let (country, unique_id) = (Some("NL"), &b"one"[..]);
    let details = Details { unique_id, country, dc: 2, listener: "clients", edge: "edge-1" };
    let header = v2(Transport::Stream, &announced, Some(&details));
    let told = ask_after(at, &header).await.expect("an answer");
    let expected = "2001:db8::7 50000 ::ffff:192.0.2.1 443 one";
    assert!(told.trim().starts_with(expected), "{told}");
    for bit in [0, 7] {
        let mut damaged = header.clone();
        *damaged.last_mut().expect("a name") ^= 1 << bit;
        let refused = ask_after(at, &damaged).await;
        assert!(refused.is_err(), "{refused:?}");
    }
}

async fn ask_after(at: SocketAddr, header: &[u8]) -> io::Result<String> {
    let mut stream = TcpStream::connect(at).await?;
    stream.write_all(header).await?;
    ask(&mut stream).await
}

/// The body of a page.
async fn ask(stream: &mut TcpStream) -> io::Result<String> {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200 ") => Ok(body.to_owned()),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

async fn nearpoint_hears() {
    let setup = Setup { expects_header: true, ..Setup::default() };
    let at = [(SocketAddr::new(V4, 0), Service::Who)];
    let dc = StubDc::bind_with(setup, 2, &at).expect("a stub DC");
    let trusting = "proxy_protocol: {accept_from: [127.0.0.0/8, '::1']}";
    let edge = Edge::start(dc.local_addrs()[0], "v2", "probe: tcp", trusting).await;
    for host in [V4, V6] {
        let door = edge.doors.iter().find(|it| it.is_ipv4() == host.is_ipv4()).expect("a door");
        for (keyword, has_id) in [
            ("send-proxy", false),
            ("send-proxy-v2", false),
            ("send-proxy-v2 proxy-v2-options unique-id,crc32c", true),
        ] {
            let haproxy = HaProxy::start(|[port]| {
                let bind = SocketAddr::new(host, port);
                format!(
                    "listen passing\n    \
                         mode tcp\n    \
                         bind {bind}\n    \
                         unique-id-format name-%ci-%cp\n    \
                         server nearpoint {door} {keyword}\n"
                )
            });
            let haproxy = haproxy.await;
            let at = SocketAddr::new(host, haproxy.ports[0]);
            let mut client = BufReader::new(TcpStream::connect(at).await.expect("connected"));
            let source = client.get_ref().local_addr().expect("bound");
            let mut line = String::new();
            client.read_line(&mut line).await.expect("an answer");
            let who: Whoami = serde_json::from_str(&line).expect("who");
            let said = who.announced.expect("a header");
            let named = format!("name-{}-{}", source.ip(), source.port());
            assert_eq!(said.unique_id.as_ref() == Some(&named), has_id, "{said:?}");
            let expected = Announcement {
                version: 2,
                source: Some(source),
                destination: Some(at),
                dc: Some(2),
                listener: Some("clients".to_owned()),
                edge: Some("edge-1".to_owned()),
                ..said.clone()
            };
            assert_eq!(said, expected, "{keyword}");
        }
    }
}
