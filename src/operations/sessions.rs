//! Sessions and flows that are open, and the end of them.

use std::time::Instant;

use tracing::info;

use crate::admin::operations::{Author, OperationError};
use crate::admin::view::{EndedView, SessionView, SessionsView};
use crate::forward::{Listing, RosterDesk, WorkerSilent};
use crate::sessions::{OpenSession, Which};

/// Shows those that are meant.
pub(super) async fn show(
    roster: &RosterDesk,
    which: Which,
) -> Result<SessionsView, OperationError> {
    let Listing { sessions, more } = roster.show(&which).await.map_err(silent)?;
    let now = Instant::now();
    let sessions = sessions.iter().map(|session| view(session, now)).collect();
    Ok(SessionsView { sessions, more: more as u64 })
}

/// Ends those that are meant.
pub(super) async fn end(
    roster: &RosterDesk,
    which: Which,
    author: Author,
) -> Result<EndedView, OperationError> {
    let ended = roster.end(&which).await.map_err(silent)?;
    info!(by = author.name, ended, "sessions ended by an operator");
    Ok(EndedView { ended: ended as u64 })
}

fn view(session: &OpenSession, now: Instant) -> SessionView {
    let OpenSession { listener, client, access_point, began } = session;
    SessionView {
        listener: listener.to_string(),
        protocol: access_point.address.protocol.as_str().to_owned(),
        client: client.to_string(),
        dc: access_point.dc.0,
        access_point: access_point.address.to_string(),
        age_seconds: now.saturating_duration_since(*began).as_secs(),
    }
}

fn silent(silent: WorkerSilent) -> OperationError {
    OperationError::Unavailable(silent.to_string())
}
