//! The `udp` probe: one datagram, and the answer to it.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;

use super::patience::{judged, within};
use crate::routing::control::ProbeTimes;
use crate::routing::topology::UdpProbe;
use crate::routing::{ConnectFailure, ProbeFailure};

/// The largest answer that is looked at; of a longer one its beginning.
const LONGEST: usize = 2048;

/// Sends the datagram to `address` and waits for an answer. Silence is that of the way as much as that of
/// the service: nothing tells them apart.
pub(super) async fn probe(
    address: SocketAddr,
    question: &UdpProbe,
    patience: Duration,
) -> Result<ProbeTimes, ProbeFailure> {
    let began = Instant::now();
    let Some(asked) = within(patience, ask(address, question)).await else {
        return Err(ConnectFailure::Timeout.into());
    };
    match asked? {
        true => {
            let took = began.elapsed();
            judged(ProbeTimes { connect: took, answer: Some(Duration::ZERO) }, patience)
        }
        false => Err(ProbeFailure::WrongAnswer),
    }
}

/// Whether the answer is the right one.
async fn ask(address: SocketAddr, question: &UdpProbe) -> Result<bool, ConnectFailure> {
    let local = |error: std::io::Error| ConnectFailure::new(&error, false);
    let any = match address {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(any).await.map_err(local)?;
    socket.connect(address).await.map_err(local)?;
    socket.send(&question.send).await.map_err(local)?;
    let mut answer = [0; LONGEST];
    let length = socket.recv(&mut answer).await.map_err(|it| ConnectFailure::new(&it, true))?;
    Ok(answer[..length].starts_with(&question.expect))
}
