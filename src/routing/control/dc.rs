//! What the access points of a DC make of it.

use std::time::Duration;

use super::cell::AccessPointCell;
use crate::routing::geo::Millis;
use crate::routing::health::{AdminState, Health};

/// The access points of one DC that serve ordinary sessions.
pub(super) struct Members<'a>(pub(super) Vec<&'a AccessPointCell>);

impl Members<'_> {
    /// Up while one that the operator leaves in is usable, Unknown while one may yet prove to be,
    /// else Down. One that this edge has no way to says nothing while there are others.
    pub(super) fn health(&self) -> Health {
        let ready = self.0.iter().filter(|cell| cell.admin == AdminState::Ready);
        let votes = ready.map(|cell| match cell.tracker.health() {
            Health::Up | Health::Suspect => (0, Health::Up),
            Health::Unknown if !cell.tracker.is_unreachable() => (1, Health::Unknown),
            Health::Down => (2, Health::Down),
            Health::Unknown => (3, Health::Unknown),
        });
        votes.min().map_or(Health::Down, |(_, health)| health)
    }

    /// The least published round trip among those in use. While none is, the least that was
    /// published last: losing a DC must not re-form groups.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        let measured = self.0.iter().filter_map(|cell| {
            let round_trip = cell.state().round_trip?;
            Some((cell.admin != AdminState::Ready, !cell.is_in_use(), round_trip))
        });
        measured.min().map(|(.., round_trip)| round_trip)
    }

    /// The least excess among those in use: a DC is as slow as its best way.
    pub(super) fn excess(&self) -> Millis {
        let in_use = self.0.iter().filter(|cell| cell.is_in_use());
        let least = in_use.map(|cell| cell.published_excess()).min_by(|a, b| a.0.total_cmp(&b.0));
        least.unwrap_or(Millis(0.0))
    }
}
