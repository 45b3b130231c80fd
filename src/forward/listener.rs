//! One listening socket of one worker: accepts, pauses when the process has no room, and goes on.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::descriptors::DescriptorPlace;
use super::idle::TICK;
use super::session;
use super::worker::Worker;
use crate::config;
use crate::metrics::Metrics;
use crate::metrics::handles::{DcMetrics, ListenerMetrics};
use crate::net;
use crate::routing::topology::ListenerRoute;
use crate::routing::{DcId, Refusal, Topology};
use crate::sessions::{ListenerSessions, SessionPermit};

/// Between looks at whether there is room again.
const PAUSE: Duration = Duration::from_millis(100);

/// Between log lines about refusals of one listener.
const SAMPLE: Duration = Duration::from_secs(10);

/// A listener as one worker has it.
pub(super) struct Listener {
    socket: TcpListener,
    current: RefCell<Rc<Settings>>,
    closing: Notify,
    refusal_logged_at: Cell<Option<u32>>,
}

/// What holds for new sessions of a listener, with its metrics resolved.
pub(super) struct Settings {
    /// As configured.
    pub(super) config: Arc<config::Listener>,
    /// How it routed when these settings came: for a client accepted while it is being removed.
    pub(super) route: Option<ListenerRoute>,
    /// Its counters.
    pub(super) metrics: ListenerMetrics,
    sessions: Arc<ListenerSessions>,
    /// The counters of its DCs, for one topology: a DC that leaves takes its series along.
    dcs: RefCell<Option<DcCache>>,
}

type DcCache = (Arc<Topology>, BTreeMap<DcId, Rc<DcMetrics>>);

/// An accepted client and the places that it takes.
pub(super) struct Accepted {
    /// The connection.
    pub(super) stream: TcpStream,
    /// Who is at its other end: the client, or a load balancer before us.
    pub(super) neighbour: SocketAddr,
    /// Counts it towards the listener's limit.
    _permit: SessionPermit,
    /// Counts it towards the process's descriptors.
    _place: DescriptorPlace,
}

impl Settings {
    fn new(worker: &Worker, config: Arc<config::Listener>) -> Rc<Self> {
        let context = &worker.shared.context;
        Rc::new(Self {
            route: context.snapshots.load().topology.route(&config.name).cloned(),
            metrics: ListenerMetrics::resolve(&context.metrics, &config.name),
            sessions: context.sessions.of_listener(&config.name),
            dcs: RefCell::new(None),
            config,
        })
    }

    /// The counters of a DC, resolved at its first session.
    pub(super) fn dc_metrics(
        &self,
        metrics: &Metrics,
        topology: &Arc<Topology>,
        dc: DcId,
    ) -> Rc<DcMetrics> {
        let mut cache = self.dcs.borrow_mut();
        if cache.as_ref().is_none_or(|(known, _)| !Arc::ptr_eq(known, topology)) {
            *cache = Some((Arc::clone(topology), BTreeMap::new()));
        }
        let resolve = || Rc::new(DcMetrics::resolve(metrics, &self.config.name, dc));
        match cache.as_mut() {
            Some((_, dcs)) => Rc::clone(dcs.entry(dc).or_insert_with(resolve)),
            None => resolve(),
        }
    }
}

impl Listener {
    /// Starts accepting from `socket`.
    ///
    /// # Errors
    /// When the runtime cannot watch the socket.
    pub(super) fn start(
        worker: &Rc<Worker>,
        socket: StdListener,
        config: Arc<config::Listener>,
    ) -> io::Result<Rc<Self>> {
        let listener = Rc::new(Self {
            socket: TcpListener::from_std(socket)?,
            current: RefCell::new(Settings::new(worker, config)),
            closing: Notify::new(),
            refusal_logged_at: Cell::new(None),
        });
        tokio::task::spawn_local(accept_until_closed(Rc::clone(worker), Rc::clone(&listener)));
        Ok(listener)
    }

    /// What holds for a session that starts now.
    pub(super) fn settings(&self) -> Rc<Settings> {
        Rc::clone(&self.current.borrow())
    }

    /// Other settings hold for new sessions.
    pub(super) fn adjust(&self, worker: &Worker, config: Arc<config::Listener>) {
        if let Err(error) = net::adjust(&self.socket, &super::bind_set::listen_options(&config)) {
            warn!(listener = %config.name, %error, "cannot change the options of a socket");
        }
        *self.current.borrow_mut() = Settings::new(worker, config);
    }

    /// Accepts what is waiting and stops.
    pub(super) fn close(&self) {
        self.closing.notify_one();
    }

    /// Resets a client, counts it, and says so once in a while.
    pub(super) fn refuse(
        &self,
        worker: &Worker,
        stream: &TcpStream,
        neighbour: SocketAddr,
        refusal: Refusal,
        detail: &dyn std::fmt::Display,
    ) {
        net::reset_on_close(stream);
        let settings = self.settings();
        settings.metrics.refused(refusal).inc();
        let (listener, reason) = (&*settings.config.name, refusal.as_str());
        debug!(listener, %neighbour, reason, %detail, "client refused");
        let now = worker.tick();
        let logged = self.refusal_logged_at.get();
        if logged.is_none_or(|at| TICK * now.wrapping_sub(at) >= SAMPLE) {
            self.refusal_logged_at.set(Some(now));
            info!(listener, reason, %detail, "refusing clients; one line in 10s, see refused_total");
        }
    }

    fn serve(self: &Rc<Self>, worker: &Rc<Worker>, accepted: Unadmitted) {
        let Unadmitted { stream, neighbour, place } = accepted;
        let settings = self.settings();
        settings.metrics.sessions_total.inc();
        match settings.sessions.admit(settings.config.limits.sessions) {
            Some(permit) => {
                let accepted = Accepted { stream, neighbour, _permit: permit, _place: place };
                let session = session::serve(Rc::clone(worker), Rc::clone(self), accepted);
                tokio::task::spawn_local(session);
            }
            None => self.refuse(worker, &stream, neighbour, Refusal::Limit, &"limits.sessions"),
        }
    }
}

struct Unadmitted {
    stream: TcpStream,
    neighbour: SocketAddr,
    place: DescriptorPlace,
}

async fn accept_until_closed(worker: Rc<Worker>, listener: Rc<Listener>) {
    let mut paused = false;
    loop {
        tokio::select! {
            biased;
            accepted = accept(&worker, &listener, &mut paused) => listener.serve(&worker, accepted),
            () = listener.closing.notified() => break,
        }
    }
    // Those in the queue have been told by the kernel that they are connected.
    while let Some(accepted) = accept_waiting(&worker, &listener) {
        listener.serve(&worker, accepted);
    }
}

/// The next client. Never fails: what cannot be helped is waited out.
async fn accept(worker: &Worker, listener: &Listener, paused: &mut bool) -> Unadmitted {
    loop {
        let Some(place) = worker.shared.descriptors.reserve() else {
            pause(worker, paused, &"every descriptor has its session").await;
            continue;
        };
        match listener.socket.accept().await {
            Ok((stream, neighbour)) => {
                *paused = false;
                return Unadmitted { stream, neighbour, place };
            }
            Err(error) if is_clients_fault(&error) => {}
            Err(error) => pause(worker, paused, &error).await,
        }
    }
}

fn accept_waiting(worker: &Worker, listener: &Listener) -> Option<Unadmitted> {
    let place = worker.shared.descriptors.reserve()?;
    let noop = &mut std::task::Context::from_waker(std::task::Waker::noop());
    match listener.socket.poll_accept(noop) {
        std::task::Poll::Ready(Ok((stream, neighbour))) => {
            Some(Unadmitted { stream, neighbour, place })
        }
        std::task::Poll::Ready(Err(_)) | std::task::Poll::Pending => None,
    }
}

/// Waits a moment; counts and tells the beginning of a pause.
async fn pause(worker: &Worker, paused: &mut bool, why: &dyn std::fmt::Display) {
    if !std::mem::replace(paused, true) {
        worker.shared.context.metrics.accept_pauses_total.inc();
        warn!(%why, "accepting pauses");
    }
    sleep(PAUSE).await;
}

/// `accept(2)`: errors of the one connection that was to be accepted.
fn is_clients_fault(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted)
}
