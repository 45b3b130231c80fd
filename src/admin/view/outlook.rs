//! What becomes of the clients of a DC that has nothing up for them.

use std::collections::BTreeSet;

use super::standing::Standing;
use crate::routing::topology::{Class, Dc, Destination, Route, Traffic};
use crate::routing::{AdminState, DcId, DcIndex, Protocol, Snapshot, rank_anybody};

/// What the state of the network lets the listeners do, policy apart: who is refused where.
pub(super) struct Outlook<'a> {
    snapshot: &'a Snapshot,
    ways: Vec<Way<'a>>,
}

/// One of the destinations of a listener.
struct Way<'a> {
    listener: &'a str,
    to: Destination,
    /// What takes it.
    traffic: Traffic,
    /// DCs whose clients take it: all that a `nearest` listener may use, or the one they are bound to.
    of: Vec<DcIndex>,
    /// DCs that are tried, in their order.
    candidates: Vec<DcIndex>,
    /// These are tried although they are down.
    fail_open: bool,
}

/// What becomes of the clients of one DC that take one way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Something of the DC is up for them.
    Served,
    /// They are sent there although it is down.
    Tried,
    /// A DC that holds the same keys and data serves them.
    StoodIn,
    /// They go to other DCs.
    Moved,
    Refused,
}

impl<'a> Outlook<'a> {
    pub(super) fn new(snapshot: &'a Snapshot) -> Self {
        let topology = &snapshot.topology;
        let ways = topology.routes().iter().flat_map(|(listener, route)| {
            let destinations = route.destinations(topology).into_iter();
            destinations.map(move |to| {
                let ranking = rank_anybody(snapshot, route, to);
                let traffic = route.traffic(to);
                let all = (0..).map(DcIndex).zip(topology.dcs());
                let of = all.filter(|(_, dc)| match (to, route.route) {
                    (Destination::Nearest(_), _) => route.lists(dc.id) && is_for(dc, traffic),
                    // What has nothing for sessions, no client names.
                    (Destination::Dc(id, _), Route::Mtproto(_)) => {
                        dc.id == id && dc.traffic().protocol == Protocol::Tcp
                    }
                    (Destination::Dc(id, _), Route::Dc(_) | Route::Nearest) => dc.id == id,
                });
                Way {
                    listener,
                    to,
                    traffic,
                    of: of.map(|(index, _)| index).collect(),
                    candidates: ranking.candidates().collect(),
                    fail_open: ranking.fail_open,
                }
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
        let ways: Vec<&Way<'_>> = self.ways_of(dc).collect();
        if ways.is_empty() {
            return (standing, format!("{reason}; {}", self.unused(dc)));
        }
        let (worse, mut says) = self.fates(dc, &ways, reason);
        if ways.iter().any(|way| way.moves(dc)) {
            let whose = if says.len() > 1 || worse.is_some() { "others" } else { "its clients" };
            says.push(format!("{whose} go to other DCs"));
        }
        (worse.unwrap_or(standing), says.join("; "))
    }

    /// What a DC lacks for traffic other than what it is for, and what becomes of that; in sentences.
    pub(super) fn lacks_for_others(&self, dc: DcIndex) -> Vec<String> {
        let lacks = other_traffic(self.dc(dc)).filter_map(|traffic| {
            let (up, all) = self.made_for(dc, traffic);
            let whose = spoken(traffic);
            let ways = || self.ways_of(dc).filter(|way| way.traffic == traffic);
            let reason = match (up, all) {
                (0, 0) if !ways().any(|way| way.to.bound_to().is_some()) => return None,
                // Ordinary sessions have none of their own where media falls back to.
                (0, 0) if ways().all(|way| way.fate(dc) == Fate::Served) => return None,
                (0, 0) => format!("no access point for {whose}"),
                (0, _) => format!("no access point for {whose} up"),
                (up, all) if up < all => {
                    return Some(format!("{} of {all} access points for {whose} not up", all - up));
                }
                (_, _) => return None,
            };
            let ways: Vec<&Way<'_>> = ways().collect();
            let (_, mut says) = self.fates(dc, &ways, &reason);
            if let Some(names) = names(ways.iter().filter(|way| way.moves(dc))) {
                says.push(format!("listener {names} goes to other DCs"));
            }
            Some(says.join("; "))
        });
        lacks.collect()
    }

    /// How to call that nothing of the DC is up for the traffic that it is for.
    pub(super) fn nothing_up(&self, dc: DcIndex) -> String {
        let it = self.dc(dc);
        match other_traffic(it).any(|traffic| self.made_for(dc, traffic).0 > 0) {
            true => format!("no access point for {} up", spoken(it.traffic())),
            false => "no access point up".to_owned(),
        }
    }

    fn dc(&self, index: DcIndex) -> &'a Dc {
        self.snapshot.topology.dc(index)
    }

    fn ways_of(&self, dc: DcIndex) -> impl Iterator<Item = &Way<'a>> {
        self.ways.iter().filter(move |way| way.of.contains(&dc))
    }

    /// Of the access points made for this traffic those that can be used, and all of them, counted.
    fn made_for(&self, dc: DcIndex, traffic: Traffic) -> (usize, usize) {
        let members = self.snapshot.topology.access_points_of(dc);
        let states = members.filter(|(_, it)| it.traffic() == traffic);
        states.fold((0, 0), |(up, all), (index, _)| {
            let state = self.snapshot.access_point(index);
            let is_up = state.admin == AdminState::Ready && state.health.is_usable();
            (up + usize::from(is_up), all + 1)
        })
    }

    /// What becomes of the clients who take `ways` to a DC that is out of use for `reason`, but for those
    /// who go to other DCs, and what that makes of the DC.
    fn fates(
        &self,
        dc: DcIndex,
        ways: &[&Way<'_>],
        reason: &str,
    ) -> (Option<Standing>, Vec<String>) {
        let bound = |fate| {
            let ways = ways.iter().filter(|way| way.to.bound_to().is_some());
            names(ways.filter(|way| way.fate(dc) == fate))
        };
        let nearest = |fate| {
            let ways = ways.iter().filter(|way| way.to.bound_to().is_none());
            names(ways.filter(|way| way.fate(dc) == fate))
        };
        let mut standing = None;
        let mut says = vec![reason.to_owned()];
        if let Some(names) = nearest(Fate::Tried) {
            standing = Some(Standing::FailOpen);
            says.push(format!("listener {names} tries it all the same, because nothing is up"));
        }
        if let Some(names) = bound(Fate::Tried) {
            standing = Some(Standing::FailOpen);
            says.push(format!("listener {names} tries it all the same, once for each session"));
        }
        let stand_ins: BTreeSet<DcIndex> = ways.iter().filter_map(|way| way.stand_in(dc)).collect();
        for stand_in in stand_ins {
            standing = Some(Standing::StoodIn);
            says.push(format!("DC {} stands in", self.dc(stand_in).id));
        }
        if let Some(names) = nearest(Fate::Refused) {
            standing = Some(Standing::Refusing);
            says.push(format!("listener {names} refuses everyone"));
        }
        if let Some(names) = bound(Fate::Refused) {
            standing = Some(Standing::Refusing);
            let nor = no_replica(&self.dc(dc).replicas);
            says[0] = format!("{reason}, {nor}: refusing (listener {names})");
        }
        if let Some(names) = names(ways.iter().filter(|way| way.fate(dc) == Fate::Served)) {
            says.push(format!("listener {names} is served"));
        }
        (standing, says)
    }

    /// What a DC is for that no listener leads to by itself.
    fn unused(&self, dc: DcIndex) -> String {
        let topology = &self.snapshot.topology;
        let id = self.dc(dc).id;
        let bound_to: BTreeSet<DcId> =
            self.ways.iter().filter_map(|way| way.to.bound_to()).collect();
        let replicates = |of: &DcId| {
            topology.find_dc(*of).is_some_and(|of| topology.dc(of).replicas.contains(&id))
        };
        match listed(bound_to.into_iter().filter(replicates)) {
            Some(others) => format!("it is there to stand in for {others}"),
            None => "no listener uses it".to_owned(),
        }
    }
}

impl Way<'_> {
    fn fate(&self, dc: DcIndex) -> Fate {
        match (self.candidates.first(), self.to) {
            (None, _) => Fate::Refused,
            (Some(_), _) if self.candidates.contains(&dc) && self.fail_open => Fate::Tried,
            (Some(_), _) if self.candidates.contains(&dc) => Fate::Served,
            (Some(_), Destination::Dc(..)) => Fate::StoodIn,
            (Some(_), Destination::Nearest(_)) => Fate::Moved,
        }
    }

    /// Whether a `nearest` listener has other DCs for the clients of this one.
    fn moves(&self, dc: DcIndex) -> bool {
        self.fate(dc) == Fate::Moved
    }

    fn stand_in(&self, dc: DcIndex) -> Option<DcIndex> {
        self.candidates.first().copied().filter(|_| self.fate(dc) == Fate::StoodIn)
    }
}

/// Whether clients with such traffic are a DC's. One without an access point would be for ordinary sessions.
fn is_for(dc: &Dc, traffic: Traffic) -> bool {
    dc.traffic() == traffic || dc.takes(traffic)
}

fn other_traffic(dc: &Dc) -> impl Iterator<Item = Traffic> + use<> {
    let own = dc.traffic();
    Traffic::all().filter(move |traffic| *traffic != own)
}

fn spoken(Traffic { protocol, class }: Traffic) -> &'static str {
    match (protocol, class) {
        (Protocol::Tcp, Class::Main) => "ordinary sessions",
        (Protocol::Tcp, Class::Media) => "media",
        (Protocol::Tcp, Class::Cdn) => "a CDN",
        (Protocol::Udp, Class::Main) => "UDP",
        (Protocol::Udp, Class::Media) => "UDP of media",
        (Protocol::Udp, Class::Cdn) => "UDP of a CDN",
    }
}

fn no_replica(replicas: &[DcId]) -> String {
    match (replicas, listed(replicas.iter().copied())) {
        ([one], _) => format!("its replica DC {one} cannot stand in"),
        (_, Some(several)) => format!("none of its replicas {several} can stand in"),
        (_, None) => "no replica".to_owned(),
    }
}

fn listed(dcs: impl Iterator<Item = DcId>) -> Option<String> {
    let ids: Vec<String> = dcs.map(|id| format!("DC {id}")).collect();
    (!ids.is_empty()).then(|| ids.join(", "))
}

/// The listeners of these, each once; `None` when there is none.
fn names<'a>(ways: impl Iterator<Item = &'a &'a Way<'a>>) -> Option<String> {
    let mut names: Vec<&str> = ways.map(|way| way.listener).collect();
    names.dedup();
    (!names.is_empty()).then(|| names.join(", "))
}

#[cfg(test)]
mod tests;
