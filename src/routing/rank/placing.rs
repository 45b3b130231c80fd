//! What a DC costs a client, and everything else that places it.

use super::{Precedence, Question, RankedDc};
use crate::routing::geo::{Kilometers, Millis};
use crate::routing::ids::{DcId, DcIndex};
use crate::routing::policy::Objective;
use crate::routing::snapshot::DcState;
use crate::routing::topology::Dc;

impl Question<'_> {
    /// The DC with its cost and its exclusion, in no group yet.
    pub(super) fn place(&self, index: DcIndex, dc: &Dc) -> RankedDc {
        let state = self.snapshot.dc(index);
        let place = self.client.location.place;
        let distance = place.and_then(|it| Some(it.coordinates.distance(&dc.location?)));
        let (precedence, exclusion) = match self.ruled_out(index, dc) {
            Err(exclusion) => (Precedence::RuledOut, Some(exclusion)),
            Ok(health) => (self.precedence(index, dc), self.closed(index, health)),
        };
        RankedDc {
            dc: index,
            precedence,
            distance,
            cost: self.cost(dc, state, distance).unwrap_or(Millis(f64::INFINITY)),
            excess: self.excess(state),
            group: None,
            exclusion,
            position: Millis(0.0),
            score: 0.0,
        }
    }

    fn precedence(&self, index: DcIndex, dc: &Dc) -> Precedence {
        if self.remembered == Some(index) {
            return Precedence::Remembered;
        }
        let place = |dcs: &[DcId]| (0..).zip(dcs).find(|(_, it)| **it == dc.id).map(|(at, _)| at);
        if self.destination.bound_to().is_some_and(|bound_to| bound_to != dc.id) {
            return place(self.replicas).map_or(Precedence::RuledOut, Precedence::Replica);
        }
        place(self.preferred).map_or(Precedence::Ordinary, Precedence::Preferred)
    }

    fn cost(&self, dc: &Dc, state: &DcState, distance: Option<Kilometers>) -> Option<Millis> {
        let topology = &self.snapshot.topology;
        let measured = state.settled_round_trip.map(Millis::from);
        match topology.policy().objective {
            // A client that nobody can locate is as near to a DC as this edge is.
            Objective::Distance | Objective::Balanced if self.client.location.place.is_none() => {
                measured
            }
            Objective::Distance | Objective::Balanced => distance.map(Kilometers::round_trip),
            Objective::Latency => {
                measured.or_else(|| Some(topology.edge()?.distance(&dc.location?).round_trip()))
            }
        }
    }

    fn excess(&self, state: &DcState) -> Millis {
        match self.snapshot.topology.policy().objective {
            Objective::Balanced if self.client.location.place.is_some() => state.excess,
            // A measured round trip has the excess in it already.
            Objective::Balanced | Objective::Distance | Objective::Latency => Millis(0.0),
        }
    }
}
