//! The ranking: the one pure function that decides which DCs a client may use, and in which order.
//! Live traffic, `nearpoint explain` and the admin API call the same one.

mod exclusion;
mod groups;
mod placing;
mod ranking;

use std::net::{IpAddr, Ipv4Addr};

use super::client::ClientAddr;
use super::health::{AdminState, Health};
use super::ids::{DcId, DcIndex};
use super::place::Location;
use super::policy::EnforceOnBound;
use super::snapshot::Snapshot;
use super::sticky::WhenDown;
use super::topology::{ListenerRoute, Route};
use super::verdict::{Permitted, Verdict};

pub use exclusion::Exclusion;
pub use ranking::{Precedence, RankedDc, Ranking, Why};

/// Who is asking.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Client {
    /// The canonical address.
    pub addr: ClientAddr,
    /// Where it is.
    pub location: Location,
    /// The DC that the listener remembers of it.
    pub remembered: Option<DcId>,
}

impl Client {
    /// A client that comes for the first time.
    #[must_use]
    pub fn new(addr: ClientAddr, location: Location) -> Self {
        Self { addr, location, remembered: None }
    }
}

/// Orders the DCs of `snapshot` for `client` on a listener that routes as `listener` says.
///
/// Groups are formed from the costs of all DCs that the listener, their class and policy allow,
/// whatever their health: losing a DC moves only its own clients, and adding one moves only its share.
#[must_use]
pub fn rank(snapshot: &Snapshot, listener: &ListenerRoute, client: &Client) -> Ranking {
    let policy = snapshot.topology.policy();
    let judged = match (listener.route, policy.enforce_on_bound) {
        (Route::Dc(_), EnforceOnBound::Off) => None,
        (Route::Dc(_), EnforceOnBound::Audit | EnforceOnBound::Enforce) | (Route::Nearest, _) => {
            Some(policy.judge(client))
        }
    };
    let mut question = Question::new(snapshot, listener, client);
    let mut audited = false;
    if let Some(verdict) = &judged {
        let permitted = policy.permitted(verdict);
        match (listener.route, policy.enforce_on_bound) {
            (Route::Nearest, _) => {
                question.permitted = permitted;
                question.preferred = policy.preferred(verdict);
            }
            (Route::Dc(_), EnforceOnBound::Enforce) => question.permitted = permitted,
            (Route::Dc(bound), EnforceOnBound::Audit) => audited = !permitted.contains(bound),
            (Route::Dc(_), EnforceOnBound::Off) => {}
        }
    }
    question.recall();
    question.answer(judged, audited)
}

/// The ranking of nobody in particular: where the state of the network alone would let a client of
/// `listener` go. No rule is applied, and every access point counts as offered.
#[must_use]
pub fn rank_anybody(snapshot: &Snapshot, listener: &ListenerRoute) -> Ranking {
    let addr = ClientAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let anybody = Client::new(addr, Location::UNKNOWN);
    let mut question = Question::new(snapshot, listener, &anybody);
    question.everything_offered = true;
    question.answer(None, false)
}

/// The ranking of a neighbour that speaks for itself: a load balancer that looks whether we live. It
/// is nobody's client, so no rule judges it and nothing is remembered of it; its place is not known.
#[must_use]
pub fn rank_neighbour(
    snapshot: &Snapshot,
    listener: &ListenerRoute,
    neighbour: &Client,
) -> Ranking {
    let ranking = Question::new(snapshot, listener, neighbour).answer(None, false);
    Ranking { sticky: false, ..ranking }
}

/// What one ranking is about.
struct Question<'a> {
    snapshot: &'a Snapshot,
    listener: &'a ListenerRoute,
    client: &'a Client,
    /// The DCs that policy leaves to the client.
    permitted: Permitted<'a>,
    /// The DCs that policy puts first, in their order.
    preferred: &'a [DcId],
    /// The DC where the client is expected to have a key.
    remembered: Option<DcIndex>,
    /// No other DC is to get the client.
    only_remembered: bool,
    /// It does not matter to whom access points are offered.
    everything_offered: bool,
}

impl<'a> Question<'a> {
    fn new(snapshot: &'a Snapshot, listener: &'a ListenerRoute, client: &'a Client) -> Self {
        Self {
            snapshot,
            listener,
            client,
            permitted: Permitted::Every,
            preferred: &[],
            remembered: None,
            only_remembered: false,
            everything_offered: false,
        }
    }

    /// Takes account of the DC that the listener remembers, if there is one that the client may still
    /// be sent to. An operator who takes a DC out moves those who are remembered there.
    fn recall(&mut self) {
        let (Route::Nearest, Some(sticky)) = (self.listener.route, self.listener.sticky) else {
            return;
        };
        let topology = &self.snapshot.topology;
        let known = self.client.remembered.and_then(|id| topology.find_dc(id));
        let ruled_out = |index| self.ruled_out(index, topology.dc(index)).is_err();
        self.remembered = known.filter(|index| !ruled_out(*index));
        self.only_remembered = sticky.when_down == WhenDown::Refuse
            && self
                .remembered
                .is_some_and(|index| self.snapshot.dc(index).admin == AdminState::Ready);
    }

    fn answer(&self, verdict: Option<Verdict>, audited: bool) -> Ranking {
        let topology = &self.snapshot.topology;
        let placed =
            (0..).map(DcIndex).zip(topology.dcs()).map(|(index, dc)| self.place(index, dc));
        let mut dcs = groups::sort(placed.collect(), self.client.addr, topology);
        let fail_open = self.fails_open(&dcs);
        if fail_open {
            for ranked in &mut dcs {
                if ranked.exclusion.is_some_and(Exclusion::is_health) {
                    ranked.exclusion = self.full(ranked.dc);
                }
            }
        }
        Ranking {
            refused_by_policy: self.is_refused_by_policy(&dcs),
            dcs,
            fail_open,
            verdict,
            audited,
            route: self.listener.route,
            sticky: self.listener.sticky.is_some(),
        }
    }

    /// Whether health is to be ignored: nothing that the listener may use is Up. What policy leaves
    /// to this client does not matter here: while another DC of the listener is Up, health is
    /// right to say that its own are not. A DC that the operator took out does not count, however
    /// well it is: it could not be used instead.
    fn fails_open(&self, dcs: &[RankedDc]) -> bool {
        let topology = &self.snapshot.topology;
        if self.listener.route != Route::Nearest || !topology.policy().fail_open {
            return false;
        }
        // Whoever is a candidate before anything is lifted is Up.
        if dcs.iter().any(|ranked| ranked.exclusion.is_none()) {
            return false;
        }
        !(topology.dcs().iter().zip(&self.snapshot.dcs)).any(|(dc, state)| {
            let in_use = state.admin == AdminState::Ready && state.health.is_usable();
            in_use && dc.serves_main() && self.listener.allows(dc.id)
        })
    }

    /// Whether nobody is left and that is the doing of policy: it leaves the client no DC at all, or
    /// keeps it from one that it could use now.
    fn is_refused_by_policy(&self, dcs: &[RankedDc]) -> bool {
        let open = |it: &RankedDc| matches!(it.exclusion, None | Some(Exclusion::Capacity));
        if dcs.iter().any(open) {
            return false;
        }
        let mut kept = dcs.iter().filter(|it| it.exclusion == Some(Exclusion::Policy)).peekable();
        let nothing_left = dcs.first().is_some_and(|it| it.precedence == Precedence::RuledOut);
        let usable = |it: &RankedDc| {
            let dc = self.snapshot.topology.dc(it.dc);
            self.offered(it.dc, dc).is_some_and(|health| self.closed(it.dc, health).is_none())
        };
        kept.peek().is_some() && (nothing_left || kept.any(usable))
    }
}

#[cfg(test)]
mod tests;
