//! Decides where a client goes: geography, topology, health, ranking, attempts, control state.
//!
//! Pure: no clock, no sockets, no random numbers, no logs. Time and seeds come in as arguments,
//! decisions go out as values. Uses `std` and nothing else.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod alarm;
pub mod attempt;
pub mod client;
pub mod client_match;
pub mod control;
pub mod country;
pub mod damping;
pub mod drill;
pub mod excess;
pub mod failure;
#[cfg(test)]
mod fixture;
pub mod flow_outcome;
pub mod flow_table;
pub mod geo;
pub mod health;
pub mod ids;
pub mod intent;
pub mod isolation;
mod lasting;
pub mod limit;
pub mod moves;
pub mod network;
pub mod outcome;
pub mod passive;
pub mod pick;
pub mod place;
pub mod policy;
pub mod rank;
pub mod rendezvous;
pub mod round_trip;
pub mod settled;
pub mod slot;
pub mod snapshot;
pub mod sticky;
pub mod topology;
pub mod verdict;

pub use alarm::{Alarm, AlarmKind};
pub use attempt::{Attempt, AttemptPlan, GiveUp, IN_FLIGHT, Step};
pub use client::{ClientAddr, ClientPrefix};
pub use client_match::ClientMatch;
pub use failure::{ConnectFailure, Depth, Foreign, LocalFailure, ProbeFailure};
pub use flow_outcome::{DatagramDrop, FlowEnd, FlowMove};
pub use flow_table::{FlowId, FlowTable, FlowTimes, Standing};
pub use geo::{Coordinates, Kilometers, Millis};
pub use health::{AdminState, Health};
pub use ids::{AccessPointId, AccessPointIndex, DcId, DcIndex, DialAddress, Protocol};
pub use intent::{Intent, Intents, Target, Told};
pub use limit::Limit;
pub use network::Network;
pub use outcome::{CloseReason, Ending, HedgeResult, Refusal, Side, SniffResult};
pub use pick::{order_access_points, pick_access_point};
pub use place::{Asn, CountryCode, Locate, Location, Origin, Place};
pub use policy::Policy;
pub use rank::{
    Client, Exclusion, Precedence, RankedDc, Ranking, Why, rank, rank_anybody, rank_neighbour,
};
pub use slot::{AccessPointSlot, DcSlot, Full, SlotPermit};
pub use snapshot::{AccessPointState, Closing, DcState, Snapshot};
pub use sticky::Sticky;
pub use topology::{Topology, Traffic};
pub use verdict::{Decision, Verdict};
