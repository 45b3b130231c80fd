//! Sessions and flows that are open.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Some of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionsView {
    /// Those that fit.
    pub sessions: Vec<SessionView>,
    /// How many fit that are not among them.
    pub more: u64,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionView {
    /// Where the client came.
    pub listener: String,
    /// `tcp` for a session, `udp` for a flow.
    pub protocol: String,
    /// The address of the client; an IPv6 one as it is.
    pub client: String,
    /// The DC.
    pub dc: u16,
    /// The access point.
    pub access_point: String,
    /// Since it was connected.
    pub age_seconds: u64,
}

/// What became of those that were to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EndedView {
    /// How many were told to.
    pub ended: u64,
}
