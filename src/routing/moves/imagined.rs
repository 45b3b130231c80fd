//! A snapshot of what would be.

use std::sync::Arc;

use crate::routing::health::{AdminState, Health};
use crate::routing::ids::DcIndex;
use crate::routing::intent::{Intents, Target};
use crate::routing::place::Locate;
use crate::routing::slot::AccessPointSlot;
use crate::routing::snapshot::{AccessPointState, DcState, Snapshot};
use crate::routing::topology::Topology;

/// What may be otherwise.
#[derive(Clone)]
pub struct Imagined {
    /// What configuration says.
    pub topology: Arc<Topology>,
    /// How clients are located.
    pub locate: Arc<dyn Locate>,
    /// What operators want.
    pub intents: Arc<Intents>,
}

impl Imagined {
    /// Nothing is otherwise, but that what retires has left.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        Self {
            topology: snapshot.topology.without_retiring(),
            locate: Arc::clone(&snapshot.locate),
            intents: Arc::clone(&snapshot.intents),
        }
    }
}

/// The snapshot that would be, if what is `imagined` were in force. What is known of an access point or a DC
/// is known of it then too; access points that nobody has probed yet are taken to be Up. There is room for
/// everybody: who comes when something is full says nothing of who moves.
#[must_use]
pub fn imagine(now: &Snapshot, imagined: Imagined) -> Snapshot {
    let Imagined { topology, locate, intents } = imagined;
    // Nobody goes there: one that is empty does for all.
    let empty: Arc<AccessPointSlot> = Arc::default();
    let access_points: Box<[AccessPointState]> = topology
        .found_in(&now.topology)
        .map(|(it, known)| {
            let known = known.map(|at| now.access_point(at));
            AccessPointState {
                admin: intents.state(Target::AccessPoint(it.id)),
                slot: Arc::clone(&empty),
                ..known.cloned().unwrap_or_else(AccessPointState::presumed_up)
            }
        })
        .collect();
    let dc_states = (0..).map(DcIndex).zip(topology.dcs()).map(|(index, dc)| {
        let known = now.topology.find_dc(dc.id).map(|at| now.dc(at));
        let members = topology.access_points_of(index);
        let members = members.filter(|(_, member)| member.takes(dc.traffic()));
        let ready = members.map(|(at, _)| &access_points[at.at()]);
        let ready = ready.filter(|state| state.admin == AdminState::Ready);
        DcState {
            admin: intents.state(Target::Dc(dc.id)),
            health: Health::of_members(ready.map(|state| (state.health, state.unreachable))),
            slot: Arc::default(),
            ..known.cloned().unwrap_or_else(DcState::presumed_up)
        }
    });
    Snapshot {
        generation: now.generation,
        locate,
        warmed_up: now.warmed_up,
        isolated: now.isolated,
        dcs: dc_states.collect(),
        access_points,
        closing: Box::default(),
        intents,
        topology,
    }
}
