//! Who has connected.

use std::io;

use tokio::net::TcpStream;

use super::listener::Accepted;
use super::proxy_header::{self, HeaderError, Introduction};
use crate::config::ProxyProtocol;
use crate::proxy_protocol::Announced;
use crate::routing::ClientAddr;

/// Who has connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// A client.
    Client(ClientAddr),
    /// A load balancer that speaks for itself.
    Neighbour(ClientAddr),
}

/// A connection of which it is known whose it is.
pub(super) struct Arrival<'a> {
    /// Who has connected.
    pub(super) peer: Peer,
    accepted: &'a Accepted,
    /// What a neighbour has said of them.
    introduction: Option<Box<Introduction>>,
}

impl<'a> Arrival<'a> {
    /// Who it is, as far as a neighbour that is trusted says so in a PROXY header.
    ///
    /// # Errors
    /// When the header is not what it should be.
    pub(super) async fn of(
        accepted: &'a Accepted,
        policy: &ProxyProtocol,
    ) -> Result<Self, HeaderError> {
        let neighbour = ClientAddr::new(accepted.neighbour.ip());
        if !proxy_header::is_required(policy, accepted.neighbour) {
            return Ok(Self { peer: Peer::Client(neighbour), accepted, introduction: None });
        }
        // Boxed: who waits for something else later must not carry the room for a header.
        let introduction = Box::pin(proxy_header::read(&accepted.stream, policy)).await?;
        let peer = match introduction.announced {
            Announced::Client { source, .. } => Peer::Client(ClientAddr::new(source.ip())),
            // Rules have to hold for it, and there is no better address.
            Announced::Nobody => Peer::Client(neighbour),
            Announced::Neighbour => Peer::Neighbour(neighbour),
        };
        Ok(Self { peer, accepted, introduction: Some(introduction.into()) })
    }

    /// The connection itself.
    pub(super) fn stream(&self) -> &TcpStream {
        &self.accepted.stream
    }

    /// Who is to be announced to others: with the addresses that were said, or those on the wire. Of whom
    /// nobody knows the address it is the neighbour's, by which rules judge them too: receivers reject
    /// connections without any.
    ///
    /// # Errors
    /// Those of the socket.
    pub(super) fn announced(&self) -> io::Result<Announced> {
        match self.introduction.as_ref().map(|introduction| introduction.announced) {
            Some(said @ (Announced::Client { .. } | Announced::Neighbour)) => Ok(said),
            Some(Announced::Nobody) | None => Ok(Announced::Client {
                source: self.accepted.neighbour,
                destination: self.accepted.stream.local_addr()?,
            }),
        }
    }

    /// What the session is called already.
    pub(super) fn unique_id(&self) -> Option<&[u8]> {
        self.introduction.as_ref()?.unique_id.as_deref()
    }
}
