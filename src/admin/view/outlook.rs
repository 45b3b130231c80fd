//! What becomes of the clients of a DC that is out of use.

use super::standing::Standing;
use crate::routing::topology::Destination;
use crate::routing::{DcId, DcIndex, Snapshot, rank_anybody};

/// What the state of the network lets the listeners do, policy apart: who is refused where.
pub(super) struct Outlook<'a> {
    snapshot: &'a Snapshot,
    ways: Vec<Way<'a>>,
}

/// One of the destinations of a listener.
struct Way<'a> {
    listener: &'a str,
    bound_to: Option<DcId>,
    /// DCs whose clients take it: all that a `nearest` listener may use, or the one they are bound to.
    of: Vec<DcIndex>,
    /// DCs that are tried, in their order.
    candidates: Vec<DcIndex>,
}

impl<'a> Outlook<'a> {
    pub(super) fn new(snapshot: &'a Snapshot) -> Self {
        let topology = &snapshot.topology;
        let ways = topology.routes().iter().flat_map(|(listener, route)| {
            let destinations = route.destinations(topology).into_iter();
            destinations.map(move |to| Way {
                listener,
                bound_to: to.bound_to(),
                of: match to {
                    Destination::Nearest(_) => (0..)
                        .zip(topology.dcs())
                        .filter(|(_, dc)| route.lists(dc.id))
                        .map(|(index, _)| DcIndex(index))
                        .collect(),
                    Destination::Dc(dc, _) => topology.find_dc(dc).into_iter().collect(),
                },
                candidates: rank_anybody(snapshot, route, to).candidates().collect(),
            })
        });
        Self { snapshot, ways: ways.collect() }
    }

    /// What becomes of the clients of a DC that is out of use for the reason that `standing` and
    /// `reason` name.
    pub(super) fn without(
        &self,
        dc: DcIndex,
        standing: Standing,
        reason: &str,
    ) -> (Standing, String) {
        let ways = || self.ways.iter().filter(|way| way.of.contains(&dc));
        if ways().any(|way| way.candidates.contains(&dc)) {
            let says = format!("{reason}; tried all the same, because nothing is up");
            return (Standing::FailOpen, says);
        }
        let bound = || ways().filter(|way| way.bound_to.is_some());
        let nearest = || ways().filter(|way| way.bound_to.is_none());
        let moved = nearest().any(|way| !way.candidates.is_empty());
        let mut says = vec![reason.to_owned()];
        if let Some(names) = names(bound().filter(|way| way.candidates.is_empty())) {
            says[0] = format!("{reason}, {}: refusing (listener {names})", self.no_replica(dc));
        }
        if let Some(names) = names(nearest().filter(|way| way.candidates.is_empty())) {
            says.push(format!("listener {names} refuses everyone"));
        }
        let refusing = ways().any(|way| way.candidates.is_empty());
        let stand_in = bound().find_map(|way| way.candidates.first());
        if let Some(stand_in) = stand_in {
            says.push(format!("DC {} stands in", self.snapshot.topology.dc(*stand_in).id));
        }
        if moved {
            says.push(match refusing || stand_in.is_some() {
                true => "others go to other DCs".to_owned(),
                false => "its clients go to other DCs".to_owned(),
            });
        }
        if ways().next().is_none() {
            says.push("no listener uses it".to_owned());
        }
        let standing = match (refusing, stand_in) {
            (true, _) => Standing::Refusing,
            (false, Some(_)) => Standing::StoodIn,
            (false, None) => standing,
        };
        (standing, says.join("; "))
    }

    fn no_replica(&self, dc: DcIndex) -> String {
        match &*self.snapshot.topology.dc(dc).replicas {
            [] => "no replica".to_owned(),
            [one] => format!("nor is its replica DC {one}"),
            several => {
                let ids: Vec<String> = several.iter().map(|id| format!("DC {id}")).collect();
                format!("nor is any of its replicas {}", ids.join(", "))
            }
        }
    }
}

/// The listeners of these, each once; `None` when there is none.
fn names<'a>(ways: impl Iterator<Item = &'a Way<'a>>) -> Option<String> {
    let mut names: Vec<&str> = ways.map(|way| way.listener).collect();
    names.dedup();
    (!names.is_empty()).then(|| names.join(", "))
}
