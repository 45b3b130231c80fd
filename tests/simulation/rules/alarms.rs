//! Rules about alarms: each is told once, and its end, and what is told is what is published.

use std::collections::BTreeMap;

use nearpoint::routing::control::AlarmChange;
use nearpoint::routing::{Alarm, AlarmKind, Snapshot};

use crate::ledger::Ledger;

/// An access point has one alarm at a time, and no other ends than the one that began.
pub(crate) fn alarms_begin_and_end_in_turn(change: &AlarmChange, before: Option<AlarmKind>) {
    let expected = change.end.map(|_| change.alarm.kind());
    assert_eq!(before, expected, "{change:?}");
}

/// What is told is what is published, and of nobody who is not there.
pub(crate) fn alarms_agree(snapshot: &Snapshot, ledger: &Ledger) {
    let access_points = snapshot.topology.access_points().iter().zip(&snapshot.access_points);
    let published = access_points.filter_map(|(access_point, state)| {
        Some((access_point.id, state.alarm.as_ref().map(Alarm::kind)?))
    });
    assert_eq!(published.collect::<BTreeMap<_, _>>(), ledger.alarms, "published, and told");
}
