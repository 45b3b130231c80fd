//! Why a DC is left out.

use super::Question;
use super::{AdminState, DcIndex, Destination, Health};
use crate::routing::ids::Protocol;
use crate::routing::topology::Dc;

/// Why a DC is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exclusion {
    /// The listener does not use it.
    Listener,
    /// It has no access point for sessions or flows of this class.
    Class,
    /// Policy keeps this client away from it; [`Ranking::verdict`](super::Ranking::verdict) names
    /// the rule.
    Policy,
    /// None of its access points is offered to this client.
    NotOffered,
    /// The listener sends this client to the DC that it remembers, and nowhere else.
    Remembered,
    /// The operator took it out.
    Maint,
    /// The operator lets no new session in.
    Drain,
    /// All its access points are Down.
    Down,
    /// None of its access points has answered a probe yet.
    Unknown,
    /// It has as many sessions as it may have, or as many connects in flight.
    Capacity,
}

impl Exclusion {
    /// A fixed word for `explain`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listener => "listener",
            Self::Class => "class",
            Self::Policy => "policy",
            Self::NotOffered => "not_offered",
            Self::Remembered => "remembered",
            Self::Maint => "maint",
            Self::Drain => "drain",
            Self::Down => "down",
            Self::Unknown => "unknown",
            Self::Capacity => "capacity",
        }
    }

    /// Fail-open lifts these and no other.
    pub(super) fn is_health(self) -> bool {
        match self {
            Self::Down | Self::Unknown => true,
            Self::Listener
            | Self::Class
            | Self::Policy
            | Self::NotOffered
            | Self::Remembered
            | Self::Maint
            | Self::Drain
            | Self::Capacity => false,
        }
    }
}

impl Question<'_> {
    /// What the DC is for, rather than how it is: the exclusion of one that takes no part in groups,
    /// or the health of one that does.
    pub(super) fn ruled_out(&self, index: DcIndex, dc: &Dc) -> Result<Health, Exclusion> {
        if !self.leads_to(dc.id) {
            return Err(Exclusion::Listener);
        }
        if !dc.takes(self.traffic()) {
            return Err(Exclusion::Class);
        }
        if !self.permitted.contains(dc.id) {
            return Err(Exclusion::Policy);
        }
        self.offered(index).ok_or(Exclusion::NotOffered)
    }

    /// The health of what the DC offers to this client; `None` when that is nothing.
    pub(super) fn offered(&self, index: DcIndex) -> Option<Health> {
        let client = (!self.everything_offered).then_some(self.client);
        self.snapshot.health_for(index, self.traffic(), client)
    }

    /// How the DC is, if that keeps a client away that it is for.
    pub(super) fn closed(&self, index: DcIndex, health: Health) -> Option<Exclusion> {
        let state = self.snapshot.dc(index);
        if self.only_remembered && self.remembered != Some(index) {
            return Some(Exclusion::Remembered);
        }
        match (state.admin, health, self.destination) {
            (AdminState::Maint, ..) => Some(Exclusion::Maint),
            (AdminState::Drain, ..) => Some(Exclusion::Drain),
            (AdminState::Ready, Health::Down, _) => Some(Exclusion::Down),
            // A bound session has nowhere else to go: an unproved DC is better than none.
            (AdminState::Ready, Health::Unknown, Destination::Nearest(_)) => {
                Some(Exclusion::Unknown)
            }
            (AdminState::Ready, Health::Up | Health::Suspect | Health::Unknown, _) => {
                self.full(index)
            }
        }
    }

    /// Whether the DC has no room, which is left to say when its health is ignored.
    pub(super) fn full(&self, index: DcIndex) -> Option<Exclusion> {
        let (dc, placed) =
            (self.snapshot.topology.dc(index), self.snapshot.dc(index).slot.placed());
        let is_full = dc.capacity(self.listener.protocol).is_some_and(|most| placed >= most);
        let are_members = || {
            let snapshot = self.snapshot;
            dc.has_bounded_members()
                && snapshot.are_members_full(index, self.traffic(), self.client)
        };
        match is_full || are_members() {
            true => Some(Exclusion::Capacity),
            false => self.congested(index),
        }
    }

    /// Whether as many connects are in flight as there may be. Flows connect at once.
    pub(super) fn congested(&self, index: DcIndex) -> Option<Exclusion> {
        let most = self.snapshot.topology.dc(index).max_connecting;
        let full = self.snapshot.dc(index).slot.connecting() >= most;
        (full && self.listener.protocol == Protocol::Tcp).then_some(Exclusion::Capacity)
    }
}
