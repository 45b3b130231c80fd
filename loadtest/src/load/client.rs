//! One of the clients of a load: its sessions, one after the other.

use super::content::same;
use super::mixed::Shares;
use super::pacer::Turns;
use super::{Appetite, OnFailure, Pace, Plan, Tally, Workload};
use super::{bulk, connects, idle, opening, round_trips, udp};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// For a connect, for a round trip, and for the end of a session.
const PATIENCE: Duration = Duration::from_secs(10);

/// After a failure, so that who is dead is not hammered.
const PAUSE: Duration = Duration::from_millis(50);

/// What one client does.
#[derive(Clone, Debug)]
pub(super) enum Role {
    /// Messages of these sizes.
    RoundTrips(RangeInclusive<u32>),
    Upload,
    Download,
    Connects {
        bytes: u32,
    },
    /// The opening is the work.
    Idle,
    /// The same, as a part of something else.
    Silence,
    /// Moves bulk beside the work of others.
    Bulk(Appetite),
    UdpRoundTrips,
    UdpUpload(Pace),
    UdpDownload,
}

impl Role {
    /// That of the client of this number.
    pub(super) fn of(workload: Workload, number: u32) -> Role {
        match workload {
            Workload::RoundTrips { bytes, .. } => Role::RoundTrips(bytes..=bytes),
            Workload::Upload { .. } => Role::Upload,
            Workload::Download { .. } => Role::Download,
            Workload::Connects { bytes, .. } => Role::Connects { bytes },
            Workload::Idle { .. } => Role::Idle,
            Workload::Mixed { sessions, appetite } => Shares::of(sessions).role(number, appetite),
            Workload::UdpRoundTrips { .. } => Role::UdpRoundTrips,
            Workload::UdpUpload { pace, .. } => Role::UdpUpload(pace),
            Workload::UdpDownload { .. } => Role::UdpDownload,
        }
    }

    /// Whether there is a session before the load begins.
    fn has_session(&self) -> bool {
        match self {
            Role::RoundTrips(_)
            | Role::Upload
            | Role::Download
            | Role::Idle
            | Role::Silence
            | Role::Bulk(_) => true,
            Role::Connects { .. }
            | Role::UdpRoundTrips
            | Role::UdpUpload(_)
            | Role::UdpDownload => false,
        }
    }
}

#[derive(Debug)]
pub(super) struct Client {
    pub(super) plan: Plan,
    pub(super) target: SocketAddr,
    pub(super) tally: Tally,
    pub(super) turns: Turns,
    /// Turns true when the load is to end in order.
    pub(super) ending: watch::Receiver<bool>,
    pub(super) role: Role,
    pub(super) number: u32,
    /// How many sessions it has begun.
    pub(super) sessions: u64,
    /// The session that it has before the load begins.
    pub(super) first: Option<TcpStream>,
}

impl Client {
    /// Opens the session that is there before the load begins.
    pub(super) async fn prepare(&mut self) -> io::Result<()> {
        if self.role.has_session() {
            self.first = Some(self.session().await?);
        }
        Ok(())
    }

    /// Session after session, or to the first failure. `Ok` when the load has ended in order.
    pub(super) async fn run(mut self) -> io::Result<()> {
        loop {
            let ended = self.live().await;
            let error = match ended {
                Ok(()) if *self.ending.borrow() => return Ok(()),
                Ok(()) => io::Error::new(io::ErrorKind::UnexpectedEof, "the session ended"),
                Err(error) => error,
            };
            match self.plan.on_failure {
                OnFailure::End => return Err(error),
                OnFailure::BeginAnew => self.tally.fail(&error),
            }
            if *self.ending.borrow() {
                return Ok(());
            }
            sleep(PAUSE).await;
        }
    }

    /// Until something fails, or the load ends in order.
    async fn live(&mut self) -> io::Result<()> {
        match self.role.clone() {
            Role::RoundTrips(sizes) => round_trips::run(self, sizes).await,
            Role::Upload => bulk::send(self).await,
            Role::Download => bulk::receive(self).await,
            Role::Connects { bytes } => connects::run(self, bytes).await,
            Role::Idle | Role::Silence => idle::run(self).await,
            Role::Bulk(Appetite::Modest) => bulk::there_and_back(self).await,
            Role::Bulk(Appetite::Greedy) => bulk::take_all(self).await,
            Role::UdpRoundTrips => udp::round_trips(self).await,
            Role::UdpUpload(pace) => udp::upload(self, pace).await,
            Role::UdpDownload => udp::download(self).await,
        }
    }

    /// Waits for the turn of this client, and returns when its operation was due.
    pub(super) async fn turn(&mut self) -> io::Result<Instant> {
        self.turns.next(&self.tally).await
    }

    /// The session that is there already, or a new one.
    pub(super) async fn session(&mut self) -> io::Result<TcpStream> {
        if let Some(first) = self.first.take() {
            return Ok(first);
        }
        let began = Instant::now();
        let mut stream = self.open().await?;
        match self.role {
            Role::Idle => {
                within(greet(&mut stream)).await?;
                self.tally.done_in(began.elapsed());
            }
            Role::Silence => within(greet(&mut stream)).await?,
            Role::RoundTrips(_)
            | Role::Upload
            | Role::Download
            | Role::Connects { .. }
            | Role::Bulk(_)
            | Role::UdpRoundTrips
            | Role::UdpUpload(_)
            | Role::UdpDownload => {}
        }
        Ok(stream)
    }

    /// A new session that has sent what comes before the load.
    pub(super) async fn open(&mut self) -> io::Result<TcpStream> {
        let number = self.begin();
        within(opening::open(&self.plan, self.target, number)).await
    }

    /// Where its next flow comes from; `None` for wherever the kernel likes.
    pub(super) fn next_source(&mut self) -> Option<IpAddr> {
        let number = self.begin();
        self.plan.sources.of(number)
    }

    /// Returns the number of a session, which no other of all clients has.
    fn begin(&mut self) -> u64 {
        let clients = u64::from(self.plan.workload.clients());
        self.sessions += 1;
        (self.sessions - 1) * clients + u64::from(self.number)
    }
}

/// One byte each way: whoever is between has dialled.
async fn greet(stream: &mut TcpStream) -> io::Result<()> {
    let mut answer = [0];
    stream.write_all(b"?").await?;
    stream.read_exact(&mut answer).await?;
    same(&answer, b"?", "the answer", 0)
}

/// An error of the kind `TimedOut` if it takes too long.
pub(super) async fn within<T>(operation: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(PATIENCE, operation).await.unwrap_or_else(|_| {
        let what = format!("no answer within {} s", PATIENCE.as_secs());
        Err(io::Error::new(io::ErrorKind::TimedOut, what))
    })
}
