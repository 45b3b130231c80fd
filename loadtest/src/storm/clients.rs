//! The clients of the live DCs: sessions that stay, and sessions that come and go.
//!
//! All of them are closed loops on one thread, from many addresses of loopback, so that they spread
//! over the DCs and no source address runs out of ports.

use super::histogram::Histogram;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// What is sent and has to come back.
const BYTES: usize = 64;
/// For one operation; a client that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(10);
/// After a session that failed, so that a dead proxy is not hammered.
const PAUSE: Duration = Duration::from_millis(10);
/// Addresses that each client who comes and goes uses in turn.
const SOURCES: u32 = 200;

/// What clients have met since somebody looked last.
#[derive(Clone, Debug, Default)]
pub(super) struct Recording {
    /// Round trips in sessions that stay.
    pub(super) round_trips: Histogram,
    /// Whole sessions: connect, a round trip, and an orderly end.
    pub(super) sessions: Histogram,
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

#[derive(Clone, Debug, Default)]
struct Recorder(Arc<Mutex<Recording>>);

impl Recorder {
    fn record(&self, change: impl FnOnce(&mut Recording)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn fail(&self, error: &io::Error) {
        self.record(|recording| {
            recording.failures += 1;
            recording.first_failure.get_or_insert_with(|| error.to_string());
        });
    }
}

/// Running clients. Dropping it ends them.
#[derive(Debug)]
pub(super) struct Clients {
    tasks: JoinSet<()>,
    recorder: Recorder,
}

impl Clients {
    /// Opens `staying` sessions to `target`, and lets so many others come and go.
    pub(super) async fn start(target: SocketAddr, staying: u32, going: u32) -> io::Result<Clients> {
        let mut clients = Clients { tasks: JoinSet::new(), recorder: Recorder::default() };
        for number in 0..staying {
            let stream = within(connect(source(number), target)).await?;
            clients.tasks.spawn(stay(stream, clients.recorder.clone()));
        }
        for number in 0..going {
            clients.tasks.spawn(come_and_go(number, target, clients.recorder.clone()));
        }
        Ok(clients)
    }

    /// What they have met since the last call.
    pub(super) fn take(&self) -> Recording {
        let mut taken = Recording::default();
        self.recorder.record(|recording| std::mem::swap(recording, &mut taken));
        taken
    }

    /// Closes all connections.
    pub(super) async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

async fn stay(mut stream: TcpStream, recorder: Recorder) {
    for number in 0.. {
        let began = Instant::now();
        match within(ask(&mut stream, number)).await {
            Ok(()) => recorder.record(|it| it.round_trips.add(began.elapsed())),
            // It has lost its session: it is not made up for by another.
            Err(error) => return recorder.fail(&error),
        }
    }
}

async fn come_and_go(client: u32, target: SocketAddr, recorder: Recorder) {
    for number in 0_u32.. {
        let from = source(client * SOURCES + number % SOURCES);
        let began = Instant::now();
        match within(come_once(from, target, number.into())).await {
            Ok(()) => recorder.record(|it| it.sessions.add(began.elapsed())),
            Err(error) => {
                recorder.fail(&error);
                sleep(PAUSE).await;
            }
        }
    }
}

async fn come_once(from: Ipv4Addr, target: SocketAddr, number: u64) -> io::Result<()> {
    let mut stream = connect(from, target).await?;
    ask(&mut stream, number).await?;
    stream.shutdown().await?;
    match stream.read(&mut [0]).await? {
        0 => Ok(()),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "more came back than was sent")),
    }
}

async fn connect(from: Ipv4Addr, target: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((from, 0)))?;
    socket.set_nodelay(true)?;
    socket.connect(target).await
}

/// Sends a question that tells its number, and gets it back.
async fn ask(stream: &mut TcpStream, number: u64) -> io::Result<()> {
    let (mut question, mut answer) = ([0; BYTES], [0; BYTES]);
    question[..8].copy_from_slice(&number.to_le_bytes());
    stream.write_all(&question).await?;
    stream.read_exact(&mut answer).await?;
    match answer == question {
        true => Ok(()),
        false => Err(io::Error::new(io::ErrorKind::InvalidData, "not what was sent came back")),
    }
}

/// Addresses of 127.128.0.0/9, apart from those of servers.
fn source(number: u32) -> Ipv4Addr {
    const FIRST: u32 = u32::from_be_bytes([127, 128, 0, 1]);
    Ipv4Addr::from_bits(FIRST + number % (1 << 22))
}

async fn within<T>(operation: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(PATIENCE, operation).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
