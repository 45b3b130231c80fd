//! What holds of every ranking, over networks, policies, clients and states made up at random.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::routing::client_match::ClientMatch;
use crate::routing::fixture::{rule, within};
use crate::routing::ids::AccessPointIndex;
use crate::routing::pick::pick_access_point;
use crate::routing::policy::{Action, Admission, Policy, Rule};
use crate::routing::rendezvous::Scoring;
use crate::routing::sticky::Sticky;
use crate::routing::topology::{Class, DcSpec, Destination, Route, Topology, TopologySpec};

/// Half of all IPv4 clients, the other half, and all.
const NETWORKS: [&str; 3] = ["0.0.0.0/1", "128.0.0.0/1", "0.0.0.0/0"];

const ADMIN: [AdminState; 3] = [AdminState::Ready, AdminState::Drain, AdminState::Maint];

const HEALTH: [Health; 4] = [Health::Up, Health::Suspect, Health::Unknown, Health::Down];

/// A network, a listener of it and a client.
#[derive(Clone, Debug)]
struct Case {
    spec: TopologySpec,
    listener: ListenerRoute,
    client: Client,
    /// By DC id, of all DCs there may be.
    excess: Vec<f64>,
}

impl Case {
    fn snapshot(&self) -> Snapshot {
        let mut snapshot = all_up(self.spec.clone());
        for (state, dc) in snapshot.dcs.iter_mut().zip(snapshot.topology.dcs()) {
            state.excess = Millis(self.excess[usize::from(dc.id.0)]);
        }
        snapshot
    }

    fn bound_to(&self) -> Option<DcId> {
        self.listener.destination().and_then(Destination::bound_to)
    }

    fn ids(&self) -> Vec<u16> {
        self.spec.dcs.iter().map(|dc| dc.id.0).collect()
    }

    /// The DCs of the candidates in order, and the access points of each in order.
    fn dials(&self, snapshot: &Snapshot) -> Vec<(DcId, Vec<String>)> {
        let ranking = ranked(snapshot, &self.listener, &self.client);
        let dials = ranking.candidates().map(|dc| {
            let mut tried: Vec<AccessPointIndex> = Vec::new();
            let eligible = ranking.eligible(&self.client);
            while let Some(next) = pick_access_point(snapshot, dc, &eligible, &tried) {
                tried.push(next);
            }
            let topology = &snapshot.topology;
            let ids = tried.into_iter().map(|next| topology.access_point(next).id.to_string());
            (topology.dc(dc).id, ids.collect())
        });
        dials.collect()
    }

    fn order(&self, snapshot: &Snapshot) -> Vec<u16> {
        order_of(snapshot, &self.listener, &self.client)
    }

    /// The list of the rule of this kind that counts, found the long way.
    fn first(&self, list_of: impl Fn(&Action) -> Option<&Arc<[DcId]>>) -> Option<Arc<[DcId]>> {
        let mut rules = self.spec.policy.rules.iter();
        rules.find_map(|rule| {
            list_of(&rule.action).filter(|_| rule.clients.fits(&self.client)).cloned()
        })
    }

    fn restricted_to(&self) -> Option<Arc<[DcId]>> {
        self.first(|action| match action {
            Action::Restrict(dcs) => Some(dcs),
            Action::Deny | Action::Allow | Action::Prefer(_) => None,
        })
    }

    fn without_prefer(&self) -> Self {
        let mut case = self.clone();
        let rules = case.spec.policy.rules.iter().cloned();
        let others = rules.filter(|rule| !matches!(rule.action, Action::Prefer(_)));
        case.spec.policy.rules = others.collect();
        case
    }
}

/// What operators and probes have made of a network: by DC, and by access point.
#[derive(Clone, Debug)]
struct States {
    admin: Vec<AdminState>,
    health: Vec<Health>,
}

impl States {
    fn apply(&self, snapshot: &mut Snapshot) {
        for (state, admin) in snapshot.dcs.iter_mut().zip(self.admin.iter().cycle()) {
            state.admin = *admin;
        }
        for (state, health) in snapshot.access_points.iter_mut().zip(self.health.iter().cycle()) {
            state.health = *health;
        }
        let topology = Arc::clone(&snapshot.topology);
        for (index, state) in (0..).map(DcIndex).zip(snapshot.dcs.iter_mut()) {
            let class = topology.dc(index).class();
            let members = topology.access_points_of(index);
            let members = members
                .filter(|(_, it)| it.flags.serves(class))
                .map(|(it, _)| (snapshot.access_points[it.at()].health, false));
            state.health = Health::of_members(members);
        }
    }
}

fn states() -> impl Strategy<Value = States> {
    let admin = prop::collection::vec(prop::sample::select(&ADMIN[..]), 8);
    let health = prop::collection::vec(prop::sample::select(&HEALTH[..]), 24);
    (admin, health).prop_map(|(admin, health)| States { admin, health })
}

fn places() -> impl Strategy<Value = Option<(f64, f64)>> {
    // Few places, so that there are ties.
    prop::option::of(prop::sample::select(vec![AMSTERDAM, BERLIN, MIAMI, SINGAPORE, (52.0, 5.0)]))
}

/// Those whom an access point is for; mostly everybody.
fn offered_to() -> impl Strategy<Value = Arc<[ClientMatch]>> {
    let lists = prop::sample::subsequence(NETWORKS.to_vec(), 1..=2);
    let some = lists.prop_map(|it| it.iter().map(|network| within(&[*network])).collect());
    prop_oneof![3 => Just(Arc::default()), 1 => some]
}

type AccessPointParts = (Arc<[ClientMatch]>, [bool; 3], u32);
type DcParts = (u16, (Option<(f64, f64)>, u32, Vec<AccessPointParts>, Vec<u16>));

fn dc_specs() -> impl Strategy<Value = Vec<DcSpec>> {
    let access_point = (offered_to(), any::<[bool; 3]>(), 1u32..300);
    let access_points = prop::collection::vec(access_point, 1..4);
    let weight = prop_oneof![1 => Just(0), 8 => 1u32..300];
    let replicas = prop::collection::vec(1u16..20, 0..3);
    let dc_parts = (places(), weight, access_points, replicas);
    let parts = prop::collection::btree_map(1u16..20, dc_parts, 1..8);
    parts.prop_map(|parts| {
        let spec = |(id, (place, weight, access_points, replicas)): DcParts| {
            let replicas = replicas.into_iter().filter(|it| *it != id).map(DcId).collect();
            let mut spec = DcSpec { weight, replicas, ..dc(id, place, access_points.len() as u8) };
            for (it, (offered_to, [preferred, media, cdn], weight)) in
                spec.access_points.iter_mut().zip(access_points)
            {
                it.offered_to = offered_to;
                it.weight = weight;
                it.flags.static_address = preferred;
                it.flags.media_only = media && preferred;
                it.flags.cdn = cdn && media && !preferred;
            }
            spec
        };
        parts.into_iter().map(spec).collect()
    })
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let list = || {
        prop::collection::vec(1u16..20, 0..12).prop_map(|ids| ids.into_iter().map(DcId).collect())
    };
    let action = prop_oneof![
        1 => Just(Action::Deny),
        4 => list().prop_map(Action::Restrict),
        2 => Just(Action::Allow),
        4 => list().prop_map(Action::Prefer),
    ];
    let rules = (prop::sample::select(&NETWORKS[..]), action);
    let rules = rules.prop_map(|(network, action)| rule(&[network], action));
    prop_oneof![1 => Just(Vec::new()), 3 => prop::collection::vec(rules, 0..5)]
}

fn listeners() -> impl Strategy<Value = ListenerRoute> {
    let dcs =
        prop::option::weighted(0.3, prop::collection::btree_set((1u16..20).prop_map(DcId), 0..16));
    let when_down = prop::sample::select(vec![WhenDown::Move, WhenDown::Refuse]);
    let sticky = when_down.prop_map(|when_down| Sticky { when_down, ..Sticky::default() });
    let route =
        prop_oneof![4 => Just(Route::Nearest), 1 => (1u16..20).prop_map(|dc| Route::Dc(DcId(dc)))];
    let class = prop_oneof![2 => Just(Class::Main), 1 => Just(Class::Media), 1 => Just(Class::Cdn)];
    let parts = (route, class, dcs, prop::option::of(sticky));
    parts.prop_map(|(route, class, dcs, sticky)| ListenerRoute {
        class,
        dcs,
        sticky,
        ..ListenerRoute::new(route)
    })
}

fn clients() -> impl Strategy<Value = Client> {
    let remembered = prop::option::of((1u16..20).prop_map(DcId));
    (any::<u32>(), places(), remembered).prop_map(|(ip, place, remembered)| {
        let client = client_at(ClientAddr::new(IpAddr::V4(ip.into())), place);
        Client { remembered, ..client }
    })
}

fn cases() -> impl Strategy<Value = Case> {
    let default = prop_oneof![5 => Just(Admission::Allow), 1 => Just(Admission::Deny)];
    let excess = prop::collection::vec(prop::sample::select(vec![0.0, 0.0, 3.0, 12.0, 80.0]), 21);
    let policy = (rules(), default, any::<[bool; 2]>());
    (dc_specs(), policy, listeners(), clients(), excess).prop_map(
        |(dcs, (rules, default, [fail_open, bound_fail_open]), listener, client, excess)| {
            let mut spec = topology(dcs);
            spec.policy.rules = rules.into();
            spec.policy.default = default;
            spec.policy.fail_open = fail_open;
            spec.policy.bound_fail_open = bound_fail_open;
            Case { spec, listener, client, excess }
        },
    )
}

/// Whether the listener may send anybody to this DC.
fn allows(case: &Case, dc: DcId) -> bool {
    let stands_in =
        |bound_to| case.spec.dcs.iter().any(|it| it.id == bound_to && it.replicas.contains(&dc));
    case.listener.lists(dc)
        && case
            .bound_to()
            .is_none_or(|id| id == dc || case.listener.class == Class::Main && stands_in(id))
}

/// Whether the listener has a DC that is Up and that the operator leaves in.
fn something_is_up(case: &Case, snapshot: &Snapshot) -> bool {
    snapshot.topology.access_points().iter().zip(&snapshot.access_points).any(|(it, state)| {
        let serves = it.flags.serves(case.listener.class) && state.health.is_usable();
        serves && snapshot.dc(it.dc).admin == AdminState::Ready && allows(case, it.id.dc)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Health only skips: whatever is Down, the order of those left is the order of all.
    #[test]
    fn losing_dcs_moves_only_their_clients(case in cases(), states in states(), down: u8) {
        let mut snapshot = case.snapshot();
        let up = vec![Health::Up];
        States { health: up, ..states }.apply(&mut snapshot);
        let all = case.order(&snapshot);
        let lost: BTreeSet<u16> = case.ids().into_iter().enumerate()
            .filter(|(at, _)| down >> at & 1 == 1).map(|(_, id)| id).collect();
        lost.iter().for_each(|id| set_health(&mut snapshot, *id, Health::Down));
        let ranking = ranked(&snapshot, &case.listener, &case.client);
        let left: Vec<u16> = all.iter().copied().filter(|id| !lost.contains(id)).collect();
        let bound_to = case.bound_to();
        match (ranking.fail_open, bound_to) {
            (false, _) => prop_assert_eq!(case.order(&snapshot), left),
            (true, None) => prop_assert_eq!(case.order(&snapshot), all),
            (true, Some(DcId(dc))) => {
                let own: Vec<u16> = all.into_iter().filter(|id| *id == dc).collect();
                prop_assert_eq!(case.order(&snapshot), own);
            }
        }
        let Policy { fail_open, bound_fail_open, .. } = case.spec.policy;
        let fails_open = if bound_to.is_some() { bound_fail_open } else { fail_open };
        prop_assert_eq!(ranking.fail_open, fails_open && !something_is_up(&case, &snapshot));
    }

    /// A DC that joins others at their place takes clients for itself and swaps none among the
    /// others; one that leaves them gives up its own and no more.
    #[test]
    fn a_dc_that_comes_or_goes_moves_only_its_share(
        case in cases(), id in 1u16..20, at: prop::sample::Index, weight in 0u32..300, states in states(),
    ) {
        prop_assume!(!case.ids().contains(&id));
        let mut snapshot = case.snapshot();
        // DCs shift when one joins: the same for all.
        let states = States { admin: vec![states.admin[0]], health: vec![states.health[0]] };
        states.apply(&mut snapshot);
        let before = case.order(&snapshot);
        let mut after = case.clone();
        let location = at.get(&case.spec.dcs).location;
        after.spec.dcs.push(DcSpec { location, weight, ..dc(id, None, 1) });
        prop_assume!(case.client.remembered != Some(DcId(id)));
        let mut snapshot = after.snapshot();
        states.apply(&mut snapshot);
        let without: Vec<u16> = after.order(&snapshot).into_iter().filter(|it| *it != id).collect();
        prop_assert_eq!(before, without);
    }

    /// Where order means nothing, it decides nothing: DCs, access points, those they are offered to,
    /// lists of restrict, and rules of different kinds.
    #[test]
    fn order_of_configuration_never_matters(case in cases()) {
        let mut other = case.clone();
        other.spec.dcs.reverse();
        for it in other.spec.dcs.iter_mut().flat_map(|dc| &mut dc.access_points) {
            it.offered_to = it.offered_to.iter().rev().cloned().collect();
        }
        other.spec.dcs.iter_mut().for_each(|dc| dc.access_points.reverse());
        let mut rules = case.spec.policy.rules.to_vec();
        rules.sort_by_key(|rule| match rule.action {
            Action::Prefer(_) => 0,
            Action::Allow => 1,
            Action::Restrict(_) => 2,
            Action::Deny => 3,
        });
        for rule in &mut rules {
            if let Action::Restrict(dcs) = &mut rule.action {
                *dcs = dcs.iter().rev().copied().collect();
            }
        }
        other.spec.policy.rules = rules.into();
        let (one, two) = (Topology::new(case.spec.clone()), Topology::new(other.spec.clone()));
        prop_assert_eq!(one.dcs(), two.dcs());
        prop_assert_eq!(case.dials(&case.snapshot()), other.dials(&other.snapshot()));
    }

    /// Whatever is Up and whatever the operator takes out: nobody is sent where listener, policy or
    /// `for` do not want it.
    #[test]
    fn nobody_is_sent_where_it_may_not_go(case in cases(), states in states()) {
        let mut case = case;
        case.spec.policy.enforce_on_bound = EnforceOnBound::Enforce;
        let mut snapshot = case.snapshot();
        states.apply(&mut snapshot);
        let fits = |rule: &&Rule| rule.clients.fits(&case.client);
        let fitting: Vec<&Rule> = case.spec.policy.rules.iter().filter(fits).collect();
        let denied = fitting.iter().any(|rule| rule.action == Action::Deny);
        let admitted = fitting.iter()
            .any(|rule| matches!(rule.action, Action::Allow | Action::Restrict(_)));
        let dials = case.dials(&snapshot);
        if denied || (case.spec.policy.default == Admission::Deny && !admitted) {
            prop_assert!(dials.is_empty());
        }
        let restricted_to = case.restricted_to();
        for (dc, access_points) in &dials {
            prop_assert!(allows(&case, *dc));
            prop_assert!(restricted_to.as_ref().is_none_or(|dcs| dcs.contains(dc)));
            let index = snapshot.topology.find_dc(*dc).expect("a DC of the case");
            for (_, it) in snapshot.topology.access_points_of(index) {
                let dialled = access_points.contains(&it.id.to_string());
                prop_assert!(!dialled || it.is_for(&case.client, Traffic::tcp(case.listener.class)));
            }
        }
    }

    /// Whatever is Up, taken out or forbidden: its own DC, then its replicas as they are listed, then
    /// nobody; and what is Down is tried in its own DC alone.
    #[test]
    fn a_bound_session_never_leaves_its_dc_and_the_replicas_of_that(
        case in cases(), bound_to: prop::sample::Index, states in states(), enforce: bool,
    ) {
        let mut case = case;
        let own = bound_to.get(&case.spec.dcs).clone();
        case.listener.route = Route::Dc(own.id);
        case.spec.policy.enforce_on_bound =
            if enforce { EnforceOnBound::Enforce } else { EnforceOnBound::Audit };
        let mut snapshot = case.snapshot();
        states.apply(&mut snapshot);
        let order = case.order(&snapshot);
        let mut allowed = vec![own.id.0];
        allowed.extend(own.replicas.iter().map(|dc| dc.0));
        let mut left = allowed.iter();
        prop_assert!(order.iter().all(|id| left.any(|it| it == id)), "{:?} of {:?}", order, allowed);
        let ranking = ranked(&snapshot, &case.listener, &case.client);
        prop_assert!(!ranking.fail_open || order.iter().all(|id| *id == own.id.0));
        for dc in ranking.candidates() {
            let is_own = snapshot.topology.dc(dc).id == own.id;
            prop_assert_eq!(ranking.why(dc), match (ranking.fail_open, is_own) {
                (true, _) => Why::FailOpen,
                (false, true) => Why::Pinned,
                (false, false) => Why::Replica,
            });
        }
    }

    /// What audit counts is what is served and would not be with enforce.
    #[test]
    fn audit_counts_who_is_given_a_dc_that_enforce_would_not(
        case in cases(), bound_to: prop::sample::Index, states in states(),
    ) {
        let mut case = case;
        case.listener.route = Route::Dc(bound_to.get(&case.spec.dcs).id);
        let first = |case: &Case, enforce_on_bound| {
            let mut case = case.clone();
            case.spec.policy.enforce_on_bound = enforce_on_bound;
            let mut snapshot = case.snapshot();
            states.apply(&mut snapshot);
            let ranking = ranked(&snapshot, &case.listener, &case.client);
            (case.order(&snapshot).first().copied(), ranking.audited)
        };
        case.spec.policy.bound_fail_open = false;
        let (audited, would_refuse) = first(&case, EnforceOnBound::Audit);
        let (enforced, _) = first(&case, EnforceOnBound::Enforce);
        if audited.is_some() {
            prop_assert_eq!(would_refuse, enforced != audited);
        }
    }

    /// A candidate can be dialled, and without fail-open it is one that answers.
    #[test]
    fn a_candidate_has_an_access_point_to_dial(case in cases(), states in states()) {
        let mut snapshot = case.snapshot();
        states.apply(&mut snapshot);
        let ranking = ranked(&snapshot, &case.listener, &case.client);
        prop_assert!(!ranking.fail_open || !something_is_up(&case, &snapshot));
        for (dc, access_points) in case.dials(&snapshot) {
            prop_assert!(!access_points.is_empty());
            let index = snapshot.topology.find_dc(dc).expect("a DC of the case");
            prop_assert_eq!(snapshot.dc(index).admin, AdminState::Ready);
            let mut members = snapshot.topology.access_points_of(index);
            let usable = members.any(|(at, it)| {
                let health = snapshot.access_point(at).health;
                health.is_usable() && it.is_for(&case.client, Traffic::tcp(case.listener.class))
            });
            prop_assert!(usable || ranking.fail_open || case.listener.route != Route::Nearest);
        }
    }

    /// A remembered DC that the client could be sent to without memory is first with it; with
    /// `refuse` it is the only one, unless the operator or policy has taken it away.
    #[test]
    fn a_remembered_dc_that_can_be_used_is_first(case in cases(), states in states()) {
        let mut case = case;
        let Some(sticky) = case.listener.sticky else { return Ok(()) };
        case.listener.route = Route::Nearest;
        let mut snapshot = case.snapshot();
        states.apply(&mut snapshot);
        let with = case.order(&snapshot);
        let mut case = Case { listener: ListenerRoute { sticky: None, ..case.listener }, ..case };
        let without = case.order(&snapshot);
        case.listener.sticky = Some(sticky);
        match case.client.remembered.filter(|dc| without.contains(&dc.0)) {
            Some(dc) => {
                prop_assert_eq!(with[0], dc.0);
                prop_assert_eq!(why(&snapshot, &case.listener, &case.client), match ranked(&snapshot, &case.listener, &case.client).fail_open {
                    true => Why::FailOpen,
                    false => Why::Sticky,
                });
                let others: Vec<u16> = without.into_iter().filter(|it| *it != dc.0).collect();
                match sticky.when_down {
                    WhenDown::Move => prop_assert_eq!(&with[1..], others),
                    WhenDown::Refuse => prop_assert_eq!(with.len(), 1),
                }
            }
            None => prop_assert!(with.is_empty() || with == without),
        }
    }

    /// Prefer only orders: the same candidates, the preferred ones first in its order, the others as
    /// they were.
    #[test]
    fn prefer_changes_the_order_and_nothing_else(case in cases(), states in states()) {
        let mut case = case;
        case.client.remembered = None;
        case.listener.route = Route::Nearest;
        let plain = case.without_prefer();
        let (mut snapshot, mut other) = (case.snapshot(), plain.snapshot());
        states.apply(&mut snapshot);
        states.apply(&mut other);
        let without = plain.order(&other);
        let preferred = case.first(|action| match action {
            Action::Prefer(dcs) => Some(dcs),
            Action::Deny | Action::Allow | Action::Restrict(_) => None,
        });
        let mut expected = Vec::new();
        for id in preferred.iter().flat_map(|dcs| dcs.iter()).map(|dc| dc.0).chain(without.iter().copied()) {
            if without.contains(&id) && !expected.contains(&id) {
                expected.push(id);
            }
        }
        prop_assert_eq!(case.order(&snapshot), expected);
    }

    /// However it is sorted: groups are formed and ordered as a plain sort of everything would.
    #[test]
    fn the_order_is_that_of_the_plain_definition(case in cases(), states in states()) {
        let mut snapshot = case.snapshot();
        states.apply(&mut snapshot);
        let ranking = ranked(&snapshot, &case.listener, &case.client);
        let out = |it: &RankedDc| it.precedence == Precedence::RuledOut;
        let mut plain: Vec<RankedDc> = ranking.dcs.clone();
        plain.sort_by(|a, b| {
            out(a).cmp(&out(b)).then(a.cost.0.total_cmp(&b.cost.0)).then(a.dc.cmp(&b.dc))
        });
        let margin = case.spec.policy.tie_margin.0;
        let (mut group, mut first) = (0, plain.first().map_or(0.0, |it| it.cost.0));
        let mut keyed = Vec::new();
        for it in plain.iter().filter(|it| !out(it)) {
            if it.cost.0 > first + margin {
                (group, first) = (group + 1, it.cost.0);
            }
            let position = first + (it.excess.0 / margin).floor() * margin;
            let score = snapshot.topology.dc(it.dc).score(Scoring::Weighted, case.client.addr);
            keyed.push((it.precedence, position, group, score, it.dc));
        }
        keyed.sort_by(|a, b| {
            let nearer = a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2));
            nearer.then(b.3.total_cmp(&a.3)).then(a.4.cmp(&b.4))
        });
        let expected = keyed.iter().map(|it| (it.4, Some(it.2)));
        let expected = expected.chain(plain.iter().filter(|it| out(it)).map(|it| (it.dc, None)));
        let order: Vec<_> = ranking.dcs.iter().map(|it| (it.dc, it.group)).collect();
        prop_assert_eq!(order, expected.collect::<Vec<_>>());
    }

    /// Members of a group are within the margin of its first, and those that nothing else sets apart
    /// are in the order of their hashes, whatever each of them costs.
    #[test]
    fn groups_are_within_the_margin(case in cases()) {
        let ranking = ranked(&case.snapshot(), &case.listener, &case.client);
        for ranked in ranking.dcs.iter().filter(|it| it.group.is_some()) {
            let group = ranking.dcs.iter().filter(|it| it.group == ranked.group);
            let least = group.map(|it| it.cost.0).fold(f64::INFINITY, f64::min);
            prop_assert!(ranked.cost.0 <= least + 5.0);
        }
        for pair in ranking.dcs.windows(2).filter(|pair| pair[0].group.is_some()) {
            let apart = |it: &RankedDc| (it.precedence, it.group, it.excess);
            let score = |it: &RankedDc| case.snapshot().topology.dc(it.dc).score(Scoring::Weighted, case.client.addr);
            prop_assert!(apart(&pair[0]) != apart(&pair[1]) || score(&pair[0]) >= score(&pair[1]));
        }
        let ruled_out = |it: &RankedDc| it.precedence == Precedence::RuledOut;
        prop_assert!(ranking.dcs.iter().all(|it| it.group.is_none() == ruled_out(it)));
        prop_assert!(ranking.dcs.is_sorted_by_key(ruled_out));
    }
}
