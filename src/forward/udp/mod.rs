//! Flows of UDP: what clients send goes to the DC that routing chose for them, and its answers come back.
//!
//! A worker has one socket of every bind, and all its flows one task. The kernel gives a client always to
//! the same worker, because the number of sockets of a bind never changes. For each client there
//! is one flow: a place in the table of the socket ([`FlowTable`]), and a socket of its own that is
//! connected to its access point.
//!
//! The life of a flow. A client sends a datagram; `begin` asks what limits allow, where the client is, and
//! which access point it gets, just as a session does, and connects a socket. Datagrams go through it in
//! batches, in both directions (`pass`). Before a datagram is passed on, the flow follows the state of the
//! network (`choose`): when its access point has gone Down or has refused, the flow goes to another one.
//! It ends when it is idle, when another needs its place more, or with its listener.
//!
//! Each way is one copy into this process and one out of it, for up to 64 messages of up to 64 datagrams. A
//! datagram costs no lock, no clock and no allocation; one that begins a flow does. What does not find room
//! is dropped and counted: nothing is kept, nobody is waited for.
//!
//! [`FlowTable`]: crate::routing::FlowTable

mod begin;
mod choose;
mod evict;
mod fates;
mod flow;
mod pass;
mod plane;
mod port;
mod settings;

pub(super) use plane::{PortNumber, UdpPlane};
