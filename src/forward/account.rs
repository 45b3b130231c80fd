//! What is counted of a connected session; on drop, so that one that is cut short is counted too.

use std::rc::Rc;
use std::sync::Arc;

use prometheus::Histogram;
use tokio::net::TcpStream;

use super::closing::Watch;
use super::connect::Connected;
use super::listener::Settings;
use super::relay::Witness;
use super::worker::Worker;
use crate::config;
use crate::metrics::handles::DcMetrics;
use crate::net;
use crate::routing::{
    AccessPointSlot, ClientAddr, ClientPrefix, CloseReason, Ending, Ranking, Side, SlotPermit,
    Snapshot,
};
use crate::sessions::{ClientPermit, OpenSession};

/// A connected session, from its first byte to its last.
pub(super) struct SessionGuard {
    /// The connection to the access point.
    pub(super) upstream: TcpStream,
    /// As its listener was configured when it began: when it ends by itself, and by its kernel.
    pub(super) config: Arc<config::Listener>,
    /// The counters of its DC.
    pub(super) metrics: Rc<DcMetrics>,
    /// How it ended; `None` until it did.
    pub(super) closed: Option<CloseReason>,
    /// `None` for a neighbour that speaks for itself: of its end nothing is counted either.
    session_seconds: Option<Histogram>,
    /// Its place among the sessions of its client, where these are limited.
    pub(super) client_permit: Option<ClientPermit>,
    /// Its place in its DC, and at its access point.
    permit: SlotPermit,
    /// Whose it is; `None` as above, and for a client that [proves nothing](Self::proves_nothing).
    client: Option<ClientPrefix>,
    /// Who it is, where it goes and since when.
    pub(super) shown: Rc<OpenSession>,
}

impl SessionGuard {
    /// The session is connected: counts where it went and why, if it is one of a client, which has a
    /// ranking. A neighbour that speaks for itself counts as long as it is there, and no longer.
    pub(super) fn open(
        worker: &Worker,
        settings: &Settings,
        snapshot: &Snapshot,
        addr: ClientAddr,
        ranking: Option<&Ranking>,
        connected: Connected,
    ) -> Self {
        let Connected { stream, attempt, mut permit, hedged: _, took, at: connected_at } =
            connected;
        let context = &worker.shared.context;
        let topology = &snapshot.topology;
        let id = topology.dc(attempt.dc).id;
        let metrics = settings.dc_metrics(&context.metrics, topology, id);
        if let Some(ranking) = ranking {
            metrics.connect_seconds.observe(took.as_secs_f64());
            metrics.routed(ranking.why(attempt.dc)).inc();
            if let Some(home) = ranking.home().filter(|home| *home != attempt.dc) {
                context.metrics.failed_over(topology.dc(home).id, id);
            }
        }
        permit.connected();
        let session = Self {
            upstream: stream.into_inner(),
            config: Arc::clone(&settings.config),
            metrics,
            closed: None,
            session_seconds: ranking.map(|_| settings.metrics.session_seconds.clone()),
            client_permit: None,
            permit,
            client: ranking.map(|_| addr.network()),
            shown: Rc::new(OpenSession {
                listener: Arc::clone(&settings.config.name),
                client: addr,
                access_point: topology.access_point(attempt.access_point).id,
                began: connected_at,
            }),
        };
        session.metrics.sessions_active.inc();
        session
    }

    /// The counters of its access point.
    pub(super) fn access_point(&self) -> &AccessPointSlot {
        self.permit.access_point()
    }

    /// Its client may say what no service answers: silence is not held against the access point.
    pub(super) fn proves_nothing(&mut self) {
        self.client = None;
    }

    /// What it shows of its access point.
    pub(super) fn witness<'a>(&'a self, worker: &'a Worker) -> Witness<'a> {
        let evidence = &worker.shared.context.evidence;
        Witness { slot: self.access_point(), evidence, client: self.client }
    }

    /// How it knows that it is to end.
    pub(super) fn watch<'a>(&'a self, worker: &'a Worker) -> Watch<'a> {
        Watch { closer: &worker.closer, access_point: self.access_point(), began: self.shown.began }
    }
}

impl Drop for SessionGuard {
    fn drop(&mut self) {
        // A session that was cut short had no end of its own.
        let cut = CloseReason { side: Side::Nearpoint, ending: Ending::Shutdown };
        let reason = self.closed.unwrap_or(cut);
        if reason.ending != Ending::Closed {
            net::reset_on_close(&self.upstream);
        }
        if let Some(session_seconds) = &self.session_seconds {
            self.metrics.closed(reason).inc();
            session_seconds.observe(self.shown.began.elapsed().as_secs_f64());
        }
        self.metrics.sessions_active.dec();
    }
}
