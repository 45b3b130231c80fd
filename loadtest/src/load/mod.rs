//! Making load: clients on one thread that count what they get done.
//!
//! A closed loop begins an operation when the last one is done, or the window of a bulk flow has room, so
//! that the load adapts to the proxy and never piles up; an open loop begins them at fixed times.

mod bulk;
mod client;
mod connects;
mod content;
mod idle;
mod mixed;
mod opening;
mod pacer;
mod plan;
mod round_trips;
mod tally;
#[cfg(test)]
mod tests;
mod udp;
mod workload;

pub(crate) use bulk::PACE_BYTES_PER_SECOND;
pub(crate) use mixed::Shares;
pub(crate) use plan::{Arrival, OnFailure, Opening, Plan, Sources, warm_up};
pub(crate) use tally::{Counts, Failure, Latencies, Tally};
pub(crate) use udp::BULK_DATAGRAM;
pub(crate) use workload::{Appetite, LONGEST_CHAT, Pace, Transport, Unit, Workload};

use client::{Client, Role};
use pacer::{Pacer, Schedule, Turns};
use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Running clients. Dropping it ends them.
#[derive(Debug)]
pub(crate) struct Load {
    plan: Plan,
    clients: JoinSet<io::Result<()>>,
    tally: Tally,
    ending: watch::Sender<bool>,
    /// When operations are due, if that does not depend on those before.
    schedule: Option<Schedule>,
}

impl Load {
    /// Opens all sessions that stay, then lets the clients begin.
    ///
    /// # Errors
    /// `Connect` of the first that cannot, if a failure ends the load. If it does not, it is counted, and
    /// the sessions that are missing are opened under load.
    pub(crate) async fn start(plan: Plan, target: SocketAddr) -> Result<Load, LoadError> {
        let tally = Tally::default();
        let ending = watch::Sender::new(false);
        let client = |number| Client {
            plan,
            target,
            tally: tally.clone(),
            turns: Turns::AtOnce,
            ending: ending.subscribe(),
            role: Role::of(plan.workload, number),
            number,
            sessions: 0,
            first: None,
        };
        let mut clients: Vec<Client> = (0..plan.workload.clients()).map(client).collect();
        for client in &mut clients {
            match (client.prepare().await, plan.on_failure) {
                (Ok(()), _) => {}
                (Err(error), OnFailure::End) => return Err(LoadError::Connect(error)),
                (Err(error), OnFailure::BeginAnew) => {
                    tally.fail(&error);
                    break;
                }
            }
        }
        let mut load = Load { plan, clients: JoinSet::new(), tally, ending, schedule: None };
        load.take_turns(&mut clients).map_err(LoadError::Timer)?;
        for client in clients {
            load.clients.spawn(client.run());
        }
        Ok(load)
    }

    /// Tells clients when their operations are due, if they are due at all.
    fn take_turns(&mut self, clients: &mut [Client]) -> io::Result<()> {
        let mixture = self.plan.workload.mixture();
        let per_second = match (self.plan.arrival, mixture) {
            (Arrival::Open { per_second }, _) => per_second,
            (Arrival::Closed, Some((shares, _))) => shares.per_second(),
            (Arrival::Closed, None) => return Ok(()),
        };
        let schedule = Schedule::new(Instant::now(), per_second);
        let pacer = Pacer::new(schedule)?;
        if mixture.is_some() {
            // Each chat has its own rhythm.
            let talks = |client: &&mut Client| matches!(client.role, Role::RoundTrips(_));
            let mut senders = Vec::new();
            for client in clients.iter_mut().filter(talks) {
                let (sender, turns) = mpsc::channel(mixed::BACKLOG);
                client.turns = Turns::Own(turns);
                senders.push(sender);
            }
            self.clients.spawn(pacer::share_out(pacer, senders, self.tally.clone()));
        } else {
            let pacer = Arc::new(Mutex::new(pacer));
            for client in clients {
                client.turns = Turns::Shared(Arc::clone(&pacer));
            }
        }
        self.schedule = Some(schedule);
        Ok(())
    }

    /// What was done since the start.
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// How many operations of an open loop were due since the start; `None` of a closed loop, in which
    /// none is.
    pub(crate) fn due(&self) -> Option<u64> {
        self.schedule.map(|schedule| schedule.due(Instant::now()))
    }

    /// Lets the load run on; an error if a client ends meanwhile, since none does by itself.
    pub(crate) async fn run_for(&mut self, time: Duration) -> Result<(), LoadError> {
        match timeout(time, self.clients.join_next()).await {
            Err(_) => Ok(()),
            Ok(Some(Ok(Err(source)))) => Err(LoadError::Client(source)),
            Ok(None | Some(Ok(Ok(())) | Err(_))) => Err(LoadError::Ended),
        }
    }

    /// Ends the load in order. Verified uploads are compared with what the sink has received; else the
    /// same as [`Load::stop`].
    ///
    /// # Errors
    /// `Client` of the first upload that did not arrive, if a failure ends the load.
    pub(crate) async fn finish(mut self) -> Result<(), LoadError> {
        if self.plan.verify && matches!(self.plan.workload, Workload::Upload { .. }) {
            self.ending.send_replace(true);
            while let Some(ended) = self.clients.join_next().await {
                ended.map_err(|_| LoadError::Ended)?.map_err(LoadError::Client)?;
            }
        }
        self.stop().await;
        Ok(())
    }

    /// Closes all connections.
    pub(crate) async fn stop(mut self) {
        self.clients.shutdown().await;
    }
}

#[derive(Debug)]
pub(crate) enum LoadError {
    Connect(io::Error),
    Timer(io::Error),
    Client(io::Error),
    Ended,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LoadError::Connect(_) => "a client cannot connect",
            LoadError::Timer(_) => "there is no timer for an open loop",
            LoadError::Client(_) => "a client failed under load",
            LoadError::Ended => "a session ended under load",
        })
    }
}

impl Error for LoadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            LoadError::Connect(source) | LoadError::Timer(source) | LoadError::Client(source) => {
                Some(source)
            }
            LoadError::Ended => None,
        }
    }
}
