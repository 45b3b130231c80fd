//! Everything Prometheus can scrape, in one registry that is handed around and never global.
//!
//! Labels never hold a client's address, prefix, country or ASN. Children are resolved once and
//! kept ([`handles`]); what a snapshot says is written at scrape time (`observe`); series of DCs
//! and access points that are gone disappear after a while (`retention`).

#[cfg(test)]
mod documented;
pub mod handles;
mod kernel;
mod make;
mod observe;
mod removable;
mod retention;
pub mod udp;

use std::sync::Mutex;

use prometheus::core::Collector;
use prometheus::proto::LabelPair;
use prometheus::{
    Gauge, GaugeVec, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry,
    TextEncoder,
};

use crate::routing::DcId;
use crate::routing::control::DrillStep;
use make::Make;
use removable::Removable;
use retention::Retention;
pub use udp::UdpVectors;

/// Seconds of a connect: light across a town to three seconds of patience.
const CONNECT_BUCKETS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 3.0, 10.0];

/// Seconds of a session: a lookup to a day.
const SESSION_BUCKETS: &[f64] =
    &[0.01, 0.1, 1.0, 10.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0];

/// The metrics of one daemon.
pub struct Metrics {
    registry: Registry,
    retention: Mutex<Retention>,
    /// Sessions connected now: `listener`, `dc`.
    pub sessions_active: IntGaugeVec,
    /// Clients accepted: `listener`.
    pub sessions_total: IntCounterVec,
    /// How long connected sessions lasted: `listener`.
    pub session_seconds: HistogramVec,
    /// Sessions of one data-plane thread, connecting ones included: `worker`.
    pub worker_sessions: IntGaugeVec,
    /// Time from the first dial of a session to a connected upstream: `dc` that won.
    pub connect_seconds: HistogramVec,
    /// Failed dials of sessions: `dc`, `access_point`, `reason`.
    pub connect_failures_total: IntCounterVec,
    /// Hedges of silent dials: `dc` that was silent, `result`.
    pub hedges_total: IntCounterVec,
    /// Bytes forwarded: `dc`, `direction` up or down, `path` copy, splice or datagram.
    pub bytes_total: IntCounterVec,
    /// Ends of connected sessions: `dc`, `side`, `reason`.
    pub close_total: IntCounterVec,
    /// Why sessions went where they went: `dc`, `why`.
    pub routed_total: IntCounterVec,
    /// Sessions that did not get their first DC: `from`, `to`.
    pub failover_total: IntCounterVec,
    /// Clients refused: `listener`, `reason`.
    pub refused_total: IntCounterVec,
    /// Clients refused by a limit of their listener: `listener`, `limit`.
    pub limited_total: IntCounterVec,
    /// Flows and datagrams.
    pub udp: UdpVectors,
    /// Clients whose first bytes were looked at, by listener and result.
    pub sniffed_total: IntCounterVec,
    /// Clients of bound listeners that policy would refuse, and does not: `listener`.
    pub policy_audited_total: IntCounterVec,
    /// Clients that a sticky listener remembers: `listener`.
    pub sticky_clients: IntGaugeVec,
    /// Clients that a sticky listener forgot for want of room: `listener`.
    pub sticky_evicted_total: IntCounterVec,
    /// 1 while a DC is Up: `dc`.
    pub dc_up: IntGaugeVec,
    /// 1 for what an operator wants of a DC: `dc`, `state`.
    pub dc_admin_state: IntGaugeVec,
    /// 1 for what an operator wants of an access point, unless that is Ready: `dc`, `access_point`, `state`.
    pub access_point_admin_state: IntGaugeVec,
    /// 1 while an access point is usable: `dc`, `access_point`.
    pub access_point_up: IntGaugeVec,
    /// The usual round trip: `dc`, `access_point`.
    pub access_point_rtt_seconds: GaugeVec,
    /// Probes made: `dc`, `result`.
    pub probes_total: IntCounterVec,
    probe_alarms: IntGaugeVec,
    /// How late the probe is that has been due for longest.
    pub probe_lag_seconds: Gauge,
    edge_isolated: IntGauge,
    /// Lookups of clients' addresses: `result`.
    pub geo_lookups_total: IntCounterVec,
    /// When a GeoIP database was built, Unix time: `database`.
    pub geoip_build_timestamp_seconds: GaugeVec,
    /// Generation of the published snapshot.
    pub config_generation: IntGauge,
    /// Reloads tried: `source`, `result`.
    pub config_reloads_total: IntCounterVec,
    /// Drills: `result`.
    pub drills_total: IntCounterVec,
    /// Since the live `dc_options` were accepted.
    pub dc_options_age_seconds: Gauge,
    /// Requests to the admin side: `code` of the answer.
    pub admin_requests_total: IntCounterVec,
    /// Requests to the admin side with a wrong token.
    pub admin_logins_failed_total: IntCounter,
    /// How often accepting paused because a resource of this edge was used up.
    pub accept_pauses_total: IntCounter,
    /// Bytes kept for readers that are slower than their writers.
    pub pending_bytes: IntGauge,
    fds_open: IntGauge,
    fds_limit: IntGauge,
    namespace: kernel::NamespaceCounters,
    source_ports_in_use: IntGaugeVec,
    build_info: IntGaugeVec,
}

impl Metrics {
    /// All metrics at zero. `edge` is the name of this edge.
    #[must_use]
    pub fn new(edge: &str) -> Self {
        let registry = Registry::new();
        let new = Make { registry: &registry };
        let metrics = Self {
            sessions_active: new.gauges(
                "sessions_active",
                "Sessions connected now.",
                &["listener", "dc"],
            ),
            sessions_total: new.counters("sessions_total", "Clients accepted.", &["listener"]),
            session_seconds: new.histograms(
                "session_seconds",
                "How long connected sessions lasted.",
                &["listener"],
                SESSION_BUCKETS,
            ),
            worker_sessions: new.gauges(
                "worker_sessions",
                "Sessions of one data-plane thread, connecting ones included.",
                &["worker"],
            ),
            connect_seconds: new.histograms(
                "connect_seconds",
                "From the first dial of a session to a connected upstream.",
                &["dc"],
                CONNECT_BUCKETS,
            ),
            connect_failures_total: new.counters(
                "connect_failures_total",
                "Failed dials of sessions; reason local is this edge's own.",
                &["dc", "access_point", "reason"],
            ),
            hedges_total: new.counters(
                "hedges_total",
                "Second dials because the first, to this DC, was silent.",
                &["dc", "result"],
            ),
            bytes_total: new.counters(
                "bytes_total",
                "Bytes forwarded; up is client to DC.",
                &["dc", "direction", "path"],
            ),
            close_total: new.counters(
                "close_total",
                "Ends of connected sessions.",
                &["dc", "side", "reason"],
            ),
            routed_total: new.counters(
                "routed_total",
                "Why sessions went to the DC they went to.",
                &["dc", "why"],
            ),
            failover_total: new.counters(
                "failover_total",
                "Sessions that did not get the first DC of their ranking.",
                &["from", "to"],
            ),
            refused_total: new.counters(
                "refused_total",
                "Clients refused: sessions with a reset, flows by silence.",
                &["listener", "reason"],
            ),
            limited_total: new.counters(
                "limited_total",
                "Clients refused by a limit of their listener, by the key that sets it.",
                &["listener", "limit"],
            ),
            udp: UdpVectors::new(&new),
            sniffed_total: new.counters(
                "sniffed_total",
                "Clients whose first bytes were looked at, by what these are.",
                &["listener", "result"],
            ),
            policy_audited_total: new.counters(
                "policy_audited_total",
                "Sessions of bound listeners that policy would refuse, and that were only counted.",
                &["listener"],
            ),
            sticky_clients: new.gauges(
                "sticky_clients",
                "Clients of which a listener remembers the DC.",
                &["listener"],
            ),
            sticky_evicted_total: new.counters(
                "sticky_evicted_total",
                "Clients forgotten before their time to make room for others.",
                &["listener"],
            ),
            dc_up: new.gauges("dc_up", "1 while a DC is Up.", &["dc"]),
            dc_admin_state: new.gauges(
                "dc_admin_state",
                "1 for the state that an operator wants of a DC.",
                &["dc", "state"],
            ),
            access_point_admin_state: new.gauges(
                "access_point_admin_state",
                "1 for the state that an operator wants of an access point that is not ready.",
                &["dc", "access_point", "state"],
            ),
            access_point_up: new.gauges(
                "access_point_up",
                "1 while an access point is usable.",
                &["dc", "access_point"],
            ),
            access_point_rtt_seconds: new.register(
                GaugeVec::new(
                    new.opts("access_point_rtt_seconds", "The usual round trip of the probe."),
                    &["dc", "access_point"],
                )
                .expect("a valid metric"),
            ),
            probes_total: new.counters("probes_total", "Probes made.", &["dc", "result"]),
            probe_alarms: new.gauges(
                "probe_alarms",
                "Access points about which probes raise an alarm.",
                &["dc", "alarm"],
            ),
            probe_lag_seconds: new.register(
                Gauge::with_opts(new.opts(
                    "probe_lag_seconds",
                    "How late the probe is that has been due for longest.",
                ))
                .expect("a valid metric"),
            ),
            edge_isolated: new
                .gauge("edge_isolated", "1 while this edge is cut off from every site."),
            geo_lookups_total: new.counters(
                "geo_lookups_total",
                "Lookups of clients' addresses, by what located them.",
                &["result"],
            ),
            geoip_build_timestamp_seconds: new.register(
                GaugeVec::new(
                    new.opts(
                        "geoip_build_timestamp_seconds",
                        "When a GeoIP database was built, Unix time.",
                    ),
                    &["database"],
                )
                .expect("a valid metric"),
            ),
            config_generation: new
                .gauge("config_generation", "Generation of the published snapshot."),
            config_reloads_total: new.counters(
                "config_reloads_total",
                "Reloads tried.",
                &["source", "result"],
            ),
            drills_total: new.counters("drills_total", "Drills that are over.", &["result"]),
            dc_options_age_seconds: new.register(
                Gauge::with_opts(
                    new.opts("dc_options_age_seconds", "Since the live dc_options were accepted."),
                )
                .expect("a valid metric"),
            ),
            admin_requests_total: new.counters(
                "admin_requests_total",
                "Requests to the admin listener, by the status of the answer.",
                &["code"],
            ),
            admin_logins_failed_total: new.counter(
                "admin_logins_failed_total",
                "Requests to the admin listener with a wrong token.",
            ),
            accept_pauses_total: new.counter(
                "accept_pauses_total",
                "How often accepting paused because descriptors or memory were used up.",
            ),
            pending_bytes: new.gauge(
                "pending_bytes",
                "Bytes kept for readers that are slower than their writers.",
            ),
            fds_open: new.gauge("fds_open", "Descriptors open in this process."),
            fds_limit: new.gauge("fds_limit", "Descriptors this process may open."),
            namespace: kernel::NamespaceCounters::new(
                new.counter(
                    "listen_overflows_total",
                    "Connections dropped because a listen queue was full, of the network namespace.",
                ),
                new.counter(
                    "udp_receive_drops_total",
                    "Datagrams dropped because a receive buffer was full, of the network namespace.",
                ),
            ),
            source_ports_in_use: new.gauges(
                "source_ports_in_use",
                "Local ports of sessions and flows towards a DC, dials included.",
                &["dc"],
            ),
            build_info: new.gauges("build_info", "Always 1.", &["version", "edge"]),
            retention: Mutex::default(),
            registry: registry.clone(),
        };
        for end in DrillStep::ENDS {
            drop(metrics.drills_total.with_label_values(&[end.as_str()]));
        }
        metrics.build_info.with_label_values(&[env!("CARGO_PKG_VERSION"), edge]).set(1);
        metrics
    }

    /// The text that Prometheus reads (exposition format 0.0.4), as of the last
    /// [`Metrics::observe`].
    #[must_use]
    pub fn render(&self) -> String {
        let families = self.registry.gather();
        TextEncoder::new().encode_to_string(&families).unwrap_or_default()
    }

    /// Descriptors open in this process.
    #[must_use]
    pub fn open_descriptors(&self) -> u64 {
        kernel::open_descriptors().try_into().unwrap_or_default()
    }

    /// Sessions and flows of a listener that are connected to a DC now.
    #[must_use]
    pub fn open(&self, listener: &str, dc: DcId) -> u64 {
        let dc = dc.to_string();
        let of = |gauges: &IntGaugeVec| {
            let families = gauges.collect();
            let series = families.iter().flat_map(|family| family.get_metric());
            let wanted = |name: &str, value: &str| match name {
                "listener" => value == listener,
                "dc" => value == dc,
                _ => true,
            };
            let is_wanted = |labels: &[LabelPair]| {
                labels.iter().all(|label| wanted(label.name(), label.value()))
            };
            let counted = series.filter(|it| is_wanted(it.get_label()));
            counted.map(|it| it.get_gauge().get_value() as u64).sum::<u64>()
        };
        of(&self.sessions_active) + of(&self.udp.flows_active)
    }

    /// The vectors whose series belong to a DC or an access point, with the labels that say so.
    fn owned_series(&self) -> [&dyn Removable; 17] {
        [
            &self.sessions_active,
            &self.udp.flows_active,
            &self.connect_seconds,
            &self.connect_failures_total,
            &self.hedges_total,
            &self.bytes_total,
            &self.close_total,
            &self.routed_total,
            &self.failover_total,
            &self.dc_up,
            &self.dc_admin_state,
            &self.access_point_up,
            &self.access_point_admin_state,
            &self.access_point_rtt_seconds,
            &self.probes_total,
            &self.probe_alarms,
            &self.source_ports_in_use,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_the_prefix_and_a_help_text() {
        let metrics = Metrics::new("ams-1");
        metrics.sessions_total.with_label_values(&["clients"]).inc();
        let text = metrics.render();
        for line in text.lines() {
            let name = line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ");
            assert!(name.starts_with("nearpoint_"), "{line}");
        }
        assert!(text.contains("nearpoint_sessions_total{listener=\"clients\"} 1"));
        assert!(text.contains("edge=\"ams-1\""));
    }
}
