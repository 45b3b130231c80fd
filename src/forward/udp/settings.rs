//! What holds for the flows of a listener, as one worker has it.

use std::rc::Rc;
use std::sync::Arc;

use crate::config::{self, UdpOptions};
use crate::forward::gate::Gate;
use crate::forward::per_dc::PerDc;
use crate::forward::plane::Context;
use crate::forward::refusal_log::RefusalLog;
use crate::forward::remembering::Remembering;
use crate::memory::ListenerSample;
use crate::metrics::Metrics;
use crate::metrics::udp::{FlowDcMetrics, FlowMetrics};
use crate::routing::topology::ListenerRoute;
use crate::routing::{DcId, FlowTimes, Limit, Topology};
use crate::sessions::ListenerSessions;

/// What holds for the flows of a listener, with its metrics resolved.
pub(super) struct Settings {
    /// As configured.
    pub(super) config: Arc<config::Listener>,
    /// How it routed when these settings came: for a client that comes while it is being removed.
    pub(super) route: Option<ListenerRoute>,
    /// Its counters.
    pub(super) metrics: Rc<FlowMetrics>,
    /// What it remembers of its clients, if anything.
    pub(super) sticky: Option<Remembering>,
    /// Who came to it lately; `None` while it is being removed.
    pub(super) seen: Option<Arc<ListenerSample>>,
    /// Its flows, over all workers.
    pub(super) flows: Arc<ListenerSessions>,
    /// Lets clients begin one.
    pub(super) gate: Gate,
    /// Which refusals the log tells of.
    pub(super) refusals: RefusalLog,
    dcs: PerDc<FlowDcMetrics>,
}

impl Settings {
    /// As `config` says.
    pub(super) fn new(context: &Context, config: Arc<config::Listener>) -> Self {
        let flows = context.sessions.of_listener(&config.name);
        let per_client = config.udp.flows_per_client.map(|most| (most, Limit::FlowsPerClient));
        Self {
            route: context.snapshots.load().topology.route(&config.name).cloned(),
            metrics: Rc::new(FlowMetrics::resolve(&context.metrics, &config.name)),
            sticky: Remembering::resolve(context, &config.name),
            seen: context.seen.of_listener(&config.name),
            gate: Gate::new(&config.limits, per_client, &flows),
            flows,
            refusals: RefusalLog::default(),
            dcs: PerDc::default(),
            config,
        }
    }

    /// What is configured for UDP.
    pub(super) fn udp(&self) -> &UdpOptions {
        &self.config.udp
    }

    /// How long its flows may be idle. Who drains waits for nobody who has paused: a flow that was quiet
    /// for as long as an unanswered one may be has ended for all that anybody knows.
    pub(super) fn times(&self, draining: bool) -> FlowTimes {
        let UdpOptions { idle, unanswered_idle: unanswered, .. } = *self.udp();
        FlowTimes { idle: if draining { idle.min(unanswered) } else { idle }, unanswered }
    }

    /// Shows everybody what was counted of its DCs since the last time.
    pub(super) fn flush(&self) {
        self.dcs.each(FlowDcMetrics::flush);
    }

    /// The counters of a DC, resolved at its first flow.
    pub(super) fn dc_metrics(
        &self,
        metrics: &Metrics,
        topology: &Arc<Topology>,
        dc: DcId,
    ) -> Rc<FlowDcMetrics> {
        let resolve = || FlowDcMetrics::resolve(metrics, &self.config.name, dc);
        self.dcs.resolve(topology, dc, resolve)
    }
}
