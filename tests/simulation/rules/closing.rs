//! Rules about open sessions that are given up: those of the dead, and never because the edge is cut off.

use std::collections::BTreeMap;
use std::time::Instant;

use nearpoint::routing::{DcId, Health, Protocol, Snapshot};

/// Sessions are given up of access points that are Down, and only once another DC has answered since
/// they began to fail, and while somebody is Up. `answers` has the last one of each DC.
pub(crate) fn sessions_of_the_dead_are_given_up(
    snapshot: &Snapshot,
    answers: &BTreeMap<DcId, Instant>,
    now: Instant,
) {
    assert!(!snapshot.isolated || snapshot.closing.is_empty(), "sessions given up in isolation");
    let refuge = snapshot.access_points.iter().any(|state| state.health.is_usable());
    assert!(refuge || snapshot.closing.is_empty(), "sessions given up while nothing is Up");
    for closing in &snapshot.closing {
        let id = snapshot.topology.access_point(closing.access_point).id;
        assert_eq!(id.address.protocol, Protocol::Tcp, "flows of {id} choose again by themselves");
        let health = snapshot.access_point(closing.access_point).health;
        assert_eq!(health, Health::Down, "{id} is given up");
        assert!(closing.silent_since <= now, "{id} is silent since later");
        let mut others = answers.iter().filter(|(dc, _)| **dc != id.dc);
        let answered = others.any(|(_, at)| *at > closing.silent_since);
        assert!(answered, "{id} is given up, and no other DC has answered since it failed");
    }
}
