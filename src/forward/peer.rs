//! Who has connected.

use super::listener::Accepted;
use super::proxy_header::{self, Announced, HeaderError};
use crate::config::ProxyProtocol;
use crate::routing::ClientAddr;

/// Who has connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// A client.
    Client(ClientAddr),
    /// A load balancer that speaks for itself.
    Neighbour(ClientAddr),
}

impl Peer {
    /// Who it is, as far as a neighbour that is trusted says so in a PROXY header.
    ///
    /// # Errors
    /// When the header is not what it should be.
    pub(super) async fn of(
        accepted: &Accepted,
        policy: &ProxyProtocol,
    ) -> Result<Self, HeaderError> {
        let neighbour = ClientAddr::new(accepted.neighbour.ip());
        if !proxy_header::is_required(policy, accepted.neighbour) {
            return Ok(Self::Client(neighbour));
        }
        // Boxed: who waits for something else later must not carry the room for a header.
        let announced = Box::pin(proxy_header::read(&accepted.stream, policy)).await?;
        Ok(match announced {
            Announced::Client(client) => Self::Client(ClientAddr::new(client.ip())),
            // Rules have to hold for it, and there is no better address.
            Announced::Nobody => Self::Client(neighbour),
            Announced::Neighbour => Self::Neighbour(neighbour),
        })
    }
}
