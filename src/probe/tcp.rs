//! The `tcp` probe: a connection that is established counts, and is reset at once so that neither side
//! keeps it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::patience::{judged, within};
use crate::net::{self, DialError};
use crate::routing::control::ProbeTimes;
use crate::routing::{ConnectFailure, ProbeFailure};

/// Connects to `address`.
pub(super) async fn probe(
    address: SocketAddr,
    patience: Duration,
) -> Result<ProbeTimes, ProbeFailure> {
    let began = Instant::now();
    match within(patience, net::dial(address, None)).await {
        Some(Ok(stream)) => {
            net::reset_on_close(&stream);
            judged(ProbeTimes::connected(began.elapsed()), patience)
        }
        Some(Err(error)) => Err(failure(&error).into()),
        None => Err(ConnectFailure::Timeout.into()),
    }
}

/// What a failed dial shows.
pub(super) fn failure(error: &DialError) -> ConnectFailure {
    ConnectFailure::new(&error.source, error.sent)
}
