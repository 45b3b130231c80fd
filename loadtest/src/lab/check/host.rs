//! Sockets of hosts in the lab: made inside, used from the main thread.

use crate::lab::error::LabError;
use crate::lab::namespace::Namespace;
use std::io;
use std::net::{SocketAddr, UdpSocket as StdUdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// For what is expected to happen: long, since the machine may be busy.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// For what is expected not to: many round trips of the line on which faults are looked at.
pub(super) const SILENCE: Duration = Duration::from_millis(400);

const BACKLOG: u32 = 1_024;

/// A listener that sends back what it reads, and a UDP socket beside it that counts.
pub(super) struct Echo {
    received: Arc<AtomicU64>,
    datagrams: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl Echo {
    pub(super) fn serve(host: &Namespace, at: SocketAddr) -> Result<Echo, LabError> {
        let failed = || LabError::io(format!("serve at {at}"));
        let bind = || {
            let tcp = socket(at)?;
            tcp.bind(at)?;
            let udp = StdUdpSocket::bind(at)?;
            udp.set_nonblocking(true)?;
            Ok((tcp, udp))
        };
        let (tcp, udp) = host.run(bind)?.map_err(failed())?;
        let tcp = tcp.listen(BACKLOG).map_err(failed())?;
        let udp = UdpSocket::from_std(udp).map_err(failed())?;
        let (received, datagrams) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let mut tasks = JoinSet::new();
        let bytes = Arc::clone(&received);
        tasks.spawn(async move {
            let mut sessions = JoinSet::new();
            while let Ok((stream, _)) = tcp.accept().await {
                sessions.spawn(echo(stream, Arc::clone(&bytes)));
                // Those that have ended.
                while sessions.try_join_next().is_some() {}
            }
        });
        let counted = Arc::clone(&datagrams);
        tasks.spawn(async move {
            let mut buffer = [0; 64];
            while udp.recv(&mut buffer).await.is_ok() {
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        Ok(Echo { received, datagrams, _tasks: tasks })
    }

    /// Bytes of TCP that have arrived so far.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Datagrams that have arrived so far.
    pub(super) fn datagrams(&self) -> u64 {
        self.datagrams.load(Ordering::Relaxed)
    }
}

async fn echo(mut stream: TcpStream, received: Arc<AtomicU64>) {
    let mut buffer = [0; 64];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        received.fetch_add(length as u64, Ordering::Relaxed);
        if stream.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

/// What became of a connect.
#[derive(Debug)]
pub(super) enum Seen {
    Connected {
        after: Duration,
        stream: TcpStream,
    },
    Failed(io::Error),
    /// Nothing for [`SILENCE`].
    Silence,
}

/// Connects, with the patience that is right for success; failures come as soon.
pub(super) async fn connect(host: &Namespace, to: SocketAddr) -> Result<Seen, LabError> {
    connect_from(host, None, to).await
}

pub(super) async fn connect_from(
    host: &Namespace,
    from: Option<SocketAddr>,
    to: SocketAddr,
) -> Result<Seen, LabError> {
    connect_within(host, from, to, PATIENCE).await
}

/// Connects where silence is expected.
pub(super) async fn connect_in_vain(host: &Namespace, to: SocketAddr) -> Result<Seen, LabError> {
    connect_within(host, None, to, SILENCE).await
}

async fn connect_within(
    host: &Namespace,
    from: Option<SocketAddr>,
    to: SocketAddr,
    at_most: Duration,
) -> Result<Seen, LabError> {
    let bound = || {
        let socket = socket(to)?;
        if let Some(from) = from {
            socket.bind(from)?;
        }
        Ok(socket)
    };
    let socket = host.run(bound)?.map_err(LabError::io(format!("make a socket to {to}")))?;
    let start = Instant::now();
    Ok(match timeout(at_most, socket.connect(to)).await {
        Ok(Ok(stream)) => Seen::Connected { after: start.elapsed(), stream },
        Ok(Err(error)) => Seen::Failed(error),
        Err(_) => Seen::Silence,
    })
}

/// A UDP socket that sends there.
pub(super) fn sender(host: &Namespace, to: SocketAddr) -> Result<UdpSocket, LabError> {
    let failed = || LabError::io(format!("make a socket to {to}"));
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let bound = || {
        let socket = StdUdpSocket::bind(any)?;
        socket.connect(to)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    };
    UdpSocket::from_std(host.run(bound)?.map_err(failed())?).map_err(failed())
}

fn socket(peer: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if peer.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    Ok(socket)
}
