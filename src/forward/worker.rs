//! One thread of the data plane: its runtime, its listeners, and what its sessions share.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use prometheus::IntGauge;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout, timeout_at};
use tracing::error;

use super::acceptor::{Acceptor, OpenAcceptor};
use super::account::SessionGuard;
use super::bind_set::BindKey;
use super::closing::{Closer, close_silent_sessions};
use super::idle::{IdleTimer, IdleWheel, TICK};
use super::pipes::{PipeBudget, PipePool};
use super::plane::Shared;
use super::roster::RosterQuery;
use super::turns::TurnQueue;
use super::udp::{PortNumber, UdpPlane};
use crate::config;
use crate::net::Pipe;

/// What a flow reads into: large enough that only bulk fills it.
const SCRATCH: usize = 32 * 1024;

/// How long sessions that were told to end are waited for.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A socket that clients come to.
pub(super) enum BoundSocket {
    /// Of sessions.
    Tcp(TcpListener),
    /// Of flows.
    Udp(UdpSocket),
}

impl BoundSocket {
    /// Where it is, once port 0 is resolved.
    pub(super) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(socket) => socket.local_addr().ok(),
            Self::Udp(socket) => socket.local_addr().ok(),
        }
    }
}

/// What a worker is told.
pub(super) enum Command {
    /// Accept clients from this socket.
    Open(BindKey, BoundSocket, Arc<config::Listener>),
    /// Other settings hold for new sessions of this bind.
    Adjust(BindKey, Arc<config::Listener>),
    /// Accept what is waiting, and close the socket.
    Close(BindKey),
    /// Say who is here, or end sessions.
    Roster(RosterQuery),
    /// Close every socket, let sessions end until then, end the others, and say so.
    Drain(Instant, oneshot::Sender<()>),
}

/// What the sessions of a worker share.
pub(super) struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) resources: Resources,
    /// Knows whose sessions are to be closed.
    pub(super) closer: Closer,
    /// The timers of its sessions.
    pub(super) wheel: Rc<RefCell<IdleWheel>>,
    /// Its flows, once it has a socket for them.
    udp: OnceCell<Rc<UdpPlane>>,
    sessions: Cell<usize>,
    sessions_gauge: IntGauge,
    session_ended: Notify,
}

/// What flows move bytes with.
pub(super) struct Resources {
    /// Everybody's read buffer; borrowed within one poll only.
    pub(super) scratch: RefCell<Box<[u8]>>,
    /// Bytes held for slow readers.
    pub(super) pending: IntGauge,
    pending_limit: i64,
    pipes: RefCell<PipePool>,
    /// Of those who always have more to move.
    pub(super) turns: TurnQueue,
}

impl Resources {
    /// A buffer, and no pipe yet. Bytes held by all workers, which `pending` counts, should stay below
    /// `pending_limit`.
    pub(super) fn new(pending: IntGauge, pending_limit: u64, pipes: Arc<PipeBudget>) -> Self {
        Self {
            scratch: RefCell::new(vec![0; SCRATCH].into_boxed_slice()),
            pending,
            pending_limit: i64::try_from(pending_limit).unwrap_or(i64::MAX),
            pipes: RefCell::new(PipePool::new(pipes)),
            turns: TurnQueue::default(),
        }
    }

    /// Whether a flow may take bytes that it might have to hold. Workers race for what is left: the
    /// limit is exceeded by at most one buffer per worker.
    pub(super) fn may_hold(&self) -> bool {
        self.pending.get() < self.pending_limit
    }

    /// An empty pipe, if there is one to have.
    pub(super) fn take_pipe(&self) -> Option<Pipe> {
        self.pipes.borrow_mut().take()
    }

    /// Whether only the last few pipes are left.
    pub(super) fn pipes_are_scarce(&self) -> bool {
        self.pipes.borrow().is_scarce()
    }

    /// A pipe is not needed any more.
    pub(super) fn give_back(&self, pipe: Pipe) {
        self.pipes.borrow_mut().give_back(pipe);
    }
}

/// A session of this worker; counts it out when dropped.
pub(super) struct LiveSession {
    worker: Rc<Worker>,
}

impl Drop for LiveSession {
    fn drop(&mut self) {
        self.worker.sessions.set(self.worker.sessions.get() - 1);
        self.worker.sessions_gauge.dec();
        self.worker.session_ended.notify_one();
    }
}

impl Worker {
    fn new(number: usize, shared: Arc<Shared>) -> Self {
        let number = number.to_string();
        let pending = shared.context.metrics.pending_bytes.clone();
        let resources = Resources::new(pending, shared.pending_limit, Arc::clone(&shared.pipes));
        let sessions_gauge = shared.context.metrics.worker_sessions.with_label_values(&[&number]);
        let closer = Closer::new(Arc::clone(&shared.resets));
        Self {
            shared,
            resources,
            closer,
            wheel: Rc::default(),
            udp: OnceCell::new(),
            sessions: Cell::new(0),
            sessions_gauge,
            session_ended: Notify::new(),
        }
    }

    /// A session begins.
    pub(super) fn enter(self: &Rc<Self>) -> LiveSession {
        self.sessions.set(self.sessions.get() + 1);
        self.sessions_gauge.inc();
        LiveSession { worker: Rc::clone(self) }
    }

    /// A timer of this session.
    pub(super) fn timer(&self, session: &SessionGuard) -> IdleTimer {
        let (idle, shown) = (session.config.timeouts.idle, Rc::clone(&session.shown));
        IdleTimer::new(&self.wheel, idle, shown, session.access_point())
    }

    /// The coarse time, in [`TICK`]s.
    pub(super) fn tick(&self) -> u32 {
        self.wheel.borrow().now()
    }

    /// Ends what is over, and shows that the worker lives.
    fn on_tick(&self, number: usize) {
        self.wheel.borrow_mut().tick();
        if let Some(udp) = self.udp.get() {
            udp.tick(&self.shared.descriptors);
        }
        self.shared.heartbeats.beat(number);
    }

    /// Its flows, if it has had a socket for them.
    pub(super) fn udp(&self) -> Option<&Rc<UdpPlane>> {
        self.udp.get()
    }

    /// Its flows, whose task begins with the first socket for them.
    fn udp_begun(self: &Rc<Self>) -> io::Result<&Rc<UdpPlane>> {
        if self.udp.get().is_none() {
            let udp = Rc::new(UdpPlane::new(self)?);
            // It ends with the runtime.
            tokio::task::spawn_local(Rc::clone(&udp).serve(Rc::clone(self)));
            return Ok(self.udp.get_or_init(|| udp));
        }
        self.udp.get().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn shut_flows_down(&self) {
        if let Some(udp) = self.udp.get() {
            udp.shut_down();
        }
    }

    async fn wait_until_empty(&self) {
        while self.sessions.get() > 0 {
            self.session_ended.notified().await;
        }
    }

    async fn drain(&self, deadline: Instant) {
        if timeout_at(deadline, self.wait_until_empty()).await.is_ok() {
            return;
        }
        self.wheel.borrow_mut().shut_down();
        self.shut_flows_down();
        // Who has not ended by then ends with the runtime.
        let _ = timeout(LAST_WORDS, self.wait_until_empty()).await;
    }
}

/// The life of a worker thread: until it is told to drain, or whoever tells it is gone.
/// Whether it could begin is told on `started`.
pub(super) fn run(
    number: usize,
    shared: Arc<Shared>,
    commands: mpsc::UnboundedReceiver<Command>,
    started: &std::sync::mpsc::Sender<io::Result<()>>,
) {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    // Who waits for this is there until it is told.
    match runtime {
        Ok(runtime) => {
            let _ = started.send(Ok(()));
            let worker = Rc::new(Worker::new(number, shared));
            runtime.block_on(serve(number, worker, commands));
        }
        Err(error) => drop(started.send(Err(error))),
    }
}

async fn serve(number: usize, worker: Rc<Worker>, mut commands: mpsc::UnboundedReceiver<Command>) {
    // Both end with the runtime.
    tokio::task::spawn_local(close_silent_sessions(Rc::clone(&worker)));
    tokio::task::spawn_local(call_turns(Rc::clone(&worker)));
    let mut doors: BTreeMap<BindKey, Door> = BTreeMap::new();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        let command = tokio::select! {
            command = commands.recv() => command,
            _ = ticks.tick() => {
                worker.on_tick(number);
                continue;
            }
        };
        match command {
            None => return worker.shut_flows_down(),
            Some(Command::Open(key, socket, settings)) => {
                match Door::open(&worker, socket, settings) {
                    Ok(door) => drop(doors.insert(key, door)),
                    Err(error) => error!(bind = %key, %error, "cannot serve clients of a socket"),
                }
            }
            Some(Command::Adjust(key, settings)) => {
                if let Some(door) = doors.get(&key) {
                    door.adjust(&worker, settings);
                }
            }
            Some(Command::Close(key)) => {
                if let Some(door) = doors.remove(&key) {
                    door.close(&worker).await;
                }
            }
            Some(Command::Roster(query)) => worker.answer(query),
            Some(Command::Drain(deadline, done)) => {
                for door in std::mem::take(&mut doors).into_values() {
                    door.drain(&worker).await;
                }
                drain_while_ticking(number, &worker, &mut ticks, deadline).await;
                // Nobody may wait any more.
                let _ = done.send(());
                return;
            }
        }
    }
}

async fn call_turns(worker: Rc<Worker>) {
    worker.resources.turns.call().await;
}

/// Where clients come in.
enum Door {
    Tcp(OpenAcceptor),
    Udp(PortNumber),
}

impl Door {
    fn open(
        worker: &Rc<Worker>,
        socket: BoundSocket,
        settings: Arc<config::Listener>,
    ) -> io::Result<Self> {
        match socket {
            BoundSocket::Tcp(socket) => Acceptor::start(worker, socket, settings).map(Self::Tcp),
            BoundSocket::Udp(socket) => {
                worker.udp_begun()?.open(worker, socket, settings).map(Self::Udp)
            }
        }
    }

    fn adjust(&self, worker: &Worker, settings: Arc<config::Listener>) {
        match self {
            Self::Tcp(acceptor) => acceptor.adjust(worker, settings),
            Self::Udp(port) => {
                if let Some(udp) = worker.udp.get() {
                    udp.adjust(worker, *port, settings);
                }
            }
        }
    }

    async fn close(self, worker: &Worker) {
        match self {
            Self::Tcp(acceptor) => acceptor.close().await,
            Self::Udp(port) => {
                if let Some(udp) = worker.udp.get() {
                    udp.close(port);
                }
            }
        }
    }

    /// Flows need the socket until they have ended.
    async fn drain(self, worker: &Worker) {
        match self {
            Self::Tcp(acceptor) => acceptor.close().await,
            Self::Udp(_) => {
                if let Some(udp) = worker.udp.get() {
                    udp.drain();
                }
            }
        }
    }
}

/// Sessions that drain still need their timers.
async fn drain_while_ticking(
    number: usize,
    worker: &Worker,
    ticks: &mut tokio::time::Interval,
    deadline: Instant,
) {
    let mut drained = std::pin::pin!(worker.drain(deadline));
    loop {
        tokio::select! {
            () = &mut drained => return,
            _ = ticks.tick() => worker.on_tick(number),
        }
    }
}
