//! Rules about probes: one of each access point at a time, and nobody is forgotten.

use std::time::{Duration, Instant};

use nearpoint::routing::Topology;
use nearpoint::routing::control::ProbeRequest;

use crate::layout::LONGEST_INTERVAL;
use crate::ledger::Ledger;

/// The longest a probe takes.
const PROBE: Duration = Duration::from_secs(1);

/// Intervals are stretched by a tenth, and the probe before may be under way still.
const LONGEST_PAUSE: Duration = LONGEST_INTERVAL.saturating_add(Duration::from_millis(1_500));

/// Never two probes of one access point at a time.
pub(crate) fn one_probe_at_a_time(request: &ProbeRequest, under_way: Option<u64>) {
    assert_eq!(under_way, None, "{} is being probed already", request.access_point);
}

/// Never more under way than configured.
pub(crate) fn probes_are_bounded(under_way: usize, most: usize) {
    assert!(under_way <= most, "{under_way} probes under way, {most} at most");
}

/// Whatever happens, everybody who is probed at all is so again and again: no report and no turn is lost.
pub(crate) fn nobody_is_forgotten(ledger: &Ledger, topology: &Topology, now: Instant) {
    // Where few probes may be under way, each waits for others that last a second.
    let rounds = ledger.access_points().count().div_ceil(topology.max_probes()) as u32 - 1;
    for (id, record) in ledger.access_points() {
        let found = topology.find_access_point(id).map(|at| topology.access_point(at));
        // Those that are about to leave are not looked for.
        if !found.is_some_and(|it| topology.is_probed(it)) {
            continue;
        }
        let pause = now - record.probed;
        let bound = LONGEST_PAUSE + 2 * rounds * PROBE;
        assert!(pause <= bound, "{id} was last probed {pause:?} ago");
    }
}
