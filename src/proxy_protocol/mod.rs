//! The PROXY protocol: what a header says is written, and what was written is read. Both versions are those
//! of HAProxy's `proxy-protocol.txt`; `docs/proxy-protocol.md` says which part of it is used how.
//!
//! No sockets, no clock, no randomness: bytes in, values out, and the reverse. Whatever was sent, nothing
//! here panics.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod checksum;
mod read;
#[cfg(test)]
mod tests;
mod tlv;
mod write;

use std::net::SocketAddr;

pub use read::{Header, Parsed, parse};
pub use tlv::{COUNTRY, CRC32C, DC, EDGE, LISTENER, LONGEST_UNIQUE_ID, UNIQUE_ID};
pub use write::{v1, v2};

/// Who a header announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// A client, and the address that it connected to.
    Client {
        /// Where it comes from.
        source: SocketAddr,
        /// What it asked for.
        destination: SocketAddr,
    },
    /// A client whose address is not known (`UNKNOWN` in version 1, a family other than the internet's in
    /// version 2).
    Nobody,
    /// The sender itself, to see whether the receiver lives (`LOCAL`).
    Neighbour,
}

/// What the client sends behind the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Bytes, by TCP.
    Stream,
    /// Datagrams, by UDP.
    Datagram,
}

/// The form of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// A line of text.
    One,
    /// Binary.
    Two,
}

/// What version 2 says beside the addresses. What is empty is not said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Details<'a> {
    /// Names the session or flow wherever it is heard of; [`LONGEST_UNIQUE_ID`] bytes at most, what is
    /// longer is cut.
    pub unique_id: &'a [u8],
    /// Where the client is: two letters of ISO 3166-1.
    pub country: Option<&'a str>,
    /// The DC that it was given to.
    pub dc: u16,
    /// The listener that it came to, at most 255 bytes.
    pub listener: &'a str,
    /// The edge that it came to, at most 255 bytes.
    pub edge: &'a str,
}
