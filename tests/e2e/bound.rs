//! Which sessions another access point may take over, and which another DC: one test for each row of
//! that table. A session that is answered by the wrong DC has its client sign out; one that is reset has
//! it try again.

use std::net::{IpAddr, SocketAddr};

use nearpoint::routing::Health;
use nearpoint::stub::{Fault, Whoami};

use crate::places::ip;
use crate::support::client::{Client, End, refusal, who_answers};
use crate::support::lab::{AMSTERDAM, Edge, Lab, MIAMI, SINGAPORE};
use crate::support::scrape::Scrape;

/// A client that is at home in Amsterdam.
const DUTCH: &str = "145.97.1.1";

const LISTENERS: &str = "[{name: clients, bind: ['127.0.0.1:0'], sticky: none, \
     proxy_protocol: {accept_from: [127.0.0.0/8]}}, \
     {name: pinned, bind: ['127.0.0.1:0'], route: {dc: 2}, \
     proxy_protocol: {accept_from: [127.0.0.0/8]}}, \
     {name: media, bind: ['127.0.0.1:0'], route: {dc: 2}, class: media, \
     proxy_protocol: {accept_from: [127.0.0.0/8]}}, \
     {name: cdn, bind: ['127.0.0.1:0'], route: {dc: 2}, class: cdn, \
     proxy_protocol: {accept_from: [127.0.0.0/8]}}]";

const REPLICATED: &str = "[{id: 1, location: {lat: 25.77, lon: -80.19}}, \
     {id: 2, name: ams, location: {lat: 52.37, lon: 4.90}, replicas: [5]}, \
     {id: 5, location: {lat: 1.35, lon: 103.82}}]";

/// What the access points of each DC are for: two for ordinary sessions, one for media, one for a CDN.
const FLAGS: [&str; 4] = ["", ", static: true", ", media_only: true", ", cdn: true"];

/// A daemon before such DCs.
async fn start(lab: &Lab, sections: &[(&str, &str)]) -> Edge {
    let mut list = String::new();
    for dc in [MIAMI, AMSTERDAM, SINGAPORE] {
        for (at, flags) in lab.dc(dc).local_addrs().iter().zip(FLAGS) {
            list += &format!("- {{id: {dc}, ip: {}, port: {}{flags}}}\n", at.ip(), at.port());
        }
    }
    lab.write("dc_options.yaml", list);
    lab.configure(&[&[("listeners", LISTENERS)], sections].concat());
    lab.start().await
}

fn lab() -> Lab {
    Lab::new(FLAGS.len())
}

/// The access points of Amsterdam, in the order of [`FLAGS`].
fn access_points(lab: &Lab) -> Vec<SocketAddr> {
    lab.dc(AMSTERDAM).local_addrs().to_vec()
}

async fn who(edge: &Edge, listener: &str) -> Whoami {
    who_answers(edge.listener(listener), ip(DUTCH)).await.expect("a session")
}

async fn is_reset(edge: &Edge, listener: &str) {
    assert_eq!(refusal(edge.listener(listener), ip(DUTCH)).await, End::Reset, "{listener}");
}

async fn kill(edge: &Edge, lab: &Lab, dc: u16) {
    lab.dc(dc).kill_everywhere().await.expect("killed");
    edge.until_access_points_are(&[dc], Health::Down).await;
}

async fn heal(edge: &Edge, lab: &Lab, dc: u16) {
    lab.dc(dc).set_fault_everywhere(Fault::None).await.expect("healed");
    edge.until_access_points_are(&[dc], Health::Up).await;
}

#[tokio::test]
async fn a_new_session_that_is_pinned_moves_within_its_dc_and_to_no_other() {
    let lab = lab();
    let edge = start(&lab, &[]).await;
    let [plain, preferred, ..] = access_points(&lab)[..] else { panic!("four access points") };
    assert_eq!(who(&edge, "pinned").await.access_point, preferred, "static is preferred");
    lab.dc(AMSTERDAM).kill(preferred).await.expect("killed");
    assert_eq!(who(&edge, "pinned").await.access_point, plain);
    lab.dc(AMSTERDAM).kill(plain).await.expect("killed");
    is_reset(&edge, "pinned").await;
    kill(&edge, &lab, AMSTERDAM).await;
    is_reset(&edge, "pinned").await;
    let status = edge.doors.json("/v1/status").await;
    let says = status["dcs"][1]["says"].as_str().expect("a sentence");
    let expected = "no access point up, no replica: refusing (listener cdn, media, pinned); \
                    others go to other DCs";
    assert!(says.starts_with(expected), "{says}");
    heal(&edge, &lab, AMSTERDAM).await;
    assert_eq!(who(&edge, "pinned").await.dc, AMSTERDAM);
}

#[tokio::test]
async fn an_open_session_is_reset_and_its_client_finds_another_access_point_of_the_dc() {
    let lab = lab();
    let edge = start(&lab, &[]).await;
    let mut open = Client::announced(edge.listener("pinned"), ip(DUTCH)).await.expect("a session");
    let before = open.who().await.expect("an answer");
    lab.dc(AMSTERDAM).kill(before.access_point).await.expect("killed");
    assert_eq!(open.end().await, End::Reset);
    let after = who(&edge, "pinned").await;
    assert_eq!(after.dc, AMSTERDAM);
    assert_ne!(after.access_point, before.access_point);
}

#[tokio::test]
async fn a_first_contact_moves_within_its_dc_and_to_others() {
    let lab = lab();
    let edge = start(&lab, &[]).await;
    let [plain, preferred, ..] = access_points(&lab)[..] else { panic!("four access points") };
    lab.dc(AMSTERDAM).kill(preferred).await.expect("killed");
    assert_eq!(who(&edge, "clients").await.access_point, plain);
    kill(&edge, &lab, AMSTERDAM).await;
    assert_eq!(who(&edge, "clients").await.dc, MIAMI, "the next one for this client");
    heal(&edge, &lab, AMSTERDAM).await;
    assert_eq!(who(&edge, "clients").await.dc, AMSTERDAM);
}

#[tokio::test]
async fn replicas_take_over_and_nobody_else_does() {
    let lab = lab();
    let edge = start(&lab, &[("dcs", REPLICATED)]).await;
    assert_eq!(who(&edge, "pinned").await.dc, AMSTERDAM);
    lab.dc(AMSTERDAM).kill_everywhere().await.expect("killed");
    // Whether or not it is known yet that the DC is dead.
    assert_eq!(who(&edge, "pinned").await.dc, SINGAPORE);
    edge.until_access_points_are(&[AMSTERDAM], Health::Down).await;
    assert_eq!(who(&edge, "pinned").await.dc, SINGAPORE);
    let status = edge.doors.json("/v1/status").await;
    let says = status["dcs"][1]["says"].as_str().expect("a sentence");
    assert!(says.contains("DC 5 stands in"), "{says}");
    assert!(says.contains("refusing (listener cdn, media)"), "{says}");
    let scrape = edge.doors.scrape().await;
    assert_eq!(scrape.value("routed_total", &[("dc", "5"), ("why", "replica")]), 2.0);
    assert_eq!(failed_over(&scrape), 2.0);
    is_reset(&edge, "media").await;
    is_reset(&edge, "cdn").await;
    kill(&edge, &lab, SINGAPORE).await;
    is_reset(&edge, "pinned").await;
    heal(&edge, &lab, AMSTERDAM).await;
    assert_eq!(who(&edge, "pinned").await.dc, AMSTERDAM);
}

fn failed_over(scrape: &Scrape) -> f64 {
    scrape.value("failover_total", &[("from", "2"), ("to", "5")])
}

#[tokio::test]
async fn media_falls_back_within_its_dc_and_a_cdn_does_not() {
    let lab = lab();
    let edge = start(&lab, &[]).await;
    let [plain, preferred, media, cdn] = access_points(&lab)[..] else { panic!("four of them") };
    assert_eq!(who(&edge, "media").await.access_point, media);
    assert_eq!(who(&edge, "cdn").await.access_point, cdn);
    lab.dc(AMSTERDAM).kill(media).await.expect("killed");
    assert_eq!(who(&edge, "media").await.access_point, preferred, "of those for ordinary sessions");
    lab.dc(AMSTERDAM).kill(cdn).await.expect("killed");
    is_reset(&edge, "cdn").await;
    for main in [plain, preferred] {
        lab.dc(AMSTERDAM).kill(main).await.expect("killed");
    }
    is_reset(&edge, "media").await;
    kill(&edge, &lab, AMSTERDAM).await;
    is_reset(&edge, "media").await;
    is_reset(&edge, "cdn").await;
}

#[tokio::test]
async fn with_bound_fail_open_a_session_is_tried_where_health_says_that_nobody_is() {
    const NEVER_AGAIN: &str =
        "{interval: 100ms, fast_interval: 100ms, down_interval: 1h, fall: 2, rise: 2}";
    let lab = lab();
    let sections =
        [("health", NEVER_AGAIN), ("policy", "{objective: distance, bound_fail_open: true}")];
    let edge = start(&lab, &sections).await;
    kill(&edge, &lab, AMSTERDAM).await;
    is_reset(&edge, "pinned").await;
    // It lives again, which nobody has noticed.
    lab.dc(AMSTERDAM).set_fault_everywhere(Fault::None).await.expect("healed");
    let first = who(&edge, "pinned").await;
    assert_eq!(first.dc, AMSTERDAM);
    let scrape = edge.doors.scrape().await;
    assert_eq!(scrape.value("routed_total", &[("dc", "2"), ("why", "fail_open")]), 1.0);
    let client: IpAddr = ip(DUTCH);
    let explained = edge.doors.json(&format!("/v1/explain?listener=pinned&ip={client}")).await;
    assert_eq!(explained["fail_open"], true);
    assert_eq!(explained["attempts"].as_array().map(Vec::len), Some(1));
}
