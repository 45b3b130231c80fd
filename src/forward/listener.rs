//! A listener as its sessions know it: what holds for them, and how clients are refused.
//!
//! Its sockets are not here: a session that outlives them must not keep them open.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Duration;

use prometheus::IntCounter;
use tokio::net::TcpStream;
use tracing::{debug, info};

use super::descriptors::DescriptorPlace;
use super::idle::TICK;
use super::plane::Context;
use super::session;
use super::sniff::{Heard, Sniffer};
use super::worker::{LiveSession, Worker};
use crate::config;
use crate::memory::{EpochSeconds, ListenerMemory, Room};
use crate::metrics::Metrics;
use crate::metrics::handles::{DcMetrics, ListenerMetrics};
use crate::net;
use crate::routing::topology::ListenerRoute;
use crate::routing::{ClientAddr, DcId, Refusal, Topology};
use crate::sessions::{ListenerSessions, SessionPermit};

/// Between log lines about refusals of one listener.
const SAMPLE: Duration = Duration::from_secs(10);

/// A listener as one worker has it.
pub(super) struct Listener {
    current: RefCell<Rc<Settings>>,
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
    /// What it remembers of its clients, if anything.
    pub(super) sticky: Option<Remembering>,
    /// Listens to what its clients say first, if they go by that.
    pub(super) sniffer: Option<Sniffer>,
    sessions: Arc<ListenerSessions>,
    /// The counters of its DCs, for one topology: a DC that leaves takes its series along.
    dcs: RefCell<Option<DcCache>>,
}

/// Weak: a listener that has few sessions must not keep an old topology alive.
type DcCache = (Weak<Topology>, BTreeMap<DcId, Rc<DcMetrics>>);

/// An accepted client and the places that it takes. Unless its session ends in order it is reset
/// when dropped: an end that it could take for an answer must be one.
pub(super) struct Accepted {
    /// The connection.
    pub(super) stream: TcpStream,
    /// Both directions were closed in order.
    pub(super) ended_in_order: bool,
    /// Who is at its other end: the client, or a load balancer before us.
    pub(super) neighbour: SocketAddr,
    /// Counts it among the sessions of the worker, from before its task first runs: a drain must not
    /// overlook it.
    _live: LiveSession,
    /// Counts it towards the listener's limit.
    _permit: SessionPermit,
    /// Counts it towards the process's descriptors.
    _place: DescriptorPlace,
}

impl Drop for Accepted {
    fn drop(&mut self) {
        if !self.ended_in_order {
            net::reset_on_close(&self.stream);
        }
    }
}

/// The memory of a listener, and the counter of those who had to make room in it.
pub(super) struct Remembering {
    memory: Arc<ListenerMemory>,
    evicted: IntCounter,
}

impl Remembering {
    fn resolve(context: &Context, listener: &str) -> Option<Self> {
        let memory = context.memory.of_listener(listener)?;
        let evicted = context.metrics.sticky_evicted_total.with_label_values(&[listener]);
        Some(Self { memory, evicted })
    }

    /// The DC that this client was given when it last came.
    pub(super) fn recall(&self, client: ClientAddr, now: EpochSeconds) -> Option<DcId> {
        self.memory.recall(client, now)
    }

    /// This client is connected to this DC.
    pub(super) fn remember(&self, client: ClientAddr, dc: DcId, now: EpochSeconds) {
        match self.memory.remember(client, dc, now) {
            Room::Found => {}
            Room::Made => self.evicted.inc(),
        }
    }
}

impl Settings {
    fn new(worker: &Worker, config: Arc<config::Listener>) -> Rc<Self> {
        let context = &worker.shared.context;
        Rc::new(Self {
            route: context.snapshots.load().topology.route(&config.name).cloned(),
            metrics: ListenerMetrics::resolve(&context.metrics, &config.name),
            sticky: Remembering::resolve(context, &config.name),
            sniffer: config
                .sniffing
                .as_ref()
                .map(|sniffing| Sniffer::new(sniffing, &config.name, &context.metrics)),
            sessions: context.sessions.of_listener(&config.name),
            dcs: RefCell::new(None),
            config,
        })
    }

    /// Counts what was heard of a client.
    pub(super) fn count(&self, heard: Option<Heard>) {
        if let (Some(sniffer), Some(heard)) = (&self.sniffer, heard) {
            sniffer.count(heard);
        }
    }

    /// The counters of a DC, resolved at its first session.
    pub(super) fn dc_metrics(
        &self,
        metrics: &Metrics,
        topology: &Arc<Topology>,
        dc: DcId,
    ) -> Rc<DcMetrics> {
        let mut cache = self.dcs.borrow_mut();
        if cache.as_ref().is_none_or(|(known, _)| known.as_ptr() != Arc::as_ptr(topology)) {
            *cache = Some((Arc::downgrade(topology), BTreeMap::new()));
        }
        let resolve = || Rc::new(DcMetrics::resolve(metrics, &self.config.name, dc));
        match cache.as_mut() {
            Some((_, dcs)) => Rc::clone(dcs.entry(dc).or_insert_with(resolve)),
            None => resolve(),
        }
    }
}

impl Listener {
    /// The listener that `config` describes.
    pub(super) fn new(worker: &Worker, config: Arc<config::Listener>) -> Rc<Self> {
        Rc::new(Self {
            current: RefCell::new(Settings::new(worker, config)),
            refusal_logged_at: Cell::new(None),
        })
    }

    /// What holds for a session that starts now.
    pub(super) fn settings(&self) -> Rc<Settings> {
        Rc::clone(&self.current.borrow())
    }

    /// Other settings hold for new sessions.
    pub(super) fn adjust(&self, worker: &Worker, config: Arc<config::Listener>) {
        *self.current.borrow_mut() = Settings::new(worker, config);
    }

    /// Counts a client that is refused, and says so once in a while. Dropping it resets it.
    pub(super) fn refuse(
        &self,
        worker: &Worker,
        neighbour: SocketAddr,
        refusal: Refusal,
        detail: &dyn std::fmt::Display,
    ) {
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

    /// Begins a session with a client, or refuses it.
    pub(super) fn serve(self: &Rc<Self>, worker: &Rc<Worker>, accepted: Unadmitted) {
        let Unadmitted { stream, neighbour, place } = accepted;
        let settings = self.settings();
        match settings.sessions.admit(settings.config.limits.sessions) {
            Some(permit) => {
                let accepted = Accepted {
                    stream,
                    ended_in_order: false,
                    neighbour,
                    _live: worker.enter(),
                    _permit: permit,
                    _place: place,
                };
                let session = session::serve(Rc::clone(worker), Rc::clone(self), accepted);
                tokio::task::spawn_local(session);
            }
            None => {
                net::reset_on_close(&stream);
                settings.metrics.sessions_total.inc();
                self.refuse(worker, neighbour, Refusal::Limit, &"limits.sessions");
            }
        }
    }
}

/// A client that has just been accepted.
pub(super) struct Unadmitted {
    /// The connection.
    pub(super) stream: TcpStream,
    /// Who is at its other end.
    pub(super) neighbour: SocketAddr,
    /// Counts it towards the process's descriptors.
    pub(super) place: DescriptorPlace,
}
