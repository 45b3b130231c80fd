//! Rules about isolation: it is this edge that is cut off, never a site.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use nearpoint::routing::control::{Cause, Change};
use nearpoint::routing::{AdminState, Health, Snapshot};

use crate::ledger::LATE;
use crate::network::Network;

/// An access point that has been well for so long has been found to be.
const WELL: Duration = Duration::from_secs(10);

/// Nobody answers for so long before this edge calls itself cut off.
const SILENCE: Duration = Duration::from_secs(3);

/// No isolation while anybody answers: one site's end is never ours.
pub(crate) fn isolation_is_of_everybody(
    snapshot: &Snapshot,
    network: &Network,
    last_answer: Option<Instant>,
    now: Instant,
) {
    let topology = &snapshot.topology;
    let ready =
        topology.access_points().iter().zip(&snapshot.access_points).filter(|(it, state)| {
            let dc = snapshot.dc(it.dc);
            topology.is_probed(it)
                && state.admin == AdminState::Ready
                && dc.admin == AdminState::Ready
                && state.health != Health::Unknown
        });
    let answers = ready.map(|(it, _)| it.id).find(|id| network.well_for(*id, WELL, now));
    assert_eq!(answers, None, "isolated while it answers");
    let silence = last_answer.map(|at| now - at);
    assert!(silence.is_some_and(|it| it >= SILENCE), "isolated {silence:?} after an answer");
}

/// Two sites at least: with one, its end and ours look alike.
pub(crate) fn isolation_takes_two_sites(snapshot: &Snapshot) {
    let sites: BTreeSet<&str> = snapshot.topology.dcs().iter().map(|dc| &*dc.site).collect();
    assert!(sites.len() >= 2, "isolated from one site");
}

/// Health stays as it was while the edge is cut off, but for what is taken back.
pub(crate) fn isolation_freezes_health(before: bool, after: bool, changes: &[Change]) {
    if !(before && after) {
        return;
    }
    for change in changes {
        if let Change::AccessPoint(change) = change {
            assert_eq!(change.cause, Cause::Isolated, "{} while isolated", change.access_point);
        }
    }
}

/// What a session has had ends it too, announced or not.
pub(crate) fn sessions_end_isolation(
    last: Option<Instant>,
    isolated_at: Option<Instant>,
    now: Instant,
) {
    let Some(isolated_at) = isolated_at else { return };
    let overlooked = last.filter(|at| *at > isolated_at && *at + LATE < now);
    assert!(overlooked.is_none(), "isolated after a session had an answer");
}

/// One answer of anybody ends it, and be it a refusal.
pub(crate) fn answers_end_isolation(answered: bool, isolated: bool) {
    assert!(!(answered && isolated), "isolated after an answer");
}
