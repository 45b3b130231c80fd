//! One flow: who it is for, where it goes, and what is counted of it.

use std::net::{SocketAddr, UdpSocket};
use std::rc::Rc;
use std::time::Instant;

use arrayvec::ArrayVec;

use crate::forward::descriptors::SinglePlace;
use crate::forward::worker::LiveSession;
use crate::metrics::udp::{FlowDcMetrics, FlowMetrics};
use crate::net::{LocalAddr, Segmenting};
use crate::proxy_protocol::{Announced, Transport, v2};
use crate::routing::topology::SendProxy;
use crate::routing::{AccessPointId, ClientAddr, DcId, FlowEnd, SlotPermit, Snapshot};
use crate::sessions::{ClientPermit, SessionPermit};

/// Whose datagrams are of one flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FlowKey {
    /// Where they come from.
    pub(super) client: SocketAddr,
    /// Where they were sent to, on a socket that is bound to all addresses: answers leave from there.
    pub(super) local: Option<LocalAddr>,
}

/// Access points that have refused a flow, of which it knows.
pub(super) const REFUSALS: usize = 4;

/// A flow, from its first datagram to its end.
pub(super) struct Flow {
    /// Where it goes.
    pub(super) way: Way,
    /// Whose it is.
    pub(super) client: ClientAddr,
    /// The snapshot that it was last held against.
    pub(super) generation: u64,
    /// It is to choose again and has found nowhere to go: when it looks again, if nothing is published before.
    pub(super) looks_again: Option<Instant>,
    /// Its access point has refused a datagram: the next one chooses again.
    pub(super) refused: bool,
    /// When it did so last.
    pub(super) refused_at: Option<Instant>,
    /// Who has refused since somebody answered: they are passed over, as far as there is anybody else.
    pub(super) refused_by: ArrayVec<AccessPointId, REFUSALS>,
    /// It waits for its turn to be read.
    pub(super) queued: bool,
    /// Segmentation towards the DC.
    pub(super) up: Segmenting,
    /// Segmentation towards the client.
    pub(super) down: Segmenting,
    pub(super) began: Instant,
    pub(super) metrics: Rc<FlowMetrics>,
    pub(super) _places: Places,
}

/// What a flow takes of what there is; given back when dropped.
pub(super) struct Places {
    /// Counts it among the sessions of the worker: a drain must not overlook it.
    pub(super) _live: LiveSession,
    /// Counts it towards the listener's limit.
    pub(super) _permit: SessionPermit,
    /// Counts it towards its client's limit, if there is one.
    pub(super) _client: Option<ClientPermit>,
    /// Counts it towards the process's descriptors.
    pub(super) _place: SinglePlace,
}

impl Flow {
    /// Whether nothing has happened since it was held against a snapshot, of which this is the newest.
    pub(super) fn is_current(&self, generation: u64, now: Instant) -> bool {
        self.generation == generation && !self.refused && self.looks_again.is_none_or(|at| now < at)
    }

    /// It is over.
    pub(super) fn end(self, end: FlowEnd, now: Instant) {
        self.metrics.ended(end).inc();
        self.metrics.seconds.observe(now.saturating_duration_since(self.began).as_secs_f64());
    }
}

/// The access point that a flow has, and the socket that leads there.
pub(super) struct Way {
    /// Connected.
    pub(super) socket: UdpSocket,
    /// Which one.
    pub(super) id: AccessPointId,
    /// The counters of its DC.
    pub(super) metrics: Rc<FlowDcMetrics>,
    /// It has answered.
    pub(super) answered: bool,
    /// The DC, if the listener is to remember that its client was given it.
    pub(super) remember: Option<DcId>,
    /// Its place in its DC, and at its access point.
    pub(super) permit: SlotPermit,
    /// The PROXY header that goes before each of its datagrams; empty where the DC wants none.
    pub(super) header: Box<[u8]>,
}

impl Way {
    /// The socket is connected: the flow counts among those of its access point and DC.
    pub(super) fn open(
        (socket, mut permit): (UdpSocket, SlotPermit),
        id: AccessPointId,
        metrics: Rc<FlowDcMetrics>,
        remember: Option<DcId>,
        header: Box<[u8]>,
    ) -> Self {
        metrics.active.inc();
        permit.connected();
        Self { socket, id, metrics, answered: false, remember, permit, header }
    }
}

impl Way {
    /// The DC may want another header than it did, or none.
    pub(super) fn announce(&mut self, snapshot: &Snapshot, announced: &Announced) {
        let topology = &snapshot.topology;
        let dc = topology.find_dc(self.id.dc).map(|index| topology.dc(index));
        let send_proxy = dc.and_then(|dc| dc.send_proxy);
        if dc.is_some() && (send_proxy == Some(SendProxy::V2)) == self.header.is_empty() {
            self.header = header(send_proxy, announced);
        }
    }
}

/// What goes before each datagram for a DC that wants to know whose it is.
pub(super) fn header(send_proxy: Option<SendProxy>, announced: &Announced) -> Box<[u8]> {
    match send_proxy {
        // No more than the addresses: every datagram pays for it.
        Some(SendProxy::V2) => v2(Transport::Datagram, announced, None).into(),
        // Configuration lists no access point for UDP in a DC with version 1, which has no form for it.
        Some(SendProxy::V1) | None => Box::default(),
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        // Its topology may be gone, and with it who would have.
        self.metrics.flush();
        self.metrics.active.dec();
    }
}
