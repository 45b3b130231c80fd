//! Clients that open one session after the other.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use nearpoint::stub::Whoami;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::client::who_answers;
use super::within;

/// One session of the load.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// Who was announced.
    pub(crate) client: IpAddr,
    /// Before the client connected.
    pub(crate) began: Instant,
    /// After the session, or the failure.
    pub(crate) ended: Instant,
    /// Who answered, or what went wrong.
    pub(crate) answered: Result<Whoami, String>,
}

/// A closed loop of sessions from each of many clients.
pub(crate) struct Load {
    clients: JoinSet<()>,
    outcomes: Arc<Mutex<Vec<Outcome>>>,
    /// Completed sessions, by client.
    counts: watch::Receiver<Vec<u64>>,
    stop: watch::Sender<bool>,
}

impl Load {
    /// Starts a loop for each of `clients`, all to the listener at `at`.
    pub(crate) fn start(at: SocketAddr, clients: &[IpAddr]) -> Self {
        let outcomes = Arc::new(Mutex::new(Vec::new()));
        let (counts, counted) = watch::channel(vec![0; clients.len()]);
        let counts = Arc::new(counts);
        let (stop, _) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for (number, client) in clients.iter().copied().enumerate() {
            let (outcomes, counts) = (Arc::clone(&outcomes), Arc::clone(&counts));
            let stopped = stop.subscribe();
            tasks.spawn(async move {
                while !*stopped.borrow() {
                    let began = Instant::now();
                    let session = within("a session of the load", who_answers(at, client)).await;
                    let answered = session.map_err(|error| error.to_string());
                    let outcome = Outcome { client, began, ended: Instant::now(), answered };
                    outcomes.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
                    counts.send_modify(|counts| counts[number] += 1);
                }
            });
        }
        Self { clients: tasks, outcomes, counts: counted, stop }
    }

    /// Waits until every client has begun and ended another `sessions`.
    pub(crate) async fn go_on(&self, sessions: u64) {
        let mut counts = self.counts.clone();
        // The first one may have begun before.
        let goals: Vec<u64> = counts.borrow().iter().map(|count| count + 1 + sessions).collect();
        let reached = counts.wait_for(|counts| counts.iter().zip(&goals).all(|(at, to)| at >= to));
        within("all clients go on", reached).await.expect("the clients live");
    }

    /// What became of the sessions that began since then.
    pub(crate) fn since(&self, then: Instant) -> Vec<Outcome> {
        let outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        outcomes.iter().filter(|outcome| outcome.began >= then).cloned().collect()
    }

    /// Lets the sessions under way end, and returns what became of all.
    pub(crate) async fn stop(mut self) -> Vec<Outcome> {
        self.stop.send_replace(true);
        while let Some(ended) = self.clients.join_next().await {
            ended.expect("a client that does not panic");
        }
        std::mem::take(&mut *self.outcomes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
