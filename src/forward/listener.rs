//! A listener as its sessions know it: what holds for them, and how clients are refused.
//!
//! Its sockets are not here: a session that outlives them must not keep them open.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use tokio::net::TcpStream;
use tracing::debug;

use super::descriptors::DescriptorPlace;
use super::gate::Gate;
use super::per_dc::PerDc;
use super::refusal_log::RefusalLog;
use super::refused::Refused;
use super::remembering::Remembering;
use super::session;
use super::sniff::{Heard, Sniffer};
use super::worker::{LiveSession, Worker};
use crate::config;
use crate::memory::ListenerSample;
use crate::metrics::Metrics;
use crate::metrics::handles::{DcMetrics, ListenerMetrics};
use crate::net;
use crate::routing::topology::ListenerRoute;
use crate::routing::{DcId, Limit, Topology};
use crate::sessions::{ListenerSessions, SessionPermit};

/// A listener as one worker has it.
pub(super) struct Listener {
    current: RefCell<Rc<Settings>>,
    refusals: RefusalLog,
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
    /// Who came to it lately; `None` while it is being removed.
    pub(super) seen: Option<Arc<ListenerSample>>,
    /// Listens to what its clients say first, if they go by that.
    pub(super) sniffer: Option<Sniffer>,
    /// Lets clients in, once it is known who they are.
    pub(super) gate: Gate,
    sessions: Arc<ListenerSessions>,
    dcs: PerDc<DcMetrics>,
}

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

impl Settings {
    fn new(worker: &Worker, config: Arc<config::Listener>) -> Rc<Self> {
        let context = &worker.shared.context;
        let sessions = context.sessions.of_listener(&config.name);
        let per_client = config.limits.sessions_per_client;
        let per_client = per_client.map(|most| (most, Limit::SessionsPerClient));
        Rc::new(Self {
            route: context.snapshots.load().topology.route(&config.name).cloned(),
            metrics: ListenerMetrics::resolve(&context.metrics, &config.name),
            sticky: Remembering::resolve(context, &config.name),
            seen: context.seen.of_listener(&config.name),
            sniffer: config
                .sniffing
                .as_ref()
                .map(|sniffing| Sniffer::new(sniffing, &config.name, &context.metrics)),
            gate: Gate::new(&config.limits, per_client, &sessions),
            sessions,
            dcs: PerDc::default(),
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
        let resolve = || DcMetrics::resolve(metrics, &self.config.name, dc);
        self.dcs.resolve(topology, dc, resolve)
    }
}

impl Listener {
    /// The listener that `config` describes.
    pub(super) fn new(worker: &Worker, config: Arc<config::Listener>) -> Rc<Self> {
        Rc::new(Self {
            current: RefCell::new(Settings::new(worker, config)),
            refusals: RefusalLog::default(),
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

    /// Counts a client that is refused, and says so once in a while. Dropping it resets it. One that is no
    /// client, or has gone, is not counted.
    pub(super) fn refuse(&self, worker: &Worker, neighbour: SocketAddr, why: &Refused) {
        let Some(refusal) = why.refusal() else {
            return debug!(%neighbour, %why, "not served");
        };
        let settings = self.settings();
        settings.metrics.refused(refusal).inc();
        if let Some(limit) = why.limit() {
            settings.metrics.limited(limit).inc();
        }
        let (listener, reason) = (&*settings.config.name, refusal.as_str());
        debug!(listener, %neighbour, reason, detail = %why, "client refused");
        self.refusals.tell(worker.tick(), listener, reason, why);
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
                self.refuse(worker, neighbour, &Refused::Limited(Limit::Sessions));
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
