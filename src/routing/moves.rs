//! Who would move to another DC, if something changed: the clients of a sample are ranked as they are now
//! and as they would be then, by the one [`rank()`].

mod imagined;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ids::DcId;
use super::rank::{Client, rank};
use super::snapshot::Snapshot;
use super::topology::{Destination, ListenerRoute, Route, Topology};

pub use imagined::{Imagined, imagine};

/// Clients of one listener.
#[derive(Clone, Debug, PartialEq)]
pub struct Crowd {
    /// Its name.
    pub listener: Arc<str>,
    /// A sample of its clients.
    pub clients: Vec<Subject>,
    /// How many it has in all. Each of the sample stands for as many as the others.
    pub distinct: u64,
    /// Its sessions and flows that are open.
    pub open: u64,
}

/// One client of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Subject {
    /// Who it is. Where it is counts if nobody knows its address.
    pub client: Client,
    /// Its place is all that is known: its address is a pseudonym.
    pub known_by_place_only: bool,
    /// Where it wanted to go, as its listener read it.
    pub destination: Destination,
}

/// What would become of the clients of samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moves {
    /// Clients that were looked at.
    pub clients: u64,
    /// Those of them whose place was all that is known.
    pub known_by_place_only: u64,
    /// Those that would have another DC, or none, or one where they have none now.
    pub moved: u64,
    /// The share of those among all clients, of 0 to 1: a client of a large listener stands for more.
    pub share: f64,
    /// The share of those who would lose the DC that they have now, and not for the one that is theirs while
    /// all is well: who is served again, or comes home, is no reason against a change.
    pub displaced: f64,
    /// Those that are bound to a DC and would be refused, where they are not now.
    pub bound_refused: u64,
    /// From where to where.
    pub ways: BTreeMap<(Option<DcId>, Option<DcId>), Way>,
    /// Sessions and flows that each DC would have, if those that are open now came anew.
    pub expected: BTreeMap<DcId, u64>,
    /// DCs that would have more of them than they may have.
    pub overloaded: Vec<Overload>,
}

/// Clients that have the same DC now, and would have the same one then.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Way {
    /// So many of the sample.
    pub clients: u64,
    /// Their share among all clients, of 0 to 1.
    pub share: f64,
}

/// A DC that would have too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overload {
    /// Which.
    pub dc: DcId,
    /// Sessions and flows that it would have.
    pub expected: u64,
    /// Those that it may have.
    pub max_sessions: u32,
}

/// What would become of these clients, if the network were `after` instead of `before`.
#[must_use]
pub fn forecast(before: &Snapshot, after: &Snapshot, crowds: &[Crowd]) -> Moves {
    let now = |crowd: &Crowd, subject: &Subject| now(before, &crowd.listener, subject);
    compare(crowds, now, after)
}

/// What a client has now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// The DC that it is given; `None` when it is refused.
    pub dc: Option<DcId>,
    /// The DC that it would be given if all were well, as far as that is known.
    pub home: Option<DcId>,
}

/// The same, where it is known what each of them has `now`.
#[must_use]
pub fn compare(crowds: &[Crowd], now: impl Fn(&Crowd, &Subject) -> Now, after: &Snapshot) -> Moves {
    let mut moves = Moves::default();
    let mut expected: BTreeMap<DcId, f64> = BTreeMap::new();
    let of_all: u64 = crowds.iter().filter(|crowd| !crowd.clients.is_empty()).map(stands_for).sum();
    for crowd in crowds {
        let sampled = crowd.clients.len() as f64;
        let share = stands_for(crowd) as f64 / sampled / of_all as f64;
        for subject in &crowd.clients {
            let Now { dc: from, home } = now(crowd, subject);
            let to = given(after, &crowd.listener, subject);
            moves.clients += 1;
            moves.known_by_place_only += u64::from(subject.known_by_place_only);
            if let Some(to) = to {
                *expected.entry(to).or_default() += crowd.open as f64 / sampled;
            }
            if from == to {
                continue;
            }
            moves.moved += 1;
            moves.share += share;
            if from.is_some() && (to.is_none() || to != home) {
                moves.displaced += share;
            }
            let is_bound = subject.destination.bound_to().is_some();
            moves.bound_refused += u64::from(is_bound && to.is_none());
            let way = moves.ways.entry((from, to)).or_default();
            way.clients += 1;
            way.share += share;
        }
    }
    // Sums of shares are not exact.
    moves.share = moves.share.min(1.0);
    moves.displaced = moves.displaced.min(1.0);
    moves.expected = expected.into_iter().map(|(dc, it)| (dc, it.round() as u64)).collect();
    moves.overloaded = overloaded(&after.topology, &moves.expected);
    moves
}

/// The DC that a client of this listener is given when it comes now; `None` when it is refused.
#[must_use]
pub fn given(snapshot: &Snapshot, listener: &str, subject: &Subject) -> Option<DcId> {
    now(snapshot, listener, subject).dc
}

/// What a client of this listener has when it comes now.
#[must_use]
pub fn now(snapshot: &Snapshot, listener: &str, subject: &Subject) -> Now {
    now_of(snapshot, listener, subject).unwrap_or_default()
}

fn now_of(snapshot: &Snapshot, listener: &str, subject: &Subject) -> Option<Now> {
    let route = snapshot.topology.route(listener)?;
    let destination = destination(route, subject.destination, &snapshot.topology)?;
    let mut client = subject.client;
    if !subject.known_by_place_only {
        client.location = snapshot.locate.locate(client.addr);
    }
    let ranking = rank(snapshot, route, destination, &client);
    let first = ranking.candidates().next().filter(|_| !ranking.refused_by_policy);
    let id = |dc| snapshot.topology.dc(dc).id;
    Some(Now { dc: first.map(id), home: ranking.home().map(id) })
}

/// Where a client goes by `route` that wanted to go `there`, perhaps by another one.
fn destination(
    route: &ListenerRoute,
    there: Destination,
    topology: &Topology,
) -> Option<Destination> {
    match (route.route, there) {
        (Route::Nearest | Route::Dc(_), _) => route.destination(),
        (Route::Mtproto(by_header), Destination::Nearest(_)) => {
            by_header.destination(None, route, topology)
        }
        // Whoever has named a DC that is not there any more is taken to have proved it: it is refused.
        (Route::Mtproto(_), Destination::Dc(dc, _)) => {
            Some(there).filter(|_| route.lists(dc) && topology.find_dc(dc).is_some())
        }
    }
}

fn stands_for(crowd: &Crowd) -> u64 {
    crowd.distinct.max(crowd.clients.len() as u64)
}

fn overloaded(topology: &Topology, expected: &BTreeMap<DcId, u64>) -> Vec<Overload> {
    let bounded = topology.dcs().iter().filter_map(|dc| Some((dc.id, dc.max_sessions?)));
    let over = bounded.filter_map(|(dc, max_sessions)| {
        let expected = expected.get(&dc).copied().unwrap_or_default();
        (expected > u64::from(max_sessions)).then_some(Overload { dc, expected, max_sessions })
    });
    over.collect()
}

#[cfg(test)]
mod tests;
