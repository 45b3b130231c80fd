//! The DCs that a session may still dial, in order, and whose turn it is.

use crate::routing::ids::{AccessPointIndex, DcIndex};
use crate::routing::pick::{Eligible, pick_access_point};
use crate::routing::rank::{Client, Ranking};
use crate::routing::snapshot::Snapshot;

/// Access points of one DC tried before the next DC has its turn.
const PER_DC: u32 = 2;

/// What one session may dial, and has dialled.
#[derive(Debug)]
pub(super) struct Candidates {
    eligible: Eligible,
    bound: bool,
    dcs: Vec<Candidate>,
    tried: Vec<AccessPointIndex>,
}

/// A place in the order of candidates.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place(usize);

#[derive(Debug)]
struct Candidate {
    dc: DcIndex,
    /// Dials in this turn.
    dials: u32,
    /// It may have something more to try.
    open: bool,
    open_to_hedges: bool,
}

impl Place {
    /// The best candidate.
    pub(super) const FIRST: Self = Self(0);
}

impl Candidates {
    pub(super) fn new(ranking: &Ranking, client: &Client) -> Self {
        let new = |dc| Candidate { dc, dials: 0, open: true, open_to_hedges: true };
        Self {
            eligible: ranking.eligible(client),
            bound: ranking.is_bound(),
            dcs: ranking.candidates().map(new).collect(),
            tried: Vec::new(),
        }
    }

    /// Takes the next access point not tried yet: of the DC at `from` while it has its turn, then
    /// of those behind it, and round again while DCs have more.
    pub(super) fn next(
        &mut self,
        snapshot: &Snapshot,
        from: Place,
    ) -> Option<(DcIndex, AccessPointIndex)> {
        self.next_in_turn(snapshot, from).or_else(|| {
            self.dcs.iter_mut().for_each(|it| it.dials = 0);
            self.next_in_turn(snapshot, Place(from.0 + 1))
        })
    }

    fn next_in_turn(
        &mut self,
        snapshot: &Snapshot,
        from: Place,
    ) -> Option<(DcIndex, AccessPointIndex)> {
        for at in self.around(from) {
            let Candidate { dc, dials, open, .. } = self.dcs[at];
            if !open || dials >= PER_DC {
                continue;
            }
            match self.pick(snapshot, dc) {
                Some(access_point) => return Some(self.take(at, access_point)),
                None => self.dcs[at].open = false,
            }
        }
        None
    }

    /// Takes the access point that hedges the silence of `silent`: on `nearest` routes one of the
    /// next site, else of another DC, else of the same DC; of bound sessions the next of the DC.
    pub(super) fn hedge(
        &mut self,
        snapshot: &Snapshot,
        silent: DcIndex,
    ) -> Option<(DcIndex, AccessPointIndex)> {
        let Place(at) = self.place(silent);
        let open = |at: &usize| self.dcs[*at].open && self.dcs[*at].open_to_hedges;
        let pick = |at: usize| Some((at, self.pick(snapshot, self.dcs[at].dc)?));
        let found = match self.bound {
            true => self.around(Place(at)).filter(open).find_map(pick),
            false => {
                let site = |dc| &snapshot.topology.dc(dc).site;
                let elsewhere = |at: &usize| site(self.dcs[*at].dc) != site(silent);
                // The DC that is silent comes last.
                let others = || self.around(Place(at + 1)).filter(open);
                others().filter(elsewhere).find_map(pick).or_else(|| others().find_map(pick))
            }
        };
        found.map(|(at, access_point)| self.take(at, access_point))
    }

    /// What was taken last was not dialled.
    pub(super) fn put_back(&mut self, dc: DcIndex, access_point: AccessPointIndex) {
        let Place(at) = self.place(dc);
        self.dcs[at].dials -= 1;
        self.tried.retain(|it| *it != access_point);
    }

    /// Nothing of this access point, which was put back.
    pub(super) fn pass_over(&mut self, access_point: AccessPointIndex) {
        self.tried.push(access_point);
    }

    /// Nothing more of this DC.
    pub(super) fn close(&mut self, dc: DcIndex) {
        let Place(at) = self.place(dc);
        self.dcs[at].open = false;
    }

    /// No hedge more to this DC.
    pub(super) fn close_to_hedges(&mut self, dc: DcIndex) {
        let Place(at) = self.place(dc);
        self.dcs[at].open_to_hedges = false;
    }

    /// Where a candidate stands.
    pub(super) fn place(&self, dc: DcIndex) -> Place {
        let at = self.dcs.iter().position(|it| it.dc == dc);
        Place(at.expect("only candidates are dialled"))
    }

    /// All places, from one on and round.
    fn around(&self, from: Place) -> impl Iterator<Item = usize> + use<> {
        let all = self.dcs.len();
        (from.0..from.0 + all).map(move |at| at % all)
    }

    fn pick(&self, snapshot: &Snapshot, dc: DcIndex) -> Option<AccessPointIndex> {
        pick_access_point(snapshot, dc, &self.eligible, &self.tried)
    }

    fn take(&mut self, at: usize, access_point: AccessPointIndex) -> (DcIndex, AccessPointIndex) {
        let candidate = &mut self.dcs[at];
        candidate.dials += 1;
        self.tried.push(access_point);
        (candidate.dc, access_point)
    }
}
