//! What probes that ask something have in common: a connection of their own, and one patience for all of
//! it, from the dial to the answer, however slowly that comes.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use super::patience::within;
use super::target::Target;
use crate::net;
use crate::routing::control::ProbeTimes;
use crate::routing::{ConnectFailure, LocalFailure, ProbeFailure};

/// How long a probe may take.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    /// To connect: who is not even that far is not asked.
    pub(super) connect: Duration,
    /// In all.
    pub(super) total: Duration,
}

/// What comes of asking `target`, and how long it took. The connection ends with a reset, so that
/// neither side keeps it.
pub(super) async fn asked<T>(
    target: Target<'_>,
    patience: Patience,
    ask: impl AsyncFnOnce(&TcpStream) -> Result<T, ProbeFailure>,
) -> Result<(T, ProbeTimes), ProbeFailure> {
    let began = Instant::now();
    let connected = OnceLock::new();
    let work = async {
        let connected_in_time = within(patience.connect, target.connect()).await;
        let stream = connected_in_time.ok_or(ConnectFailure::Timeout)??;
        net::reset_on_close(&stream);
        let connect = *connected.get_or_init(|| began.elapsed());
        Ok((ask(&stream).await?, connect))
    };
    let answered = within(patience.total, work).await;
    let took = began.elapsed();
    match (answered, connected.get()) {
        (Some(Ok((answer, connect))), _) => {
            let times = ProbeTimes::Asked { connect, answer: took.saturating_sub(connect) };
            Ok((answer, times))
        }
        (Some(Err(failure)), _) => Err(failure),
        (None, None) => Err(ConnectFailure::Timeout.into()),
        // Seen so late that there was no time left to ask.
        (None, Some(&connect)) if connect > patience.total => {
            Err(ConnectFailure::Local(LocalFailure::HeldUp).into())
        }
        (None, Some(_)) => Err(ProbeFailure::Silent),
    }
}
