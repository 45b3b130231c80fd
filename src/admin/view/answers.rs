//! `/v1/config` and `/v1/nearest_dc`: what clients are to be told of the network, in the shapes of
//! Telegram's `help.getConfig` and `help.getNearestDc` as clients dump them. Asks the functions that
//! live traffic asks, so that a client is told what it would find.

mod choice;
mod entries;
mod secret;

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::explain::{ExplainError, the_listener};
use crate::memory::{EpochSeconds, StickyMemory};
use crate::routing::topology::{ListenerRoute, Route};
use crate::routing::{Protocol, Snapshot, Topology};
use choice::Choice;

pub use entries::DcOptionView;
pub use secret::SecretView;

/// How long clients go by an answer, in seconds.
const USUAL: u32 = 3600;

/// The same while something is left out, or put back, that may soon be well. Clients of this protocol
/// ask no more often than once a minute.
const PASSING: u32 = 300;

/// `/v1/config`: a `config` of TL, less what is no matter of routing, and with what a `nearestDc` says
/// beside it. Loads as a list of access points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigView {
    /// `config`.
    #[serde(rename = "_")]
    pub constructor: String,
    /// Now, in seconds since 1970.
    pub date: u32,
    /// When a client is to ask again: an hour later, or five minutes while anything is other than the
    /// list says because of health or because the operator took it out, and while nobody knows.
    pub expires: u32,
    /// Whether the DCs are those of a test network.
    pub test_mode: bool,
    /// The DC that a session of this listener belongs to: the one that it is bound to, else the nearest.
    pub this_dc: u16,
    /// As in [`NearestDcView::nearest_dc`].
    pub nearest_dc: u16,
    /// As in [`NearestDcView::country`].
    pub country: String,
    /// DCs in the order in which this client would use them, and of each what is for ordinary sessions,
    /// for media and of a CDN, each in the order of dials.
    pub dc_options: Vec<DcOptionView>,
}

/// `/v1/nearest_dc`: a `nearestDc` of TL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NearestDcView {
    /// `nearestDc`.
    #[serde(rename = "_")]
    pub constructor: String,
    /// Where the client is known to be: two letters of ISO 3166-1, or none. TL has no `null` here.
    pub country: String,
    /// As in [`ConfigView::this_dc`].
    pub this_dc: u16,
    /// The DC that a session of this client would be given now, at the listener if that is a `nearest`
    /// one, else at one that may use every DC. A client that would be refused is told the DC that it
    /// would have otherwise: TL has no word for none.
    pub nearest_dc: u16,
}

/// What a client of a TCP listener, the named one or the only one, is to be told of the network.
///
/// # Errors
/// When there is no such listener, or no DC.
pub fn config(
    snapshot: &Snapshot,
    listener: Option<&str>,
    client: IpAddr,
    (memory, now): (&StickyMemory, EpochSeconds),
) -> Result<ConfigView, ExplainError> {
    let listener = session_listener(&snapshot.topology, listener)?;
    let choice = Choice::new(snapshot, listener, client, (memory, now))?;
    // What an edge says that is cut off is what it saw last.
    let mut is_passing = choice.is_passing || snapshot.isolated;
    let mut dc_options = Vec::with_capacity(snapshot.topology.access_points().len());
    for dc in &choice.order {
        is_passing |= entries::add(snapshot, *dc, &choice.client, &mut dc_options);
    }
    let good_for = if is_passing { PASSING } else { USUAL };
    Ok(ConfigView {
        constructor: "config".to_owned(),
        date: now.0,
        expires: now.0.saturating_add(good_for),
        test_mode: snapshot.topology.is_test_network(),
        this_dc: choice.this.0,
        nearest_dc: choice.nearest.0,
        country: choice.country(),
        dc_options,
    })
}

/// Which DC is nearest to a client of a TCP listener: the named one, the only one, or the only one that
/// is `nearest`.
///
/// # Errors
/// When there is no such listener, or no DC.
pub fn nearest_dc(
    snapshot: &Snapshot,
    listener: Option<&str>,
    client: IpAddr,
    memory: (&StickyMemory, EpochSeconds),
) -> Result<NearestDcView, ExplainError> {
    let topology = &snapshot.topology;
    let mut nearest = topology
        .routes()
        .iter()
        .filter(|(_, it)| it.route == Route::Nearest && it.protocol == Protocol::Tcp);
    let listener = match (listener, nearest.next(), nearest.next()) {
        (None, Some((only, _)), None) => Some(&**only),
        (named, ..) => named,
    };
    let choice = Choice::new(snapshot, session_listener(topology, listener)?, client, memory)?;
    Ok(NearestDcView {
        constructor: "nearestDc".to_owned(),
        country: choice.country(),
        this_dc: choice.this.0,
        nearest_dc: choice.nearest.0,
    })
}

/// As [`the_listener`], of those that serve sessions: what clients are told has no word for UDP.
fn session_listener<'a>(
    topology: &'a Topology,
    name: Option<&str>,
) -> Result<(&'a str, &'a ListenerRoute), ExplainError> {
    let mut routes = topology.routes().iter();
    let mut of_sessions = routes.clone().filter(|(_, it)| it.protocol == Protocol::Tcp);
    let (name, route) = match (name, of_sessions.next(), of_sessions.next()) {
        (None, Some((only, route)), None) => (&**only, route),
        (None, None, _) if routes.next().is_some() => return Err(ExplainError::NoSessions(None)),
        (name, ..) => the_listener(topology, name)?,
    };
    match route.protocol {
        Protocol::Tcp => Ok((name, route)),
        Protocol::Udp => Err(ExplainError::NoSessions(Some(name.to_owned()))),
    }
}

#[cfg(test)]
mod tests;
