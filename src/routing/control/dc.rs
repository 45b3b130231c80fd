//! What the machine knows of a DC, and what its access points make of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cell::AccessPointCell;
use super::hedges::{self, HedgeBudget};
use super::measured::Measured;
use crate::routing::geo::Millis;
use crate::routing::health::{AdminState, Health};
use crate::routing::slot::DcSlot;
use crate::routing::topology::Hedging;

/// Between two times that one access point has all others of its DC probed.
const ASK_PAUSE: Duration = Duration::from_secs(1);

/// One DC, kept by its number over reloads.
pub(super) struct DcCell {
    pub(super) admin: AdminState,
    pub(super) slot: Arc<DcSlot>,
    /// What the last snapshot said.
    pub(super) published_health: Health,
    /// When it answered a probe last, or a session, with a connection or a byte; or somewhat later.
    pub(super) answered_at: Option<Instant>,
    hedges: HedgeBudget,
    /// When all of its access points were last asked because of one.
    asked_at: Option<Instant>,
}

impl Default for DcCell {
    fn default() -> Self {
        let slot = DcSlot::default();
        slot.refill_hedges(hedges::LEAST, hedges::LEAST);
        Self {
            admin: AdminState::Ready,
            slot: Arc::new(slot),
            published_health: Health::Unknown,
            answered_at: None,
            hedges: HedgeBudget::default(),
            asked_at: None,
        }
    }
}

impl DcCell {
    /// It answered, then or later.
    pub(super) fn on_answer(&mut self, at: Instant) {
        self.answered_at = self.answered_at.max(Some(at));
    }

    /// One of its access points does not let sessions connect. Whether it is time to ask the others.
    pub(super) fn asks_all(&mut self, now: Instant) -> bool {
        let due = self.asked_at.is_none_or(|at| now >= at + ASK_PAUSE);
        if due {
            self.asked_at = Some(now);
        }
        due
    }

    /// Adds the hedges that the sessions have earned in the time that has `passed`; without hedging
    /// they earn nothing, not even for later.
    pub(super) fn earn_hedges(&mut self, hedging: Option<Hedging>, passed: Duration) {
        let began = self.slot.take_began();
        let Some(hedging) = hedging else { return };
        let (earned, most) = self.hedges.on_sessions(began, passed, hedging);
        self.slot.refill_hedges(earned, most);
    }
}

/// The access points of one DC for the class of sessions that it is for.
pub(super) struct Members<'a>(pub(super) Vec<&'a AccessPointCell>);

impl Members<'_> {
    /// What those that the operator leaves in make of the DC.
    pub(super) fn health(&self) -> Health {
        let ready = self.0.iter().filter(|cell| cell.admin == AdminState::Ready);
        Health::of_members(ready.map(|it| (it.health(), it.is_unreachable())))
    }

    /// The least published round trip among those in use. While none is, the least that was
    /// published last: losing a DC must not re-form groups.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.least(Measured::round_trip)
    }

    /// The same of settled round trips.
    pub(super) fn settled_round_trip(&self) -> Option<Duration> {
        self.least(Measured::settled)
    }

    /// The least excess among those in use: a DC is as slow as its best way.
    pub(super) fn excess(&self) -> Millis {
        let in_use = self.0.iter().filter(|cell| cell.is_in_use());
        let least = in_use.map(|cell| cell.measured.excess()).min_by(|a, b| a.0.total_cmp(&b.0));
        least.unwrap_or(Millis(0.0))
    }

    fn least(&self, round_trip: impl Fn(&Measured) -> Option<Duration>) -> Option<Duration> {
        let measured = self.0.iter().filter_map(|cell| {
            let round_trip = round_trip(&cell.measured)?;
            Some((cell.admin != AdminState::Ready, !cell.is_in_use(), round_trip))
        });
        measured.min().map(|(.., round_trip)| round_trip)
    }
}
