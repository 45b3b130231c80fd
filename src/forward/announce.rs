//! What a DC is told of who comes, before a byte of theirs: a PROXY header, if it expects one.

use std::fmt;
use std::io;

use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::connect::Connected;
use super::listener::Settings;
use super::peer::Arrival;
use super::worker::Worker;
use crate::net;
use crate::proxy_protocol::{Announced, Details, Transport, v1, v2};
use crate::routing::topology::SendProxy;
use crate::routing::{Location, Snapshot};

/// Why there was no way to say who comes.
#[derive(Debug)]
pub(super) enum AnnounceError {
    /// The DC had not taken all of it when the time of the connect was over.
    Late,
    /// Sending failed, or whom the client asked for is not known.
    Socket(io::Error),
}

impl fmt::Display for AnnounceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late => f.write_str("the DC did not take its PROXY header in time"),
            Self::Socket(error) => write!(f, "sending the PROXY header: {error}"),
        }
    }
}

/// Sends the header that the DC of this connection expects, all of it, in what is left of the deadline of
/// the connect. Where none is expected this costs nothing.
///
/// # Errors
/// When it could not be sent. Whoever closes the connection then resets it: what follows half a header
/// would be taken for the rest of it.
pub(super) async fn announce(
    worker: &Worker,
    settings: &Settings,
    snapshot: &Snapshot,
    arrival: &Arrival<'_>,
    location: &Location,
    connected: &Connected,
) -> Result<(), AnnounceError> {
    let topology = &snapshot.topology;
    let Some(version) = topology.dc(connected.attempt.dc).send_proxy else { return Ok(()) };
    // Boxed: a session that announces nobody must not carry the room for it.
    let sent = Box::pin(async {
        let header = header(worker, settings, snapshot, arrival, location, connected, version)
            .map_err(AnnounceError::Socket)?;
        let left = topology.connect().deadline.saturating_sub(connected.took);
        let sent = timeout(left, send(&connected.stream, &header)).await;
        sent.map_err(|_| AnnounceError::Late)?.map_err(AnnounceError::Socket)
    });
    let sent = sent.await;
    if sent.is_err() {
        net::reset_on_close(&connected.stream);
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
    let given = shared.unique_ids.next().to_string();
    let unique_id = arrival.unique_id().unwrap_or(given.as_bytes());
    tracing::debug!(
        listener = &*settings.config.name,
        %access_point,
        unique_id = %unique_id.escape_ascii(),
        client = ?announced,
        "announced"
    );
    Ok(match version {
        SendProxy::V1 => v1(&announced),
        SendProxy::V2 => {
            let country = location.country();
            let details = Details {
                unique_id,
                country: country.as_ref().map(|code| code.as_str()),
                dc: access_point.dc.0,
                listener: &settings.config.name,
                edge: &shared.context.edge,
            };
            // Who speaks for itself is nobody's session.
            let is_client = announced != Announced::Neighbour;
            v2(Transport::Stream, &announced, is_client.then_some(&details))
        }
    })
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
    use super::*;
    use crate::forward::fixture::pair;
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

    #[tokio::test]
    async fn who_is_gone_cannot_be_told() {
        let (a, b) = pair().await;
        net::reset_on_close(&a);
        drop(a);
        b.readable().await.expect("an event");
        assert!(send(&b, b"header").await.is_err());
    }
}
