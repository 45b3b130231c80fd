//! The metrics of flows and datagrams, and their children resolved once.

use prometheus::local::{LocalHistogram, LocalIntCounter};
use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::handles::{Direction, limited};
use super::{Make, Metrics, SESSION_BUCKETS};
use crate::routing::{DatagramDrop, DcId, FlowEnd, FlowMove, Limit, Refusal, Why};

/// Datagrams of one system call: one, to 64 messages of 64.
const BATCH_BUCKETS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1024.0];

/// The metrics of UDP.
pub struct UdpVectors {
    /// Flows now: `listener`, `dc`.
    pub flows_active: IntGaugeVec,
    /// Flows that began: `listener`.
    pub flows_total: IntCounterVec,
    /// How long flows lasted: `listener`.
    pub flow_seconds: HistogramVec,
    /// Flows that ended: `listener`, `reason`.
    pub flows_ended_total: IntCounterVec,
    /// Flows that chose again: `reason`.
    pub flows_moved_total: IntCounterVec,
    /// Datagrams passed on: `direction`.
    pub datagrams_total: IntCounterVec,
    /// Datagrams that one system call received.
    pub datagrams_per_call: Histogram,
    /// Datagrams that were not passed on: `reason`.
    pub drops_total: IntCounterVec,
}

impl UdpVectors {
    pub(super) fn new(new: &Make<'_>) -> Self {
        Self {
            flows_active: new.gauges("udp_flows_active", "Flows now.", &["listener", "dc"]),
            flows_total: new.counters("udp_flows_total", "Flows that began.", &["listener"]),
            flow_seconds: new.histograms(
                "udp_flow_seconds",
                "How long flows lasted, their last idle time included.",
                &["listener"],
                SESSION_BUCKETS,
            ),
            flows_ended_total: new.counters(
                "udp_flows_ended_total",
                "Flows that ended.",
                &["listener", "reason"],
            ),
            flows_moved_total: new.counters(
                "udp_flows_moved_total",
                "Flows that went to another access point.",
                &["reason"],
            ),
            datagrams_total: new.counters(
                "udp_datagrams_total",
                "Datagrams passed on; up is client to DC.",
                &["direction"],
            ),
            datagrams_per_call: new.histogram(
                "udp_datagrams_per_call",
                "Datagrams that one system call received.",
                BATCH_BUCKETS,
            ),
            drops_total: new.counters(
                "udp_drops_total",
                "Datagrams that were not passed on.",
                &["reason"],
            ),
        }
    }
}

/// What every datagram is counted by, as one worker has it: what it counts all the time it counts by
/// itself, and adds it to what others have when it is [flushed](DatagramMetrics::flush).
pub struct DatagramMetrics {
    passed: [LocalIntCounter; 2],
    per_call: LocalHistogram,
    drops: [IntCounter; DatagramDrop::ALL.len()],
    moved: [IntCounter; FlowMove::ALL.len()],
}

impl DatagramMetrics {
    /// Resolves the children.
    #[must_use]
    pub fn resolve(metrics: &Metrics) -> Self {
        let udp = &metrics.udp;
        Self {
            passed: ["up", "down"].map(|it| udp.datagrams_total.with_label_values(&[it]).local()),
            per_call: udp.datagrams_per_call.local(),
            drops: DatagramDrop::ALL.map(|it| udp.drops_total.with_label_values(&[it.as_str()])),
            moved: FlowMove::ALL.map(|it| udp.flows_moved_total.with_label_values(&[it.as_str()])),
        }
    }

    /// Shows everybody what has been counted since the last time.
    pub fn flush(&self) {
        self.passed.iter().for_each(LocalIntCounter::flush);
        self.per_call.flush();
    }

    /// One system call has received so many datagrams.
    pub fn received(&self, datagrams: usize) {
        self.per_call.observe(datagrams as f64);
    }

    /// Datagrams passed on this way.
    #[must_use]
    pub fn passed(&self, direction: Direction) -> &LocalIntCounter {
        &self.passed[direction as usize]
    }

    /// Datagrams that were not passed on for this reason.
    #[must_use]
    pub fn dropped(&self, drop: DatagramDrop) -> &IntCounter {
        &self.drops[drop as usize]
    }

    /// Flows that went to another access point for this reason.
    #[must_use]
    pub fn moved(&self, reason: FlowMove) -> &IntCounter {
        &self.moved[reason as usize]
    }
}

/// The metrics of the flows of a listener.
pub struct FlowMetrics {
    /// Flows that began.
    pub began: IntCounter,
    /// How long they lasted.
    pub seconds: Histogram,
    /// Bound flows that policy would refuse.
    pub policy_audited: IntCounter,
    refused: [IntCounter; Refusal::ALL.len()],
    limited: [IntCounter; Limit::ALL.len()],
    ended: [IntCounter; FlowEnd::ALL.len()],
}

impl FlowMetrics {
    /// Resolves the children of this listener.
    #[must_use]
    pub fn resolve(metrics: &Metrics, listener: &str) -> Self {
        let udp = &metrics.udp;
        Self {
            began: udp.flows_total.with_label_values(&[listener]),
            seconds: udp.flow_seconds.with_label_values(&[listener]),
            policy_audited: metrics.policy_audited_total.with_label_values(&[listener]),
            refused: Refusal::ALL
                .map(|it| metrics.refused_total.with_label_values(&[listener, it.as_str()])),
            limited: limited(metrics, listener),
            ended: FlowEnd::ALL
                .map(|it| udp.flows_ended_total.with_label_values(&[listener, it.as_str()])),
        }
    }

    /// The counter of this kind of refusal.
    #[must_use]
    pub fn refused(&self, refusal: Refusal) -> &IntCounter {
        &self.refused[refusal as usize]
    }

    /// Datagrams that this limit has refused a flow.
    #[must_use]
    pub fn limited(&self, limit: Limit) -> &IntCounter {
        &self.limited[limit as usize]
    }

    /// Flows that ended so.
    #[must_use]
    pub fn ended(&self, end: FlowEnd) -> &IntCounter {
        &self.ended[end as usize]
    }
}

/// The metrics of a DC as one listener's flows use it, on one worker: bytes are shown when they are
/// [flushed](FlowDcMetrics::flush).
pub struct FlowDcMetrics {
    /// Flows of the listener to the DC.
    pub active: IntGauge,
    bytes: [LocalIntCounter; 2],
    routed: [IntCounter; Why::ALL.len()],
}

impl FlowDcMetrics {
    /// Resolves the children of this DC.
    #[must_use]
    pub fn resolve(metrics: &Metrics, listener: &str, dc: DcId) -> Self {
        let dc = dc.to_string();
        let bytes = |direction| {
            metrics.bytes_total.with_label_values(&[dc.as_str(), direction, "datagram"]).local()
        };
        Self {
            active: metrics.udp.flows_active.with_label_values(&[listener, &dc]),
            bytes: ["up", "down"].map(bytes),
            routed: Why::ALL
                .map(|why| metrics.routed_total.with_label_values(&[dc.as_str(), why.as_str()])),
        }
    }

    /// Shows everybody what has been counted since the last time.
    pub fn flush(&self) {
        self.bytes.iter().for_each(LocalIntCounter::flush);
    }

    /// Bytes forwarded this way.
    #[must_use]
    pub fn bytes(&self, direction: Direction) -> &LocalIntCounter {
        &self.bytes[direction as usize]
    }

    /// Flows that came for this reason.
    #[must_use]
    pub fn routed(&self, why: Why) -> &IntCounter {
        &self.routed[why as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_are_found_by_the_values_that_label_them() {
        let metrics = Metrics::new("edge-1");
        let datagrams = DatagramMetrics::resolve(&metrics);
        for drop in DatagramDrop::ALL {
            datagrams.dropped(drop).inc();
            assert_eq!(metrics.udp.drops_total.with_label_values(&[drop.as_str()]).get(), 1);
        }
        for reason in FlowMove::ALL {
            datagrams.moved(reason).inc();
            let labels = [reason.as_str()];
            assert_eq!(metrics.udp.flows_moved_total.with_label_values(&labels).get(), 1);
        }
        let flows = FlowMetrics::resolve(&metrics, "dns");
        for end in FlowEnd::ALL {
            flows.ended(end).inc();
            let labels = ["dns", end.as_str()];
            assert_eq!(metrics.udp.flows_ended_total.with_label_values(&labels).get(), 1);
        }
        let dc = FlowDcMetrics::resolve(&metrics, "dns", DcId(2));
        dc.bytes(Direction::Down).inc_by(7);
        dc.flush();
        assert_eq!(metrics.bytes_total.with_label_values(&["2", "down", "datagram"]).get(), 7);
        datagrams.passed(Direction::Up).inc_by(3);
        datagrams.flush();
        assert_eq!(metrics.udp.datagrams_total.with_label_values(&["up"]).get(), 3);
    }
}
