//! Rules about snapshots: how they follow each other, and that they are whole.

use std::sync::Arc;
use std::time::{Duration, Instant};

use nearpoint::routing::{Health, Snapshot};

use crate::ledger::Ledger;

/// Two snapshots are never closer than this, and a command is never answered later.
pub(crate) const COALESCE: Duration = Duration::from_millis(10);

/// Round trips alone wait for this.
const ROUND_TRIP_PAUSE: Duration = Duration::from_secs(1);

/// Generations rise by exactly one.
pub(crate) fn generations_rise_by_one(before: &Snapshot, after: &Snapshot) {
    assert_eq!(after.generation, before.generation + 1, "the generation rises by one");
}

/// What follows closely is published together.
pub(crate) fn snapshots_keep_apart(last: Instant, now: Instant) {
    assert!(now - last >= COALESCE, "published {:?} after the last snapshot", now - last);
}

/// A command is in force within 10 ms.
pub(crate) fn commands_are_published(sent: Option<Instant>, now: Instant) {
    let late = sent.filter(|sent| *sent + COALESCE < now);
    assert!(late.is_none(), "a command is not published after {:?}", late.map(|it| now - it));
}

/// A round trip that moves is no news that cannot wait: whoever publishes sooner has another reason.
pub(crate) fn round_trips_alone_wait(before: &Snapshot, after: &Snapshot, pause: Duration) {
    let access_points = before.access_points.iter().zip(&after.access_points);
    let dcs = before.dcs.iter().zip(&after.dcs);
    let same = Arc::ptr_eq(&before.topology, &after.topology)
        && (before.warmed_up, before.isolated) == (after.warmed_up, after.isolated)
        && before.closing == after.closing
        && dcs.into_iter().all(|(a, b)| (a.admin, a.health) == (b.admin, b.health))
        && access_points.into_iter().all(|(a, b)| {
            // Whether there is a way to one that never answered may have changed and changed back.
            a.health != Health::Unknown
                && (a.admin, a.health, a.unreachable, a.held_until)
                    == (b.admin, b.health, b.unreachable, b.held_until)
        });
    assert!(!same || pause >= ROUND_TRIP_PAUSE, "nothing but round trips, after {pause:?}");
}

/// Arrays are parallel to the topology.
pub(crate) fn arrays_match_the_topology(snapshot: &Snapshot) {
    let topology = &snapshot.topology;
    assert_eq!(snapshot.dcs.len(), topology.dcs().len(), "as many DCs as the topology has");
    assert_eq!(
        snapshot.access_points.len(),
        topology.access_points().len(),
        "as many access points as the topology has"
    );
}

/// Who is in both snapshots keeps counters: sessions of both write to the same ones.
pub(crate) fn identities_keep_their_slot(before: &Snapshot, after: &Snapshot, ledger: &Ledger) {
    if Arc::ptr_eq(&before.topology, &after.topology) {
        let mut access_points = before.access_points.iter().zip(&after.access_points);
        assert!(access_points.all(|(a, b)| Arc::ptr_eq(&a.slot, &b.slot)), "slots stay");
        let mut dcs = before.dcs.iter().zip(&after.dcs);
        assert!(dcs.all(|(a, b)| Arc::ptr_eq(&a.slot, &b.slot)), "slots of DCs stay");
        return;
    }
    for (access_point, state) in after.topology.access_points().iter().zip(&after.access_points) {
        let id = access_point.id;
        let Some(index) = before.topology.find_access_point(id) else { continue };
        let same = Arc::ptr_eq(&before.access_point(index).slot, &state.slot);
        assert!(same || ledger.is_unsure(id), "{id} lost its slot");
    }
    for (dc, state) in after.topology.dcs().iter().zip(&after.dcs) {
        let Some(index) = before.topology.find_dc(dc.id) else { continue };
        let same = Arc::ptr_eq(&before.dc(index).slot, &state.slot);
        assert!(same || ledger.is_unsure_dc(dc.id), "DC {} lost its slot", dc.id);
    }
}
