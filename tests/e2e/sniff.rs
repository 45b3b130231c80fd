//! Listeners that route by the MTProto header of their clients, and the clients themselves: those that
//! name their DC, those that do not, and those that say something else or nothing.

mod reload;
mod styles;
mod waiting;

use std::convert::Infallible;
use std::net::SocketAddr;

use nearpoint::mtproto::{Nonce, Question, Random, Secret, Style, Transport};
use nearpoint::routing::Health;
use nearpoint::stub::{Fault, Service, Whoami};

use crate::support::client::{Client, End, SIGNATURE, proxy_v2, refusal_of};
use crate::support::eventually;
use crate::support::lab::{AMSTERDAM, BLIND, DCS, Edge, Lab, MIAMI, SINGAPORE};
use crate::support::scrape::Scrape;
use crate::support::within;

/// A secret that the listener knows, as clients have it, and one that it does not know.
const SECRET: &str = "dd00112233445566778899aabbccddeeff";
const STRANGE: &str = "ffeeddccbbaa99887766554433221100";

/// Everybody is closest to Singapore.
const IN_SINGAPORE: (&str, &str) = ("geoip", "{overrides: {127.0.0.0/8: {country: SG}}}");

/// A listener that has this route, with these keys beside it.
fn listener(route: &str, keys: &str) -> String {
    format!(
        "[{{name: clients, bind: ['127.0.0.1:0'], route: {{mtproto: {{{route}}}}}, sticky: none{keys}}}]"
    )
}

fn secret(hex: &str) -> Secret {
    let digits = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("hex"));
    let bytes: Vec<u8> = digits.map(|it| u8::from_str_radix(it, 16).expect("hex")).collect();
    Secret::new(&bytes).expect("a secret")
}

/// Everything that a client sends until it is answered.
fn opening(style: &Style) -> Vec<u8> {
    let nonce: Nonce = std::array::from_fn(|at| at as u8);
    // The same in every run, and not what an obfuscated header must not begin with.
    let Ok(random) = Random::draw(|bytes| {
        bytes.iter_mut().zip(0..).for_each(|(byte, at): (&mut u8, u8)| *byte = at ^ 0x5a);
        Ok::<(), Infallible>(())
    });
    Question::new(style, nonce, 0x6500_0000_0000_0000, &random).opening().to_vec()
}

/// What a client without a secret begins with, or one with this secret.
fn header(dc: i16, with: Option<&str>) -> Vec<u8> {
    let with = with.map(secret);
    let style = Style::obfuscated(Transport::Intermediate, with.as_ref(), dc);
    opening(&style.expect("no fake TLS"))
}

fn plain(transport: Transport) -> Vec<u8> {
    opening(&Style::plain(transport))
}

/// Who answers a client that begins so; every byte is echoed, in order.
async fn who(edge: &Edge, sent: &[u8]) -> Whoami {
    who_at(edge.clients(), sent).await
}

async fn who_at(at: SocketAddr, sent: &[u8]) -> Whoami {
    let mut client = Client::plain(at).await.expect("connected");
    client.send(sent).await.expect("sent");
    let who = within("an answer", client.who()).await.expect("a session");
    within("the echo", client.hear(sent)).await.expect("the DC got every byte");
    client.finish().await.expect("an orderly end");
    who
}

async fn is_reset(edge: &Edge, sent: &[u8]) {
    assert_eq!(refusal_of(edge.clients(), sent).await, End::Reset, "{sent:02x?}");
}

fn sniffed(scrape: &Scrape, result: &str) -> f64 {
    scrape.value("sniffed_total", &[("listener", "clients"), ("result", result)])
}

fn refused(scrape: &Scrape, reason: &str) -> f64 {
    scrape.value("refused_total", &[("listener", "clients"), ("reason", reason)])
}

#[tokio::test]
async fn what_becomes_of_clients_that_name_no_dc_is_configured() {
    let nobody = [plain(Transport::Abridged), b"GET / HTTP/1.1\r\n\r\n".to_vec(), vec![7; 100]];
    for (unknown, dc, why) in [
        ("close", None, ""),
        ("nearest", Some(SINGAPORE), "nearest"),
        ("{dc: 2}", Some(AMSTERDAM), "pinned"),
    ] {
        let lab = Lab::new(1);
        let route = format!("secrets: [{SECRET}], unknown: {unknown}");
        lab.configure(&[("listeners", &listener(&route, "")), IN_SINGAPORE]);
        let edge = lab.start().await;
        for sent in &nobody {
            match dc {
                Some(dc) => assert_eq!(who(&edge, sent).await.dc, dc, "{unknown}"),
                None => is_reset(&edge, sent).await,
            }
        }
        assert_eq!(who(&edge, &header(1, Some(SECRET))).await.dc, MIAMI, "who names one gets it");
        let scrape = edge.doors.scrape().await;
        for (result, count) in
            [("plain", 1.0), ("http", 1.0), ("unrecognised", 1.0), ("proved", 1.0)]
        {
            assert_eq!(sniffed(&scrape, result), count, "{unknown}: {result}");
        }
        assert_eq!(refused(&scrape, "sniff"), if dc.is_none() { 3.0 } else { 0.0 });
        if let Some(dc) = dc {
            let labels = [("dc", &*dc.to_string()), ("why", why)];
            assert_eq!(scrape.value("routed_total", &labels), 3.0, "{unknown}");
        }
        assert_eq!(scrape.sum("sniffed_total", &[]), scrape.sum("sessions_total", &[]));
    }
}

#[tokio::test]
async fn a_header_that_proves_nothing_counts_as_much_as_it_is_trusted() {
    for (trust, dc) in [("never", SINGAPORE), ("known", AMSTERDAM)] {
        let lab = Lab::new(1);
        let route = format!("secrets: [{SECRET}], trust_plain_dc: {trust}, unknown: nearest");
        lab.configure(&[("listeners", &listener(&route, "")), IN_SINGAPORE]);
        let edge = lab.start().await;
        assert_eq!(who(&edge, &header(2, None)).await.dc, dc, "{trust}");
        assert_eq!(who(&edge, &header(2, Some(SECRET))).await.dc, AMSTERDAM, "a fact is one");
        // Of the others some are those of DCs that are not here, most are random.
        for id in [0, 3, -3, 77, 10_002, i16::MIN] {
            assert_eq!(who(&edge, &header(id, None)).await.dc, SINGAPORE, "{trust}: {id}");
        }
        assert_eq!(who(&edge, &header(2, Some(STRANGE))).await.dc, SINGAPORE, "{trust}");
        let scrape = edge.doors.scrape().await;
        assert_eq!((sniffed(&scrape, "hint"), sniffed(&scrape, "proved")), (7.0, 1.0));
        assert_eq!(sniffed(&scrape, "unrecognised"), 1.0, "of another secret nothing can be read");
    }
}

#[tokio::test]
async fn who_proves_to_want_a_dc_that_is_not_here_gets_no_other() {
    for unknown in ["close", "nearest", "{dc: 5}"] {
        let lab = Lab::new(1);
        let route = format!("secrets: [{SECRET}], trust_plain_dc: known, unknown: {unknown}");
        lab.configure(&[("listeners", &listener(&route, ", dcs: [1, 5]"))]);
        let edge = lab.start().await;
        for dc in [AMSTERDAM as i16, -(AMSTERDAM as i16), 3, 0, 10_001] {
            is_reset(&edge, &header(dc, Some(SECRET))).await;
        }
        assert_eq!(who(&edge, &header(-5, Some(SECRET))).await.dc, SINGAPORE);
        let scrape = edge.doors.scrape().await;
        assert_eq!((refused(&scrape, "sniff"), sniffed(&scrape, "proved")), (5.0, 6.0));
    }
}

/// The second access point of Amsterdam is for media, and so are all of Miami's second ones.
fn with_media(lab: &Lab) -> String {
    let entry = |dc: u16, number: usize| {
        let at = lab.dc(dc).local_addrs()[number];
        let media = dc == AMSTERDAM && number == 1;
        format!("{{id: {dc}, ip: {}, port: {}, media_only: {media}}}", at.ip(), at.port())
    };
    let entries = DCS.iter().flat_map(|dc| [entry(*dc, 0), entry(*dc, 1)]);
    format!("[{}]", entries.collect::<Vec<_>>().join(", "))
}

#[tokio::test]
async fn a_negative_number_asks_for_media_and_falls_back_within_its_dc() {
    let lab = Lab::new(2);
    lab.write("dc_options.yaml", with_media(&lab));
    let route = format!("secrets: [{SECRET}], trust_plain_dc: known");
    lab.configure(&[("listeners", &listener(&route, ""))]);
    let edge = lab.start().await;
    let [main, media] = lab.dc(AMSTERDAM).local_addrs()[..] else { panic!("two access points") };
    for with in [Some(SECRET), None] {
        assert_eq!(who(&edge, &header(-2, with)).await.access_point, media);
        assert_eq!(who(&edge, &header(2, with)).await.access_point, main);
        assert_eq!(who(&edge, &header(-1, with)).await.dc, MIAMI, "it has none for media");
    }
    lab.dc(AMSTERDAM).kill(media).await.expect("killed");
    edge.until("it is down", |snapshot| {
        snapshot.access_points.iter().any(|it| it.health == Health::Down)
    })
    .await;
    assert_eq!(who(&edge, &header(-2, Some(SECRET))).await.access_point, main);
    lab.dc(AMSTERDAM).kill(main).await.expect("killed");
    edge.until_access_points_are(&[AMSTERDAM], Health::Down).await;
    is_reset(&edge, &header(-2, Some(SECRET))).await;
    let scrape = edge.doors.scrape().await;
    assert_eq!((refused(&scrape, "no_dc"), refused(&scrape, "sniff")), (1.0, 0.0));
}

#[tokio::test]
async fn a_test_network_is_named_by_numbers_beyond_ten_thousand() {
    let lab = Lab::new(2);
    lab.write("dc_options.yaml", format!("{{test_mode: true, dc_options: {}}}", with_media(&lab)));
    let route = format!("secrets: [{SECRET}], trust_plain_dc: known, unknown: {{dc: 5}}");
    lab.configure(&[("listeners", &listener(&route, ""))]);
    let edge = lab.start().await;
    let [main, media] = lab.dc(AMSTERDAM).local_addrs()[..] else { panic!("two access points") };
    for with in [Some(SECRET), None] {
        assert_eq!(who(&edge, &header(10_002, with)).await.access_point, main);
        assert_eq!(who(&edge, &header(-10_002, with)).await.access_point, media);
    }
    assert_eq!(who(&edge, &header(2, None)).await.dc, SINGAPORE, "that is another network's");
    is_reset(&edge, &header(2, Some(SECRET))).await;
}

#[tokio::test]
async fn a_dc_without_access_points_is_refused_as_such() {
    let lab = Lab::new(1);
    let route = format!("secrets: [{SECRET}], unknown: nearest");
    lab.configure(&[("listeners", &listener(&route, "")), ("dcs", "[{id: 9, name: planned}]")]);
    let edge = lab.start().await;
    is_reset(&edge, &header(9, Some(SECRET))).await;
    let scrape = edge.doors.scrape().await;
    assert_eq!((refused(&scrape, "no_dc"), refused(&scrape, "sniff")), (1.0, 0.0));
}

#[tokio::test]
async fn only_clients_without_a_dc_are_remembered() {
    let lab = Lab::new(1);
    let route = format!("secrets: [{SECRET}], unknown: nearest");
    let sticky = listener(&route, "").replace("sticky: none", "sticky: {ttl: 1h}");
    lab.configure(&[("listeners", &sticky), IN_SINGAPORE]);
    let edge = lab.start().await;
    let remembered = async || {
        let scrape = edge.doors.scrape().await;
        scrape.value("sticky_clients", &[("listener", "clients")])
    };
    assert_eq!(who(&edge, &header(2, Some(SECRET))).await.dc, AMSTERDAM);
    assert_eq!(remembered().await, 0.0);
    assert_eq!(who(&edge, &plain(Transport::Intermediate)).await.dc, SINGAPORE);
    assert_eq!(remembered().await, 1.0);
    assert_eq!(who(&edge, &header(1, Some(SECRET))).await.dc, MIAMI, "memory moves nobody");
    assert_eq!(who(&edge, &plain(Transport::Full)).await.dc, SINGAPORE);
    let labels = [("dc", "5"), ("why", "sticky")];
    assert_eq!(edge.doors.scrape().await.value("routed_total", &labels), 1.0);
}

#[tokio::test]
async fn a_proxy_header_comes_first_and_a_load_balancer_is_heard_and_not_counted() {
    let lab = Lab::new(1);
    let route = format!("secrets: [{SECRET}], unknown: close, sniff_timeout: 300ms");
    let proxied = listener(&route, ", proxy_protocol: {accept_from: [127.0.0.0/8]}");
    lab.configure(&[("listeners", &proxied)]);
    let edge = lab.start().await;
    let announced = proxy_v2("203.0.113.7".parse().expect("an address"));
    let header = header(2, Some(SECRET));
    // Behind it in the same segment, in the middle of it, and later.
    for cut in [0, 10, announced.len(), announced.len() + 10, announced.len() + 64] {
        let whole = [&announced[..], &header].concat();
        let (first, second) = whole.split_at(cut);
        let mut client = Client::plain(edge.clients()).await.expect("connected");
        client.send(first).await.expect("sent");
        tokio::task::yield_now().await;
        client.send(second).await.expect("sent");
        assert_eq!(client.who().await.expect("a session").dc, AMSTERDAM);
        client.hear(&header).await.expect("the DC got the header of MTProto and no other");
        client.finish().await.expect("an orderly end");
    }
    let local = [SIGNATURE, &[0x20, 0, 0, 0]].concat();
    let mut check = Client::plain(edge.clients()).await.expect("connected");
    check.send(&[&local[..], &header].concat()).await.expect("sent");
    assert_eq!(check.who().await.expect("a session").dc, AMSTERDAM);
    check.hear(&header).await.expect("all of it");
    check.finish().await.expect("an orderly end");
    is_reset(&edge, &[&local[..], &plain(Transport::Abridged)].concat()).await;
    is_reset(&edge, &local).await;
    let scrape = edge.doors.scrape().await;
    assert_eq!(sniffed(&scrape, "proved"), 5.0);
    for name in ["sniffed_total", "sessions_total", "routed_total"] {
        assert_eq!(scrape.sum(name, &[]), 5.0, "{name}");
    }
    assert_eq!(scrape.sum("refused_total", &[]), 0.0);
}

#[tokio::test]
async fn a_mute_dc_is_found_out_by_clients_who_spoke_before_it_was_dialled() {
    let lab = Lab::serving(Service::Echo, 1);
    let route = format!("secrets: [{SECRET}]");
    let limited = listener(&route, ", timeouts: {first_byte: 500ms}");
    lab.configure(&[("listeners", &limited)]);
    let edge = lab.start().await;
    lab.dc(AMSTERDAM).set_fault_everywhere(Fault::Mute).await.expect("mute");
    is_reset(&edge, &header(2, Some(SECRET))).await;
    let scrape = edge.doors.scrape().await;
    let closed = [("dc", "2"), ("side", "nearpoint"), ("reason", "first_byte")];
    assert_eq!(scrape.value("close_total", &closed), 1.0);
    assert_eq!(scrape.sum("refused_total", &[]), 0.0, "it was connected");
}

#[tokio::test]
async fn silence_is_held_against_a_dc_only_by_clients_that_it_should_answer() {
    const CLIENTS: u8 = 30;
    let lab = Lab::serving(Service::Echo, 1);
    let keys = ", timeouts: {first_byte: 250ms}, proxy_protocol: {accept_from: [127.0.0.0/8]}";
    let route = format!("secrets: [{SECRET}], unknown: {{dc: 2}}, sniff_timeout: 100ms");
    lab.configure(&[("listeners", &listener(&route, keys)), ("health", BLIND)]);
    let edge = lab.start().await;
    let amsterdam = lab.dc(AMSTERDAM);
    amsterdam.set_fault_everywhere(Fault::Mute).await.expect("mute");
    let probed = amsterdam.total().accepted;
    // Each from a network of its own.
    let ask = async |number: u8, sent: &[u8]| {
        let client = proxy_v2([10, 0, number, 1].into());
        let end = refusal_of(edge.clients(), &[&client[..], sent].concat()).await;
        assert_eq!(end, End::Reset);
    };
    let scanners: [&[u8]; 3] = [b"GET / HTTP/1.1\r\n\r\n", &[7; 100], &[9; 10]];
    for number in 0..CLIENTS {
        ask(number, scanners[usize::from(number) % scanners.len()]).await;
    }
    let scrape = edge.doors.scrape().await;
    let unanswered = [("side", "nearpoint"), ("reason", "first_byte")];
    assert_eq!(scrape.sum("close_total", &unanswered), f64::from(CLIENTS));
    let accepted = amsterdam.total().accepted - probed;
    assert_eq!(accepted, u64::from(CLIENTS), "nothing made anybody look");
    ask(CLIENTS, &header(2, Some(SECRET))).await;
    let looked =
        async || (amsterdam.total().accepted - probed > u64::from(CLIENTS) + 1).then_some(());
    eventually("the DC is looked at", looked).await;
}

#[tokio::test]
async fn a_bulk_session_is_spliced_although_its_header_was_read() {
    const BULK: usize = 64 << 20;
    let lab = Lab::serving(Service::Sink, 1);
    let route = format!("secrets: [{SECRET}]");
    lab.configure(&[("listeners", &listener(&route, ""))]);
    let edge = lab.start().await;
    let header = header(2, Some(SECRET));
    let mut client = Client::plain(edge.clients()).await.expect("connected");
    client.send(&header).await.expect("sent");
    let megabyte = vec![0x5a; 1 << 20];
    for _ in 0..BULK / megabyte.len() {
        within("the DC reads", client.send(&megabyte)).await.expect("sent");
    }
    client.end_stream().await.expect("ended");
    let counted = format!("{}\n", header.len() + BULK).into_bytes();
    assert_eq!(within("the count", client.end()).await, End::Closed(counted));
    let scrape = eventually("it has ended", async || {
        let scrape = edge.doors.scrape().await;
        (scrape.sum("close_total", &[("dc", "2"), ("reason", "closed")]) == 1.0).then_some(scrape)
    })
    .await;
    let bytes =
        |path| scrape.value("bytes_total", &[("dc", "2"), ("direction", "up"), ("path", path)]);
    assert_eq!(bytes("copy") + bytes("splice"), (header.len() + BULK) as f64);
    assert!(bytes("splice") > 0.9 * BULK as f64, "{} of {BULK}", bytes("splice"));
}

#[tokio::test]
async fn what_is_explained_is_what_happens() {
    let lab = Lab::new(1);
    let route = format!("secrets: [{SECRET}], unknown: nearest");
    lab.configure(&[("listeners", &listener(&route, "")), IN_SINGAPORE]);
    let edge = lab.start().await;
    let status = edge.doors.json("/v1/status").await;
    assert_eq!(status["listeners"][0]["route"], "mtproto");
    for (dc, sent) in [
        ("&dc=2", header(2, Some(SECRET))),
        ("&dc=-2", header(-2, Some(SECRET))),
        ("", plain(Transport::Padded)),
    ] {
        let explained = edge.doors.json(&format!("/v1/explain?ip=127.0.0.1{dc}")).await;
        assert_eq!(explained["route"], "mtproto");
        let chosen = explained["dcs"].as_array().expect("a list");
        let chosen = chosen.iter().find(|it| it["chosen"] == true).expect("one is chosen");
        assert_eq!(chosen["id"], who(&edge, &sent).await.dc, "{dc}");
        assert_eq!(explained["class"], if dc == "&dc=-2" { "media" } else { "main" });
        assert_eq!(explained["bound_to"].is_null(), dc.is_empty());
    }
    let (status, told) = edge.doors.get("/v1/explain?ip=127.0.0.1&dc=7").await;
    assert_eq!(status, 409);
    assert!(told.contains("refuses a client that names DC 7"), "{told}");
    is_reset(&edge, &header(7, Some(SECRET))).await;
}
