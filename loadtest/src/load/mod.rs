//! Making load: clients on one thread that count what they get done.
//!
//! A closed loop begins an operation when the last one is done, or the window of a bulk flow has room, so
//! that the load adapts to the proxy and never piles up; an open loop begins them at fixed times.

mod bulk;
mod connects;
mod opening;
mod plan;
mod round_trips;
mod tally;
mod udp;
mod workload;

pub(crate) use plan::{Arrival, Opening, Plan, Sources};
pub(crate) use tally::{Counts, Latencies, Tally};
pub(crate) use udp::BULK_DATAGRAM;
pub(crate) use workload::{Pace, Transport, Unit, Workload};

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Running clients. Dropping it ends them.
#[derive(Debug)]
pub(crate) struct Load {
    clients: JoinSet<io::Result<()>>,
    tally: Tally,
}

impl Load {
    /// Opens all sessions that stay, then lets the clients begin.
    pub(crate) async fn start(plan: Plan, target: SocketAddr) -> Result<Load, LoadError> {
        let mut load = Load { clients: JoinSet::new(), tally: Tally::default() };
        let Plan { workload, .. } = plan;
        let count = workload.clients();
        let clients = (0..count).map(|number| Client { number, plan, target });
        match workload {
            Workload::RoundTrips { bytes, .. } => {
                let streams = connect(clients).await?;
                load.spawn(streams, |stream, tally| round_trips::run(stream, bytes, tally));
            }
            Workload::Upload { .. } => load.spawn(connect(clients).await?, bulk::send),
            Workload::Download { .. } => load.spawn(connect(clients).await?, bulk::receive),
            Workload::Connects { bytes, .. } => {
                load.spawn(clients, |client, tally| connects::run(client, bytes, tally));
            }
            Workload::Mixed { .. } => todo!("mixed"),
            Workload::UdpRoundTrips { .. } => {
                load.spawn(clients, |client, tally| udp::round_trips(client.target, tally));
            }
            Workload::UdpUpload { pace, .. } => {
                load.spawn(clients, |client, tally| udp::upload(client.target, pace, tally));
            }
            Workload::UdpDownload { .. } => {
                load.spawn(clients, |client, tally| udp::download(client.target, tally));
            }
        }
        Ok(load)
    }

    /// A task for each.
    fn spawn<C, F>(&mut self, clients: impl IntoIterator<Item = C>, run: impl Fn(C, Tally) -> F)
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        for client in clients {
            self.clients.spawn(run(client, self.tally.clone()));
        }
    }

    /// What was done since the start.
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
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

/// One of the clients of a load.
#[derive(Clone, Copy, Debug)]
struct Client {
    number: u32,
    plan: Plan,
    target: SocketAddr,
}

impl Client {
    /// A session, of this client the so many-th, that has sent what comes before the load.
    async fn open(&self, session: u64) -> io::Result<TcpStream> {
        let clients = u64::from(self.plan.workload.clients());
        let number = session * clients + u64::from(self.number);
        let opened = opening::open(&self.plan, self.target, number);
        timeout(CONNECT_TIMEOUT, opened)
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

/// A session for each.
async fn connect(clients: impl Iterator<Item = Client>) -> Result<Vec<TcpStream>, LoadError> {
    let mut streams = Vec::new();
    for client in clients {
        streams.push(client.open(0).await.map_err(LoadError::Connect)?);
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

    fn tcp() -> [Workload; 3] {
        let sessions = 3;
        [
            Workload::RoundTrips { sessions, bytes: 64 },
            Workload::Upload { streams: sessions },
            Workload::Download { streams: sessions },
        ]
    }

    fn udp() -> [Workload; 4] {
        let flows = 3;
        [
            Workload::UdpRoundTrips { flows },
            Workload::UdpUpload { flows, pace: Pace::Window },
            Workload::UdpUpload { flows, pace: Pace::Flood },
            Workload::UdpDownload { flows },
        ]
    }

    async fn start(workload: Workload) -> (StubDc, SocketAddr, Load) {
        let at = (SocketAddr::from(([127, 0, 0, 1], 0)), workload.service());
        let stub = StubDc::bind(1, &[at]).unwrap();
        let at = stub.local_addrs()[0];
        let load = Load::start(Plan::new(workload), at).await.unwrap();
        (stub, at, load)
    }

    async fn work(load: &mut Load, amount: u64) {
        while load.tally().counts().done < amount {
            load.run_for(Duration::from_millis(1)).await.unwrap();
        }
    }

    #[tokio::test]
    async fn every_load_gets_work_done_with_all_its_clients() {
        for workload in tcp() {
            let (stub, at, mut load) = start(workload).await;
            stub.wait_until(at, |counts| counts.open == 3).await.unwrap();
            work(&mut load, 1000).await;
            assert_eq!(load.tally().counts().offered, 0);
            load.stop().await;
            stub.wait_until(at, |counts| counts.open == 0).await.unwrap();
        }
        for workload in udp() {
            let (stub, at, mut load) = start(workload).await;
            stub.wait_until(at, |counts| counts.udp_clients == 3).await.unwrap();
            work(&mut load, 1000).await;
            assert!(load.tally().counts().offered >= load.tally().counts().done, "{workload}");
            load.stop().await;
        }
    }

    #[tokio::test]
    async fn what_is_lost_is_offered_again_and_is_no_work() {
        for workload in udp() {
            let (stub, at, mut load) = start(workload).await;
            stub.set_fault(at, Fault::Loss(50)).await.unwrap();
            work(&mut load, 6).await;
            let done = load.tally().counts().done;
            work(&mut load, done * 2).await;
            let counts = stub.counts(at).unwrap();
            assert!(
                load.tally().counts().offered > load.tally().counts().done,
                "{workload} {counts:?}"
            );
        }
    }

    #[tokio::test]
    async fn client_that_is_refused_under_load_is_an_error() {
        for workload in tcp().into_iter().chain(udp()) {
            let (stub, at, mut load) = start(workload).await;
            stub.kill(at).await.unwrap();
            let failed = load.run_for(Duration::from_secs(20)).await.unwrap_err();
            assert!(matches!(failed, LoadError::Client(_) | LoadError::Ended), "{failed}");
        }
    }
}
