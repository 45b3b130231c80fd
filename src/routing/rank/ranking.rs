//! What comes out: the DCs in their order, with everything that placed them.

use super::{Client, DcIndex, Destination, Exclusion, Verdict};
use crate::routing::geo::{Kilometers, Millis};
use crate::routing::ids::{DcId, Protocol};
use crate::routing::pick::{Eligible, FailOpen};
use crate::routing::policy::{Overflow, Policy};
use crate::routing::topology::Traffic;

/// All DCs in the order in which this client would use them, excluded ones in their place.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// Best first; the DCs that are [ruled out](Precedence::RuledOut) come last.
    pub dcs: Vec<RankedDc>,
    /// Health was ignored because nothing is Up; of a bound session that of its own DC only.
    pub fail_open: bool,
    /// Capacity was ignored because nothing has room.
    pub overflow: bool,
    /// What the rules say about the client; `None` where they were not asked: on a bound listener
    /// with `enforce_on_bound: off`, and for [`rank_anybody`](super::rank_anybody).
    pub verdict: Option<Verdict>,
    /// Policy would keep this bound session from the DC that it is given, and `enforce_on_bound: audit`
    /// does not.
    pub audited: bool,
    /// There is no candidate because of policy: it leaves the client no DC of the listener, or only
    /// such as cannot be used, while another could.
    pub refused_by_policy: bool,
    pub(super) destination: Destination,
    pub(super) protocol: Protocol,
    pub(super) sticky: bool,
}

/// One DC of a ranking, with everything that placed it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankedDc {
    /// Which one.
    pub dc: DcIndex,
    /// What counts before its cost.
    pub precedence: Precedence,
    /// From the client, where both places are known.
    pub distance: Option<Kilometers>,
    /// What the objective says, without excess; infinite for a DC that cannot be compared.
    pub cost: Millis,
    /// Pushes the DC back by whole tie margins, without re-forming groups.
    pub excess: Millis,
    /// Number of its tie group, best first; `None` exactly where it is ruled out.
    pub group: Option<u32>,
    /// Why it is left out, if it is.
    pub exclusion: Option<Exclusion>,
    /// Where it stands in the order: the cost of its group's first, and excess in whole margins.
    pub(super) position: Millis,
    /// Decides within a group; 0 for one that is alone in its group.
    pub(super) score: f64,
}

/// What counts before cost, first to last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precedence {
    /// The client is remembered to have been given it.
    Remembered,
    /// A rule prefers it; its place in the list of that rule.
    Preferred(u32),
    /// Its cost decides.
    Ordinary,
    /// It stands in for the DC of a bound session; its place in the list of that DC.
    Replica(u32),
    /// Listener, class, policy or the clients its access points are for keep it out, however well it
    /// is: it takes no part in groups.
    RuledOut,
}

/// Why a client was given the DC it was given; the label of `routed_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is the closest.
    Nearest,
    /// It is among the closest, chosen by hash.
    Tie,
    /// The listener remembers that the client was there before.
    Sticky,
    /// A rule of policy prefers it.
    Preferred,
    /// The session is bound to it.
    Pinned,
    /// It stands in for the DC that the session is bound to.
    Replica,
    /// A better one was left out or failed.
    Failover,
    /// Nothing is Up.
    FailOpen,
}

impl Why {
    /// All of them, for metrics.
    pub const ALL: [Self; 8] = [
        Self::Nearest,
        Self::Tie,
        Self::Sticky,
        Self::Preferred,
        Self::Pinned,
        Self::Replica,
        Self::Failover,
        Self::FailOpen,
    ];

    /// A fixed word, the metric label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::Tie => "tie",
            Self::Sticky => "sticky",
            Self::Preferred => "preferred",
            Self::Pinned => "pinned",
            Self::Replica => "replica",
            Self::Failover => "failover",
            Self::FailOpen => "fail_open",
        }
    }
}

impl Ranking {
    /// The DCs to try, in order.
    pub fn candidates(&self) -> impl Iterator<Item = DcIndex> {
        self.dcs.iter().filter(|ranked| ranked.exclusion.is_none()).map(|ranked| ranked.dc)
    }

    /// The DC the client would have if every one of them were well.
    #[must_use]
    pub fn home(&self) -> Option<DcIndex> {
        self.first().map(|first| first.dc)
    }

    /// Why a session that ended up at `chosen` did so.
    #[must_use]
    pub fn why(&self, chosen: DcIndex) -> Why {
        if self.fail_open {
            return Why::FailOpen;
        }
        let is_replica = |it: &RankedDc| matches!(it.precedence, Precedence::Replica(_));
        match (self.destination, self.first()) {
            (Destination::Dc(..), _) => {
                match self.dcs.iter().any(|it| it.dc == chosen && is_replica(it)) {
                    true => Why::Replica,
                    false => Why::Pinned,
                }
            }
            (Destination::Nearest(_), Some(home)) if home.dc == chosen => match home.precedence {
                Precedence::Remembered => Why::Sticky,
                Precedence::Preferred(_) => Why::Preferred,
                Precedence::Ordinary | Precedence::Replica(_) | Precedence::RuledOut => {
                    match self.tied_with(home).next() {
                        Some(_) => Why::Tie,
                        None => Why::Nearest,
                    }
                }
            },
            (Destination::Nearest(_), _) => Why::Failover,
        }
    }

    /// The others between which and `ranked` only the hash decides: those of its group that excess
    /// has not pushed elsewhere.
    pub fn tied_with<'a>(&'a self, ranked: &'a RankedDc) -> impl Iterator<Item = &'a RankedDc> {
        self.dcs.iter().filter(move |other| {
            let level = |it: &RankedDc| (it.precedence, it.group, it.position.0);
            other.group.is_some() && other.dc != ranked.dc && level(other) == level(ranked)
        })
    }

    /// Whether the listener is to remember a session that was connected to `chosen`. Every choice of
    /// a listener with `sticky` is remembered, however it came about: what failover or fail-open
    /// chose is where the client makes its key all the same. Only one that was faster than a better
    /// one (`hedged`) is not: nothing has failed, and a moment's silence must not move the client
    /// away from its best group for days. Nor is where it goes while the DC that it is remembered at has no
    /// room: its key is there.
    #[must_use]
    pub fn remembers(&self, chosen: DcIndex, hedged: bool) -> bool {
        self.sticky
            && !self.is_bound()
            && !self.dcs.iter().any(is_awaited)
            && self.candidates().any(|candidate| candidate == chosen)
            && (!hedged || self.is_in_best_group(chosen))
    }

    /// The same, for a client that found no room where this says that there is some: capacity is ignored. `None`
    /// where that is not wanted, or has been done.
    #[must_use]
    pub fn beyond_capacity(&self, policy: &Policy) -> Option<Self> {
        let is_wanted = policy.overflow == Overflow::Nearest && !self.is_bound();
        (is_wanted && !self.overflow).then(|| Self { overflow: true, ..self.clone() })
    }

    /// Whether the session is bound: its DC is fixed.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.bound_to().is_some()
    }

    /// The DC that the session is bound to.
    #[must_use]
    pub fn bound_to(&self) -> Option<DcId> {
        self.destination.bound_to()
    }

    /// Which access points of a DC the session or flow uses.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        Traffic { protocol: self.protocol, class: self.destination.class() }
    }

    /// Whether a bound session is given one dial at what is Down, because it has nothing else.
    #[must_use]
    pub fn is_last_resort(&self) -> bool {
        self.fail_open && self.is_bound()
    }

    /// Which access points of its candidates a session of `client` may dial.
    #[must_use]
    pub fn eligible(&self, client: &Client) -> Eligible {
        let fail_open = match (self.fail_open, self.is_bound()) {
            (false, _) => FailOpen::Closed,
            (true, false) => FailOpen::Nearest,
            (true, true) => FailOpen::Bound,
        };
        Eligible { client: *client, traffic: self.traffic(), fail_open, overflow: self.overflow }
    }

    /// Whether only the hash, or an excess, has put another DC before this one.
    fn is_in_best_group(&self, dc: DcIndex) -> bool {
        let group = |it: &RankedDc| (it.precedence, it.group);
        self.first()
            .is_some_and(|first| self.dcs.iter().any(|it| it.dc == dc && group(it) == group(first)))
    }

    fn first(&self) -> Option<&RankedDc> {
        self.dcs.first().filter(|first| first.precedence != Precedence::RuledOut)
    }
}

/// Whether the client is remembered to have been given this DC, which has no room for it now.
fn is_awaited(ranked: &RankedDc) -> bool {
    ranked.precedence == Precedence::Remembered && ranked.exclusion == Some(Exclusion::Capacity)
}
