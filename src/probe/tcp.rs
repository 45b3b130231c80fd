//! The `tcp` probe: a connection that is established counts, and is reset at once so that neither side
//! keeps it.

use std::time::{Duration, Instant};

use super::patience::{judged, within};
use super::target::Target;
use crate::net;
use crate::routing::control::ProbeTimes;
use crate::routing::{ConnectFailure, ProbeFailure};

/// Connects to `target`.
pub(super) async fn probe(
    target: Target<'_>,
    patience: Duration,
) -> Result<ProbeTimes, ProbeFailure> {
    let began = Instant::now();
    match within(patience, target.connect()).await {
        Some(Ok(stream)) => {
            net::reset_on_close(&stream);
            judged(ProbeTimes::Connected { connect: began.elapsed() }, patience)
        }
        Some(Err(failure)) => Err(failure.into()),
        None => Err(ConnectFailure::Timeout.into()),
    }
}
