//! The `tcp` probe: a connection that is established counts, and is reset at once so that neither side
//! keeps it.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::patience::{judged, within};
use crate::net::{self, DialError};
use crate::routing::control::ProbeTimes;
use crate::routing::{ConnectFailure, ProbeFailure};

/// Connects from `source` to `address`.
pub(super) async fn probe(
    address: SocketAddr,
    source: Option<IpAddr>,
    patience: Duration,
) -> Result<ProbeTimes, ProbeFailure> {
    let began = Instant::now();
    match within(patience, net::dial(address, source, None)).await {
        Some(Ok(stream)) => {
            net::reset_on_close(&stream);
            judged(ProbeTimes::Connected { connect: began.elapsed() }, patience)
        }
        Some(Err(error)) => Err(failure(&error).into()),
        None => Err(ConnectFailure::Timeout.into()),
    }
}

/// What a failed dial shows.
pub(super) fn failure(error: &DialError) -> ConnectFailure {
    ConnectFailure::new(&error.source, error.sent)
}
