//! The task of all flows of one worker: which sockets have something to read, and whose turn it is.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::UdpSocket;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use slab::Slab;
use tokio::io::unix::AsyncFd;
use tokio::task::yield_now;
use tracing::error;

use super::evict::evict;
use super::pass::{Around, Batches};
use super::port::Port;
use super::settings::Settings;
use crate::config;
use crate::forward::descriptors::DescriptorBudget;
use crate::forward::worker::Worker;
use crate::metrics::udp::DatagramMetrics;
use crate::net::Readiness;
use crate::routing::{FlowEnd, FlowId};
use crate::sessions::{OpenSession, Which};

/// Batches until other tasks of the worker have their turn.
const BATCHES_AT_ONCE: usize = 8;

/// So often, in ticks, the bytes of every flow are shown: 10 s.
const FLUSH_TICKS: u64 = 40;

/// A socket of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::forward) struct PortNumber(u16);

/// By what a watched socket is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// The socket of a listener.
    Port(PortNumber),
    /// The socket of a flow.
    Flow(PortNumber, FlowId),
}

/// A token is a port, a place in its table, and a generation, from the highest bit on.
const PORT_BITS: u32 = 10;
const PLACE_BITS: u32 = 22;
const GENERATION_BITS: u32 = 32;

/// The place that stands for the port itself.
const NO_PLACE: u32 = (1 << PLACE_BITS) - 1;

impl Token {
    /// Whether a flow with this name can be told from others: nobody has the descriptors for so many.
    pub(super) fn can_name(id: FlowId) -> bool {
        id.place < NO_PLACE
    }
}

impl From<Token> for u64 {
    fn from(token: Token) -> Self {
        let (port, place, generation) = match token {
            Token::Port(port) => (port, NO_PLACE, 0),
            Token::Flow(port, FlowId { place, generation }) => (port, place, generation),
        };
        let high = u64::from(port.0) << PLACE_BITS | u64::from(place);
        high << GENERATION_BITS | u64::from(generation)
    }
}

impl From<u64> for Token {
    fn from(token: u64) -> Self {
        let generation = token as u32;
        let place = (token >> GENERATION_BITS) as u32 & NO_PLACE;
        let port = PortNumber((token >> (GENERATION_BITS + PLACE_BITS)) as u16);
        match place {
            NO_PLACE => Self::Port(port),
            place => Self::Flow(port, FlowId { place, generation }),
        }
    }
}

/// The flows of one worker.
pub(in crate::forward) struct UdpPlane {
    watched: AsyncFd<Readiness>,
    state: RefCell<State>,
}

struct State {
    ports: Slab<RefCell<Port>>,
    metrics: DatagramMetrics,
    batches: Batches,
    told: Vec<u64>,
    turns: Turns,
    ticks: u64,
}

/// Who is to be read, in this order; each once.
#[derive(Default)]
pub(super) struct Turns(VecDeque<Token>);

impl Turns {
    pub(super) fn push(&mut self, token: Token) {
        self.0.push_back(token);
    }

    /// The next flow, if it is of this port.
    pub(super) fn next_flow_of(&mut self, port: PortNumber) -> Option<FlowId> {
        match *self.0.front()? {
            Token::Flow(of, id) if of == port => {
                self.0.pop_front();
                Some(id)
            }
            Token::Flow(..) | Token::Port(_) => None,
        }
    }
}

impl UdpPlane {
    /// One without ports. What it reads into takes 4 MiB, as far as it is used.
    ///
    /// # Errors
    /// When there is no descriptor for it, or no runtime to watch it.
    pub(in crate::forward) fn new(worker: &Worker) -> io::Result<Self> {
        let state = State {
            ports: Slab::new(),
            metrics: DatagramMetrics::resolve(&worker.shared.context.metrics),
            batches: Batches::default(),
            told: Vec::with_capacity(Readiness::MOST),
            turns: Turns::default(),
            ticks: 0,
        };
        let watched = Readiness::new()?.watched()?;
        Ok(Self { watched, state: RefCell::new(state) })
    }

    /// Serves clients of this socket.
    ///
    /// # Errors
    /// When it cannot be watched.
    pub(in crate::forward) fn open(
        &self,
        worker: &Worker,
        socket: UdpSocket,
        config: Arc<config::Listener>,
    ) -> io::Result<PortNumber> {
        let mut state = self.state.borrow_mut();
        let place = state.ports.vacant_entry();
        let number = u16::try_from(place.key()).ok().filter(|it| *it < 1 << PORT_BITS);
        let number = PortNumber(number.ok_or(io::ErrorKind::QuotaExceeded)?);
        self.watched.get_ref().add(&socket, Token::Port(number).into())?;
        let settings = Settings::new(&worker.shared.context, config);
        place.insert(RefCell::new(Port::new(number, socket, settings)?));
        Ok(number)
    }

    /// Other settings hold for a port.
    pub(in crate::forward) fn adjust(
        &self,
        worker: &Worker,
        port: PortNumber,
        config: Arc<config::Listener>,
    ) {
        if let Some(port) = self.state.borrow_mut().ports.get_mut(port.into()) {
            port.get_mut().adjust(Settings::new(&worker.shared.context, config));
        }
    }

    /// Closes a port, and ends its flows.
    pub(in crate::forward) fn close(&self, port: PortNumber) {
        if let Some(port) = self.state.borrow_mut().ports.try_remove(port.into()) {
            port.into_inner().end_all(FlowEnd::Closed, Instant::now());
        }
    }

    /// No flow begins any more; those that are there go on.
    pub(in crate::forward) fn drain(&self) {
        self.state.borrow_mut().ports.iter_mut().for_each(|(_, port)| port.get_mut().drain());
    }

    /// Ends all flows.
    pub(in crate::forward) fn shut_down(&self) {
        let now = Instant::now();
        let mut state = self.state.borrow_mut();
        state.ports.iter_mut().for_each(|(_, port)| port.get_mut().end_all(FlowEnd::Shutdown, now));
        state.metrics.flush();
    }

    /// Shows flows that are meant.
    pub(in crate::forward) fn visit(&self, which: &Which, mut visit: impl FnMut(OpenSession)) {
        let state = self.state.borrow();
        for (_, port) in &state.ports {
            let port = port.borrow();
            let flows = port.table.iter().map(|(_, flow)| port.open_session(flow));
            flows.filter(|it| which.fits(it)).for_each(&mut visit);
        }
    }

    /// Ends flows that are meant, so many at most, and says how many these were.
    pub(in crate::forward) fn kill(&self, which: &Which, most: usize) -> usize {
        let (mut state, now) = (self.state.borrow_mut(), Instant::now());
        let mut ended = 0;
        for (_, port) in &mut state.ports {
            ended += port.get_mut().kill(which, most - ended, now);
        }
        ended
    }

    /// Ends flows that have been idle for too long, and shows what was counted. To be called a few times a
    /// second.
    pub(in crate::forward) fn tick(&self, descriptors: &DescriptorBudget) {
        let now = Instant::now();
        let State { ports, metrics, ticks, .. } = &mut *self.state.borrow_mut();
        *ticks += 1;
        for (_, port) in &mut *ports {
            let port = port.get_mut();
            port.end_idle(now);
            port.hand_over(now);
            port.settings.flush();
            // Those that began under another configuration count by themselves.
            if ticks.is_multiple_of(FLUSH_TICKS) {
                port.table.values().for_each(|flow| flow.way.metrics.flush());
            }
        }
        metrics.flush();
        let has_flows = ports.iter_mut().any(|(_, port)| !port.get_mut().table.is_empty());
        if has_flows && descriptors.take_wish() {
            // There is one.
            let _ = evict(ports, None, |_| true, now);
        }
    }

    /// Passes datagrams on, for as long as the worker lives.
    pub(in crate::forward) async fn serve(self: Rc<Self>, worker: Rc<Worker>) {
        loop {
            let Ok(mut ready) = self.watched.readable().await else {
                return error!("the runtime does not watch sockets any more");
            };
            // Before they are asked for: what comes later makes it ready again.
            ready.clear_ready();
            while self.take_turns(&worker) {
                yield_now().await;
            }
        }
    }

    /// Reads from some of those that have something. Whether there may be others.
    fn take_turns(&self, worker: &Rc<Worker>) -> bool {
        let readiness = self.watched.get_ref();
        let State { ports, metrics, batches, told, turns, .. } = &mut *self.state.borrow_mut();
        let count = readiness.wait(told).unwrap_or_else(|error| {
            error!(%error, "cannot tell which flows have something");
            0
        });
        for token in told.drain(..).map(Token::from) {
            let queued = match token {
                Token::Port(port) => {
                    ports.get_mut(port.into()).map(|port| &mut port.get_mut().queued)
                }
                Token::Flow(port, id) => {
                    let port = ports.get_mut(port.into());
                    port.and_then(|port| port.get_mut().table.get_mut(id))
                        .map(|flow| &mut flow.queued)
                }
            };
            if queued.is_some_and(|queued| !std::mem::replace(queued, true)) {
                turns.push(token);
            }
        }
        let now = Instant::now();
        let snapshot = worker.shared.context.snapshots.load();
        for _ in 0..BATCHES_AT_ONCE {
            let Some(token) = turns.0.pop_front() else { break };
            let (Token::Port(number) | Token::Flow(number, _)) = token;
            let Some(mut port) = ports.get(number.into()).map(RefCell::borrow_mut) else {
                continue;
            };
            let around = Around { worker, readiness, metrics, snapshot: &snapshot, ports };
            let mut batch = batches.begin(around, turns, now);
            match token {
                Token::Port(_) => batch.pass_up(&mut port),
                Token::Flow(_, id) => batch.pass_down(&mut port, id),
            }
        }
        !turns.0.is_empty() || count == Readiness::MOST
    }
}

impl From<PortNumber> for usize {
    fn from(port: PortNumber) -> Self {
        port.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_what_it_was_made_of() {
        let most = (1 << PORT_BITS) - 1;
        for port in [0, 7, most].map(PortNumber) {
            assert_eq!(Token::from(u64::from(Token::Port(port))), Token::Port(port));
            for (place, generation) in [(0, 0), (NO_PLACE - 1, u32::MAX), (5, 9)] {
                let flow = Token::Flow(port, FlowId { place, generation });
                assert_eq!(Token::from(u64::from(flow)), flow);
            }
        }
    }
}
