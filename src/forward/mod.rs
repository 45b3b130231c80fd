//! The data plane: accepts clients, connects them to the DC that routing chose, relays bytes.
//!
//! One single-threaded runtime per worker, each with its own socket of every bind; a session stays
//! on the worker that accepted it. Read `session` for the life of a connection, `relay` and
//! `flow` for how its bytes move.
//!
//! Not here: what is healthy or close ([`crate::routing`]), and what is configured.

mod acceptor;
mod account;
mod announce;
mod bind_set;
mod closing;
mod connect;
mod descriptors;
mod dials;
mod egress;
#[cfg(test)]
mod fixture;
mod flow;
mod gate;
mod hedge;
mod idle;
mod listener;
mod peek;
mod peer;
mod per_dc;
mod pipes;
mod plane;
mod presence;
mod proxy_header;
mod refusal_log;
mod refused;
mod relay;
mod remembering;
mod roster;
mod session;
mod sniff;
mod turns;
mod udp;
mod unique_id;
mod worker;

pub use bind_set::OpenError;
pub use descriptors::{DescriptorNeed, Descriptors, NeedTerm};
pub use egress::{UnusableEgress, unusable_egress};
pub use plane::{Context, DataPlane, Liveness, Prepared};
pub use roster::{Listing, RosterDesk, WorkerSilent};
