//! Everything a session start decides by: topology, health and intent at one moment.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::alarm::Alarm;
use super::geo::Millis;
use super::health::{AdminState, Health};
use super::ids::{AccessPointIndex, DcIndex};
use super::intent::Intents;
use super::place::Locate;
use super::rank::Client;
use super::slot::{AccessPointSlot, Capacity, DcSlot, Full, SlotPermit};
use super::topology::{AccessPoint, Topology, Traffic};

/// An immutable picture of the network. `control` publishes one whenever something changed; nobody
/// else writes one.
#[derive(Clone)]
pub struct Snapshot {
    /// Rises by one with every published snapshot.
    pub generation: u64,
    /// What configuration says.
    pub topology: Arc<Topology>,
    /// Turns a client into a place.
    pub locate: Arc<dyn Locate>,
    /// Whether the first probe round is over, or its grace.
    pub warmed_up: bool,
    /// Whether this edge is cut off from every site: then health stays as it was.
    pub isolated: bool,
    /// Parallel to [`Topology::dcs`].
    pub dcs: Box<[DcState]>,
    /// Parallel to [`Topology::access_points`].
    pub access_points: Box<[AccessPointState]>,
    /// Whose silent sessions are to be closed, by access point.
    pub closing: Box<[Closing]>,
    /// What operators want, with those of DCs and access points that are not here now. The states of
    /// `dcs` and `access_points` are taken of these.
    pub intents: Arc<Intents>,
}

/// An access point whose silent sessions are to be closed: it is Down, and another DC answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closing {
    /// Whose.
    pub access_point: AccessPointIndex,
    /// A session is silent that has had no byte of it since then.
    pub silent_since: Instant,
}

/// A DC at the moment of the snapshot.
#[derive(Clone, Debug)]
pub struct DcState {
    /// The operator's intent.
    pub admin: AdminState,
    /// Up while an access point is usable; Down when all are Down, less those that are unreachable;
    /// else Unknown.
    pub health: Health,
    /// The best measured round trip among its usable access points, for the traffic that the DC is for.
    pub round_trip: Option<Duration>,
    /// The best settled one among them: what the DC costs where round trips are compared.
    pub settled_round_trip: Option<Duration>,
    /// The least that one of them has in excess of its last hour's best, once worth acting on.
    pub excess: Millis,
    /// Live counters.
    pub slot: Arc<DcSlot>,
}

/// An access point at the moment of the snapshot.
#[derive(Clone, Debug)]
pub struct AccessPointState {
    /// The operator's intent.
    pub admin: AdminState,
    /// As probes and sessions have shown.
    pub health: Health,
    /// It never answered, and the last probe could not even leave this edge.
    pub unreachable: bool,
    /// The usual round trip: a moving average, quantised.
    pub round_trip: Option<Duration>,
    /// The round trip without its noise: see [`SettledRoundTrip`](super::settled::SettledRoundTrip).
    pub settled_round_trip: Option<Duration>,
    /// How long a probe waits for the answer once it is connected, usually; `None` for probes that
    /// only connect, and of UDP, whose answer is the round trip.
    pub answer_time: Option<Duration>,
    /// Until when it stays Down, whatever its probes say, because it keeps changing.
    pub held_until: Option<Instant>,
    /// What somebody should look at, whatever its health.
    pub alarm: Option<Alarm>,
    /// Live counters.
    pub slot: Arc<AccessPointSlot>,
}

impl DcState {
    /// A DC that nobody has measured, and that is taken to be well.
    pub(super) fn presumed_up() -> Self {
        Self {
            admin: AdminState::Ready,
            health: Health::Up,
            round_trip: None,
            settled_round_trip: None,
            excess: Millis(0.0),
            slot: Arc::default(),
        }
    }
}

impl AccessPointState {
    /// An access point that nobody has measured, and that is taken to be well.
    pub(super) fn presumed_up() -> Self {
        Self {
            admin: AdminState::Ready,
            health: Health::Up,
            unreachable: false,
            round_trip: None,
            settled_round_trip: None,
            answer_time: None,
            held_until: None,
            alarm: None,
            slot: Arc::default(),
        }
    }
}

impl Snapshot {
    /// The snapshot of a network that nobody has measured and that is taken to be well: everything
    /// is Up and Ready.
    #[must_use]
    pub fn presume_up(topology: Topology, locate: Arc<dyn Locate>) -> Self {
        Self {
            generation: 0,
            locate,
            warmed_up: true,
            isolated: false,
            dcs: topology.dcs().iter().map(|_| DcState::presumed_up()).collect(),
            access_points: topology
                .access_points()
                .iter()
                .map(|_| AccessPointState::presumed_up())
                .collect(),
            closing: Box::default(),
            intents: Arc::default(),
            topology: Arc::new(topology),
        }
    }

    /// The health of those access points of a DC that take such traffic and are offered to `client`, or to
    /// anybody if there is none; `None` when that is no access point.
    #[must_use]
    pub fn health_for(
        &self,
        dc: DcIndex,
        traffic: Traffic,
        client: Option<&Client>,
    ) -> Option<Health> {
        let it = self.topology.dc(dc);
        if traffic == it.traffic() && (client.is_none() || !it.offers_vary()) {
            return it.takes(traffic).then_some(self.dc(dc).health);
        }
        let is_for = |member: &AccessPoint| match client {
            Some(client) => member.is_for(client, traffic),
            None => member.takes(traffic),
        };
        let mut members =
            self.topology.access_points_of(dc).filter(|(_, it)| is_for(it)).peekable();
        members.peek()?;
        let states = members.map(|(member, _)| self.access_point(member));
        let ready = states.filter(|state| state.admin == AdminState::Ready);
        Some(Health::of_members(ready.map(|state| (state.health, state.unreachable))))
    }

    /// Whether each access point of a DC that could take such traffic of this client now has as many sessions
    /// as it may have.
    #[must_use]
    pub fn are_members_full(&self, dc: DcIndex, traffic: Traffic, client: &Client) -> bool {
        let mut members = self
            .topology
            .access_points_of(dc)
            .filter(|(_, it)| it.is_for(client, traffic))
            .map(|(index, it)| (it, self.access_point(index)))
            .filter(|(_, state)| state.admin == AdminState::Ready && state.health != Health::Down)
            .peekable();
        members.peek().is_some() && members.all(|(it, state)| it.is_full(&state.slot))
    }

    /// The addresses to dial a `peer` of this DC from, in the order in which they are to be tried; none where
    /// the kernel is to choose. They take turns: another one comes first with every call.
    pub fn sources(&self, dc: DcIndex, peer: IpAddr) -> impl Iterator<Item = IpAddr> {
        let it = self.topology.dc(dc);
        let turn = if it.source.len() > 1 { self.dc(dc).slot.next_source() } else { 0 };
        it.sources(peer, turn)
    }

    /// A place for a session or flow in a DC and one of its access points, as many as there are of them;
    /// where capacity is ignored, beyond that.
    ///
    /// # Errors
    /// When there is none.
    pub fn reserve(
        &self,
        dc: DcIndex,
        access_point: AccessPointIndex,
        overflow: bool,
    ) -> Result<SlotPermit, Full> {
        let member = self.topology.access_point(access_point);
        let most = match overflow {
            true => Capacity::default(),
            false => Capacity {
                dc: self.topology.dc(dc).capacity(member.id.address.protocol),
                access_point: member.max_sessions,
            },
        };
        SlotPermit::reserve(&self.dc(dc).slot, &self.access_point(access_point).slot, most)
    }

    /// The state of one DC.
    #[must_use]
    pub fn dc(&self, index: DcIndex) -> &DcState {
        &self.dcs[index.at()]
    }

    /// The state of one access point.
    #[must_use]
    pub fn access_point(&self, index: AccessPointIndex) -> &AccessPointState {
        &self.access_points[index.at()]
    }

    /// Whether an access point that this snapshot does not know Down is so in a newer one, which may
    /// have another index for it.
    #[must_use]
    pub fn has_gone_down(&self, index: AccessPointIndex, newer: &Self) -> bool {
        let id = self.topology.access_point(index).id;
        let found = newer.topology.find_access_point(id).map(|index| newer.access_point(index));
        self.access_point(index).health != Health::Down
            && found.is_some_and(|state| state.health == Health::Down)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::fixture::{AMSTERDAM, all_up, dc, three_dcs, topology};

    #[test]
    fn who_goes_down_is_found_in_a_newer_snapshot_by_its_identity() {
        let known = || all_up(three_dcs());
        let first = AccessPointIndex(0);
        let mut newer =
            all_up(topology(vec![dc(0, Some(AMSTERDAM), 3), three_dcs().dcs[1].clone()]));
        assert_eq!(
            newer.topology.access_point(AccessPointIndex(3)).id,
            known().topology.access_point(first).id
        );
        assert!(!known().has_gone_down(first, &newer));
        newer.access_points[3].health = Health::Down;
        assert!(known().has_gone_down(first, &newer));
        let mut already = known();
        already.access_points[0].health = Health::Down;
        assert!(!already.has_gone_down(first, &newer), "it was so when it was dialled");
        newer.access_points[0].health = Health::Down;
        assert!(!known().has_gone_down(AccessPointIndex(5), &newer), "it left");
    }

    #[test]
    fn dials_of_a_dc_leave_from_its_sources_in_turn() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address of the test");
        let mut spec = dc(2, None, 1);
        spec.source = ["192.0.2.1", "192.0.2.2"].map(ip).into();
        let snapshot = all_up(topology(vec![spec]));
        let first = || snapshot.sources(DcIndex(0), ip("198.51.100.1")).next();
        let (a, b) = (Some(ip("192.0.2.1")), Some(ip("192.0.2.2")));
        assert_eq!([first(), first(), first()], [a, b, a]);
    }
}
