//! Passing datagrams on, a batch at a time: from one socket of a listener to the sockets of its flows, and
//! from as many flows as have something to their clients.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use arrayvec::ArrayVec;
use slab::Slab;

use super::begin::Newcomer;
use super::fates::{Fates, ParcelFate};
use super::flow::{Flow, FlowKey};
use super::plane::{Token, Turns};
use super::port::Port;
use crate::forward::worker::Worker;
use crate::metrics::handles::Direction;
use crate::metrics::udp::DatagramMetrics;
use crate::net::Readiness;
use crate::net::{Inbox, Message, Outbox, Parcel, Peer};
use crate::routing::{DatagramDrop, FlowId, Snapshot};

/// What batches are read into and sent from; nothing of a batch is left when it is done.
#[derive(Default)]
pub(super) struct Batches {
    inbox: Inbox,
    outbox: Outbox,
    /// Messages of the inbox by the flow that they are of.
    sorted: ArrayVec<(FlowId, usize), { Inbox::MESSAGES }>,
    fates: Fates,
}

/// One batch.
pub(super) struct Batch<'a> {
    batches: &'a mut Batches,
    around: Around<'a>,
    turns: &'a mut Turns,
    now: Instant,
}

/// What a batch is passed on by.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) worker: &'a Rc<Worker>,
    pub(super) readiness: &'a Readiness,
    pub(super) metrics: &'a DatagramMetrics,
    pub(super) snapshot: &'a Arc<Snapshot>,
    /// All of the worker; the one in use is borrowed.
    pub(super) ports: &'a Slab<RefCell<Port>>,
}

impl Batches {
    /// An empty batch.
    pub(super) fn begin<'a>(
        &'a mut self,
        around: Around<'a>,
        turns: &'a mut Turns,
        now: Instant,
    ) -> Batch<'a> {
        self.inbox.clear();
        self.sorted.clear();
        Batch { batches: self, around, turns, now }
    }
}

impl Batch<'_> {
    /// From clients to their DCs.
    pub(super) fn pass_up(&mut self, port: &mut Port) {
        match self.batches.inbox.receive(&port.socket) {
            Ok(received) if received.drained => port.queued = false,
            Ok(_) => self.turns.push(Token::Port(port.number)),
            // Of some datagram that was sent: there may be others to read.
            Err(_) => return self.turns.push(Token::Port(port.number)),
        }
        self.observe();
        for at in 0..self.batches.inbox.len() {
            match self.flow_of(port, at) {
                Ok(id) => self.batches.sorted.push((id, at)),
                Err(drop) => {
                    let datagrams = self.batches.inbox.message(at).datagrams();
                    port.on_drop(self.around.worker, self.around.metrics, (drop, datagrams));
                }
            }
        }
        // Those of one flow keep their order.
        self.batches.sorted.sort_unstable_by_key(|(id, at)| (id.place, *at));
        let Batches { inbox, outbox, sorted, fates } = &mut *self.batches;
        for run in sorted.chunk_by(|a, b| a.0 == b.0) {
            let &[(id, _), ..] = run else { continue };
            let Some((_, flow)) = port.table.entry(id) else {
                // It has made room for one that came later.
                let lost = run.iter().map(|(_, at)| inbox.message(*at).datagrams()).sum();
                port.on_drop(
                    self.around.worker,
                    self.around.metrics,
                    (DatagramDrop::FlowLimit, lost),
                );
                continue;
            };
            let parcel = |&(_, at): &(FlowId, usize)| {
                Parcel::relay(None, &inbox.message(at), flow.up).after(&flow.way.header)
            };
            // Filled where it lies: it is larger than what most batches need of it.
            let mut parcels = ArrayVec::<_, { Inbox::MESSAGES }>::new();
            parcels.extend(run.iter().map(parcel));
            fates.begin(parcels.len());
            outbox.send(&flow.way.socket, &parcels, self.now, &mut |at, fate| {
                fates.on_fate(at, fate);
            });
            drop(parcels);
            settle(port, self.around, (Direction::Up, id, self.now), fates.all());
        }
    }

    /// From DCs to the clients of one port: of this flow, and of those whose turn would be next.
    pub(super) fn pass_down(&mut self, port: &mut Port, first: FlowId) {
        let mut next = Some(first);
        // One that has nothing but errors is not asked for ever.
        for _ in 0..Inbox::MESSAGES {
            let Some(id) = next else { break };
            self.receive_of(port, id);
            let has_room = self.batches.inbox.free() > 0;
            next = has_room.then(|| self.turns.next_flow_of(port.number)).flatten();
        }
        if let Some(id) = next {
            self.turns.push(Token::Flow(port.number, id));
        }
        self.observe();
        let Batches { inbox, outbox, sorted, fates } = &mut *self.batches;
        let table = &port.table;
        let parcel = |&(id, at): &(FlowId, usize)| {
            let (key, flow) = table.entry(id)?;
            let to = Peer { address: key.client, from: key.local };
            Some(Parcel::relay(Some(to), &inbox.message(at), flow.down))
        };
        let mut parcels = ArrayVec::<_, { Inbox::MESSAGES }>::new();
        parcels.extend(sorted.iter().filter_map(parcel));
        fates.begin(parcels.len());
        outbox.send(&port.socket, &parcels, self.now, &mut |at, fate| fates.on_fate(at, fate));
        let mut from = 0;
        for run in sorted.chunk_by(|a, b| a.0 == b.0) {
            let &[(id, _), ..] = run else { continue };
            let part = from..from + run.len();
            from = part.end;
            let of = (Direction::Down, id, self.now);
            settle(port, self.around, of, &fates.all()[part]);
        }
    }

    /// Reads what one flow has, as far as there is room.
    fn receive_of(&mut self, port: &mut Port, id: FlowId) {
        let Some(flow) = port.table.get_mut(id) else { return };
        let from = flow.way.id.address.socket;
        let token = Token::Flow(port.number, id);
        match self.batches.inbox.receive(&flow.way.socket) {
            Ok(received) => {
                flow.queued = !received.drained;
                if flow.queued {
                    self.turns.push(token);
                }
                let before = self.batches.sorted.len();
                for at in received.messages {
                    let message = self.batches.inbox.message(at);
                    let peer = message.peer;
                    // Before it was connected, the socket took from everybody.
                    let is_its = (peer.ip(), peer.port()) == (from.ip(), from.port());
                    let reason = match (is_its, message.is_truncated) {
                        (true, false) => {
                            self.batches.sorted.push((id, at));
                            continue;
                        }
                        (true, true) => DatagramDrop::Truncated,
                        (false, _) => DatagramDrop::Stranger,
                    };
                    let lost = (reason, message.datagrams());
                    port.on_drop(self.around.worker, self.around.metrics, lost);
                }
                if self.batches.sorted.len() > before {
                    port.table.on_upstream(id, self.now);
                    port.on_answer(id);
                }
            }
            Err(error) => {
                // There may be datagrams behind it.
                self.turns.push(token);
                port.on_error(self.around.worker, (id, self.now), (&error, true));
            }
        }
    }

    /// The flow that a message is of. It follows the state of the network before it is used.
    fn flow_of(&mut self, port: &mut Port, at: usize) -> Result<FlowId, DatagramDrop> {
        let Message { peer, local, is_truncated, is_unicast, .. } = self.batches.inbox.message(at);
        if is_truncated {
            return Err(DatagramDrop::Truncated);
        }
        if !is_unicast {
            return Err(DatagramDrop::NotUnicast);
        }
        let key = FlowKey { client: peer, local };
        let Some(id) = port.table.find(&key) else {
            return port.begin(&Newcomer { around: self.around, key, now: self.now });
        };
        port.table.on_client(id, self.now);
        let generation = self.around.snapshot.generation;
        let is_current = |(_, flow): (&FlowKey, &Flow)| flow.is_current(generation, self.now);
        if !port.table.entry(id).is_some_and(is_current) {
            port.follow(self.around, (id, self.now));
        }
        Ok(id)
    }

    fn observe(&self) {
        let inbox = &self.batches.inbox;
        let datagrams: usize = (0..inbox.len()).map(|at| inbox.message(at).datagrams()).sum();
        if datagrams > 0 {
            self.around.metrics.received(datagrams);
        }
    }
}

/// Counts what has become of parcels of one flow, and draws its conclusions.
fn settle(
    port: &mut Port,
    around: Around<'_>,
    (direction, id, now): (Direction, FlowId, Instant),
    fates: &[ParcelFate],
) {
    let Around { worker, metrics, .. } = around;
    let (full, failed) = match direction {
        Direction::Up => (DatagramDrop::UpstreamFull, DatagramDrop::UpstreamError),
        Direction::Down => (DatagramDrop::DownstreamFull, DatagramDrop::DownstreamError),
    };
    let (mut sent, mut bytes) = (0, 0);
    let Some(flow) = port.table.get_mut(id) else { return };
    for fate in fates {
        sent += fate.sent;
        bytes += fate.bytes;
        if let Some(segment) = fate.unsegmented {
            let segmenting = match direction {
                Direction::Up => &mut flow.up,
                Direction::Down => &mut flow.down,
            };
            segmenting.refused(segment, now);
        }
    }
    flow.way.metrics.bytes(direction).inc_by(bytes as u64);
    metrics.passed(direction).inc_by(sent as u64);
    for fate in fates {
        if fate.full > 0 {
            port.on_drop(worker, metrics, (full, fate.full));
        }
        if fate.failed > 0 {
            port.on_drop(worker, metrics, (failed, fate.failed));
        }
        if let (Direction::Up, Some((error, is_of_network))) = (direction, &fate.error) {
            port.on_error(worker, (id, now), (error, *is_of_network));
        }
    }
}
