//! One socket of a listener, as one worker has it, and the flows that have come to it.

use std::hash::RandomState;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{debug, warn};

use super::choose::{Choice, Chooser, reason_to_move};
use super::evict::evict;
use super::flow::{Flow, FlowKey};
use super::pass::Around;
use super::plane::{PortNumber, Token};
use super::settings::Settings;
use crate::forward::worker::Worker;
use crate::metrics::udp::DatagramMetrics;
use crate::net::set_receive_buffer;
use crate::net::{Readiness, Segmenting};
use crate::proxy_protocol::Announced;
use crate::routing::{
    ConnectFailure, DatagramDrop, FlowEnd, FlowId, FlowTable, LocalFailure, Standing,
};
use crate::sessions::{OpenSession, Which};

/// Flows that are ended at one look for idle ones, of each port: the others wait for the next.
const ENDED_AT_ONCE: usize = 4096;

/// A flow that is refused everywhere looks for another access point, and complains, so often.
const REFUSAL_PAUSE: Duration = Duration::from_secs(1);

/// A socket of a listener and its flows.
pub(super) struct Port {
    pub(super) number: PortNumber,
    pub(super) socket: UdpSocket,
    /// Where that is bound.
    address: SocketAddr,
    pub(super) settings: Rc<Settings>,
    pub(super) table: FlowTable<FlowKey, Flow, RandomState>,
    /// It waits for its turn to be read.
    pub(super) queued: bool,
    /// No flow may begin.
    pub(super) draining: bool,
}

impl Port {
    /// Without flows.
    ///
    /// # Errors
    /// When the socket does not tell where it is bound.
    pub(super) fn new(
        number: PortNumber,
        socket: UdpSocket,
        settings: Settings,
    ) -> io::Result<Self> {
        let table = FlowTable::new(settings.times(false), RandomState::new());
        let port = Self {
            number,
            address: socket.local_addr()?,
            socket,
            settings: Rc::new(settings),
            table,
            queued: false,
            draining: false,
        };
        port.set_receive_buffer();
        Ok(port)
    }

    /// Who this client is to a DC that wants to know: where it comes from, and where it has sent to.
    pub(super) fn announced(&self, key: &FlowKey) -> Announced {
        let ip = key.local.map_or(self.address.ip(), |local| local.ip);
        let destination = SocketAddr::new(ip, self.address.port());
        Announced::Client { source: key.client, destination }
    }

    /// Other settings hold, for flows that are there as well.
    pub(super) fn adjust(&mut self, settings: Settings) {
        let before = std::mem::replace(&mut self.settings, Rc::new(settings));
        self.table.set_times(self.settings.times(self.draining));
        if before.udp().receive_buffer != self.settings.udp().receive_buffer {
            self.set_receive_buffer();
        }
    }

    /// No flow begins any more, and those that pause end.
    pub(super) fn drain(&mut self) {
        self.draining = true;
        self.table.set_times(self.settings.times(true));
    }

    /// Ends flows that have been idle for too long.
    pub(super) fn end_idle(&mut self, now: Instant) {
        for _ in 0..ENDED_AT_ONCE {
            match self.table.expire(now) {
                Some((Standing::Unanswered, flow)) => flow.end(FlowEnd::Unanswered, now),
                Some((Standing::Answered | Standing::Conversing, flow)) => {
                    flow.end(FlowEnd::Idle, now);
                }
                None => break,
            }
        }
    }

    /// Makes the place that another socket of the listener has asked for, if it has.
    pub(super) fn hand_over(&mut self, now: Instant) {
        self.settings.flows.look();
        if self.table.is_empty() || !self.settings.flows.take_wish() {
            return;
        }
        self.settings.flows.hand_place();
        self.evict(now);
    }

    /// Ends the flow that is missed least; `None` if there is none.
    pub(super) fn evict(&mut self, now: Instant) -> Option<()> {
        let (_, flow) = self.table.evict()?;
        flow.end(FlowEnd::Evicted, now);
        Some(())
    }

    /// Ends the flow that is missed least of those that nobody has answered; `None` if there is none.
    pub(super) fn evict_unanswered(&mut self, now: Instant) -> Option<()> {
        let (_, flow) = self.table.evict_unanswered()?;
        flow.end(FlowEnd::Evicted, now);
        Some(())
    }

    /// Ends a flow whose answers nobody would hear.
    pub(super) fn give_up(&mut self, id: FlowId, now: Instant) {
        if let Some((_, flow)) = self.table.remove(id) {
            flow.end(FlowEnd::Evicted, now);
        }
    }

    /// What operators are shown of a flow.
    pub(super) fn open_session(&self, flow: &Flow) -> OpenSession {
        OpenSession {
            listener: Arc::clone(&self.settings.config.name),
            client: flow.client,
            access_point: flow.way.id,
            began: flow.began,
        }
    }

    /// Ends flows that are meant, so many at most, and says how many these were.
    pub(super) fn kill(&mut self, which: &Which, most: usize, now: Instant) -> usize {
        let flows = self.table.iter().filter(|(_, flow)| which.fits(&self.open_session(flow)));
        let meant: Vec<FlowId> = flows.map(|(id, _)| id).take(most).collect();
        for id in &meant {
            if let Some((_, flow)) = self.table.remove(*id) {
                flow.end(FlowEnd::Killed, now);
            }
        }
        meant.len()
    }

    /// Ends all flows.
    pub(super) fn end_all(&mut self, end: FlowEnd, now: Instant) {
        self.table.drain().for_each(|flow| flow.end(end, now));
    }

    /// Has the flow's socket watched.
    pub(super) fn watch(&self, readiness: &Readiness, id: FlowId) -> io::Result<()> {
        match self.table.entry(id) {
            Some((_, flow)) => readiness.add(&flow.way.socket, Token::Flow(self.number, id).into()),
            None => Ok(()),
        }
    }

    /// Has a flow choose again, if what has become of its access point asks for it.
    pub(super) fn follow(&mut self, around: Around<'_>, (id, now): (FlowId, Instant)) {
        let Around { worker, readiness, metrics, snapshot, ports } = around;
        let settings = Rc::clone(&self.settings);
        let Some((key, _)) = self.table.entry(id) else { return };
        let announced = self.announced(key);
        let Some(flow) = self.table.get_mut(id) else { return };
        flow.generation = snapshot.generation;
        flow.looks_again = None;
        let Some(reason) = reason_to_move(flow, snapshot, settings.udp().on_removed) else {
            return flow.way.announce(snapshot, &announced);
        };
        flow.refused = false;
        let client = flow.client;
        let chooser = Chooser { worker, settings: &settings, snapshot, client, announced, now };
        let choice = match chooser.again(flow) {
            Err(used_up @ (DatagramDrop::NoPort | DatagramDrop::NoDescriptor)) => {
                // It is not this one that goes: its client has just sent something.
                let has_made_room = evict(ports, Some(&mut *self), |_| true, now).is_some();
                let flow = self.table.entry(id).filter(|_| has_made_room);
                flow.map_or(Err(used_up), |(_, flow)| chooser.again(flow))
            }
            choice => choice,
        };
        let Some(flow) = self.table.get_mut(id) else { return };
        let way = match choice {
            Ok(Choice::Way(way)) => way,
            nowhere => {
                // There is nobody else: those who have refused are as good as any.
                flow.refused_by.clear();
                // Room is made without a word, and who would take the flow may have had none.
                flow.looks_again = nowhere.is_err().then(|| now + REFUSAL_PAUSE);
                return;
            }
        };
        debug!(listener = %settings.config.name, from = %flow.way.id, to = %way.id,
            reason = reason.as_str(), "flow moved");
        flow.way = way;
        flow.refused_at = None;
        flow.up = Segmenting::default();
        metrics.moved(reason).inc();
        if let Err(error) = self.watch(readiness, id) {
            debug!(%error, "cannot watch the socket of a flow");
            self.give_up(id, now);
        }
    }

    /// The access point of a flow has answered; the first time is noted.
    pub(super) fn on_answer(&mut self, id: FlowId) {
        let Some(flow) = self.table.get_mut(id) else { return };
        if std::mem::replace(&mut flow.way.answered, true) {
            return;
        }
        flow.refused_by.clear();
        let access_point = flow.way.permit.access_point();
        access_point.record_connected();
        access_point.record_answered();
        if let (Some(sticky), Some(dc)) = (&self.settings.sticky, flow.way.remember) {
            sticky.remember(flow.client, dc, std::time::SystemTime::now().into());
        }
    }

    /// The socket of a flow has an error that is an answer to an earlier datagram, or there is no way out of
    /// this host. The flow chooses again, and an answer is held against the access point; of one that nothing can replace, no more often than
    /// [`REFUSAL_PAUSE`] says.
    pub(super) fn on_error(
        &mut self,
        worker: &Worker,
        (id, now): (FlowId, Instant),
        (error, is_of_network): (&io::Error, bool),
    ) {
        let Some(flow) = self.table.get_mut(id) else { return };
        if error.raw_os_error() == Some(libc::EMSGSIZE) {
            // The path takes less than was thought: longer datagrams are fragmented from now on.
            return;
        }
        let failure = ConnectFailure::new(error, is_of_network);
        let is_told = flow.refused_at.is_some_and(|at| now < at + REFUSAL_PAUSE);
        if is_told || !bars_the_way(failure) {
            return;
        }
        (flow.refused, flow.refused_at) = (true, Some(now));
        // Of more nobody is passed over twice in a row.
        let _ = flow.refused_by.try_push(flow.way.id);
        let context = &worker.shared.context;
        context.metrics.connect_failed(flow.way.id, failure);
        if failure.is_evidence() {
            let slots = &flow.way.permit;
            slots.dc().member_failed(slots.access_point());
            context.evidence.failed_connect(slots.access_point(), flow.client.network());
        }
        debug!(access_point = %flow.way.id, reason = failure.as_str(), "flow refused");
    }

    /// Counts datagrams that are not passed on, and says so once in a while if it is a refusal.
    pub(super) fn on_drop(
        &self,
        worker: &Worker,
        metrics: &DatagramMetrics,
        (drop, datagrams): (DatagramDrop, usize),
    ) {
        metrics.dropped(drop).inc_by(datagrams as u64);
        if let Some(refusal) = drop.refusal() {
            self.settings.metrics.refused(refusal).inc_by(datagrams as u64);
            if let Some(limit) = drop.limit() {
                self.settings.metrics.limited(limit).inc_by(datagrams as u64);
            }
            let name = &self.settings.config.name;
            let detail = drop.as_str();
            self.settings.refusals.tell(worker.tick(), name, refusal.as_str(), &detail);
        }
    }

    fn set_receive_buffer(&self) {
        let (name, wanted) = (&self.settings.config.name, self.settings.udp().receive_buffer);
        match set_receive_buffer(&self.socket, wanted) {
            Ok(given) if given < wanted => warn!(
                listener = %name, wanted, given,
                "the kernel gives a smaller receive buffer; see net.core.rmem_max"
            ),
            Ok(_) => {}
            Err(error) => warn!(listener = %name, %error, "cannot set the receive buffer"),
        }
    }
}

/// Whether datagrams of a flow go on failing so where it is. Room in a queue, or memory, comes back by itself.
fn bars_the_way(failure: ConnectFailure) -> bool {
    match failure {
        ConnectFailure::Refused
        | ConnectFailure::Reset
        | ConnectFailure::Unreachable
        | ConnectFailure::Timeout
        | ConnectFailure::Local(
            LocalFailure::NoPort
            | LocalFailure::NoRoute
            | LocalFailure::Filtered
            | LocalFailure::NoInterface,
        ) => true,
        ConnectFailure::Local(
            LocalFailure::NoDescriptor
            | LocalFailure::NoBuffer
            | LocalFailure::HeldUp
            | LocalFailure::Other,
        ) => false,
    }
}
