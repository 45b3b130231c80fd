//! Drives the attempt plan: dials what it says, waits as long as it says, tells it what came of it.

use std::fmt;
use std::time::{Duration, Instant};

use tokio::time::timeout_at;

use super::dials::{Dials, Ended, Permits};
use super::hedge::Hedge;
use super::listener::Settings;
use super::worker::Worker;
use crate::config;
use crate::net::{Dial, DialError, Egress, Keepalive, PeerWatch, ResetOnDrop};
use crate::routing::{
    Attempt, AttemptPlan, Client, ClientAddr, ConnectFailure, GiveUp, Ranking, SlotPermit,
    Snapshot, Step, topology,
};

/// An upstream that answered.
pub(super) struct Connected {
    /// Its connection, which no session has yet.
    pub(super) stream: ResetOnDrop,
    /// The dial that won.
    pub(super) attempt: Attempt,
    /// Its place among the sessions of its DC.
    pub(super) permit: SlotPermit,
    /// A dial that was merely silent lost: nothing has failed.
    pub(super) hedged: bool,
    /// Since the first dial.
    pub(super) took: Duration,
    /// When that was over.
    pub(super) at: Instant,
}

/// No upstream could be had.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConnectError(pub(super) GiveUp);

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            GiveUp::NoCandidate => "no DC is a candidate",
            GiveUp::Full => {
                "every candidate has as many sessions, or connects in flight, as it may have"
            }
            GiveUp::Failed => "every attempt failed",
            GiveUp::Deadline => "connect.deadline passed",
        })
    }
}

/// Dials until one access point answers or the plan gives up. Whatever else is in flight then, or
/// when the future is dropped, is reset.
pub(super) async fn connect_upstream(
    worker: &Worker,
    settings: &Settings,
    snapshot: &Snapshot,
    ranking: &Ranking,
    client: &Client,
) -> Result<Connected, ConnectError> {
    let began = Instant::now();
    let mut connecting = Connecting {
        worker,
        settings,
        snapshot,
        client,
        overflow: ranking.overflow,
        plan: AttemptPlan::new(ranking, client, snapshot.topology.connect(), began),
        dials: Dials::default(),
    };
    // Time passes while a dial is waited for: the rest takes none that would matter.
    let mut now = began;
    loop {
        match connecting.plan.next(snapshot, now) {
            Step::Dial(attempt) => connecting.start(attempt),
            Step::Abandon { attempt, timed_out } => connecting.abandon(attempt, timed_out),
            Step::Wait(until) => {
                let ended = timeout_at(until.into(), connecting.dials.next()).await;
                now = Instant::now();
                match ended {
                    Ok(Ended { attempt, hedge, permit, result: Ok(stream) }) => {
                        let hedged = connecting.connected(attempt, hedge);
                        let (stream, took) = (stream.into(), now.saturating_duration_since(began));
                        return Ok(Connected { stream, attempt, permit, hedged, took, at: now });
                    }
                    Ok(Ended { attempt, result: Err(error), .. }) => {
                        connecting.failed(attempt, &error);
                    }
                    Err(_elapsed) => {}
                }
            }
            // Others were faster than the ranking knew.
            Step::GiveUp(GiveUp::Full) if !connecting.overflow => {
                let beyond = ranking.beyond_capacity(snapshot.topology.policy());
                connecting.begin_anew(&beyond.ok_or(ConnectError(GiveUp::Full))?);
            }
            Step::GiveUp(why) => return Err(ConnectError(why)),
        }
    }
}

/// A session that has no upstream yet.
struct Connecting<'a> {
    worker: &'a Worker,
    settings: &'a Settings,
    snapshot: &'a Snapshot,
    client: &'a Client,
    /// Whether it may go where there is no room.
    overflow: bool,
    plan: AttemptPlan,
    dials: Dials,
}

impl Connecting<'_> {
    /// Begins again with another ranking, when nothing is in flight.
    fn begin_anew(&mut self, ranking: &Ranking) {
        let limits = self.snapshot.topology.connect();
        self.plan = AttemptPlan::new(ranking, self.client, limits, Instant::now());
        self.overflow = ranking.overflow;
    }

    /// Starts a dial, if its DC has room for one more and, for a hedge, if there is budget.
    fn start(&mut self, attempt: Attempt) {
        let is_hedge = attempt.hedge_of.is_some();
        let descriptor = is_hedge.then(|| self.worker.shared.descriptors.reserve_hedge());
        if let Some(None) = descriptor {
            // Those that are left are of probes and of sessions that have none yet.
            return self.plan.on_no_budget(attempt, Instant::now());
        }
        let permits = Permits::reserve(self.snapshot, attempt, self.overflow, descriptor.flatten());
        let permits = match permits {
            Ok(permits) => permits,
            Err(full) => return self.plan.on_full(attempt, full),
        };
        // A hedge is made while one other dial is in flight.
        let silent = self.dials.oldest().filter(|_| is_hedge);
        let hedge = match silent.map(|silent| self.hedge(silent)) {
            None => None,
            Some(None) => return self.plan.on_no_budget(attempt, Instant::now()),
            Some(Some(hedge)) => Some(hedge),
        };
        if attempt.number == 1 {
            self.snapshot.dc(attempt.dc).slot.session_began();
        }
        let address = self.snapshot.topology.access_point(attempt.access_point).id.address.socket;
        let sources = self.snapshot.sources(attempt.dc, address.ip());
        let egress = egress(&self.snapshot.topology.dc(attempt.dc).egress);
        match Dial::begin(address, sources, egress) {
            Ok(dial) => self.dials.add(attempt, dial, permits, hedge),
            Err(error) => {
                drop((permits, hedge));
                self.failed(attempt, &error);
            }
        }
    }

    /// What the hedge of a silent dial costs, unless its DC has no budget left. One whose access point
    /// has been found dead since the session began costs nothing: nobody begins with that one any more.
    /// Where all are Down and dialled all the same, the budget holds.
    fn hedge(&self, silent: Attempt) -> Option<Hedge> {
        let topology = &self.snapshot.topology;
        let metrics = &self.worker.shared.context.metrics;
        let metrics = self.settings.dc_metrics(metrics, topology, topology.dc(silent.dc).id);
        let newest = self.worker.shared.context.snapshots.load();
        if self.snapshot.has_gone_down(silent.access_point, &newest) {
            return Some(Hedge::free(silent, metrics));
        }
        Hedge::spend(silent, &self.snapshot.dc(silent.dc).slot, metrics)
    }

    fn abandon(&mut self, attempt: Attempt, timed_out: bool) {
        self.dials.abandon(attempt);
        if timed_out {
            self.count_failed(attempt, ConnectFailure::Timeout);
        }
    }

    fn failed(&mut self, attempt: Attempt, error: &DialError) {
        self.count_failed(attempt, ConnectFailure::new(&error.source, error.sent));
        self.plan.on_failed(attempt);
    }

    fn count_failed(&self, attempt: Attempt, failure: ConnectFailure) {
        count_failed(self.worker, self.snapshot, self.client.addr, attempt, failure);
    }

    /// Ends all other dials. Returns whether this one won because others were silent.
    fn connected(&mut self, attempt: Attempt, hedge: Option<Hedge>) -> bool {
        self.snapshot.access_point(attempt.access_point).slot.record_connected();
        let overtaken = self.plan.on_connected(attempt);
        for silent in &overtaken {
            let access_point = self.snapshot.topology.access_point(silent.access_point).id;
            tracing::debug!(%access_point, "dial overtaken");
            let slot = &self.snapshot.access_point(silent.access_point).slot;
            self.worker.shared.context.evidence.overtaken(slot);
        }
        self.dials.lose_to(attempt);
        let hedged = hedge.is_some() || !overtaken.is_empty();
        if let Some(hedge) = hedge {
            hedge.won();
        }
        hedged
    }
}

/// Counts a dial for this client of which nothing came, and holds it against the access point if it is its
/// failure.
pub(super) fn count_failed(
    worker: &Worker,
    snapshot: &Snapshot,
    client: ClientAddr,
    attempt: Attempt,
    failure: ConnectFailure,
) {
    let context = &worker.shared.context;
    let id = snapshot.topology.access_point(attempt.access_point).id;
    context.metrics.connect_failed(id, failure);
    if failure.is_evidence() {
        let slot = &snapshot.access_point(attempt.access_point).slot;
        snapshot.dc(attempt.dc).slot.member_failed(slot);
        context.evidence.failed_connect(slot, client.network());
    }
    tracing::debug!(access_point = %id, reason = failure.as_str(), "dial failed");
}

/// What sockets towards a DC leave by.
pub(super) fn egress(of_dc: &topology::Egress) -> Egress<'_> {
    Egress { mark: of_dc.mark, interface: of_dc.interface.as_deref() }
}

/// How sockets find that a peer is gone.
pub(super) fn peer_watch(tcp: &config::TcpOptions) -> PeerWatch {
    let config::Keepalive { idle, interval, count } = tcp.keepalive;
    PeerWatch { keepalive: Keepalive { idle, interval, count }, user_timeout: tcp.user_timeout }
}
