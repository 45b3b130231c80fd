//! What it costs to believe headers that prove nothing, counted.

use std::path::Path;

use super::*;
use crate::config::{Config, File, parse};
use crate::routing::topology::{ByHeader, Destination, Route};

/// Clients that put random bytes where others put the DC.
const CLIENTS: u64 = 1_000_000;

/// Five DCs, each with access points for media.
fn network(trust: &str) -> Config {
    let route = format!("{{mtproto: {{trust_plain_dc: {trust}, unknown: nearest}}}}");
    let main = format!("listeners: [{{name: clients, bind: ['127.0.0.1:1'], route: {route}}}]");
    let entry = |id: u16| {
        format!(
            "- {{id: {id}, ip: 192.0.2.{id}, port: 1}}\n- {{id: {id}, ip: 192.0.2.{id}, port: 2, media_only: true}}\n"
        )
    };
    let list: String = (1..=5).map(entry).collect();
    let file = |name, text: &'static str| File { path: Path::new(name), bytes: text.as_bytes() };
    let loaded = parse(file("main", main.leak()), file("list", list.leak()));
    loaded.unwrap_or_else(|error| panic!("{error}")).config
}

#[test]
fn of_a_million_clients_without_a_dc_trust_sends_ten_in_65536_wrong_and_mistrust_none() {
    let [trusting, doubting] = ["known", "never"].map(network);
    let routes = [&trusting, &doubting].map(|config| {
        let route = config.topology.route("clients").expect("a route");
        let Route::Mtproto(by_header) = route.route else { panic!("{route:?}") };
        (by_header, route, &config.topology)
    });
    let sniffer = sniffer(&[], PATIENT);
    let mut words = Words(0x5eed);
    let mut bound = [0, 0];
    let mut header = [0; HEADER];
    for client in 0..CLIENTS {
        // What is encrypted by exclusive-or is changed by it: keys are made for a thousand at a time.
        if client % 1000 == 0 {
            header = words.header(Transport::Abridged, 0, None);
        }
        let [low, high, ..] = words.next().to_le_bytes();
        (header[60], header[61]) = (header[60] ^ low, header[61] ^ high);
        let heard = sniffer.judge(&header).expect("64 bytes are enough");
        assert_eq!(heard.result(), SniffResult::Hint);
        for (bound, (by_header, route, topology)) in bound.iter_mut().zip(routes) {
            let by_header: ByHeader = by_header;
            match by_header.destination(heard.named_dc(), route, topology) {
                Some(Destination::Dc(..)) => *bound += 1,
                Some(Destination::Nearest(_)) => {}
                None => panic!("nobody is refused"),
            }
        }
    }
    let expected = CLIENTS * 10 / 65_536;
    let [trusted, doubted] = bound;
    println!("of {CLIENTS} clients trust sends {trusted} wrong, and doubt {doubted}");
    assert!((expected / 2..=expected * 2).contains(&trusted), "{trusted} instead of {expected}");
    assert_eq!(doubted, 0);
}
