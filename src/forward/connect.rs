//! Drives the attempt plan: dials what it says, waits as long as it says, tells it what came of it.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::timeout_at;

use super::worker::Worker;
use crate::config;
use crate::net::{self, DialError, DialOptions, Keepalive};
use crate::routing::{
    Attempt, AttemptPlan, Client, ConnectFailure, DcSlot, GiveUp, Ranking, Snapshot, Step,
};

/// An upstream that answered.
pub(super) struct Connected {
    /// Its connection.
    pub(super) stream: TcpStream,
    /// The dial that won.
    pub(super) attempt: Attempt,
    /// Since the first dial.
    pub(super) took: Duration,
}

/// No upstream could be had.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConnectError(pub(super) GiveUp);

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            GiveUp::NoCandidate => "no DC is a candidate",
            GiveUp::Full => "every candidate has as many connects in flight as it may have",
            GiveUp::Failed => "every attempt failed",
            GiveUp::Deadline => "connect.deadline passed",
        })
    }
}

/// Dials until one access point answers or the plan gives up.
pub(super) async fn connect_upstream(
    worker: &Worker,
    snapshot: &Snapshot,
    ranking: &Ranking,
    client: &Client,
    listener: &config::Listener,
) -> Result<Connected, ConnectError> {
    let began = Instant::now();
    let options = dial_options(&listener.tcp);
    let limits = snapshot.topology.connect();
    let mut plan = AttemptPlan::new(ranking, client, limits, began);
    let mut dials = Dials::default();
    loop {
        match plan.next(snapshot, Instant::now()) {
            Step::Dial(attempt) => match ConnectPermit::reserve(snapshot, attempt) {
                Some(permit) => dials.start(snapshot, attempt, permit, options),
                None => plan.on_full(attempt),
            },
            Step::Abandon { attempt, timed_out } => {
                dials.abandon(attempt);
                if timed_out {
                    failed(worker, snapshot, client, attempt, ConnectFailure::Timeout);
                }
            }
            Step::Wait(until) => match timeout_at(until.into(), dials.next()).await {
                Ok((attempt, Ok(stream))) => {
                    return Ok(Connected { stream, attempt, took: began.elapsed() });
                }
                Ok((attempt, Err(error))) => {
                    failed(
                        worker,
                        snapshot,
                        client,
                        attempt,
                        ConnectFailure::new(&error.source, error.sent),
                    );
                    plan.on_failed(attempt);
                }
                Err(_elapsed) => {}
            },
            Step::GiveUp(why) => return Err(ConnectError(why)),
        }
    }
}

/// Counts a failed dial, and holds it against the access point if it is its failure.
fn failed(
    worker: &Worker,
    snapshot: &Snapshot,
    client: &Client,
    attempt: Attempt,
    failure: ConnectFailure,
) {
    let context = &worker.shared.context;
    let id = snapshot.topology.access_point(attempt.access_point).id;
    context.metrics.connect_failed(id, failure);
    if failure.is_evidence() {
        let slot = &snapshot.access_point(attempt.access_point).slot;
        context.evidence.failed_connect(slot, client.addr.network());
    }
    tracing::debug!(access_point = %id, reason = failure.as_str(), "dial failed");
}

fn dial_options(tcp: &config::TcpOptions) -> DialOptions {
    let config::Keepalive { idle, interval, count } = tcp.keepalive;
    DialOptions { keepalive: Keepalive { idle, interval, count }, user_timeout: tcp.user_timeout }
}

/// The dials in flight.
#[derive(Default)]
struct Dials {
    in_flight: Vec<Dial>,
}

struct Dial {
    attempt: Attempt,
    connecting: Pin<Box<dyn Future<Output = Result<TcpStream, DialError>>>>,
    _permit: ConnectPermit,
}

impl Dials {
    fn start(
        &mut self,
        snapshot: &Snapshot,
        attempt: Attempt,
        permit: ConnectPermit,
        options: DialOptions,
    ) {
        let address = snapshot.topology.access_point(attempt.access_point).id.address;
        let connecting = Box::pin(async move { net::dial(address, Some(&options)).await });
        self.in_flight.push(Dial { attempt, connecting, _permit: permit });
    }

    /// Dropping a dial closes its socket before a byte was sent.
    fn abandon(&mut self, attempt: Attempt) {
        self.in_flight.retain(|dial| dial.attempt != attempt);
    }

    /// The next dial that comes to an end; pending for ever while there is none.
    async fn next(&mut self) -> (Attempt, Result<TcpStream, DialError>) {
        poll_fn(|cx| {
            for at in 0..self.in_flight.len() {
                if let Poll::Ready(result) = self.in_flight[at].connecting.as_mut().poll(cx) {
                    return Poll::Ready((self.in_flight.swap_remove(at).attempt, result));
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// A place among the connects in flight to a DC.
struct ConnectPermit {
    slot: Arc<DcSlot>,
}

impl ConnectPermit {
    fn reserve(snapshot: &Snapshot, attempt: Attempt) -> Option<Self> {
        let slot = &snapshot.dc(attempt.dc).slot;
        let most = snapshot.topology.dc(attempt.dc).max_connecting;
        slot.reserve_connect(most).then(|| Self { slot: Arc::clone(slot) })
    }
}

impl Drop for ConnectPermit {
    fn drop(&mut self) {
        self.slot.release_connect();
    }
}
