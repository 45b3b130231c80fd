//! What a DC is told of who comes, before a byte of theirs: a PROXY header, if it expects one.

use std::fmt;
use std::io;
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::connect::{Connected, count_failed};
use super::listener::Settings;
use super::peer::Arrival;
use super::worker::Worker;
use crate::net;
use crate::proxy_protocol::{Announced, Details, Transport, v1, v2};
use crate::routing::topology::SendProxy;
use crate::routing::{Client, ConnectFailure, Location, Snapshot};

/// Why there was no way to say who comes.
#[derive(Debug)]
pub(super) enum AnnounceError {
    /// Whom the client asked for is not known.
    Unknown(io::Error),
    /// The DC had not taken all of it when the time of the connect was over.
    Late,
    /// Sending failed.
    Socket(io::Error),
}

impl AnnounceError {
    /// What it shows of the access point, if anything: who cannot be told is no better than who cannot be
    /// dialled.
    fn failure(&self) -> Option<ConnectFailure> {
        match self {
            Self::Unknown(_) => None,
            Self::Late => Some(ConnectFailure::Timeout),
            Self::Socket(error) => Some(ConnectFailure::new(error, true)),
        }
    }
}

impl fmt::Display for AnnounceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(error) => write!(f, "whom the client asked for: {error}"),
            Self::Late => f.write_str("the DC did not take its PROXY header in time"),
            Self::Socket(error) => write!(f, "sending the PROXY header: {error}"),
        }
    }
}

/// Sends the header that the DC of this connection expects, all of it, in what is left of the deadline of
/// the connect. Where none is expected this costs nothing.
///
/// # Errors
/// When it could not be sent, which is counted as a dial that failed. No other access point is tried then.
/// The connection is to be dropped, which resets it: what follows half a header would be taken for the
/// rest of it.
pub(super) async fn announce(
    worker: &Worker,
    settings: &Settings,
    snapshot: &Snapshot,
    arrival: &Arrival<'_>,
    client: &Client,
    connected: &Connected,
) -> Result<(), AnnounceError> {
    let topology = &snapshot.topology;
    let Some(version) = topology.dc(connected.attempt.dc).send_proxy else { return Ok(()) };
    // Boxed: a session that announces nobody must not carry the room for it.
    let sent = Box::pin(async {
        let location = &client.location;
        let header = header(worker, settings, snapshot, arrival, location, connected, version)
            .map_err(AnnounceError::Unknown)?;
        let left = topology.connect().deadline.saturating_sub(connected.took);
        deliver(&connected.stream, &header, left).await
    });
    let sent = sent.await;
    if let Some(failure) = sent.as_ref().err().and_then(AnnounceError::failure) {
        count_failed(worker, snapshot, client.addr, connected.attempt, failure);
    }
    sent
}

fn header(
    worker: &Worker,
    settings: &Settings,
    snapshot: &Snapshot,
    arrival: &Arrival<'_>,
    location: &Location,
    connected: &Connected,
    version: SendProxy,
) -> io::Result<Vec<u8>> {
    let announced = arrival.announced()?;
    let shared = &worker.shared;
    let access_point = snapshot.topology.access_point(connected.attempt.access_point).id;
    // Who speaks for itself is nobody's session, and version 1 has no room for a name.
    let is_client = announced != Announced::Neighbour;
    let has_details = is_client && version == SendProxy::V2;
    let given = arrival.unique_id();
    let drawn = (has_details && given.is_none()).then(|| shared.unique_ids.next().to_string());
    let unique_id = given.or(drawn.as_deref().map(str::as_bytes));
    tracing::debug!(
        listener = &*settings.config.name,
        %access_point,
        unique_id = unique_id.map(|id| tracing::field::display(id.escape_ascii())),
        client = ?announced,
        "announced"
    );
    Ok(match version {
        SendProxy::V1 => v1(&announced),
        SendProxy::V2 => {
            let country = location.country();
            let details = Details {
                unique_id: unique_id.unwrap_or_default(),
                country: country.as_ref().map(|code| code.as_str()),
                dc: access_point.dc.0,
                listener: &settings.config.name,
                edge: &shared.context.edge,
            };
            v2(Transport::Stream, &announced, has_details.then_some(&details))
        }
    })
}

/// Sends all of it in this time.
async fn deliver(stream: &TcpStream, header: &[u8], left: Duration) -> Result<(), AnnounceError> {
    let sent = timeout(left, send(stream, header)).await;
    sent.map_err(|_| AnnounceError::Late)?.map_err(AnnounceError::Socket)
}

/// Sends all of it.
async fn send(stream: &TcpStream, header: &[u8]) -> io::Result<()> {
    let mut unsent = header;
    while !unsent.is_empty() {
        let sent = stream.async_io(Interest::WRITABLE, || net::send(stream, unsent)).await?;
        unsent = &unsent[sent..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use super::*;
    use crate::forward::fixture::pair;
    use crate::net::ResetOnDrop;
    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn all_of_it_is_sent_however_slowly_it_is_taken() {
        let (mut a, b) = pair().await;
        let long: Vec<u8> = (0..=250).cycle().take(8 << 20).collect();
        let read = async {
            let mut read = vec![0; long.len()];
            a.read_exact(&mut read).await.expect("read");
            read
        };
        let (sent, read) = tokio::join!(send(&b, &long), read);
        sent.expect("sent");
        assert!(read == long);
    }

    /// More than the buffers of two sockets take.
    static TOO_LONG: [u8; 8 << 20] = [7; 8 << 20];

    #[tokio::test]
    async fn who_is_gone_cannot_be_told_and_has_failed() {
        let (a, b) = pair().await;
        net::reset_on_close(&a);
        drop(a);
        b.readable().await.expect("an event");
        let error = deliver(&b, b"header", Duration::MAX).await.expect_err("nobody is there");
        assert_eq!(error.failure(), Some(ConnectFailure::Reset));
        // The kernel has told of the reset once; what it says from now on is `EPIPE`.
        let error = deliver(&b, b"header", Duration::MAX).await.expect_err("nobody is there");
        assert_eq!(error.failure(), Some(ConnectFailure::Reset));
    }

    #[tokio::test]
    async fn who_does_not_take_it_in_time_has_failed() {
        let (_a, b) = pair().await;
        let sent = deliver(&b, &TOO_LONG, Duration::ZERO).await;
        let error = sent.expect_err("nobody reads");
        assert_eq!(error.failure(), Some(ConnectFailure::Timeout));
    }

    #[test]
    fn what_is_not_known_of_the_client_is_not_held_against_the_access_point() {
        let error = AnnounceError::Unknown(io::ErrorKind::NotConnected.into());
        assert_eq!(error.failure(), None);
    }

    #[tokio::test]
    async fn who_is_told_half_of_it_when_the_session_is_cut_short_sees_a_reset() {
        let (mut a, b) = pair().await;
        let stream = ResetOnDrop::from(b);
        let mut telling = Box::pin(async move {
            deliver(&stream, &TOO_LONG, Duration::MAX).await.expect("never");
            stream
        });
        let first_look = poll_fn(|cx| Poll::Ready(telling.as_mut().poll(cx))).await;
        assert!(first_look.is_pending());
        drop(telling);
        let mut heard = Vec::new();
        let error = a.read_to_end(&mut heard).await.expect_err("no end that could pass for one");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
}
