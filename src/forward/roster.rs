//! Who is connected through a worker: for operators who look, and who end sessions.

use std::fmt;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::worker::{Command, Worker};
use crate::sessions::{OpenSession, Which};

/// Longer than a worker that lives takes to look through all that it has.
const PATIENCE: Duration = Duration::from_secs(5);

/// What workers are asked about their sessions and flows.
pub(super) enum RosterQuery {
    /// To show those that fit.
    Show(Which, oneshot::Sender<Listing>),
    /// To end those that fit, and say how many these were.
    End(Which, oneshot::Sender<usize>),
}

/// Sessions and flows that fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// As many of them as were asked for.
    pub sessions: Vec<OpenSession>,
    /// How many others there are.
    pub more: usize,
}

impl Listing {
    /// One more that fits: it is shown if there is room, and counted otherwise.
    fn add(&mut self, session: impl FnOnce() -> OpenSession, which: &Which) {
        match which.room_beside(self.sessions.len()) {
            0 => self.more += 1,
            _ => self.sessions.push(session()),
        }
    }
}

/// A worker has not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerSilent {
    /// How many the others have ended.
    pub ended: usize,
}

impl fmt::Display for WorkerSilent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a worker of the data plane does not answer")?;
        match self.ended {
            0 => Ok(()),
            ended => write!(f, "; the others have ended {ended}"),
        }
    }
}

impl std::error::Error for WorkerSilent {}

/// Asks all workers about their sessions and flows.
#[derive(Clone, Default)]
pub struct RosterDesk {
    pub(super) workers: Vec<mpsc::UnboundedSender<Command>>,
}

impl RosterDesk {
    /// Those that fit.
    ///
    /// # Errors
    /// When a worker is stuck, or the daemon ends.
    pub async fn show(&self, which: &Which) -> Result<Listing, WorkerSilent> {
        let mut listing = Listing::default();
        for worker in &self.workers {
            let limit = which.limit.map(|limit| limit.saturating_sub(listing.sessions.len()));
            let wanted = Which { limit, ..which.clone() };
            let found = ask(worker, |told| RosterQuery::Show(wanted, told)).await;
            let found = found.ok_or(WorkerSilent { ended: 0 })?;
            listing.sessions.extend(found.sessions);
            listing.more += found.more;
        }
        Ok(listing)
    }

    /// Ends those that fit, and says how many these were. Sessions are reset; a client of a flow that
    /// goes on gets another one.
    ///
    /// # Errors
    /// When a worker is stuck, or the daemon ends; then others have ended theirs.
    pub async fn end(&self, which: &Which) -> Result<usize, WorkerSilent> {
        let mut ended = 0;
        for worker in &self.workers {
            let limit = which.limit.map(|limit| limit.saturating_sub(ended));
            let wanted = Which { limit, ..which.clone() };
            let found = ask(worker, |told| RosterQuery::End(wanted, told)).await;
            ended += found.ok_or(WorkerSilent { ended })?;
        }
        Ok(ended)
    }
}

async fn ask<T>(
    worker: &mpsc::UnboundedSender<Command>,
    query: impl FnOnce(oneshot::Sender<T>) -> RosterQuery,
) -> Option<T> {
    let (tell, told) = oneshot::channel();
    worker.send(Command::Roster(query(tell))).ok()?;
    timeout(PATIENCE, told).await.ok()?.ok()
}

impl Worker {
    /// Answers about its sessions and flows.
    pub(super) fn answer(&self, query: RosterQuery) {
        // Who asked may have given up.
        match query {
            RosterQuery::Show(which, told) => {
                let mut listing = Listing::default();
                for (_, session) in self.wheel.borrow().sessions(&which) {
                    listing.add(|| session.clone(), &which);
                }
                if let Some(udp) = self.udp() {
                    udp.visit(&which, |session| listing.add(|| session, &which));
                }
                let _ = told.send(listing);
            }
            // What nobody hears of is not done.
            RosterQuery::End(_, told) if told.is_closed() => {}
            RosterQuery::End(which, told) => {
                let most = which.room_beside(0);
                let mut ended = self.wheel.borrow_mut().kill(&which, most);
                if let Some(udp) = self.udp() {
                    ended += udp.kill(&which, most - ended);
                }
                let _ = told.send(ended);
            }
        }
    }
}
