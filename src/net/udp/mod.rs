//! Datagrams in batches: one system call reads up to 64 messages, each of them one datagram or many that
//! the kernel has coalesced (GRO), and one writes up to 64, each segmented by the kernel (GSO).
//!
//! What arrives is lent from the [`Inbox`] and goes out of the [`Outbox`] without a copy. Boundaries of
//! datagrams are kept exactly, and so are the bits of congestion notification. A datagram of any size
//! passes: "don't fragment" is what the system has as its default, and what does not fit into a segment
//! goes alone and is fragmented.
//!
//! Segmentation needs Linux 4.18, coalescing 5.0.

mod batch;
mod bind;
mod connect;
mod control;
mod inbox;
mod message;
mod name;
mod outbox;
mod parcel;
mod segmenting;
mod train;

#[cfg(test)]
mod tests;

pub use bind::{UdpOptions, bind_udp_group, set_receive_buffer};
pub use connect::connect_udp;
pub use inbox::{Inbox, Received};
pub use message::{Ecn, LocalAddr, Message};
pub use outbox::{Fate, Outbox};
pub use parcel::{Parcel, Peer};
pub use segmenting::Segmenting;
