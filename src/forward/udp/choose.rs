//! Which access point a flow goes to, at its beginning and again later.

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::flow::{Flow, Way, header};
use super::settings::Settings;
use crate::config::OnRemoved;
use crate::forward::connect::egress;
use crate::forward::worker::Worker;
use crate::net::{connect_udp, set_receive_buffer};
use crate::proxy_protocol::Announced;
use crate::routing::{
    AccessPointId, AdminState, Attempt, AttemptPlan, Client, ClientAddr, ConnectFailure,
    DatagramDrop, FlowMove, GiveUp, Health, LocalFailure, Protocol, Ranking, SlotPermit, Snapshot,
    Step, rank,
};

/// Where a flow goes from now on.
pub(super) enum Choice {
    /// Where it went before.
    Same,
    /// There.
    Way(Way),
}

/// A flow that chooses.
pub(super) struct Chooser<'a> {
    pub(super) worker: &'a Worker,
    pub(super) settings: &'a Settings,
    pub(super) snapshot: &'a Arc<Snapshot>,
    pub(super) client: ClientAddr,
    /// Who the client is to a DC that wants to know.
    pub(super) announced: Announced,
    pub(super) now: Instant,
}

impl Chooser<'_> {
    /// The first time.
    ///
    /// # Errors
    /// With why its datagram is dropped.
    pub(super) fn begin(&self) -> Result<Way, DatagramDrop> {
        match self.choose(None, &[])? {
            Choice::Way(way) => Ok(way),
            Choice::Same => Err(DatagramDrop::NoDc),
        }
    }

    /// Again; who has refused is passed over.
    ///
    /// # Errors
    /// When there is nowhere else, or no port or descriptor for it.
    pub(super) fn again(&self, flow: &Flow) -> Result<Choice, DatagramDrop> {
        let choose = || self.choose(Some(flow.way.id), &flow.refused_by);
        let choice = flow.way.permit.suspended(choose)?;
        if let Choice::Way(way) = &choice
            && way.id.dc != flow.way.id.dc
        {
            self.worker.shared.context.metrics.failed_over(flow.way.id.dc, way.id.dc);
        }
        Ok(choice)
    }

    /// Locate -> recall -> rank -> connect.
    fn choose(
        &self,
        current: Option<AccessPointId>,
        passed_over: &[AccessPointId],
    ) -> Result<Choice, DatagramDrop> {
        let Self { worker, settings, snapshot, client: addr, now, .. } = *self;
        let route = snapshot.topology.route(&settings.config.name);
        // A listener of this name may be one of TCP by now.
        let route = route.filter(|it| it.protocol == Protocol::Udp).or(settings.route.as_ref());
        let route = route.ok_or(DatagramDrop::NoDc)?;
        let destination = route.destination().ok_or(DatagramDrop::NoDc)?;
        let mut client = Client::new(addr, snapshot.locate.locate(addr));
        worker.shared.located(client.location.origin);
        if let Some(seen) = settings.seen.as_ref().filter(|_| current.is_none()) {
            seen.note(addr, client.location, destination, || SystemTime::now().into());
        }
        let sticky = settings.sticky.as_ref();
        client.remembered = sticky.and_then(|it| it.recall(addr, SystemTime::now().into()));
        let mut ranking = rank(snapshot, route, destination, &client);
        if ranking.audited && current.is_none() {
            settings.metrics.policy_audited.inc();
        }
        if ranking.refused_by_policy {
            return Err(DatagramDrop::Policy);
        }
        // Ports are of an address: of other sources there may be some left.
        let mut used_up = None;
        let limits = snapshot.topology.connect();
        let mut plan = AttemptPlan::new(&ranking, &client, limits, now);
        loop {
            let attempt = match plan.next(snapshot, now) {
                Step::Dial(attempt) => attempt,
                Step::GiveUp(GiveUp::Full) => {
                    let beyond = ranking.beyond_capacity(snapshot.topology.policy());
                    ranking = beyond.ok_or(DatagramDrop::Overflow)?;
                    plan = AttemptPlan::new(&ranking, &client, limits, now);
                    continue;
                }
                // Nothing is ever in flight.
                Step::GiveUp(GiveUp::NoCandidate | GiveUp::Failed | GiveUp::Deadline)
                | Step::Wait(_)
                | Step::Abandon { .. } => {
                    return Err(used_up.unwrap_or(DatagramDrop::NoDc));
                }
            };
            let id = snapshot.topology.access_point(attempt.access_point).id;
            if passed_over.contains(&id) {
                plan.on_failed(attempt);
                continue;
            }
            if Some(id) == current {
                return Ok(Choice::Same);
            }
            let permit = snapshot.reserve(attempt.dc, attempt.access_point, ranking.overflow);
            let permit = match permit {
                Ok(permit) => permit,
                Err(full) => {
                    plan.on_full(attempt, full);
                    continue;
                }
            };
            let peer = id.address.socket;
            let sources = snapshot.sources(attempt.dc, peer.ip());
            match connect_udp(peer, sources, egress(&snapshot.topology.dc(attempt.dc).egress)) {
                Ok(socket) => {
                    let opened = self.open((socket, permit), &attempt, &ranking, current);
                    return Ok(Choice::Way(opened));
                }
                Err(error) => {
                    let failure = ConnectFailure::new(&error, false);
                    // And not that the source is no address of this host: no eviction helps then.
                    if error.kind() == io::ErrorKind::AddrInUse {
                        used_up = Some(DatagramDrop::NoPort);
                    }
                    worker.shared.context.metrics.connect_failed(id, failure);
                    match failure {
                        ConnectFailure::Local(LocalFailure::NoDescriptor) => {
                            return Err(DatagramDrop::NoDescriptor);
                        }
                        ConnectFailure::Local(_)
                        | ConnectFailure::Refused
                        | ConnectFailure::Reset
                        | ConnectFailure::Unreachable
                        | ConnectFailure::Timeout => plan.on_failed(attempt),
                    }
                }
            }
        }
    }

    fn open(
        &self,
        (socket, permit): (UdpSocket, SlotPermit),
        attempt: &Attempt,
        ranking: &Ranking,
        current: Option<AccessPointId>,
    ) -> Way {
        let Self { worker, settings, snapshot, .. } = self;
        // With what the kernel gives by itself, a burst of bulk does not fit. It is no reason to refuse.
        let _ = set_receive_buffer(&socket, settings.udp().receive_buffer);
        let (context, topology) = (&worker.shared.context, &snapshot.topology);
        let dc = topology.dc(attempt.dc).id;
        let metrics = settings.dc_metrics(&context.metrics, topology, dc);
        if current.is_none() {
            metrics.routed(ranking.why(attempt.dc)).inc();
            if let Some(home) = ranking.home().filter(|home| *home != attempt.dc) {
                context.metrics.failed_over(topology.dc(home).id, dc);
            }
        }
        let remember = ranking.remembers(attempt.dc, false).then_some(dc);
        let id = topology.access_point(attempt.access_point).id;
        let header = header(topology.dc(attempt.dc).send_proxy, &self.announced);
        Way::open((socket, permit), id, metrics, remember, header)
    }
}

/// Why a flow is to choose again, if it is.
pub(super) fn reason_to_move(
    flow: &Flow,
    snapshot: &Snapshot,
    on_removed: OnRemoved,
) -> Option<FlowMove> {
    if flow.refused {
        return Some(FlowMove::Refused);
    }
    let topology = &snapshot.topology;
    let listed = topology.find_access_point(flow.way.id).map(|index| {
        let state = snapshot.access_point(index);
        let dc = snapshot.dc(topology.access_point(index).dc);
        (state.health, state.admin == AdminState::Maint || dc.admin == AdminState::Maint)
    });
    match (listed, on_removed) {
        (Some((Health::Down, _)), _) => Some(FlowMove::Down),
        (None | Some((_, true)), OnRemoved::Move) => Some(FlowMove::Removed),
        (None | Some((_, true)), OnRemoved::Keep) | (Some((_, false)), _) => None,
    }
}
