//! Flows: what the data plane does with the first datagram of a client, and what it learns of it.

use std::sync::Arc;

use nearpoint::routing::{
    AccessPointId, AccessPointSlot, Client, ClientPrefix, ConnectFailure, DcSlot,
    pick_access_point, rank,
};

use crate::layout::FLOWS;
use crate::network::{Dialler, Reply};
use crate::storm::{Happening, Storm};

/// Who has sent a datagram, and to whom.
pub(crate) struct Flow {
    id: AccessPointId,
    slot: Arc<AccessPointSlot>,
    dc: Arc<DcSlot>,
    client: ClientPrefix,
}

/// What happens to a flow.
pub(crate) enum FlowStep {
    /// Its upstream answers for the first time.
    Answered(Flow),
    /// An error of its socket says that nobody does.
    Failed(Flow, ConnectFailure),
}

impl Storm {
    /// A client sends its first datagram. What nobody answers says nothing.
    pub(crate) fn begin_flow(&mut self, client: Client) {
        let snapshot = Arc::clone(&self.machine.snapshot);
        let Some(listener) = snapshot.topology.route(FLOWS) else { return };
        let Some(destination) = listener.destination() else { return };
        let ranking = rank(&snapshot, listener, destination, &client);
        let eligible = ranking.eligible(&client);
        let mut choices = ranking.candidates().filter_map(|dc| {
            let access_point = pick_access_point(&snapshot, dc, &eligible, &[])?;
            Some((dc, access_point))
        });
        let Some((dc, access_point)) = choices.next() else { return };
        let id = snapshot.topology.access_point(access_point).id;
        let flow = Flow {
            id,
            slot: Arc::clone(&snapshot.access_point(access_point).slot),
            dc: Arc::clone(&snapshot.dc(dc).slot),
            client: client.addr.network(),
        };
        self.journal.detail(self.now, || format!("flow to {id}"));
        let sent = self.network.send_datagram(id, Dialler::Session, self.now, &mut self.random);
        let (after, step) = match sent {
            Ok(Reply::Right(after) | Reply::Wrong(after)) => (after, FlowStep::Answered(flow)),
            Ok(Reply::Broken(after)) => (after, FlowStep::Failed(flow, ConnectFailure::Refused)),
            Ok(Reply::None) => return,
            Err((failure, after)) => (after, FlowStep::Failed(flow, failure)),
        };
        self.agenda.enter(self.now + after, Happening::Flow(step));
    }

    /// Something happens to a flow.
    pub(crate) fn on_flow_step(&mut self, step: FlowStep) {
        match step {
            FlowStep::Answered(flow) => {
                flow.slot.record_connected();
                flow.slot.record_answered();
                self.machine.on_session_answer(flow.id, &flow.slot, self.now);
            }
            FlowStep::Failed(flow, failure) if failure.is_evidence() => {
                self.journal.detail(self.now, || format!("flow failed: {}", flow.id));
                flow.dc.member_failed(&flow.slot);
                flow.slot.record_failed_connect(flow.client);
                self.machine.ledger.on_accusation(flow.id, flow.client, self.now);
                self.notify();
            }
            FlowStep::Failed(..) => {}
        }
    }
}
