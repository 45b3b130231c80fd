//! What a look at the network sees, for the judge of a drill.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use prometheus::core::Collector;

use crate::metrics::Metrics;
use crate::routing::drill::{Look, Survivor};
use crate::routing::{AdminState, ConnectFailure, DcId, DcIndex, Refusal, Snapshot};

/// All DCs but `drilled`, as they are now.
pub(super) fn look(snapshot: &Snapshot, metrics: &Metrics, drilled: DcId) -> Look {
    let failed = failed_dials(metrics);
    let topology = &snapshot.topology;
    let others = (0..).map(DcIndex).zip(topology.dcs()).filter(|(_, dc)| dc.id != drilled);
    let survivors = others.map(|(index, dc)| {
        let state = snapshot.dc(index);
        let (connected, connecting) = connects(metrics, dc.id);
        let survivor = Survivor {
            site: Arc::clone(&dc.site),
            health: state.health,
            is_ready: state.admin == AdminState::Ready,
            placed: state.slot.placed(),
            max_sessions: dc.max_sessions,
            connected,
            connecting,
            failed: failed.get(&dc.id.to_string()).copied().unwrap_or_default(),
            round_trip: state.round_trip,
        };
        (dc.id, survivor)
    });
    Look {
        is_isolated: snapshot.isolated,
        refused_for_room: refused(metrics, Refusal::Overflow),
        refused: refused(metrics, Refusal::NoDc),
        survivors: survivors.collect(),
    }
}

/// Sessions that were connected to a DC, and how long that took in all.
pub(super) fn connects(metrics: &Metrics, dc: DcId) -> (u64, Duration) {
    let name = dc.to_string();
    // Asked by its labels, a series of a DC that has left would come to be again.
    for family in metrics.connect_seconds.collect() {
        for series in family.get_metric() {
            if series.get_label().iter().any(|it| it.name() == "dc" && it.value() == name) {
                let histogram = series.get_histogram();
                let seconds = Duration::try_from_secs_f64(histogram.get_sample_sum());
                return (histogram.get_sample_count(), seconds.unwrap_or_default());
            }
        }
    }
    (0, Duration::ZERO)
}

/// Sessions that did not get `from`, by where they went.
pub(super) fn failovers(metrics: &Metrics, from: DcId) -> BTreeMap<u16, u64> {
    let mut found = BTreeMap::new();
    each(&metrics.failover_total, |label, count| {
        if label("from") == from.to_string()
            && let Ok(to) = label("to").parse()
        {
            found.insert(to, count);
        }
    });
    found
}

fn failed_dials(metrics: &Metrics) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    let is_evidence = |reason: &str| {
        ConnectFailure::ALL.iter().any(|it| it.is_evidence() && it.as_str() == reason)
    };
    each(&metrics.connect_failures_total, |label, count| {
        if is_evidence(&label("reason")) {
            *found.entry(label("dc")).or_default() += count;
        }
    });
    found
}

fn refused(metrics: &Metrics, refusal: Refusal) -> u64 {
    let mut sum = 0;
    each(&metrics.refused_total, |label, count| {
        if label("reason") == refusal.as_str() {
            sum += count;
        }
    });
    sum
}

/// Shows each series of a counter: its labels by name, and its count.
fn each(counter: &dyn Collector, mut show: impl FnMut(&dyn Fn(&str) -> String, u64)) {
    for family in counter.collect() {
        for series in family.get_metric() {
            let label = |name: &str| {
                let found = series.get_label().iter().find(|label| label.name() == name);
                found.map(|label| label.value().to_owned()).unwrap_or_default()
            };
            show(&label, series.get_counter().get_value() as u64);
        }
    }
}
