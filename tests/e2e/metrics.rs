//! What Prometheus gets after a little of everything has happened.

use std::io::Write;
use std::process::{Command, Stdio};

use nearpoint::stub::{Fault, UdpService};

use crate::places::{clients, ip};
use crate::support::client::{Client, End, refusal_of, who_answers};
use crate::support::datagram::UdpClient;
use crate::support::lab::{AMSTERDAM, BLIND, DCS, Lab};
use crate::support::scrape::Scrape;
use crate::support::{eventually, within};

/// Every metric, its kind, and the labels of each of its series.
const METRICS: &[(&str, &str, &[&str])] = &[
    ("sessions_active", "gauge", &["dc", "listener"]),
    ("sessions_total", "counter", &["listener"]),
    ("session_seconds", "histogram", &["listener"]),
    ("worker_sessions", "gauge", &["worker"]),
    ("connect_seconds", "histogram", &["dc"]),
    ("connect_failures_total", "counter", &["access_point", "dc", "reason"]),
    ("hedges_total", "counter", &["dc", "result"]),
    ("bytes_total", "counter", &["dc", "direction", "path"]),
    ("close_total", "counter", &["dc", "reason", "side"]),
    ("routed_total", "counter", &["dc", "why"]),
    ("failover_total", "counter", &["from", "to"]),
    ("refused_total", "counter", &["listener", "reason"]),
    ("limited_total", "counter", &["limit", "listener"]),
    ("udp_flows_active", "gauge", &["dc", "listener"]),
    ("udp_flows_total", "counter", &["listener"]),
    ("udp_flow_seconds", "histogram", &["listener"]),
    ("udp_flows_ended_total", "counter", &["listener", "reason"]),
    ("udp_flows_moved_total", "counter", &["reason"]),
    ("udp_datagrams_total", "counter", &["direction"]),
    ("udp_datagrams_per_call", "histogram", &[]),
    ("udp_drops_total", "counter", &["reason"]),
    ("sniffed_total", "counter", &["listener", "result"]),
    ("policy_audited_total", "counter", &["listener"]),
    ("sticky_clients", "gauge", &["listener"]),
    ("sticky_evicted_total", "counter", &["listener"]),
    ("dc_up", "gauge", &["dc"]),
    ("dc_admin_state", "gauge", &["dc", "state"]),
    ("access_point_up", "gauge", &["access_point", "dc"]),
    ("access_point_rtt_seconds", "gauge", &["access_point", "dc"]),
    ("probes_total", "counter", &["dc", "result"]),
    ("probe_alarms", "gauge", &["alarm", "dc"]),
    ("probe_lag_seconds", "gauge", &[]),
    ("edge_isolated", "gauge", &[]),
    ("geo_lookups_total", "counter", &["result"]),
    ("geoip_build_timestamp_seconds", "gauge", &["database"]),
    ("config_generation", "gauge", &[]),
    ("config_reloads_total", "counter", &["result", "source"]),
    ("drills_total", "counter", &["result"]),
    ("dc_options_age_seconds", "gauge", &[]),
    ("admin_requests_total", "counter", &["code"]),
    ("admin_logins_failed_total", "counter", &[]),
    ("accept_pauses_total", "counter", &[]),
    ("pending_bytes", "gauge", &[]),
    ("fds_open", "gauge", &[]),
    ("fds_limit", "gauge", &[]),
    ("listen_overflows_total", "counter", &[]),
    ("udp_receive_drops_total", "counter", &[]),
    ("source_ports_in_use", "gauge", &["dc"]),
    ("build_info", "gauge", &["edge", "version"]),
];

#[tokio::test]
async fn every_metric_is_there_with_its_labels_and_adds_up() {
    let scrape = scrape_after_a_little_of_everything().await;
    let known: Vec<&str> = METRICS.iter().map(|(name, ..)| *name).collect();
    for name in scrape.types.keys() {
        let name = name.strip_prefix("nearpoint_").expect("the prefix");
        assert!(known.contains(&name), "{name} is new: list it here");
    }
    for (name, kind, labels) in METRICS {
        assert_eq!(
            scrape.types.get(&format!("nearpoint_{name}")).map(String::as_str),
            Some(*kind),
            "{name}"
        );
        let sample =
            if *kind == "histogram" { format!("{name}_count") } else { (*name).to_owned() };
        let mut series = scrape.samples(&sample, &[]).peekable();
        assert!(series.peek().is_some(), "{name} has no series");
        for series in series {
            let found: Vec<&str> = series.labels.keys().map(String::as_str).collect();
            assert_eq!(found, *labels, "{name}");
            assert!(series.value >= 0.0 && series.value.is_finite(), "{name}: {}", series.value);
            let client =
                |value: &String| clients(20).iter().any(|it| value.contains(&it.to_string()));
            assert!(!series.labels.values().any(client), "{name} tells who was here");
        }
    }
    for dc in DCS {
        let dc = dc.to_string();
        assert_eq!(scrape.samples("dc_up", &[("dc", &dc)]).count(), 1);
        assert_eq!(scrape.samples("access_point_up", &[("dc", &dc)]).count(), 4);
        for name in ["connect_seconds", "session_seconds"] {
            cumulative(&scrape, name);
        }
    }
    assert_eq!(scrape.sum("refused_total", &[("reason", "proxy_header")]), 1.0);
    assert_eq!(scrape.sum("refused_total", &[("reason", "sniff")]), 1.0);
    assert_eq!(scrape.value("sniffed_total", &[("result", "http")]), 1.0);
    assert_eq!(scrape.value("config_reloads_total", &[("source", "signal")]), 1.0);
    assert_eq!(scrape.value("build_info", &[("edge", "lab")]), 1.0);
    let accepted = scrape.sum("sessions_total", &[]);
    let began = accepted + scrape.sum("udp_flows_total", &[]);
    assert_eq!(scrape.sum("routed_total", &[]) + scrape.sum("refused_total", &[]), began);
    assert_eq!(scrape.sum("geo_lookups_total", &[]), began - 2.0, "a bad header is nobody");
    for way in ["up", "down"] {
        assert_eq!(scrape.value("udp_datagrams_total", &[("direction", way)]), 1.0);
    }
    assert!(scrape.sum("bytes_total", &[("direction", "up")]) > 0.0);
    assert!(scrape.value("fds_open", &[]) < scrape.value("fds_limit", &[]));
}

#[tokio::test]
async fn the_text_is_what_promtool_takes() {
    let scrape = scrape_after_a_little_of_everything().await;
    // The strict reader of these tests has read it already; where Prometheus is installed, its own
    // judges too.
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = promtool else { return };
    let mut stdin = promtool.stdin.take().expect("piped");
    stdin.write_all(scrape.text.as_bytes()).expect("it reads");
    drop(stdin);
    let judged = promtool.wait_with_output().expect("it ends");
    assert!(judged.status.success(), "{judged:?}");
}

/// One that remembers, one that listens, and one of UDP.
const LISTENERS: &str = "[{name: clients, bind: ['127.0.0.1:0'], \
     proxy_protocol: {accept_from: [127.0.0.0/8]}}, \
     {name: sniffed, bind: ['127.0.0.1:0'], route: {mtproto: {}}}, \
     {name: datagrams, protocol: udp, bind: ['127.0.0.1:0'], sticky: none}]";

/// Sessions to all DCs, a dead access point, a dead DC, a bad header, a client that names no DC, a reload,
/// a flow.
async fn scrape_after_a_little_of_everything() -> Scrape {
    let lab = Lab::with_udp(ip("127.0.0.1"), UdpService::Who, 2);
    lab.configure(&[("health", BLIND), ("listeners", LISTENERS)]);
    let edge = lab.start().await;
    edge.doors.json("/livez").await;
    for client in clients(20) {
        who_answers(edge.clients(), client).await.expect("a session");
    }
    lab.dc(AMSTERDAM).set_fault_everywhere(Fault::Refuse).await.expect("refusing");
    who_answers(edge.clients(), ip("145.97.1.1")).await.expect("a session elsewhere");
    for listener in ["clients", "sniffed"] {
        let at = edge.listener(listener);
        assert_eq!(refusal_of(at, b"GET / HTTP/1.1\r\n").await, End::Reset);
    }
    within("a reload", edge.app.reload()).await;
    let mut open = Client::announced(edge.clients(), ip("8.8.8.8")).await.expect("a session");
    open.who().await.expect("an answer");
    UdpClient::new(ip("127.0.0.1"), edge.listener("datagrams")).await.ask().await;
    eventually("all others have ended, and the flow is counted", async || {
        let scrape = edge.doors.scrape().await;
        let is_counted = scrape.sum("udp_datagrams_total", &[]) == 2.0;
        (scrape.sum("worker_sessions", &[]) == 2.0 && is_counted).then_some(scrape)
    })
    .await
}

/// The buckets of each series rise to its count.
fn cumulative(scrape: &Scrape, name: &str) {
    for count in scrape.samples(&format!("{name}_count"), &[]) {
        let labels: Vec<(&str, &str)> =
            count.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut buckets: Vec<(f64, f64)> = scrape
            .samples(&format!("{name}_bucket"), &labels)
            .map(|bucket| {
                let bound = bucket.labels["le"].replace("+Inf", "inf");
                (bound.parse().expect("a bound"), bucket.value)
            })
            .collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(buckets.is_sorted_by(|a, b| a.1 <= b.1), "{name}: {buckets:?}");
        assert_eq!(buckets.last(), Some(&(f64::INFINITY, count.value)), "{name}");
    }
}
