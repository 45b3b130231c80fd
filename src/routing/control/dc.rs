//! What the access points of a DC make of it.

use std::time::Duration;

use super::cell::AccessPointCell;
use crate::routing::geo::Millis;
use crate::routing::health::{AdminState, Health};
use crate::routing::snapshot::AccessPointState;

/// The access points of one DC that serve ordinary sessions.
pub(super) struct Members<'a>(pub(super) Vec<&'a AccessPointCell>);

impl Members<'_> {
    /// What those that the operator leaves in make of the DC.
    pub(super) fn health(&self) -> Health {
        let ready = self.0.iter().filter(|cell| cell.admin == AdminState::Ready);
        Health::of_members(ready.map(|it| (it.tracker.health(), it.tracker.is_unreachable())))
    }

    /// The least published round trip among those in use. While none is, the least that was
    /// published last: losing a DC must not re-form groups.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.least(|state| state.round_trip)
    }

    /// The same of settled round trips.
    pub(super) fn settled_round_trip(&self) -> Option<Duration> {
        self.least(|state| state.settled_round_trip)
    }

    /// The least excess among those in use: a DC is as slow as its best way.
    pub(super) fn excess(&self) -> Millis {
        let in_use = self.0.iter().filter(|cell| cell.is_in_use());
        let least = in_use.map(|cell| cell.published_excess()).min_by(|a, b| a.0.total_cmp(&b.0));
        least.unwrap_or(Millis(0.0))
    }

    fn least(
        &self,
        round_trip: impl Fn(&AccessPointState) -> Option<Duration>,
    ) -> Option<Duration> {
        let measured = self.0.iter().filter_map(|cell| {
            let round_trip = round_trip(&cell.state())?;
            Some((cell.admin != AdminState::Ready, !cell.is_in_use(), round_trip))
        });
        measured.min().map(|(.., round_trip)| round_trip)
    }
}
