//! The ranking: the one pure function that decides which DCs a client may use, and in which order.
//! Live traffic, `nearpoint explain` and the admin API call the same one.

use std::cmp::Ordering;

use super::client::ClientAddr;
use super::geo::{Kilometers, Millis};
use super::health::{AdminState, Health};
use super::ids::{AccessPointIndex, DcId, DcIndex};
use super::place::{Location, Place};
use super::policy::Objective;
use super::rendezvous;
use super::snapshot::Snapshot;
use super::topology::{Dc, ListenerRoute, Route};

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

/// All DCs in the order in which this client would use them, excluded ones in their place.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// Best first; the DCs that the listener or their class rules out come last.
    pub dcs: Vec<RankedDc>,
    /// Health was ignored because nothing is Up.
    pub fail_open: bool,
    route: Route,
}

/// One DC of a ranking, with everything that placed it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankedDc {
    /// Which one.
    pub dc: DcIndex,
    /// From the client, where both places are known.
    pub distance: Option<Kilometers>,
    /// What the objective says, without excess; infinite for a DC that cannot be compared.
    pub cost: Millis,
    /// Pushes the DC back by whole tie margins, without re-forming groups.
    pub excess: Millis,
    /// Number of its tie group, best first; `None` where the listener or its class rules it out.
    pub group: Option<u32>,
    /// Why it is left out, if it is.
    pub exclusion: Option<Exclusion>,
    /// Where it stands in the order: the cost of its group's first, and excess in whole margins.
    position: Millis,
    score: f64,
}

/// Why a DC is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exclusion {
    /// The listener does not use it.
    Listener,
    /// It has no access point for ordinary sessions.
    Class,
    /// The operator took it out.
    Maint,
    /// The operator lets no new session in.
    Drain,
    /// All its access points are Down.
    Down,
    /// None of its access points has answered a probe yet.
    Unknown,
    /// As many connects are in flight as it may have.
    Capacity,
}

impl Exclusion {
    /// A fixed word for `explain`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listener => "listener",
            Self::Class => "class",
            Self::Maint => "maint",
            Self::Drain => "drain",
            Self::Down => "down",
            Self::Unknown => "unknown",
            Self::Capacity => "capacity",
        }
    }

    /// Says what the DC is for rather than how it is: such a DC takes no part in groups.
    fn is_lasting(self) -> bool {
        matches!(self, Self::Listener | Self::Class)
    }

    /// Fail-open lifts these and no other.
    fn is_health(self) -> bool {
        matches!(self, Self::Down | Self::Unknown)
    }
}

/// Why a client was given the DC it was given; the label of `routed_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is the closest.
    Nearest,
    /// It is among the closest, chosen by hash.
    Tie,
    /// The listener has no other.
    Pinned,
    /// A better one was left out or failed.
    Failover,
    /// Nothing is Up.
    FailOpen,
}

impl Why {
    /// All of them, for metrics.
    pub const ALL: [Self; 5] =
        [Self::Nearest, Self::Tie, Self::Pinned, Self::Failover, Self::FailOpen];

    /// A fixed word, the metric label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::Tie => "tie",
            Self::Pinned => "pinned",
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
        self.dcs.first().filter(|first| first.group.is_some()).map(|first| first.dc)
    }

    /// Why a session that ended up at `chosen` did so.
    #[must_use]
    pub fn why(&self, chosen: DcIndex) -> Why {
        if self.fail_open {
            return Why::FailOpen;
        }
        match self.route {
            Route::Dc(_) => Why::Pinned,
            Route::Nearest if self.home() != Some(chosen) => Why::Failover,
            Route::Nearest if self.home_group_size() > 1 => Why::Tie,
            Route::Nearest => Why::Nearest,
        }
    }

    fn home_group_size(&self) -> usize {
        let Some(home) = self.dcs.first().and_then(|first| first.group) else {
            return 0;
        };
        self.dcs.iter().filter(|ranked| ranked.group == Some(home)).count()
    }
}

/// Orders the DCs of `snapshot` for `client` on a listener that routes as `listener` says.
///
/// Groups are formed from the costs of all DCs that the listener and their class allow, whatever
/// their health: losing a DC moves only its own clients, and adding one moves only its share.
#[must_use]
pub fn rank(snapshot: &Snapshot, listener: &ListenerRoute, client: &Client) -> Ranking {
    let topology = &snapshot.topology;
    let mut dcs: Vec<RankedDc> = (0..)
        .zip(topology.dcs())
        .map(|(index, dc)| place(snapshot, listener, client, DcIndex(index), dc))
        .collect();
    let ruled_out = |it: &RankedDc| it.exclusion.is_some_and(Exclusion::is_lasting);
    dcs.sort_unstable_by(|a, b| {
        let allowed_first = ruled_out(a).cmp(&ruled_out(b));
        allowed_first.then(a.cost.0.total_cmp(&b.cost.0)).then(a.dc.cmp(&b.dc))
    });
    let allowed = dcs.partition_point(|it| !ruled_out(it));
    form_groups(&mut dcs[..allowed], topology.policy().tie_margin);
    dcs[..allowed].sort_unstable_by(order);
    let fail_open = fails_open(snapshot, listener.route, &dcs);
    if fail_open {
        for ranked in &mut dcs {
            ranked.exclusion = ranked.exclusion.filter(|exclusion| !exclusion.is_health());
        }
    }
    Ranking { dcs, fail_open, route: listener.route }
}

/// The access point of `dc` that `client` tries next, or `None` when all are tried or out of use:
/// well ones first (those that this edge has no way to last), then static addresses (they are meant for proxies), then by rendezvous. Those
/// that are Down take part only when `fail_open`.
#[must_use]
pub fn pick_access_point(
    snapshot: &Snapshot,
    dc: DcIndex,
    client: ClientAddr,
    tried: &[AccessPointIndex],
    fail_open: bool,
) -> Option<AccessPointIndex> {
    let usable = snapshot.topology.access_points_of(dc).filter(|(index, access_point)| {
        let state = snapshot.access_point(*index);
        access_point.flags.serves_main()
            && state.admin == AdminState::Ready
            && (fail_open || state.health != Health::Down)
            && !tried.contains(index)
    });
    let keyed = usable.map(|(index, access_point)| {
        let state = snapshot.access_point(index);
        let health = (state.health == Health::Down, state.unreachable, state.health);
        let key = rendezvous::access_point_key(access_point.id);
        let score = rendezvous::score(client, key, access_point.weight);
        (health, !access_point.flags.static_address, score, index)
    });
    let best = keyed
        .min_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(b.2.total_cmp(&a.2)).then(a.3.cmp(&b.3)));
    best.map(|(.., index)| index)
}

fn place(
    snapshot: &Snapshot,
    listener: &ListenerRoute,
    client: &Client,
    index: DcIndex,
    dc: &Dc,
) -> RankedDc {
    let state = snapshot.dc(index);
    let policy = snapshot.topology.policy();
    let distance = distance_between(client.location.place, dc);
    let measured = state.round_trip.map(Millis::from);
    let cost = match policy.objective {
        // A client that nobody can locate is as near to a DC as this edge is.
        Objective::Distance | Objective::Balanced if client.location.place.is_none() => measured,
        Objective::Distance | Objective::Balanced => distance.map(Kilometers::round_trip),
        Objective::Latency => measured.or_else(|| {
            let edge = snapshot.topology.edge()?;
            Some(edge.distance(&dc.location?).round_trip())
        }),
    };
    let excess = match policy.objective {
        Objective::Balanced if client.location.place.is_some() => state.excess,
        // A measured round trip has the excess in it already.
        Objective::Balanced | Objective::Distance | Objective::Latency => Millis(0.0),
    };
    RankedDc {
        dc: index,
        distance,
        cost: cost.unwrap_or(Millis(f64::INFINITY)),
        excess,
        group: None,
        exclusion: exclusion(snapshot, listener, index, dc),
        position: Millis(0.0),
        score: rendezvous::score(client.addr, rendezvous::dc_key(dc.id), dc.weight),
    }
}

fn distance_between(client: Option<Place>, dc: &Dc) -> Option<Kilometers> {
    Some(client?.coordinates.distance(&dc.location?))
}

fn exclusion(
    snapshot: &Snapshot,
    listener: &ListenerRoute,
    index: DcIndex,
    dc: &Dc,
) -> Option<Exclusion> {
    let state = snapshot.dc(index);
    if !listener.allows(dc.id) {
        return Some(Exclusion::Listener);
    }
    if !dc.serves_main() {
        return Some(Exclusion::Class);
    }
    match (state.admin, state.health, listener.route) {
        (AdminState::Maint, ..) => Some(Exclusion::Maint),
        (AdminState::Drain, ..) => Some(Exclusion::Drain),
        (AdminState::Ready, Health::Down, _) => Some(Exclusion::Down),
        // A bound session has nowhere else to go: an unproved DC is better than none.
        (AdminState::Ready, Health::Unknown, Route::Nearest) => Some(Exclusion::Unknown),
        (AdminState::Ready, ..) if state.slot.connecting() >= dc.max_connecting => {
            Some(Exclusion::Capacity)
        }
        (AdminState::Ready, Health::Up | Health::Suspect | Health::Unknown, _) => None,
    }
}

/// Numbers the groups of DCs in the order of their cost: a group is its first DC and those within
/// `margin` of that first one.
fn form_groups(dcs: &mut [RankedDc], margin: Millis) {
    let Some(first) = dcs.first() else { return };
    let (mut group, mut group_cost) = (0, first.cost);
    for ranked in dcs {
        if ranked.cost.0 > group_cost.0 + margin.0 {
            (group, group_cost) = (group + 1, ranked.cost);
        }
        ranked.group = Some(group);
        ranked.position = Millis(group_cost.0 + whole_margins(ranked.excess, margin).0);
    }
}

/// As much of `excess` as fills margins: members of a group that are about equally slow stay tied.
fn whole_margins(excess: Millis, margin: Millis) -> Millis {
    match margin.0 > 0.0 {
        true => Millis((excess.0 / margin.0).floor() * margin.0),
        false => excess,
    }
}

fn order(a: &RankedDc, b: &RankedDc) -> Ordering {
    let position = a.position.0.total_cmp(&b.position.0);
    position.then(b.score.total_cmp(&a.score)).then(a.dc.cmp(&b.dc))
}

fn fails_open(snapshot: &Snapshot, route: Route, dcs: &[RankedDc]) -> bool {
    let nobody_is_up = dcs.iter().all(|ranked| match ranked.exclusion {
        None | Some(Exclusion::Capacity) => false,
        Some(Exclusion::Listener | Exclusion::Class | Exclusion::Maint | Exclusion::Drain) => true,
        Some(Exclusion::Down | Exclusion::Unknown) => true,
    });
    route == Route::Nearest && snapshot.topology.policy().fail_open && nobody_is_up
}

#[cfg(test)]
mod tests;
