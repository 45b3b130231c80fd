//! Make before break: access points that have left the configuration serve on until their DC has a
//! successor for the same sessions, at most ten seconds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::routing::ids::{AccessPointId, DcId};
use crate::routing::topology::{AccessPoint, Topology, Traffic};

/// How long a successor is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// The access points about to leave, and who came instead.
#[derive(Default)]
pub(super) struct Retiring {
    /// Each with the end of its time.
    leaving: BTreeMap<AccessPointId, (AccessPoint, Instant)>,
    /// Those that came to the DCs of `leaving` since somebody began to leave.
    added: BTreeSet<AccessPointId>,
    next_deadline: Option<Instant>,
}

impl Retiring {
    /// The access points about to leave.
    pub(super) fn access_points(&self) -> impl Iterator<Item = &AccessPoint> {
        self.leaving.values().map(|(access_point, _)| access_point)
    }

    /// Whether nobody is about to leave.
    pub(super) fn is_empty(&self) -> bool {
        self.leaving.is_empty()
    }

    /// `after` replaces `before`: what is `usable` and not in it any more is about to leave, and
    /// nobody else. Who was leaving already gets no more time.
    pub(super) fn start(
        &mut self,
        before: &Topology,
        after: &Topology,
        usable: impl Fn(AccessPointId) -> bool,
        now: Instant,
    ) {
        let gone = before.found_in(after).filter(|(old, found)| {
            found.is_none() && after.find_dc(old.id.dc).is_some() && usable(old.id)
        });
        let leaving = gone.map(|(old, _)| {
            let until = self.leaving.get(&old.id).map_or(now + PATIENCE, |(_, until)| *until);
            (old.id, (old.clone(), until))
        });
        self.leaving = leaving.collect();
        let added = after
            .found_in(before)
            .filter(|(new, found)| found.is_none() || self.added.contains(&new.id));
        self.added = added.map(|(new, _)| new.id).collect();
        self.settle();
    }

    /// Lets go of those whose time is over and those whose DC has a successor; whether there were
    /// any. A successor is one for the same class of sessions that has `proved` itself: where new ones
    /// came, one of them. Where none is made for these sessions any more, it is one that they fall back
    /// to.
    pub(super) fn finish(
        &mut self,
        configured: &Topology,
        proved: impl Fn(AccessPointId) -> bool,
        now: Instant,
    ) -> bool {
        let succeeded = |(dc, traffic): &(DcId, Traffic)| {
            let Some(index) = configured.find_dc(*dc) else { return true };
            let members = || configured.access_points_of(index).map(|(_, member)| member);
            let made_for = || members().filter(|it| it.traffic() == *traffic);
            let successors: Vec<AccessPointId> = match made_for().next() {
                Some(_) => made_for().map(|it| it.id).collect(),
                None => members().filter(|it| it.takes(*traffic)).map(|it| it.id).collect(),
            };
            let is_new = |id: &AccessPointId| self.added.contains(id);
            let with_news = successors.iter().any(is_new);
            successors.iter().any(|id| (is_new(id) || !with_news) && proved(*id))
        };
        let of = |(id, (leaving, _)): (&AccessPointId, &(AccessPoint, Instant))| {
            (id.dc, leaving.traffic())
        };
        let left: BTreeSet<(DcId, Traffic)> = self.leaving.iter().map(of).collect();
        let over: BTreeSet<(DcId, Traffic)> = left.into_iter().filter(succeeded).collect();
        let before = self.leaving.len();
        self.leaving.retain(|id, (leaving, until)| {
            now < *until && !over.contains(&(id.dc, leaving.traffic()))
        });
        self.settle();
        self.leaving.len() < before
    }

    /// When the first one's time is over.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.next_deadline
    }

    fn settle(&mut self) {
        let dcs: BTreeSet<DcId> = self.leaving.keys().map(|id| id.dc).collect();
        self.added.retain(|id| dcs.contains(&id.dc));
        self.next_deadline = self.leaving.values().map(|(_, until)| *until).min();
    }
}
