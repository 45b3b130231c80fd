//! Clients seen lately.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A sample of them: each of all that came to a listener within the last hour is in it with the same
/// chance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClientsView {
    /// By listener, how many came.
    pub listeners: Vec<SeenListenerView>,
    /// Those of the sample.
    pub clients: Vec<SeenClientView>,
    /// How many of the sample are not in this answer.
    pub more: u64,
}

/// Who came to a listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SeenListenerView {
    /// Its name.
    pub listener: String,
    /// Clients of the sample.
    pub sampled: u64,
    /// Clients in all; an estimate where the sample is full.
    pub distinct: u64,
    /// Sessions and flows that are open.
    pub open: u64,
}

/// A client seen lately.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SeenClientView {
    /// Where it came.
    pub listener: String,
    /// Its address, an IPv6 one cut to its /64; `null` of one that came before the daemon was started,
    /// of which only the place is known.
    pub client: Option<String>,
    /// What it is ranked by where it has no address: one in 3fff::/20, made of a hash.
    pub pseudonym: Option<String>,
    /// Its country, as far as that is known.
    pub country: Option<String>,
    /// Degrees north.
    pub lat: Option<f64>,
    /// Degrees east.
    pub lon: Option<f64>,
    /// Who says where it is: `override`, `database`, `country`, `default` or `unknown`.
    pub origin: String,
    /// Its autonomous system.
    pub asn: Option<u32>,
    /// The DC that it is bound to, by its listener or its header; `null` for the nearest one.
    pub bound_to: Option<u16>,
    /// What it wants of a DC: `main`, `media` or `cdn`.
    pub class: String,
    /// The DC that its listener remembers of it.
    pub remembered: Option<u16>,
    /// The DC that it would get now, if there were room; `null` when it would be refused.
    pub dc: Option<u16>,
    /// The DC that it would get if all were well.
    pub home: Option<u16>,
    /// How long ago it came.
    pub seen_seconds_ago: u64,
}
