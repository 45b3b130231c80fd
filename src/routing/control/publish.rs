//! What the machine shows everybody else, and when.

use std::sync::Arc;
use std::time::Instant;

use super::dc::Members;
use super::{COALESCE, Change, ControlState, Effect};
use crate::routing::health::Transition;
use crate::routing::ids::DcIndex;
use crate::routing::snapshot::{DcState, Snapshot};

impl ControlState {
    pub(super) fn publish_soon(&mut self, now: Instant) {
        self.publish_by(self.published_at.map_or(now, |at| (at + COALESCE).max(now)));
    }

    pub(super) fn publish_by(&mut self, due: Instant) {
        self.publish_at = Some(self.publish_at.map_or(due, |at| at.min(due)));
    }

    /// The next snapshot. What it says of DCs is news if the last one said something else.
    pub(super) fn publish(&mut self, now: Instant, effects: &mut Vec<Effect>) -> Arc<Snapshot> {
        // Both are in the order of the identities, and hold the same ones.
        debug_assert!(
            self.access_points.keys().eq(self.effective.access_points().iter().map(|it| &it.id))
        );
        let mut cells = Vec::with_capacity(self.access_points.len());
        for cell in self.access_points.values_mut() {
            cell.measured.publish();
            cells.push(&*cell);
        }
        self.generation += 1;
        self.published_at = Some(now);
        self.publish_at = None;
        let topology = Arc::clone(&self.effective);
        let mut dcs = Vec::with_capacity(topology.dcs().len());
        for (index, dc) in (0..).map(DcIndex).zip(topology.dcs()) {
            let main = topology.access_points_of(index);
            let main = main.filter(|(_, member)| member.takes(dc.traffic()));
            let members = Members(main.map(|(at, _)| cells[at.at()]).collect());
            let cell = self.dcs.entry(dc.id).or_default();
            let state = DcState {
                admin: cell.admin,
                health: members.health(),
                round_trip: members.round_trip(),
                settled_round_trip: members.settled_round_trip(),
                excess: members.excess(),
                slot: Arc::clone(&cell.slot),
            };
            let from = std::mem::replace(&mut cell.published_health, state.health);
            if from != state.health {
                let transition = Transition { from, to: state.health };
                effects.push(Effect::Changed(Change::Dc { dc: dc.id, transition }));
            }
            dcs.push(state);
        }
        Arc::new(Snapshot {
            generation: self.generation,
            locate: Arc::clone(&self.locate),
            warmed_up: self.warmed_up,
            isolated: self.isolation.is_isolated(),
            dcs: dcs.into(),
            access_points: self.access_points.values().map(|cell| cell.state(now)).collect(),
            closing: self.closing(),
            intents: Arc::clone(&self.intents),
            topology,
        })
    }
}
