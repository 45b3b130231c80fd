//! The clients of the live DCs: sessions that stay, and sessions that come and go.
//!
//! All of them are closed loops on one thread, from many addresses of loopback, so that they spread
//! over the DCs and no source address runs out of ports.

use crate::load::{Latencies, Load, LoadError, OnFailure, Plan, Sources, Workload};
use std::net::SocketAddr;

/// What is sent and has to come back.
const BYTES: u32 = 64;
/// Addresses that clients use in turn.
const SOURCES: u32 = 1000;

/// What clients have met since somebody looked last.
#[derive(Clone, Debug, Default)]
pub(super) struct Recording {
    /// Round trips in sessions that stay.
    pub(super) round_trips: Latencies,
    /// Whole sessions: connect, a round trip, and an orderly end.
    pub(super) sessions: Latencies,
    /// What went wrong.
    pub(super) failures: u64,
    /// The first of it.
    pub(super) first_failure: Option<String>,
}

impl Recording {
    pub(super) fn merge(&mut self, other: Recording) {
        self.round_trips.merge(&other.round_trips);
        self.sessions.merge(&other.sessions);
        self.failures += other.failures;
        self.first_failure = self.first_failure.take().or(other.first_failure);
    }
}

/// Running clients. Dropping it ends them.
#[derive(Debug)]
pub(super) struct Clients {
    staying: Load,
    going: Load,
    /// Failures that somebody has looked at.
    seen: u64,
}

impl Clients {
    /// Opens `staying` sessions to `target`, and lets so many others come and go. A session that is lost
    /// is a failure, and made up for by another.
    pub(super) async fn start(
        target: SocketAddr,
        staying: u32,
        going: u32,
    ) -> Result<Clients, LoadError> {
        let plan = |workload| Plan {
            sources: Sources::new(SOURCES).expect("not more than there are"),
            on_failure: OnFailure::BeginAnew,
            ..Plan::new(workload)
        };
        let staying = plan(Workload::RoundTrips { sessions: staying, bytes: BYTES });
        let going = plan(Workload::Connects { clients: going, bytes: BYTES });
        Ok(Clients {
            staying: Load::start(staying, target).await?,
            going: Load::start(going, target).await?,
            seen: 0,
        })
    }

    /// What they have met since the last call.
    pub(super) fn take(&mut self) -> Recording {
        let loads = [&self.staying, &self.going].map(Load::tally);
        let failed: u64 = loads.iter().map(|tally| tally.counts().failed).sum();
        let failures = failed - self.seen;
        self.seen = failed;
        let first = loads.iter().flat_map(|tally| tally.failures()).next();
        let [staying, going] = loads;
        Recording {
            round_trips: staying.take_latencies(),
            sessions: going.take_latencies(),
            failures,
            first_failure: first.filter(|_| failures > 0).map(|failure| failure.first),
        }
    }

    /// Closes all connections.
    pub(super) async fn stop(self) {
        self.staying.stop().await;
        self.going.stop().await;
    }
}
