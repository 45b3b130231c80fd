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
use super::policy::{EnforceOnBound, Overflow};
use super::snapshot::Snapshot;
use super::sticky::WhenDown;
use super::topology::{Class, Destination, ListenerRoute, Traffic};
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

/// Orders the DCs of `snapshot` for a session of `client` that has come to `listener` and goes to
/// `destination`, as that listener's route says.
///
/// Groups are formed from the costs of all DCs that the listener, their class and policy allow,
/// whatever their health: losing a DC moves only its own clients, and adding one moves only its share.
#[must_use]
pub fn rank(
    snapshot: &Snapshot,
    listener: &ListenerRoute,
    destination: Destination,
    client: &Client,
) -> Ranking {
    let policy = snapshot.topology.policy();
    let mut question = Question::new(snapshot, listener, destination, client);
    let mut judged = None;
    if destination.bound_to().is_none() || policy.enforce_on_bound != EnforceOnBound::Off {
        let verdict = judged.insert(policy.judge(client));
        let permitted = policy.permitted(verdict);
        match (destination, policy.enforce_on_bound) {
            (Destination::Nearest(_), _) => {
                question.permitted = permitted;
                question.preferred = policy.preferred(verdict);
            }
            (Destination::Dc(..), EnforceOnBound::Enforce) => question.permitted = permitted,
            (Destination::Dc(..), EnforceOnBound::Audit) => question.audit = permitted,
            (Destination::Dc(..), EnforceOnBound::Off) => {}
        }
    }
    question.recall();
    question.answer(judged)
}

/// The ranking of nobody in particular: where the state of the network alone would let a client of
/// `listener` go. No rule is applied, and every access point counts as offered.
#[must_use]
pub fn rank_anybody(
    snapshot: &Snapshot,
    listener: &ListenerRoute,
    destination: Destination,
) -> Ranking {
    let addr = ClientAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let anybody = Client::new(addr, Location::UNKNOWN);
    let mut question = Question::new(snapshot, listener, destination, &anybody);
    question.everything_offered = true;
    question.answer(None)
}

/// The ranking of a neighbour that speaks for itself: a load balancer that looks whether we live. It
/// is nobody's client, so no rule judges it and nothing is remembered of it; its place is not known.
#[must_use]
pub fn rank_neighbour(
    snapshot: &Snapshot,
    listener: &ListenerRoute,
    destination: Destination,
    neighbour: &Client,
) -> Ranking {
    let question = Question::new(snapshot, listener, destination, neighbour);
    Ranking { sticky: false, ..question.answer(None) }
}

/// What one ranking is about.
struct Question<'a> {
    snapshot: &'a Snapshot,
    listener: &'a ListenerRoute,
    destination: Destination,
    /// The DCs that stand in for the one of a bound session, in their order: of ordinary sessions only.
    /// Those of media and of a CDN have nobody but their own DC.
    replicas: &'a [DcId],
    client: &'a Client,
    /// The DCs that policy leaves to the client.
    permitted: Permitted<'a>,
    /// The DCs that it would leave to the client of a bound session, and does not insist on.
    audit: Permitted<'a>,
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
    fn new(
        snapshot: &'a Snapshot,
        listener: &'a ListenerRoute,
        destination: Destination,
        client: &'a Client,
    ) -> Self {
        let topology = &snapshot.topology;
        let bound_to = destination.bound_to().and_then(|dc| topology.find_dc(dc));
        Self {
            snapshot,
            listener,
            destination,
            replicas: match (bound_to, destination.class()) {
                (Some(index), Class::Main) => &topology.dc(index).replicas,
                (Some(_), Class::Media | Class::Cdn) | (None, _) => &[],
            },
            client,
            permitted: Permitted::Every,
            audit: Permitted::Every,
            preferred: &[],
            remembered: None,
            only_remembered: false,
            everything_offered: false,
        }
    }

    /// What it needs of an access point.
    fn traffic(&self) -> Traffic {
        self.listener.traffic(self.destination)
    }

    /// Whether the session may go to this DC as far as its listener and its destination are concerned.
    fn leads_to(&self, dc: DcId) -> bool {
        self.listener.lists(dc)
            && match self.destination {
                Destination::Nearest(_) => true,
                Destination::Dc(bound_to, _) => dc == bound_to || self.replicas.contains(&dc),
            }
    }

    /// Takes account of the DC that the listener remembers, if there is one that the client may still
    /// be sent to. An operator who takes a DC out moves those who are remembered there.
    fn recall(&mut self) {
        let (Destination::Nearest(_), Some(sticky)) = (self.destination, self.listener.sticky)
        else {
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

    fn answer(&self, verdict: Option<Verdict>) -> Ranking {
        let topology = &self.snapshot.topology;
        let placed =
            (0..).map(DcIndex).zip(topology.dcs()).map(|(index, dc)| self.place(index, dc));
        let mut dcs = groups::sort(placed.collect(), self.client.addr, topology);
        let fail_open = self.fails_open(&dcs);
        if fail_open {
            for ranked in &mut dcs {
                let lifted = match self.destination {
                    Destination::Nearest(_) => true,
                    Destination::Dc(bound_to, _) => topology.dc(ranked.dc).id == bound_to,
                };
                if lifted && ranked.exclusion.is_some_and(Exclusion::is_health) {
                    ranked.exclusion = self.full(ranked.dc);
                }
            }
        }
        let mut overflow = false;
        if self.overflows(&dcs) {
            for ranked in &mut dcs {
                if ranked.exclusion == Some(Exclusion::Capacity) {
                    ranked.exclusion = self.congested(ranked.dc);
                    overflow |= ranked.exclusion.is_none();
                }
            }
        }
        Ranking {
            refused_by_policy: self.is_refused_by_policy(&dcs),
            audited: self.is_audited(&dcs),
            dcs,
            fail_open,
            overflow,
            verdict,
            destination: self.destination,
            protocol: self.listener.protocol,
            sticky: self.listener.sticky.is_some(),
        }
    }

    /// Whether health is to be ignored: nothing that the session may go to is Up. What policy leaves
    /// to this client does not matter here: while another DC of the listener is Up, health is
    /// right to say that its own are not. A DC that the operator took out does not count, however
    /// well it is: it could not be used instead.
    fn fails_open(&self, dcs: &[RankedDc]) -> bool {
        let topology = &self.snapshot.topology;
        let allowed = match self.destination {
            Destination::Nearest(_) => topology.policy().fail_open,
            Destination::Dc(..) => topology.policy().bound_fail_open,
        };
        // Whoever is a candidate before anything is lifted is Up.
        if !allowed || dcs.iter().any(|ranked| ranked.exclusion.is_none()) {
            return false;
        }
        let traffic = self.traffic();
        !(0..).map(DcIndex).zip(topology.dcs()).any(|(index, dc)| {
            let is_ready = self.snapshot.dc(index).admin == AdminState::Ready;
            let health = || self.snapshot.health_for(index, traffic, None);
            is_ready && self.leads_to(dc.id) && health().is_some_and(Health::is_usable)
        })
    }

    /// Whether capacity is to be ignored where that is what leaves a client without a DC.
    fn overflows(&self, dcs: &[RankedDc]) -> bool {
        self.destination.bound_to().is_none()
            && self.snapshot.topology.policy().overflow == Overflow::Nearest
            && dcs.iter().all(|ranked| ranked.exclusion.is_some())
    }

    /// Whether the DC that a bound session is given, or wants if it is given none, is one that policy
    /// would keep it from.
    fn is_audited(&self, dcs: &[RankedDc]) -> bool {
        let Destination::Dc(bound_to, _) = self.destination else { return false };
        let given = dcs.iter().find(|it| it.exclusion.is_none());
        let dc = given.map_or(bound_to, |given| self.snapshot.topology.dc(given.dc).id);
        !self.audit.contains(dc)
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
            self.offered(it.dc).is_some_and(|health| self.closed(it.dc, health).is_none())
        };
        kept.peek().is_some() && (nothing_left || kept.any(usable))
    }
}

#[cfg(test)]
mod tests;
