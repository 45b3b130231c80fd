//! The part of the key exchange that needs no key, `req_pq_multi` to `resPQ`, through every route and every
//! transport, with strict DCs behind: they turn away whoever names another one.

use std::fs;
use std::net::{IpAddr, SocketAddr};

use nearpoint::mtproto::{Secret, Style, Transport};
use nearpoint::routing::Health;
use nearpoint::stub::{Fault, Service, Setup, StubDc};
use tempfile::TempDir;

use crate::places::ip;
use crate::support::client::proxy_v2;
use crate::support::lab::{AMSTERDAM, Edge, MIAMI};
use crate::support::mtproto::{Caller, Outcome, Segments};

const KEYS: &str = "001122334455667788990a0b0c0d0e0f";
const PADDED: &str = "dd0f0e0d0c0b0a09988776655443322110";

/// A client that is at home in Amsterdam.
const DUTCH: &str = "145.97.1.1";

/// A daemon before strict DCs, and these.
struct Network {
    edge: Edge,
    miami: StubDc,
    amsterdam: StubDc,
    _files: TempDir,
}

fn secret(hex: &str) -> Secret {
    let pairs = hex.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).expect("ASCII"));
    let bytes: Vec<u8> =
        pairs.map(|pair| u8::from_str_radix(pair, 16).expect("two digits")).collect();
    Secret::new(&bytes).expect("a secret")
}

impl Network {
    /// With a listener for each route.
    async fn start() -> Self {
        let secrets = [secret(KEYS), secret(PADDED)];
        let setup = Setup { secrets: &secrets, ..Setup::default() };
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        // Two for ordinary sessions, one for media.
        let at = [(any, Service::Mtproto { strict: true }); 3];
        let bind = |dc| StubDc::bind_with(setup, dc, &at).expect("a stub DC");
        let (miami, amsterdam) = (bind(MIAMI), bind(AMSTERDAM));
        let files = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| {
            let path = files.path().join(name);
            fs::write(&path, text).expect("a file of the test");
            path
        };
        let mut list = String::new();
        for dc in [&miami, &amsterdam] {
            for (number, at) in dc.local_addrs().iter().enumerate() {
                let (id, ip, port, media) = (dc.dc(), at.ip(), at.port(), number == 2);
                list += &format!("- {{id: {id}, ip: {ip}, port: {port}, media_only: {media}}}\n");
            }
        }
        write("dc_options.yaml", &list);
        let listener = |name: &str, keys: &str| {
            format!(
                "  - {{name: {name}, bind: ['127.0.0.1:0'], sticky: none, {keys}, \
                 proxy_protocol: {{accept_from: [127.0.0.0/8]}}}}\n"
            )
        };
        let listeners = [
            listener("nearest", "route: nearest"),
            listener("pinned", "route: {dc: 1}"),
            listener("media", "route: {dc: 1}, class: media"),
            listener(
                "named",
                &format!(
                    "route: {{mtproto: {{secrets: ['{KEYS}', '{PADDED}'], trust_plain_dc: known, \
                     unknown: nearest}}}}"
                ),
            ),
        ];
        let main = format!(
            "edge: {{name: lab, workers: 2}}\n\
             dcs: [{{id: 1, location: {{lat: 25.77, lon: -80.19}}}}, \
             {{id: 2, location: {{lat: 52.37, lon: 4.90}}}}]\n\
             policy: {{objective: distance}}\n\
             health: {{interval: 200ms, fast_interval: 100ms, down_interval: 200ms}}\n\
             shutdown: {{grace: 0s, deadline: 0s}}\n\
             admin: {{bind: '127.0.0.1:0'}}\n\
             metrics: {{bind: '127.0.0.1:0'}}\n\
             listeners:\n{}",
            listeners.concat()
        );
        let edge = Edge::start(&write("nearpoint.yaml", &main)).await;
        let edge = edge.unwrap_or_else(|error| panic!("{error}"));
        Self { edge, miami, amsterdam, _files: files }
    }

    async fn call(&self, listener: &str, style: &Style, segments: Segments) -> Outcome {
        let client: IpAddr = ip(DUTCH);
        let caller = Caller::new(style.clone()).announced_by(proxy_v2(client));
        caller.in_segments(segments).call(self.edge.listener(listener)).await
    }
}

fn plain() -> impl Iterator<Item = Style> {
    Transport::ALL.into_iter().map(Style::plain)
}

/// Obfuscated in every way, for the DC of this number.
fn obfuscated(named: i16) -> Vec<Style> {
    let secrets = [None, Some(secret(KEYS)), Some(secret(PADDED))];
    let of = |transport: Transport| {
        let spoken = |secret: &Option<Secret>| Style::obfuscated(transport, secret.as_ref(), named);
        secrets.iter().filter_map(spoken).collect::<Vec<_>>()
    };
    Transport::ALL.into_iter().flat_map(of).collect()
}

const ALL_SEGMENTS: [Segments; 4] =
    [Segments::Together, Segments::Apart, Segments::CutAt(40), Segments::OneByOne];

#[tokio::test]
async fn the_question_is_answered_through_every_route_in_every_transport_and_in_all_segments() {
    let network = Network::start().await;
    for segments in ALL_SEGMENTS {
        for style in plain().chain(obfuscated(2)) {
            let outcome = network.call("nearest", &style, segments).await;
            assert_eq!(outcome, Outcome::Dc(AMSTERDAM), "nearest {style:?} {segments:?}");
        }
        for (listener, named) in [("pinned", 1), ("media", -1)] {
            for style in plain().chain(obfuscated(named)) {
                let outcome = network.call(listener, &style, segments).await;
                assert_eq!(outcome, Outcome::Dc(MIAMI), "{listener} {style:?} {segments:?}");
            }
        }
        for (named, dc) in [(1, MIAMI), (-1, MIAMI), (2, AMSTERDAM), (-2, AMSTERDAM)] {
            for style in obfuscated(named) {
                let outcome = network.call("named", &style, segments).await;
                assert_eq!(outcome, Outcome::Dc(dc), "{named} {style:?} {segments:?}");
            }
        }
        for style in plain() {
            let outcome = network.call("named", &style, segments).await;
            assert_eq!(outcome, Outcome::Dc(AMSTERDAM), "names nobody: {style:?} {segments:?}");
        }
    }
    // Probes send nothing: whatever came was asked by clients.
    let bytes = |at: &SocketAddr| network.miami.counts(*at).expect("an access point").bytes_in;
    let asked: Vec<bool> = network.miami.local_addrs().iter().map(|at| bytes(at) > 0).collect();
    assert!(asked[2] && asked[..2].contains(&true), "ordinary sessions and media: {asked:?}");
}

/// Who names its DC and finds it gone is reset, and never answered by another one.
#[tokio::test]
async fn a_named_dc_that_is_gone_is_answered_by_nobody_and_again_by_itself() {
    let network = Network::start().await;
    let styles = || obfuscated(2).into_iter().chain(obfuscated(-2));
    network.amsterdam.kill_everywhere().await.expect("killed");
    for style in styles() {
        let outcome = network.call("named", &style, Segments::Together).await;
        assert_eq!(outcome, Outcome::Reset, "{style:?}");
    }
    network.edge.until_access_points_are(&[AMSTERDAM], Health::Down).await;
    for style in styles() {
        let outcome = network.call("named", &style, Segments::Together).await;
        assert_eq!(outcome, Outcome::Reset, "{style:?}");
    }
    // Who names nobody may go anywhere.
    for style in plain() {
        let outcome = network.call("named", &style, Segments::Together).await;
        assert_eq!(outcome, Outcome::Dc(MIAMI), "{style:?}");
    }
    network.amsterdam.set_fault_everywhere(Fault::None).await.expect("healed");
    network.edge.until_access_points_are(&[AMSTERDAM], Health::Up).await;
    for style in styles() {
        let outcome = network.call("named", &style, Segments::Together).await;
        assert_eq!(outcome, Outcome::Dc(AMSTERDAM), "{style:?}");
    }
}
