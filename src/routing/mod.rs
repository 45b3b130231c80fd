//! Decides where a client goes: geography, topology, health, ranking, attempts, control state.
//!
//! Pure: no clock, no sockets, no random numbers, no logs. Time and seeds come in as arguments,
//! decisions go out as values. Uses `std` and nothing else.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod client;
pub mod country;
pub mod geo;
pub mod health;
pub mod ids;
pub mod place;
pub mod slot;
pub mod snapshot;
pub mod topology;

pub use client::ClientAddr;
pub use geo::{Coordinates, Kilometers, Millis};
pub use health::{AdminState, Health};
pub use ids::{AccessPointId, AccessPointIndex, DcId, DcIndex};
pub use place::{CountryCode, Locate, Location, Origin, Place};
pub use slot::{AccessPointSlot, DcSlot};
pub use snapshot::{AccessPointState, DcState, Snapshot};
pub use topology::Topology;
