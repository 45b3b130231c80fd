//! The `udp` probe: one datagram, and an answer to it.
//!
//! Whatever else comes meanwhile is not the end of it: a datagram may be a stray one, or an earlier answer
//! of a service that says more than one thing.

use std::future::poll_fn;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::patience::{judged, within};
use super::target::Target;
use crate::net;
use crate::routing::control::ProbeTimes;
use crate::routing::topology::UdpProbe;
use crate::routing::{ConnectFailure, ProbeFailure};

/// So much of an answer is looked at. No answer is wrong for being longer.
const LONGEST: usize = 2048;

/// Sends the datagram to `target` and waits for an answer. Silence is that of the way as much
/// as that of the service: nothing tells them apart.
pub(super) async fn probe(
    target: Target<'_>,
    question: &UdpProbe,
    patience: Duration,
) -> Result<ProbeTimes, ProbeFailure> {
    let began = Instant::now();
    let was_wrong = AtomicBool::new(false);
    match within(patience, ask(target, question, &was_wrong)).await {
        Some(answered) => {
            answered?;
            judged(ProbeTimes::Echoed { answer: began.elapsed() }, patience)
        }
        None if was_wrong.load(Ordering::Relaxed) => Err(ProbeFailure::WrongAnswer),
        None => Err(ConnectFailure::Timeout.into()),
    }
}

/// Waits for the right answer, however many wrong ones come before.
async fn ask(
    target: Target<'_>,
    question: &UdpProbe,
    was_wrong: &AtomicBool,
) -> Result<(), ConnectFailure> {
    let ours = |error: io::Error| ConnectFailure::new(&error, false);
    let socket = target.connect_udp().map_err(ours)?;
    net::send(&socket, &target.datagram(&question.send)).map_err(ours)?;
    let mut answer = [0; LONGEST];
    loop {
        let received = receive(&socket, &mut answer).await;
        let length = received.map_err(|error| ConnectFailure::new(&error, true))?;
        if answer[..length].starts_with(&question.expect) {
            return Ok(());
        }
        was_wrong.store(true, Ordering::Relaxed);
    }
}

/// The next datagram, of which as much as `buffer` holds. Whenever this is polled it asks the socket first,
/// so that what has come is seen before the runtime hears of it.
async fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<usize> {
    let is_blocked = |received: &io::Result<usize>| {
        received.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    };
    poll_fn(|cx| {
        let mut received = net::receive(socket, buffer);
        while is_blocked(&received) {
            ready!(socket.poll_recv_ready(cx))?;
            received = socket.try_io(Interest::READABLE, || net::receive(socket, buffer));
        }
        Poll::Ready(received)
    })
    .await
}
