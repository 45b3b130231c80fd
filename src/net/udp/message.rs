//! What is known of datagrams that were received.

use std::net::{IpAddr, SocketAddr};

/// The local address that a datagram was sent to, or is to be sent from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalAddr {
    /// The address.
    pub ip: IpAddr,
    /// The index of the interface that it is an address of, for link-local addresses of IPv6; else 0.
    pub interface: u32,
}

/// The two bits of explicit congestion notification (RFC 3168, section 5). The default is a packet
/// whose sender does not know them: "not-ECT".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ecn(u8);

impl Ecn {
    /// The bits of a byte that IPv4 calls type of service and IPv6 traffic class.
    #[must_use]
    pub fn of_traffic_class(byte: u8) -> Self {
        Self(byte & 0b11)
    }

    /// The bits, as the low ones of that byte.
    #[must_use]
    pub fn bits(self) -> u8 {
        self.0
    }
}

/// One received message: one datagram, or several of equal length that the kernel has coalesced, of
/// which the last may be shorter. All of them have the same addresses and bits.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Who has sent it.
    pub peer: SocketAddr,
    /// Where it was sent to, if the socket is bound to all addresses: the answer leaves from there.
    pub local: Option<LocalAddr>,
    /// The bytes of all its datagrams.
    pub payload: &'a [u8],
    /// Bytes of each datagram but the last. Of a single one: of the payload.
    pub segment: usize,
    /// What the network says of congestion.
    pub ecn: Ecn,
    /// Something of it is missing: bytes of the payload, or what the kernel knows of it. No more than
    /// a datagram that is lost.
    pub is_truncated: bool,
    /// It was sent to one address, and not to a broadcast or multicast one. `local` is then that
    /// address; else it is one of ours that would be right for an answer, or of IPv6 the group.
    pub is_unicast: bool,
}

impl Message<'_> {
    /// How many datagrams it is; an empty payload is one.
    #[must_use]
    pub fn datagrams(&self) -> usize {
        // Most are one, and a division is slow.
        match self.payload.len() > self.segment {
            true => self.payload.len().div_ceil(self.segment.max(1)),
            false => 1,
        }
    }
}
