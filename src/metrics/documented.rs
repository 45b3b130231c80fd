//! Holds `docs/metrics.md` to the registry: the same names, the same labels.

use std::collections::BTreeMap;

use prometheus::core::Collector;

use super::{Metrics, UdpVectors};

const DOCUMENT: &str = include_str!("../../docs/metrics.md");

#[test]
fn the_document_names_every_metric_with_its_labels_and_no_other() {
    let registered = registered();
    let documented: BTreeMap<String, Vec<String>> = DOCUMENT.lines().filter_map(row).collect();
    assert_eq!(documented, registered, "left: docs/metrics.md, right: the registry");
}

/// A row of a table: `| `name` | `label`, `label` | meaning |`.
fn row(line: &str) -> Option<(String, Vec<String>)> {
    let mut cells = line.strip_prefix("| `nearpoint_")?.split('|');
    let name = cells.next()?.trim().trim_end_matches('`');
    let quoted = cells.next()?.split('`').skip(1).step_by(2);
    let mut labels: Vec<String> = quoted.map(str::to_owned).collect();
    labels.sort();
    Some((format!("nearpoint_{name}"), labels))
}

fn registered() -> BTreeMap<String, Vec<String>> {
    // Every field is named, so that a new metric has to be added here to compile.
    let Metrics {
        registry: _,
        retention: _,
        sessions_active,
        sessions_total,
        session_seconds,
        worker_sessions,
        connect_seconds,
        connect_failures_total,
        hedges_total,
        bytes_total,
        close_total,
        routed_total,
        failover_total,
        refused_total,
        limited_total,
        udp:
            UdpVectors {
                flows_active,
                flows_total,
                flow_seconds,
                flows_ended_total,
                flows_moved_total,
                datagrams_total,
                datagrams_per_call,
                drops_total,
            },
        sniffed_total,
        policy_audited_total,
        sticky_clients,
        sticky_evicted_total,
        dc_up,
        dc_admin_state,
        access_point_up,
        access_point_admin_state,
        access_point_rtt_seconds,
        probes_total,
        probe_alarms,
        probe_lag_seconds,
        edge_isolated,
        geo_lookups_total,
        geoip_build_timestamp_seconds,
        config_generation,
        config_reloads_total,
        drills_total,
        dc_options_age_seconds,
        admin_requests_total,
        admin_logins_failed_total,
        accept_pauses_total,
        pending_bytes,
        fds_open,
        fds_limit,
        namespace,
        source_ports_in_use,
        build_info,
    } = Metrics::new("edge-1");
    let [listen_overflows, udp_receive_drops] = namespace.counters();
    let all: [&dyn Collector; 50] = [
        &flows_active,
        &flows_total,
        &flow_seconds,
        &flows_ended_total,
        &flows_moved_total,
        &datagrams_total,
        &datagrams_per_call,
        &drops_total,
        &sessions_active,
        &sessions_total,
        &session_seconds,
        &worker_sessions,
        &connect_seconds,
        &connect_failures_total,
        &hedges_total,
        &bytes_total,
        &close_total,
        &routed_total,
        &failover_total,
        &refused_total,
        &limited_total,
        &sniffed_total,
        &policy_audited_total,
        &sticky_clients,
        &sticky_evicted_total,
        &dc_up,
        &dc_admin_state,
        &access_point_up,
        &access_point_admin_state,
        &access_point_rtt_seconds,
        &probes_total,
        &probe_alarms,
        &probe_lag_seconds,
        &edge_isolated,
        &geo_lookups_total,
        &geoip_build_timestamp_seconds,
        &config_generation,
        &config_reloads_total,
        &drills_total,
        &dc_options_age_seconds,
        &admin_requests_total,
        &admin_logins_failed_total,
        &accept_pauses_total,
        &pending_bytes,
        &fds_open,
        &fds_limit,
        listen_overflows,
        udp_receive_drops,
        &source_ports_in_use,
        &build_info,
    ];
    let described = all.iter().flat_map(|metric| metric.desc());
    let named = described.map(|it| {
        let mut labels = it.variable_labels.clone();
        labels.sort();
        (it.fq_name.clone(), labels)
    });
    named.collect()
}
