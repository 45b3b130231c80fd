//! What is to be sent, and to whom.

use std::net::SocketAddr;

use super::message::{LocalAddr, Message};
use super::segmenting::Segmenting;

/// Where datagrams of a socket that is not connected go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The peer.
    pub address: SocketAddr,
    /// The local address that they leave from; `None` for the socket's own.
    pub from: Option<LocalAddr>,
}

/// One message to send: all its datagrams, as they were received.
#[derive(Clone, Copy, Debug)]
pub struct Parcel<'a> {
    /// To whom; `None` if the socket is connected.
    pub to: Option<Peer>,
    /// What. Its payload, its segments and its ECN count, not where it came from.
    pub message: Message<'a>,
    /// What is known of segmentation towards that peer.
    pub segmenting: Segmenting,
}
