//! Clients that come at a steady pace, whatever becomes of those before them: a fault that holds some
//! up keeps nobody from coming.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nearpoint::stub::Whoami;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval};

use super::client::Client;
use super::{eventually, within};

/// What every client says.
const HELLO: &[u8] = b"hello";

/// One session, begun and ended.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    /// Who was announced.
    pub(crate) client: IpAddr,
    /// Before the client connected.
    pub(crate) began: Instant,
    /// From there to the first byte of a DC; `None` if there was none.
    pub(crate) answered_after: Option<Duration>,
    /// Who answered, or what went wrong before the session had ended in order.
    pub(crate) answered: Result<Whoami, String>,
}

/// New sessions, one every so often.
pub(crate) struct Arrivals {
    ended: Arc<Mutex<Vec<Arrival>>>,
    stop: oneshot::Sender<()>,
    coming: JoinHandle<()>,
}

impl Arrivals {
    /// Lets one of `clients` after the other come to the listener at `at`, a `pace` apart.
    pub(crate) fn start(at: SocketAddr, clients: Vec<IpAddr>, pace: Duration) -> Self {
        let ended = Arc::default();
        let (stop, stopped) = oneshot::channel();
        let coming = tokio::spawn(come(at, clients, pace, Arc::clone(&ended), stopped));
        Self { ended, stop, coming }
    }

    /// Those who came since `then` and whose sessions have ended.
    pub(crate) fn since(&self, then: Instant) -> Vec<Arrival> {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.iter().filter(|arrival| arrival.began >= then).cloned().collect()
    }

    /// Waits until the sessions of `count` clients that came since `then` have ended.
    pub(crate) async fn until(&self, count: usize, then: Instant) {
        let come = async || (self.since(then).len() >= count).then_some(());
        eventually(&format!("{count} clients have come and gone"), come).await;
    }

    /// Lets nobody come any more, and returns what became of all once the last session has ended.
    pub(crate) async fn stop(self) -> Vec<Arrival> {
        drop(self.stop);
        within("the last session ends", self.coming).await.expect("no panic");
        std::mem::take(&mut *self.ended.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn come(
    at: SocketAddr,
    clients: Vec<IpAddr>,
    pace: Duration,
    ended: Arc<Mutex<Vec<Arrival>>>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut sessions = JoinSet::new();
    let mut pace = interval(pace);
    // Whoever is late on a busy machine comes late, and not together with others.
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for client in clients.into_iter().cycle() {
        tokio::select! {
            _ = pace.tick() => {}
            _ = &mut stopped => break,
        }
        let ended = Arc::clone(&ended);
        sessions.spawn(async move {
            let arrival = arrive(at, client).await;
            ended.lock().unwrap_or_else(PoisonError::into_inner).push(arrival);
        });
    }
    while let Some(session) = sessions.join_next().await {
        session.expect("a client that does not panic");
    }
}

async fn arrive(at: SocketAddr, client: IpAddr) -> Arrival {
    let began = Instant::now();
    let mut answered_after = None;
    let answered = session(at, client, || answered_after = Some(began.elapsed())).await;
    let answered = answered.map_err(|error| error.to_string());
    Arrival { client, began, answered_after, answered }
}

/// Speaks first, which serves DCs that speak first, too.
async fn session(at: SocketAddr, client: IpAddr, answers: impl FnOnce()) -> io::Result<Whoami> {
    let mut session = Client::announced(at, client).await?;
    session.send(HELLO).await?;
    let who = session.who().await?;
    answers();
    session.hear(HELLO).await?;
    session.finish().await?;
    Ok(who)
}
