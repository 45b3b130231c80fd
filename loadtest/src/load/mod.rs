//! Making load: clients on one thread that count what they get done.
//!
//! Every load is closed-loop: a client starts its next operation when the last one is done, so the
//! load adapts to the proxy and never piles up.

mod bulk;
mod round_trips;

use nearpoint::stub::Service;
use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What the clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// Each of `sessions` clients sends 64 bytes and waits for them to come back.
    RoundTrips { sessions: u32 },
    /// `streams` clients send as fast as they can.
    Upload { streams: u32 },
    /// `streams` clients receive as fast as they can.
    Download { streams: u32 },
}

impl Scenario {
    /// Name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Scenario::RoundTrips { .. } => "round_trips",
            Scenario::Upload { .. } => "upload",
            Scenario::Download { .. } => "download",
        }
    }

    /// The service of the backend that it needs.
    pub(crate) fn service(self) -> Service {
        match self {
            Scenario::RoundTrips { .. } => Service::Echo,
            Scenario::Upload { .. } => Service::Sink,
            Scenario::Download { .. } => Service::Source { bytes: None },
        }
    }

    fn clients(self) -> u32 {
        match self {
            Scenario::RoundTrips { sessions } => sessions,
            Scenario::Upload { streams } | Scenario::Download { streams } => streams,
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scenario::RoundTrips { sessions } => {
                write!(f, "{} B round trips over {sessions} sessions", round_trips::BYTES)
            }
            Scenario::Upload { streams } => write!(f, "bulk upload, {streams} streams"),
            Scenario::Download { streams } => write!(f, "bulk download, {streams} streams"),
        }
    }
}

/// Work done so far: round trips, or bytes.
#[derive(Clone, Debug, Default)]
struct Work(Arc<AtomicU64>);

impl Work {
    fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Relaxed);
    }
}

/// Running clients. Dropping it ends them.
#[derive(Debug)]
pub(crate) struct Load {
    clients: JoinSet<io::Result<()>>,
    work: Work,
}

impl Load {
    /// Connects all clients, then lets them begin.
    pub(crate) async fn start(scenario: Scenario, target: SocketAddr) -> Result<Load, LoadError> {
        let mut streams = Vec::new();
        for _ in 0..scenario.clients() {
            let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect(target)).await;
            let stream = stream.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            let stream = stream.map_err(LoadError::Connect)?;
            stream.set_nodelay(true).map_err(LoadError::Connect)?;
            streams.push(stream);
        }
        let mut load = Load { clients: JoinSet::new(), work: Work::default() };
        for stream in streams {
            let work = load.work.clone();
            match scenario {
                Scenario::RoundTrips { .. } => load.clients.spawn(round_trips::run(stream, work)),
                Scenario::Upload { .. } => load.clients.spawn(bulk::send(stream, work)),
                Scenario::Download { .. } => load.clients.spawn(bulk::receive(stream, work)),
            };
        }
        Ok(load)
    }

    /// Work done since the start: round trips, or bytes as the client's kernel took or gave them.
    pub(crate) fn work(&self) -> u64 {
        self.work.0.load(Relaxed)
    }

    /// Lets the load run on; an error if a client ends meanwhile, since none does by itself.
    pub(crate) async fn run_for(&mut self, time: Duration) -> Result<(), LoadError> {
        match timeout(time, self.clients.join_next()).await {
            Err(_) => Ok(()),
            Ok(Some(Ok(Err(source)))) => Err(LoadError::Client(source)),
            Ok(None | Some(Ok(Ok(())) | Err(_))) => Err(LoadError::Ended),
        }
    }

    /// Closes all connections.
    pub(crate) async fn stop(mut self) {
        self.clients.shutdown().await;
    }
}

#[derive(Debug)]
pub(crate) enum LoadError {
    Connect(io::Error),
    Client(io::Error),
    Ended,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LoadError::Connect(_) => "a client cannot connect",
            LoadError::Client(_) => "a client failed under load",
            LoadError::Ended => "a session ended under load",
        })
    }
}

impl Error for LoadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            LoadError::Connect(source) | LoadError::Client(source) => Some(source),
            LoadError::Ended => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nearpoint::stub::{Fault, StubDc};

    fn all() -> [Scenario; 3] {
        let sessions = 3;
        [
            Scenario::RoundTrips { sessions },
            Scenario::Upload { streams: sessions },
            Scenario::Download { streams: sessions },
        ]
    }

    #[tokio::test]
    async fn every_load_gets_work_done_with_all_its_clients() {
        for scenario in all() {
            let at = (SocketAddr::from(([127, 0, 0, 1], 0)), scenario.service());
            let stub = StubDc::bind(1, &[at]).unwrap();
            let at = stub.local_addrs()[0];
            let mut load = Load::start(scenario, at).await.unwrap();
            stub.wait_until(at, |counts| counts.open == 3).await.unwrap();
            while load.work() < 1000 {
                load.run_for(Duration::from_millis(1)).await.unwrap();
            }
            load.stop().await;
            stub.wait_until(at, |counts| counts.open == 0).await.unwrap();
        }
    }

    #[tokio::test]
    async fn session_that_dies_under_load_is_an_error() {
        for scenario in all() {
            let at = (SocketAddr::from(([127, 0, 0, 1], 0)), scenario.service());
            let stub = StubDc::bind(1, &[at]).unwrap();
            let at = stub.local_addrs()[0];
            let mut load = Load::start(scenario, at).await.unwrap();
            stub.set_fault(at, Fault::Refuse).await.unwrap();
            stub.cut(at).await.unwrap();
            let failed = load.run_for(Duration::from_secs(20)).await.unwrap_err();
            assert!(matches!(failed, LoadError::Client(_) | LoadError::Ended), "{failed}");
        }
    }
}
