//! `/v1/explain` and `nearpoint explain`: where a client would go, and why. Asks the same functions
//! that live traffic asks.

mod dcs;
mod dials;
mod location;
mod policy;

use std::fmt;
use std::net::IpAddr;
use std::time::Instant;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::intents::details;
use super::sentence;
use crate::memory::{EpochSeconds, StickyMemory};
use crate::routing::client::Carrier;
use crate::routing::topology::{Destination, ListenerRoute, NamedDc, Route, Topology};
use crate::routing::{
    Client, ClientAddr, DcId, Exclusion, Precedence, Ranking, Snapshot, Target, rank,
};

pub use dcs::{OfferView, RankedView};
pub use dials::{AttemptView, destination};
pub use location::LocationView;
pub use policy::{DEFAULT, Part, PolicyView, RuleView, rule_name, shortened};

/// Where one client of one listener goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExplainView {
    /// The whole answer in a sentence.
    pub sentence: String,
    /// The client's address as it is located and hashed.
    pub client: String,
    /// The address that was asked about, when it carried `client` inside.
    pub unwrapped_from: Option<String>,
    /// What carried it: `v4-mapped`, `NAT64`, `6to4` or `Teredo`.
    pub carried_by: Option<String>,
    /// Where the client is.
    pub location: LocationView,
    /// The listener asked about.
    pub listener: String,
    /// What it does: `nearest`, `dc 2`, or `mtproto`.
    pub route: String,
    /// What it serves: `tcp`, in sessions, or `udp`, in flows.
    pub protocol: String,
    /// The DC that the client is taken to name in its MTProto header, as if it proved that with a secret;
    /// `null` for one that names none, and on listeners that do not ask.
    pub named_dc: Option<i16>,
    /// The DC that the session or flow is bound to; `null` for one that goes to the closest.
    pub bound_to: Option<u16>,
    /// Which access points of a DC it uses: `main`, `media` or `cdn`.
    pub class: String,
    /// What it remembers of the client; `null` for a listener that remembers nobody.
    pub memory: Option<MemoryView>,
    /// What DCs are compared by: `distance`, `latency` or `balanced`.
    pub objective: String,
    /// Costs within this much of a group's first are equal.
    pub tie_margin_ms: f64,
    /// `live`, or `presumed` where no daemon was asked: then everything is taken to be up and ready,
    /// nothing is measured, and nobody is remembered.
    pub basis: String,
    /// Generation of the snapshot that decided.
    pub generation: u64,
    /// Why the chosen DC is the chosen one, in the words of the label `why` of `routed_total`;
    /// `null` when the client is refused.
    pub why: Option<String>,
    /// Why the client is refused, in the words of the label `reason` of `refused_total`; `null` when
    /// it is not.
    pub refused: Option<String>,
    /// Health was ignored because nothing is Up.
    pub fail_open: bool,
    /// What the rules say.
    pub policy: PolicyView,
    /// In the order of the ranking.
    pub dcs: Vec<RankedView>,
    /// The dials that would be made, one after the other, if each of them failed.
    pub attempts: Vec<AttemptView>,
}

/// What a listener remembers of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryView {
    /// The DC that the client was given when it last came; `null` for one that comes for the first
    /// time, and where no daemon was asked.
    pub dc: Option<u16>,
    /// Whether the client is sent there first: policy and the operator may have taken the DC from it.
    pub counts: bool,
    /// What happens while that DC is not usable: `move` or `refuse`.
    pub when_down: String,
    /// How long after its last session a client is remembered.
    pub ttl_seconds: u64,
}

/// What stands behind an explanation beside the snapshot.
#[derive(Clone, Copy)]
pub enum Basis<'a> {
    /// A daemon runs: it has measured, and its listeners remember clients.
    Live {
        /// What they remember. Explaining changes nothing of it.
        memory: &'a StickyMemory,
        /// The time of day.
        now: EpochSeconds,
    },
    /// Nothing runs, and everything is presumed to be well.
    Presumed,
}

impl Basis<'_> {
    /// The word of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live { .. } => "live",
            Self::Presumed => "presumed",
        }
    }
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
    /// Clients are told of sessions only, and this listener, or every one, serves UDP.
    NoSessions(Option<String>),
    /// There is no DC that has an access point.
    NoDc,
    /// The listener refuses a client that names this DC, or none.
    NotRouted(String, Option<i16>),
    /// A DC was named, and the listener does not look for one.
    NotSniffed(String),
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
            Self::NoSessions(None) => f.write_str("there is no listener for TCP"),
            Self::NoSessions(Some(listener)) => {
                write!(f, "listener {listener} serves UDP, and clients are told of TCP only")
            }
            Self::NoDc => f.write_str("there is no DC with an access point"),
            Self::NotRouted(listener, None) => write!(
                f,
                "listener {listener} refuses clients that name no DC: which one does it name?"
            ),
            Self::NotRouted(listener, Some(dc)) => {
                write!(f, "listener {listener} refuses a client that names DC {dc}")
            }
            Self::NotSniffed(listener) => {
                write!(f, "listener {listener} does not look for the DC that a client names")
            }
        }
    }
}

impl std::error::Error for ExplainError {}

/// The listener that is meant, with its route: the named one, or the only one.
///
/// # Errors
/// When there is no such listener, or several and none is named.
pub fn the_listener<'a>(
    topology: &'a Topology,
    name: Option<&str>,
) -> Result<(&'a str, &'a ListenerRoute), ExplainError> {
    let routes = topology.routes();
    let known = || routes.keys().map(ToString::to_string).collect();
    let mut all = routes.iter().map(|(name, route)| (&**name, route));
    match (name, routes.len()) {
        (Some(name), _) => {
            let found = all.find(|(known, _)| *known == name);
            found.ok_or_else(|| ExplainError::UnknownListener(name.to_owned(), known()))
        }
        (None, 0 | 1) => all.next().ok_or(ExplainError::NoListener),
        (None, _) => Err(ExplainError::WhichListener(known())),
    }
}

/// Where the sessions of a listener go whose clients prove that they want `dc`, as their headers have
/// it, or say nothing.
///
/// # Errors
/// When such clients are refused, or the listener does not ask.
pub fn destination_of(
    topology: &Topology,
    (listener, route): (&str, &ListenerRoute),
    dc: Option<i16>,
) -> Result<Destination, ExplainError> {
    match (route.route, dc) {
        (Route::Mtproto(by_header), _) => {
            let named = dc.map(|id| NamedDc { id, proved: true });
            let destination = by_header.destination(named, route, topology);
            destination.ok_or_else(|| ExplainError::NotRouted(listener.to_owned(), dc))
        }
        (Route::Nearest | Route::Dc(_), Some(_)) => {
            Err(ExplainError::NotSniffed(listener.to_owned()))
        }
        (Route::Nearest, None) => Ok(Destination::Nearest(route.class)),
        (Route::Dc(bound_to), None) => Ok(Destination::Dc(bound_to, route.class)),
    }
}

/// Where a client of `listener` with this address would go now; one that names `dc` in its header, where
/// the listener looks for that.
///
/// # Errors
/// When there is no such listener, or it refuses the client for what it names.
pub fn explain(
    snapshot: &Snapshot,
    listener: &str,
    (ip, dc): (IpAddr, Option<i16>),
    basis: Basis<'_>,
) -> Result<ExplainView, ExplainError> {
    let topology = &snapshot.topology;
    let (listener, route) = the_listener(topology, Some(listener))?;
    let addr = ClientAddr::new(ip);
    let mut client = Client::new(addr, snapshot.locate.locate(addr));
    client.remembered = match basis {
        Basis::Live { memory, now } => memory.recall(listener, addr, now),
        Basis::Presumed => None,
    };
    let goes_to = destination_of(topology, (listener, route), dc)?;
    let ranking = rank(snapshot, route, goes_to, &client);
    let destination = destination(snapshot, &ranking, &client);
    let chosen = destination.ok();
    let dials = dials::of(snapshot, &ranking, &client);
    let policy = topology.policy();
    Ok(ExplainView {
        sentence: sentence::of(snapshot, (listener, dc), &client, &ranking, chosen),
        client: addr.to_string(),
        unwrapped_from: (addr.ip() != ip).then(|| ip.to_string()),
        carried_by: Carrier::of(ip).map(|carrier| carrier.as_str().to_owned()),
        location: LocationView::from(client.location),
        listener: listener.to_owned(),
        route: route.route.to_string(),
        protocol: route.protocol.as_str().to_owned(),
        named_dc: dc,
        bound_to: goes_to.bound_to().map(|dc| dc.0),
        class: goes_to.class().as_str().to_owned(),
        memory: memory(route, &client, &ranking),
        objective: policy.objective.as_str().to_owned(),
        tie_margin_ms: policy.tie_margin.0,
        basis: basis.as_str().to_owned(),
        generation: snapshot.generation,
        why: chosen.map(|dc| ranking.why(dc).as_str().to_owned()),
        refused: destination.err().map(|refusal| refusal.as_str().to_owned()),
        fail_open: ranking.fail_open,
        policy: PolicyView::new(policy, goes_to, &client, &ranking),
        dcs: dcs::views(snapshot, &client, &ranking, (chosen, &dials)),
        attempts: dials.iter().map(|dial| AttemptView::new(snapshot, dial)).collect(),
    })
}

impl ExplainView {
    /// Says of DCs that operators keep out until when, who and why.
    pub fn set_intents(&mut self, snapshot: &Snapshot, now: Instant) {
        let kept_out = [Exclusion::Drain.as_str(), Exclusion::Maint.as_str()];
        let is_kept_out = |dc: &&mut RankedView| {
            dc.exclusion.as_deref().is_some_and(|exclusion| kept_out.contains(&exclusion))
        };
        for dc in self.dcs.iter_mut().filter(is_kept_out) {
            let details = details(snapshot, Target::Dc(DcId(dc.id)), now);
            if let Some(says) = &mut dc.exclusion_says {
                says.push_str(&details);
            }
        }
    }
}

fn memory(route: &ListenerRoute, client: &Client, ranking: &Ranking) -> Option<MemoryView> {
    let sticky = route.sticky.filter(|_| !ranking.is_bound())?;
    let first = ranking.dcs.first();
    Some(MemoryView {
        dc: client.remembered.map(|dc| dc.0),
        counts: first.is_some_and(|first| first.precedence == Precedence::Remembered),
        when_down: sticky.when_down.as_str().to_owned(),
        ttl_seconds: sticky.ttl.as_secs(),
    })
}

#[cfg(test)]
mod tests;
