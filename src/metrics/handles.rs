//! Children resolved once: a session start looks up no label, a message touches no map.

use prometheus::{Histogram, IntCounter, IntGauge};

use super::Metrics;
use crate::routing::control::{ProbeAnswer, ProbeOutcome};
use crate::routing::{
    AccessPointId, CloseReason, ConnectFailure, DcId, Ending, HedgeResult, Limit, Refusal, Side,
    SniffResult, Why,
};

/// Which way bytes went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Client to DC.
    Up,
    /// DC to client.
    Down,
}

/// What carried bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// Through the thread's scratch buffer.
    Copy,
    /// Through a pipe, never seen by this process.
    Splice,
}

/// The metrics of a listener.
pub struct ListenerMetrics {
    /// Clients accepted.
    pub sessions_total: IntCounter,
    /// How long connected sessions lasted.
    pub session_seconds: Histogram,
    /// Bound sessions that policy would refuse.
    pub policy_audited_total: IntCounter,
    refused: [IntCounter; Refusal::ALL.len()],
    limited: [IntCounter; Limit::ALL.len()],
}

impl ListenerMetrics {
    /// Resolves the children of this listener.
    #[must_use]
    pub fn resolve(metrics: &Metrics, listener: &str) -> Self {
        Self {
            sessions_total: metrics.sessions_total.with_label_values(&[listener]),
            session_seconds: metrics.session_seconds.with_label_values(&[listener]),
            policy_audited_total: metrics.policy_audited_total.with_label_values(&[listener]),
            refused: Refusal::ALL.map(|refusal| {
                metrics.refused_total.with_label_values(&[listener, refusal.as_str()])
            }),
            limited: limited(metrics, listener),
        }
    }

    /// The counter of this kind of refusal.
    #[must_use]
    pub fn refused(&self, refusal: Refusal) -> &IntCounter {
        &self.refused[refusal as usize]
    }

    /// Clients that this limit has refused.
    #[must_use]
    pub fn limited(&self, limit: Limit) -> &IntCounter {
        &self.limited[limit as usize]
    }
}

/// What the limits of a listener have refused, in their order.
pub(super) fn limited(metrics: &Metrics, listener: &str) -> [IntCounter; Limit::ALL.len()] {
    Limit::ALL.map(|limit| metrics.limited_total.with_label_values(&[listener, limit.as_str()]))
}

/// What the first bytes of a listener's clients came to.
pub struct SniffMetrics {
    sniffed: [IntCounter; SniffResult::ALL.len()],
}

impl SniffMetrics {
    /// Resolves the children of this listener.
    #[must_use]
    pub fn resolve(metrics: &Metrics, listener: &str) -> Self {
        Self {
            sniffed: SniffResult::ALL.map(|result| {
                metrics.sniffed_total.with_label_values(&[listener, result.as_str()])
            }),
        }
    }

    /// Clients of whom that was heard.
    #[must_use]
    pub fn sniffed(&self, result: SniffResult) -> &IntCounter {
        &self.sniffed[result as usize]
    }
}

/// The metrics of a DC as one listener's sessions use it.
pub struct DcMetrics {
    /// Sessions of the listener connected to the DC.
    pub sessions_active: IntGauge,
    /// From the first dial to a connected upstream.
    pub connect_seconds: Histogram,
    bytes: [[IntCounter; 2]; 2],
    closed: [[IntCounter; Ending::ALL.len()]; Side::ALL.len()],
    routed: [IntCounter; Why::ALL.len()],
    hedges: [IntCounter; HedgeResult::ALL.len()],
}

impl DcMetrics {
    /// Resolves the children of this DC.
    #[must_use]
    pub fn resolve(metrics: &Metrics, listener: &str, dc: DcId) -> Self {
        let dc = dc.to_string();
        let bytes = |direction: &str| {
            ["copy", "splice"]
                .map(|path| metrics.bytes_total.with_label_values(&[&dc, direction, path]))
        };
        Self {
            sessions_active: metrics.sessions_active.with_label_values(&[listener, &dc]),
            connect_seconds: metrics.connect_seconds.with_label_values(&[&dc]),
            bytes: [bytes("up"), bytes("down")],
            closed: Side::ALL.map(|side| {
                Ending::ALL.map(|ending| {
                    let labels = [&dc, side.as_str(), ending.as_str()];
                    metrics.close_total.with_label_values(&labels)
                })
            }),
            routed: Why::ALL
                .map(|why| metrics.routed_total.with_label_values(&[&dc, why.as_str()])),
            hedges: HedgeResult::ALL
                .map(|result| metrics.hedges_total.with_label_values(&[&dc, result.as_str()])),
        }
    }

    /// Bytes forwarded this way.
    #[must_use]
    pub fn bytes(&self, direction: Direction, path: Path) -> &IntCounter {
        &self.bytes[direction as usize][path as usize]
    }

    /// Sessions that ended so.
    #[must_use]
    pub fn closed(&self, reason: CloseReason) -> &IntCounter {
        &self.closed[reason.side as usize][reason.ending as usize]
    }

    /// Sessions that came for this reason.
    #[must_use]
    pub fn routed(&self, why: Why) -> &IntCounter {
        &self.routed[why as usize]
    }

    /// Silent dials to the DC whose hedges came to this.
    #[must_use]
    pub fn hedged(&self, result: HedgeResult) -> &IntCounter {
        &self.hedges[result as usize]
    }
}

impl Metrics {
    /// A dial of a session failed. Looks labels up: dials fail seldom.
    pub fn connect_failed(&self, access_point: AccessPointId, failure: ConnectFailure) {
        let (dc, address) = (access_point.dc.to_string(), access_point.address.to_string());
        let labels = [dc.as_str(), &address, failure.as_str()];
        self.connect_failures_total.with_label_values(&labels).inc();
    }

    /// A session did not get its first DC. Looks labels up.
    pub fn failed_over(&self, from: DcId, to: DcId) {
        self.failover_total.with_label_values(&[&from.to_string(), &to.to_string()]).inc();
    }

    /// A probe has ended. Looks labels up.
    pub fn probed(&self, access_point: AccessPointId, outcome: &ProbeOutcome) {
        let result = outcome.as_ref().map_or_else(|failure| failure.as_str(), ProbeAnswer::as_str);
        self.probes_total.with_label_values(&[&access_point.dc.to_string(), result]).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_are_found_by_the_values_that_label_them() {
        let metrics = Metrics::new("edge-1");
        let listener = ListenerMetrics::resolve(&metrics, "clients");
        let dc = DcMetrics::resolve(&metrics, "clients", DcId(2));
        for refusal in Refusal::ALL {
            listener.refused(refusal).inc();
            let labels = ["clients", refusal.as_str()];
            assert_eq!(metrics.refused_total.with_label_values(&labels).get(), 1);
        }
        for side in Side::ALL {
            for ending in Ending::ALL {
                dc.closed(CloseReason { side, ending }).inc();
                let labels = ["2", side.as_str(), ending.as_str()];
                assert_eq!(metrics.close_total.with_label_values(&labels).get(), 1);
            }
        }
        for why in Why::ALL {
            dc.routed(why).inc();
            assert_eq!(metrics.routed_total.with_label_values(&["2", why.as_str()]).get(), 1);
        }
        for result in HedgeResult::ALL {
            dc.hedged(result).inc();
            assert_eq!(metrics.hedges_total.with_label_values(&["2", result.as_str()]).get(), 1);
        }
        let sniff = SniffMetrics::resolve(&metrics, "clients");
        for result in SniffResult::ALL {
            sniff.sniffed(result).inc();
            let labels = ["clients", result.as_str()];
            assert_eq!(metrics.sniffed_total.with_label_values(&labels).get(), 1);
        }
        dc.bytes(Direction::Down, Path::Splice).inc_by(7);
        assert_eq!(metrics.bytes_total.with_label_values(&["2", "down", "splice"]).get(), 7);
    }
}
