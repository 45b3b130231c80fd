//! `/v1/explain` and `nearpoint explain`: where a client would go, and why. Asks the same functions
//! that live traffic asks.

use std::fmt;
use std::net::IpAddr;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::{CoordinatesView, rounded, sentence};
use crate::routing::topology::Topology;
use crate::routing::{
    Attempt, AttemptPlan, Client, ClientAddr, DcIndex, Location, Millis, RankedDc, Ranking,
    Snapshot, Step, rank,
};

/// Where one client of one listener goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExplainView {
    /// The whole answer in a sentence.
    pub sentence: String,
    /// The client's address as it is located and hashed.
    pub client: String,
    /// The address that was asked about, when it carried `client` inside.
    pub unwrapped_from: Option<String>,
    /// Where the client is.
    pub location: LocationView,
    /// The listener asked about.
    pub listener: String,
    /// What it does: `nearest`, or `dc 2`.
    pub route: String,
    /// What DCs are compared by: `distance`, `latency` or `balanced`.
    pub objective: String,
    /// Costs within this much of a group's first are equal.
    pub tie_margin_ms: f64,
    /// Generation of the snapshot that decided.
    pub generation: u64,
    /// Why the chosen DC is the chosen one, in the words of the label `why` of `routed_total`;
    /// `null` when the client is refused.
    pub why: Option<String>,
    /// Health was ignored because nothing is Up.
    pub fail_open: bool,
    /// In the order of the ranking.
    pub dcs: Vec<RankedView>,
    /// The dials that would be made, one after the other, if each of them failed.
    pub attempts: Vec<AttemptView>,
}

/// Where a client is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LocationView {
    /// Who says so: `override`, `database`, `country`, `default` or `unknown`.
    pub origin: String,
    /// ISO 3166-1 alpha-2, where it is known.
    pub country: Option<String>,
    /// `null` exactly when `origin` is `unknown`.
    pub coordinates: Option<CoordinatesView>,
}

/// One DC of the ranking.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RankedView {
    /// Its number.
    pub id: u16,
    /// Its name.
    pub name: String,
    /// The client goes here.
    pub chosen: bool,
    /// Why it is left out; `null` for a candidate.
    pub exclusion: Option<String>,
    /// From the client.
    pub distance_km: Option<f64>,
    /// The least round trip from the client: light in fibre over that distance.
    pub client_to_dc_ms: Option<f64>,
    /// The measured round trip from this edge.
    pub edge_to_dc_ms: Option<f64>,
    /// What the objective says; `null` for a DC that cannot be compared.
    pub cost_ms: Option<f64>,
    /// Added to the cost, while the round trip is longer than usual.
    pub excess_ms: f64,
    /// Number of its tie group, best first; `null` where the listener or its class rules it out.
    pub group: Option<u32>,
    /// `up`, `unknown` or `down`.
    pub health: String,
    /// `ready`, `drain` or `maint`.
    pub admin: String,
}

/// One dial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptView {
    /// 1 for the first.
    pub number: u32,
    /// Number of the DC.
    pub dc: u16,
    /// The access point dialled.
    pub access_point: String,
    /// Health of the access point.
    pub health: String,
}

/// Why nothing can be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExplainError {
    /// There is no listener of this name; the names there are.
    UnknownListener(String, Vec<String>),
    /// There are several listeners and none was named; their names.
    WhichListener(Vec<String>),
    /// There is no listener at all.
    NoListener,
}

impl fmt::Display for ExplainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownListener(name, known) => {
                write!(f, "there is no listener {name:?}: known are {}", known.join(", "))
            }
            Self::WhichListener(known) => {
                write!(f, "which listener? name one of {}", known.join(", "))
            }
            Self::NoListener => f.write_str("there is no listener"),
        }
    }
}

impl std::error::Error for ExplainError {}

/// The listener that is meant: the named one, or the only one.
///
/// # Errors
/// When there is no such listener, or several and none is named.
pub fn the_listener<'a>(
    topology: &'a Topology,
    name: Option<&str>,
) -> Result<&'a str, ExplainError> {
    let names: Vec<&str> = topology.routes().keys().map(|name| &**name).collect();
    let known = || names.iter().map(ToString::to_string).collect();
    match (name, names.as_slice()) {
        (Some(name), _) => {
            let found = names.iter().find(|it| **it == name).copied();
            found.ok_or_else(|| ExplainError::UnknownListener(name.to_owned(), known()))
        }
        (None, []) => Err(ExplainError::NoListener),
        (None, [only]) => Ok(only),
        (None, _) => Err(ExplainError::WhichListener(known())),
    }
}

/// Where a client of `listener` with this address would go now.
///
/// # Errors
/// When there is no such listener.
pub fn explain(
    snapshot: &Snapshot,
    listener: &str,
    ip: IpAddr,
) -> Result<ExplainView, ExplainError> {
    let topology = &snapshot.topology;
    let listener = the_listener(topology, Some(listener))?;
    let route = topology.route(listener).ok_or(ExplainError::NoListener)?;
    let addr = ClientAddr::new(ip);
    let client = Client::new(addr, snapshot.locate.locate(addr));
    let ranking = rank(snapshot, route, &client);
    let attempts = attempts(snapshot, &ranking, &client);
    let chosen = attempts.first().map(|attempt| attempt.dc);
    let dcs = ranking.dcs.iter();
    let policy = topology.policy();
    Ok(ExplainView {
        sentence: sentence::of(snapshot, listener, &client, &ranking, chosen),
        client: addr.to_string(),
        unwrapped_from: (addr.ip() != ip).then(|| ip.to_string()),
        location: LocationView::from(client.location),
        listener: listener.to_owned(),
        route: route.route.to_string(),
        objective: policy.objective.as_str().to_owned(),
        tie_margin_ms: policy.tie_margin.0,
        generation: snapshot.generation,
        why: chosen.map(|dc| ranking.why(dc).as_str().to_owned()),
        fail_open: ranking.fail_open,
        dcs: dcs.map(|ranked| ranked_view(snapshot, ranked, chosen)).collect(),
        attempts: attempts.iter().map(|attempt| attempt_view(snapshot, attempt)).collect(),
    })
}

impl From<Location> for LocationView {
    fn from(location: Location) -> Self {
        let country = location.place.and_then(|place| place.country);
        Self {
            origin: location.origin.as_str().to_owned(),
            country: country.map(|code| code.to_string()),
            coordinates: location.place.map(|place| CoordinatesView::from(place.coordinates)),
        }
    }
}

/// The dials of a session whose every dial fails at once.
fn attempts(snapshot: &Snapshot, ranking: &Ranking, client: &Client) -> Vec<Attempt> {
    let now = Instant::now();
    let mut plan = AttemptPlan::new(ranking, client, snapshot.topology.connect(), now);
    let mut attempts = Vec::new();
    while let Step::Dial(attempt) = plan.next(snapshot, now) {
        attempts.push(attempt);
        plan.on_failed(attempt);
    }
    attempts
}

fn ranked_view(snapshot: &Snapshot, ranked: &RankedDc, chosen: Option<DcIndex>) -> RankedView {
    let (dc, state) = (snapshot.topology.dc(ranked.dc), snapshot.dc(ranked.dc));
    let light = ranked.distance.map(|distance| distance.round_trip());
    RankedView {
        id: dc.id.0,
        name: dc.name.to_string(),
        chosen: chosen == Some(ranked.dc),
        exclusion: ranked.exclusion.map(|exclusion| exclusion.as_str().to_owned()),
        distance_km: ranked.distance.and_then(|distance| rounded(distance.0)),
        client_to_dc_ms: light.and_then(|light| rounded(light.0)),
        edge_to_dc_ms: state.round_trip.and_then(|it| rounded(Millis::from(it).0)),
        cost_ms: rounded(ranked.cost.0),
        excess_ms: rounded(ranked.excess.0).unwrap_or_default(),
        group: ranked.group,
        health: state.health.as_str().to_owned(),
        admin: state.admin.as_str().to_owned(),
    }
}

fn attempt_view(snapshot: &Snapshot, attempt: &Attempt) -> AttemptView {
    let access_point = snapshot.topology.access_point(attempt.access_point);
    let state = snapshot.access_point(attempt.access_point);
    AttemptView {
        number: attempt.number,
        dc: access_point.id.dc.0,
        access_point: access_point.id.address.to_string(),
        health: state.health.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests;
