//! Making load: clients on one thread that count what they get done.
//!
//! Every load but a flood is closed-loop: a client starts its next operation when the last one is done,
//! or the window of a bulk flow has room, so the load adapts to the proxy and never piles up.

mod bulk;
mod round_trips;
mod scenario;
mod udp;

pub(crate) use scenario::{Pace, Scenario, Transport};
pub(crate) use udp::BULK_DATAGRAM;

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

/// Work so far: round trips, or bytes.
#[derive(Clone, Debug, Default)]
struct Work(Arc<Amounts>);

#[derive(Debug, Default)]
struct Amounts {
    done: AtomicU64,
    offered: AtomicU64,
}

impl Work {
    fn add(&self, amount: u64) {
        self.0.done.fetch_add(amount, Relaxed);
    }

    /// What is sent by UDP and may be lost; asked again, it is offered again.
    fn offer(&self, amount: u64) {
        self.0.offered.fetch_add(amount, Relaxed);
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
        let mut load = Load { clients: JoinSet::new(), work: Work::default() };
        let streams = match scenario.transport() {
            Transport::Tcp => connect(target, scenario.clients()).await?,
            Transport::Udp => Vec::new(),
        };
        match scenario {
            Scenario::RoundTrips { .. } => load.spawn(streams, round_trips::run),
            Scenario::Upload { .. } => load.spawn(streams, bulk::send),
            Scenario::Download { .. } => load.spawn(streams, bulk::receive),
            Scenario::UdpRoundTrips { flows } => {
                load.spawn(vec![target; flows as usize], udp::round_trips);
            }
            Scenario::UdpUpload { flows, pace } => {
                load.spawn(vec![target; flows as usize], |target, work| {
                    udp::upload(target, pace, work)
                });
            }
            Scenario::UdpDownload { flows } => {
                load.spawn(vec![target; flows as usize], udp::download);
            }
        }
        Ok(load)
    }

    /// A client for each.
    fn spawn<C, F>(&mut self, clients: Vec<C>, run: impl Fn(C, Work) -> F)
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        for client in clients {
            self.clients.spawn(run(client, self.work.clone()));
        }
    }

    /// Work done since the start: round trips, or bytes as the client's kernel took or gave them; of
    /// datagrams, bytes that arrived.
    pub(crate) fn work(&self) -> u64 {
        self.work.0.done.load(Relaxed)
    }

    /// The same of what was sent by UDP, lost or not; 0 with TCP.
    pub(crate) fn offered(&self) -> u64 {
        self.work.0.offered.load(Relaxed)
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

/// So many connections.
async fn connect(target: SocketAddr, count: u32) -> Result<Vec<TcpStream>, LoadError> {
    let mut streams = Vec::new();
    for _ in 0..count {
        let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect(target)).await;
        let stream = stream.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let stream = stream.map_err(LoadError::Connect)?;
        stream.set_nodelay(true).map_err(LoadError::Connect)?;
        streams.push(stream);
    }
    Ok(streams)
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

    fn tcp() -> [Scenario; 3] {
        let sessions = 3;
        [
            Scenario::RoundTrips { sessions },
            Scenario::Upload { streams: sessions },
            Scenario::Download { streams: sessions },
        ]
    }

    fn udp() -> [Scenario; 4] {
        let flows = 3;
        [
            Scenario::UdpRoundTrips { flows },
            Scenario::UdpUpload { flows, pace: Pace::Window },
            Scenario::UdpUpload { flows, pace: Pace::Flood },
            Scenario::UdpDownload { flows },
        ]
    }

    async fn start(scenario: Scenario) -> (StubDc, SocketAddr, Load) {
        let at = (SocketAddr::from(([127, 0, 0, 1], 0)), scenario.service());
        let stub = StubDc::bind(1, &[at]).unwrap();
        let at = stub.local_addrs()[0];
        let load = Load::start(scenario, at).await.unwrap();
        (stub, at, load)
    }

    async fn work(load: &mut Load, amount: u64) {
        while load.work() < amount {
            load.run_for(Duration::from_millis(1)).await.unwrap();
        }
    }

    #[tokio::test]
    async fn every_load_gets_work_done_with_all_its_clients() {
        for scenario in tcp() {
            let (stub, at, mut load) = start(scenario).await;
            stub.wait_until(at, |counts| counts.open == 3).await.unwrap();
            work(&mut load, 1000).await;
            assert_eq!(load.offered(), 0);
            load.stop().await;
            stub.wait_until(at, |counts| counts.open == 0).await.unwrap();
        }
        for scenario in udp() {
            let (stub, at, mut load) = start(scenario).await;
            stub.wait_until(at, |counts| counts.udp_clients == 3).await.unwrap();
            work(&mut load, 1000).await;
            assert!(load.offered() >= load.work(), "{scenario}");
            load.stop().await;
        }
    }

    #[tokio::test]
    async fn what_is_lost_is_offered_again_and_is_no_work() {
        for scenario in udp() {
            let (stub, at, mut load) = start(scenario).await;
            stub.set_fault(at, Fault::Loss(50)).await.unwrap();
            work(&mut load, 6).await;
            let done = load.work();
            work(&mut load, done * 2).await;
            let counts = stub.counts(at).unwrap();
            assert!(load.offered() > load.work(), "{scenario} {counts:?}");
        }
    }

    #[tokio::test]
    async fn client_that_is_refused_under_load_is_an_error() {
        for scenario in tcp().into_iter().chain(udp()) {
            let (stub, at, mut load) = start(scenario).await;
            stub.kill(at).await.unwrap();
            let failed = load.run_for(Duration::from_secs(20)).await.unwrap_err();
            assert!(matches!(failed, LoadError::Client(_) | LoadError::Ended), "{failed}");
        }
    }
}
