//! The clients: some come all the time, others have come and stay.
//!
//! They live on a thread of their own, whose sockets are of the clients' host in the lab.

mod arrivals;
mod client;
mod datagrams;
mod held;

use super::record::{Arrival, Failure, Flows, Interruption};
use crate::lab::layout::CLIENTS_V4;
use crate::lab::namespace::Entrance;
use arrivals::Arrivals;
use datagrams::Datagrams;
use held::Held;
use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How many clients come, and stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// New sessions a second.
    pub(super) new_per_second: u32,
    /// Sessions that are held open.
    pub(super) held: u32,
    /// The same of UDP: new flows a second, and flows that go on.
    pub(super) udp: Option<(u32, u32)>,
    /// New sessions a second to another port of the edge, and that port.
    pub(super) crowd: Option<(u32, u16)>,
}

/// What clients have met.
#[derive(Debug, Default)]
pub(super) struct Met {
    pub(super) arrivals: Vec<Arrival>,
    pub(super) interruptions: Vec<Interruption>,
    /// What clients of UDP have met.
    pub(super) flows: Flows,
    /// What those at the other port have met.
    pub(super) crowd: Vec<Arrival>,
}

/// Clients at work. Dropping it ends them without a word.
#[derive(Debug)]
pub(super) struct Load {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<io::Result<Met>>,
    /// The beginning, from which all times count.
    pub(super) began: Instant,
}

impl Load {
    /// Opens the sessions that are held, and returns when all of them have had an answer and the first
    /// client comes.
    pub(super) async fn start(
        clients: Entrance,
        target: SocketAddr,
        shape: Shape,
    ) -> Result<Load, LoadError> {
        let (stop, stopped) = oneshot::channel();
        let (ready, opened) = oneshot::channel();
        let thread = std::thread::Builder::new().name("clients".to_owned());
        let thread = thread.spawn(move || {
            clients.enter()?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(serve(target, shape, ready, stopped))
        });
        let thread = thread.map_err(LoadError::Clients)?;
        match opened.await {
            Ok(began) => Ok(Load { stop, thread, began }),
            // It has ended before it began: it says why.
            Err(_) => Err(match join(thread).await {
                Ok(_) => LoadError::Panicked,
                Err(error) => error,
            }),
        }
    }

    /// Lets nobody come any more, and returns what became of all.
    pub(super) async fn stop(self) -> Result<Met, LoadError> {
        drop(self.stop);
        join(self.thread).await
    }
}

async fn join(thread: JoinHandle<io::Result<Met>>) -> Result<Met, LoadError> {
    let joined = tokio::task::spawn_blocking(|| thread.join()).await;
    let met = joined.map_err(|_| LoadError::Panicked)?.map_err(|_| LoadError::Panicked)?;
    met.map_err(LoadError::Clients)
}

async fn serve(
    target: SocketAddr,
    shape: Shape,
    ready: oneshot::Sender<Instant>,
    stopped: oneshot::Receiver<()>,
) -> io::Result<Met> {
    let recorder = Recorder::default();
    let held = Held::open(target, shape.held, &recorder).await?;
    let datagrams = match shape.udp {
        Some((new, held)) => Some(Datagrams::start(target, new, held, &recorder).await?),
        None => None,
    };
    let began = Instant::now();
    recorder.change(|it| it.began = Some(began));
    let arrivals = Arrivals::start(target, shape.new_per_second, &recorder);
    let elsewhere = Recorder::default();
    elsewhere.change(|it| it.began = Some(began));
    let crowd = shape
        .crowd
        .map(|(new, port)| Arrivals::start(SocketAddr::new(target.ip(), port), new, &elsewhere));
    // Nobody waits for it only if the run is given up.
    let _ = ready.send(began);
    // It ends when the other side is dropped.
    let _ = stopped.await;
    // Those who wait are waited for, those who stay see it through.
    arrivals.stop().await;
    if let Some(crowd) = crowd {
        crowd.stop().await;
    }
    held.stop().await;
    if let Some(datagrams) = datagrams {
        datagrams.stop().await;
    }
    Ok(Met { crowd: elsewhere.take().arrivals, ..recorder.take() })
}

/// What the clients write down.
#[derive(Clone, Debug, Default)]
struct Recorder(Arc<Mutex<Notes>>);

#[derive(Debug, Default)]
struct Notes {
    /// `None` until the load has begun.
    began: Option<Instant>,
    met: Met,
}

impl Recorder {
    fn change(&self, change: impl FnOnce(&mut Notes)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Since the beginning; nothing before it.
    fn offset(&self, at: Instant) -> Duration {
        let mut offset = Duration::ZERO;
        self.change(|notes| {
            offset =
                notes.began.map_or(Duration::ZERO, |began| at.saturating_duration_since(began));
        });
        offset
    }

    fn take(&self) -> Met {
        let mut met = Met::default();
        self.change(|notes| std::mem::swap(&mut met, &mut notes.met));
        met.arrivals.sort_by_key(|arrival| arrival.began);
        met.interruptions.sort_by_key(|interruption| interruption.ended);
        met.flows.arrivals.sort_by_key(|arrival| arrival.began);
        met.flows.interruptions.sort_by_key(|interruption| interruption.ended);
        met
    }
}

#[derive(Debug)]
pub(crate) enum LoadError {
    /// The clients' thread cannot begin, or a session that is to be held cannot be opened while all is
    /// well.
    Clients(io::Error),
    Panicked,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Clients(_) => write!(f, "clients of {CLIENTS_V4} cannot begin"),
            LoadError::Panicked => f.write_str("the clients' thread panicked"),
        }
    }
}

impl Error for LoadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            LoadError::Clients(source) => Some(source),
            LoadError::Panicked => None,
        }
    }
}
