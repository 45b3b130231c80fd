//! Headers, files, neighbours and crowds that are not what they should be.

mod crowds;
mod worker;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use nearpoint::app::StartError;
use nearpoint::reload::Outcome;
use nearpoint::routing::Health;
use nearpoint::stub::Service;
use serde_json::{Value, json};

use crate::places::ip;
use crate::support::client::{Client, End, SIGNATURE, proxy_v2, refusal, refusal_of, who_answers};
use crate::support::lab::{AMSTERDAM, DCS, Edge, Lab, MIAMI, SINGAPORE};
use crate::support::process::{Process, failed_run, output};
use crate::support::{eventually, mmdb, within};

/// A header is waited for only briefly.
const HURRIED: &str = "[{name: clients, bind: ['127.0.0.1:0'], \
     proxy_protocol: {accept_from: [127.0.0.0/8], timeout: 200ms}}]";

#[tokio::test]
async fn bad_headers_are_reset_and_counted_and_move_nobody() {
    let lab = Lab::new(1);
    lab.configure(&[("listeners", HURRIED)]);
    let edge = lab.start().await;
    let mut other = Client::announced(edge.clients(), ip("8.8.8.8")).await.expect("a session");
    other.who().await.expect("an answer");

    let good = proxy_v2(ip("8.8.8.8"));
    let wrong_version = [SIGNATURE, &[0x31, 0x11, 0, 12], &[0; 12]].concat();
    let wrong_command = [SIGNATURE, &[0x2f, 0x11, 0, 12], &[0; 12]].concat();
    let too_short = [SIGNATURE, &[0x21, 0x11, 0, 4], &[0; 4]].concat();
    let oversized = [SIGNATURE, &[0x21, 0x11, 0x20, 0x00], &[0; 0x2000]].concat();
    let endless = [&b"PROXY TCP4 "[..], &[b'1'; 200]].concat();
    let silent_halfway = good[..20].to_vec();
    let headers: [&[u8]; 9] = [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PROXY TCP4 999.0.0.1 192.0.2.1 1 2\r\n",
        &wrong_version,
        &wrong_command,
        &too_short,
        &oversized,
        &endless,
        &silent_halfway,
    ];
    for header in headers {
        assert_eq!(refusal_of(edge.clients(), header).await, End::Reset, "{header:?}");
    }
    let mut leaving = Client::plain(edge.clients()).await.expect("connected");
    leaving.send(&good[..20]).await.expect("sent");
    leaving.end_stream().await.expect("closed");
    assert_eq!(within("a refusal", leaving.end()).await, End::Reset);
    let mut silent = Client::plain(edge.clients()).await.expect("connected");
    assert_eq!(within("a refusal", silent.end()).await, End::Reset);

    let scrape = edge.doors.scrape().await;
    let refused = scrape.value("refused_total", &[("reason", "proxy_header")]);
    assert_eq!(refused, headers.len() as f64 + 2.0);
    assert_eq!(scrape.sum("refused_total", &[]), refused);
    other.echo(b"unmoved").await.expect("others go on");
    assert_eq!(scrape.sum("routed_total", &[]), 1.0);
    assert_eq!(who_answers(edge.clients(), ip("8.8.8.8")).await.expect("a session").dc, MIAMI);
}

#[tokio::test]
async fn a_load_balancer_that_speaks_for_itself_is_served_and_is_no_client() {
    let lab = Lab::new(1);
    lab.configure(&[("listeners", HURRIED), ("policy", "{default: deny}")]);
    let edge = lab.start().await;
    let local = [SIGNATURE, &[0x20, 0, 0, 0]].concat();
    let mut check = Client::plain(edge.clients()).await.expect("connected");
    check.send(&local).await.expect("sent");
    check.who().await.expect("an answer");
    check.finish().await.expect("an orderly end");
    for dc in DCS {
        lab.dc(dc).kill_everywhere().await.expect("killed");
    }
    edge.until_dcs_are(&DCS, Health::Down).await;
    assert_eq!(refusal_of(edge.clients(), &local).await, End::Reset);
    let scrape = eventually("both have ended", async || {
        let scrape = edge.doors.scrape().await;
        (scrape.sum("worker_sessions", &[]) == 0.0).then_some(scrape)
    })
    .await;
    for name in [
        "sessions_total",
        "geo_lookups_total",
        "routed_total",
        "refused_total",
        "close_total",
        "failover_total",
        "sticky_clients",
        "connect_seconds_count",
        "session_seconds_count",
        "sessions_active",
    ] {
        assert_eq!(scrape.sum(name, &[]), 0.0, "{name}");
    }
}

#[tokio::test]
async fn a_client_of_unknown_address_is_a_client_where_its_load_balancer_is() {
    let lab = Lab::new(1);
    lab.configure(&[
        ("listeners", HURRIED),
        ("geoip", "{overrides: {127.0.0.0/8: {country: SG}}}"),
    ]);
    let edge = lab.start().await;
    let mut session = Client::plain(edge.clients()).await.expect("connected");
    session.send(b"PROXY UNKNOWN\r\n").await.expect("sent");
    assert_eq!(session.who().await.expect("an answer").dc, SINGAPORE);
    session.finish().await.expect("an orderly end");
    let scrape = edge.doors.scrape().await;
    assert_eq!(scrape.sum("refused_total", &[]), 0.0);
    assert_eq!(scrape.sum("sessions_total", &[]), 1.0);
}

#[tokio::test]
async fn headers_of_strangers_are_payload_and_those_of_trusted_neighbours_are_taken() {
    let trusted = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
    let lab = Lab::serving(Service::Echo, 1);
    let listener = "[{name: clients, bind: ['127.0.0.1:0'], \
         proxy_protocol: {accept_from: [127.0.0.2/32]}}]";
    lab.configure(&[
        ("listeners", listener),
        ("geoip", "{overrides: {127.0.0.1/32: {country: SG}}}"),
    ]);
    let edge = lab.start().await;
    let header = proxy_v2(ip("8.8.8.8"));
    let mut stranger = Client::plain(edge.clients()).await.expect("connected");
    stranger.echo(&header).await.expect("the DC got the header as it was");
    assert_eq!(lab.dc(SINGAPORE).total().bytes_in, header.len() as u64);
    stranger.finish().await.expect("an orderly end");

    let mut session = Client::plain_from(trusted, edge.clients()).await.expect("connected");
    session.send(&header).await.expect("sent");
    session.echo(b"payload").await.expect("the DC got the payload");
    session.finish().await.expect("an orderly end");
    assert_eq!(lab.dc(MIAMI).total().bytes_in, b"payload".len() as u64);
}

/// Files that are no database of places, and what is said of each.
fn bad_databases() -> [(Vec<u8>, &'static str); 4] {
    let whole = database("NL");
    let noise = (0..10_000_u32).map(|i| ((i * i) >> 3) as u8).collect();
    let asn = json!({"autonomous_system_number": 1103});
    [
        (Vec::new(), "is empty"),
        (whole[..whole.len() / 2].to_vec(), "is not a MaxMind DB file or is damaged"),
        (noise, "is not a MaxMind DB file or is damaged"),
        (mmdb::write("GeoLite2-ASN", &[("192.0.2.0/24", asn)]), "GeoLite2-ASN"),
    ]
}

/// A database that knows one network: in this country.
fn database(country: &str) -> Vec<u8> {
    mmdb::write("Test-Country", &[("192.0.2.0/24", json!({"country": {"iso_code": country}}))])
}

#[tokio::test]
async fn a_daemon_does_not_start_with_a_bad_database_and_names_it() {
    let lab = Lab::new(1);
    lab.configure(&[("geoip", "{database: places.mmdb}")]);
    let (main, path) = (lab.main(), lab.path("places.mmdb").display().to_string());
    for (bytes, says) in bad_databases() {
        lab.write("places.mmdb", bytes);
        let error = lab.try_start().await.err().expect("no start");
        assert!(matches!(error, StartError::Geoip(_)), "{error}");
        let told = error.to_string();
        assert!(told.starts_with(&path) && told.contains(says), "{told}");
        let checked = output(&["check", &main.display().to_string()]).await;
        assert_eq!(checked.status.code(), Some(64));
        let told = String::from_utf8_lossy(&checked.stdout).into_owned();
        assert!(told.contains(&path) && told.contains(says), "{told}");
        let (code, told) = failed_run(&main).await;
        assert_eq!(code, Some(64));
        assert!(told.contains(&path) && told.contains(says), "{told}");
    }
}

#[tokio::test]
async fn a_bad_database_is_refused_on_reload_and_the_old_one_serves() {
    let lab = Lab::new(1);
    lab.configure(&[("geoip", "{database: places.mmdb}")]);
    lab.write("places.mmdb", database("NL"));
    let edge = lab.start().await;
    let client = ip("192.0.2.7");
    assert_eq!(who_answers(edge.clients(), client).await.expect("a session").dc, AMSTERDAM);
    let path = lab.path("places.mmdb").display().to_string();
    for (bytes, says) in bad_databases() {
        lab.write("places.mmdb", bytes);
        let outcome = within("a reload", edge.app.reload()).await;
        let Outcome::Refused(problems) = outcome else { panic!("{outcome:?}") };
        let [problem] = problems.as_slice() else { panic!("{problems:?}") };
        assert!(problem.starts_with(&path) && problem.contains(says), "{problem}");
        assert_eq!(
            edge.doors.json("/v1/status").await["last_reload"]["problems"],
            json!([problem])
        );
        assert_eq!(who_answers(edge.clients(), client).await.expect("a session").dc, AMSTERDAM);
    }
    lab.write("places.mmdb", database("SG"));
    within("a reload", edge.app.reload()).await;
    assert_eq!(edge.doors.explain(client).await["location"]["country"], "SG");
    assert_eq!(who_answers(edge.clients(), client).await.expect("a session").dc, SINGAPORE);
    let scrape = edge.doors.scrape().await;
    let refused = scrape.sum("config_reloads_total", &[("result", "refused")]);
    assert!(refused >= bad_databases().len() as f64, "{refused}");
    assert_eq!(scrape.sum("config_reloads_total", &[("result", "accepted")]), 1.0);
}

#[tokio::test]
async fn a_broken_configuration_ends_the_start_with_all_problems() {
    let lab = Lab::new(1);
    lab.configure(&[
        ("listeners", "[{name: clients, bind: ['127.0.0.1:99999'], route: {dc: 2}}]"),
        ("policy", "{tie_margin: 5}"),
        ("hedge", "none"),
    ]);
    lab.write(
        "dc_options.yaml",
        "- {id: 2, ip: 127.0.0.1, port: 0}\n- {id: 5, ip: nowhere, port: 1}\n",
    );
    let (code, told) = failed_run(&lab.main()).await;
    assert_eq!(code, Some(64));
    for problem in [
        "nearpoint.yaml:",
        "listeners[0].bind[0]: ",
        "policy.tie_margin: ",
        "hedge: unknown key",
        "dc_options.yaml:1: dc_options[0].port: 0 is not a port",
        "dc_options.yaml:2: dc_options[1].ip: \"nowhere\" is not an IP address",
    ] {
        assert!(told.contains(problem), "{problem} in {told}");
    }
    let checked = output(&["check", "--json", &lab.main().display().to_string()]).await;
    assert_eq!(checked.status.code(), Some(64));
    let view: Value = serde_json::from_slice(&checked.stdout).expect("JSON");
    let problems = view["problems"].as_array().expect("a list");
    assert_eq!(problems.len(), 5, "{problems:?}");
    for problem in problems {
        assert!(told.contains(problem.as_str().expect("text")), "{problem} in {told}");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_ends_the_start_and_names_it() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = holder.local_addr().expect("bound");
    let lab = Lab::new(1);
    let listener = format!("[{{name: clients, bind: ['{address}']}}]");
    let door = format!("{{bind: '{address}'}}");
    for (key, value, act) in [
        ("listeners", &listener, "bind"),
        ("admin", &door, "listen on"),
        ("metrics", &door, "listen on"),
    ] {
        lab.configure(&[(key, value)]);
        let (code, told) = failed_run(&lab.main()).await;
        assert_eq!(code, Some(1), "{told}");
        let says = format!("cannot {act} {address}: Address already in use");
        assert!(told.contains(&says), "{told}");
    }
}

#[tokio::test]
async fn a_second_daemon_at_the_same_address_is_turned_away() {
    let lab = Lab::new(1);
    let address = address_of_our_own();
    lab.configure(&[("listeners", &format!("[{{name: clients, bind: ['{address}']}}]"))]);
    let first = Process::start(&lab).await;
    assert_eq!(first.clients, address);
    let (code, told) = failed_run(&lab.main()).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains(&format!("another nearpoint already serves {address}")), "{told}");
    let mut session = Client::plain(address).await.expect("the first one serves");
    session.who().await.expect("an answer");
    drop(first);
    Process::start(&lab).await;
}

#[tokio::test]
async fn the_session_beyond_the_limit_is_reset_and_places_come_back() {
    let lab = Lab::new(1);
    let listener = "[{name: clients, bind: ['127.0.0.1:0'], limits: {sessions: 5}, \
         proxy_protocol: {accept_from: [127.0.0.0/8]}}]";
    lab.configure(&[("listeners", listener)]);
    let edge = lab.start().await;
    let client = ip("8.8.8.8");
    let mut open = Vec::new();
    for round in 1..=3 {
        while open.len() < 5 {
            open.push(session_once_there_is_room(&edge, client).await);
        }
        let before = refused_for_limit(&edge).await;
        assert_eq!(refusal(edge.clients(), client).await, End::Reset);
        assert_eq!(refused_for_limit(&edge).await, before + 1.0);
        for session in &mut open {
            session.echo(b"unmoved").await.expect("others go on");
        }
        for session in open.drain(..round) {
            session.finish().await.expect("an orderly end");
        }
        let left = 5 - round as u64;
        let done = lab.dc(MIAMI).wait_until(lab.dc(MIAMI).local_addrs()[0], |it| it.open == left);
        within("the DC sees the ends", done).await.expect("a DC");
    }
    let scrape = edge.doors.scrape().await;
    assert_eq!(scrape.sum("refused_total", &[]), refused_for_limit(&edge).await);
    for dc in DCS {
        assert_eq!(scrape.value("dc_up", &[("dc", &dc.to_string())]), 1.0);
    }
}

/// The place of a session that has ended is free a moment after its DC has seen the end.
async fn session_once_there_is_room(edge: &Edge, client: IpAddr) -> Client {
    eventually("a place", async || {
        let mut session = Client::announced(edge.clients(), client).await.ok()?;
        session.who().await.ok()?;
        Some(session)
    })
    .await
}

async fn refused_for_limit(edge: &Edge) -> f64 {
    let labels = [("listener", "clients"), ("reason", "limit")];
    edge.doors.scrape().await.value("refused_total", &labels)
}

/// A loopback address that no other run of these tests uses, with a port that the kernel gives to
/// nobody.
fn address_of_our_own() -> SocketAddr {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").expect("a range");
    let first: u16 =
        range.split_whitespace().next().and_then(|it| it.parse().ok()).expect("a port");
    let [_, _, high, low] = std::process::id().to_be_bytes();
    (Ipv4Addr::new(127, 93, high, low), first.min(20_443) - 1).into()
}
