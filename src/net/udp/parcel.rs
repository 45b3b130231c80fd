//! What is to be sent, and to whom.

use std::net::SocketAddr;

use super::message::{Ecn, LocalAddr, Message};
use super::segmenting::Segmenting;

/// Where datagrams of a socket that is not connected go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The peer.
    pub address: SocketAddr,
    /// The local address that they leave from; `None` for the socket's own.
    pub from: Option<LocalAddr>,
}

/// One message to send: one datagram, or several of equal length, of which the last may be shorter.
#[derive(Clone, Copy, Debug)]
pub struct Parcel<'a> {
    /// To whom; `None` if the socket is connected.
    pub to: Option<Peer>,
    /// What goes before the bytes of each of its datagrams, in the same datagram. Those of a parcel that has
    /// such go singly: the kernel would put it before the first segment alone.
    pub prefix: &'a [u8],
    /// The bytes of all its datagrams.
    pub payload: &'a [u8],
    /// Bytes of each datagram but the last. Of a single one: of the payload.
    pub segment: usize,
    /// What the network is told of congestion.
    pub ecn: Ecn,
    /// What is known of segmentation towards that peer.
    pub segmenting: Segmenting,
}

impl<'a> Parcel<'a> {
    /// Datagrams of so many bytes each, of which nobody knows anything.
    #[must_use]
    pub fn new(to: Option<Peer>, payload: &'a [u8], segment: usize) -> Self {
        let (ecn, segmenting) = (Ecn::default(), Segmenting::default());
        Self { to, prefix: &[], payload, segment, ecn, segmenting }
    }

    /// A message as it was received.
    #[must_use]
    pub fn relay(to: Option<Peer>, message: &Message<'a>, segmenting: Segmenting) -> Self {
        let &Message { payload, segment, ecn, .. } = message;
        Self { to, prefix: &[], payload, segment, ecn, segmenting }
    }

    /// The same, with these bytes before each datagram.
    #[must_use]
    pub fn after(self, prefix: &'a [u8]) -> Self {
        Self { prefix, ..self }
    }

    /// Whether it is one datagram.
    pub(super) fn is_single(&self) -> bool {
        self.payload.len() <= self.segment
    }
}
