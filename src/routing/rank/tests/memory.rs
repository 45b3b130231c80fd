//! What a listener that remembers makes of a ranking.

use super::*;
use crate::routing::fixture::rule;
use crate::routing::policy::{Action, EnforceOnBound};
use crate::routing::sticky::Sticky;

const MOVE: ListenerRoute = remembering(WhenDown::Move);
const REFUSE: ListenerRoute = remembering(WhenDown::Refuse);

const fn remembering(when_down: WhenDown) -> ListenerRoute {
    let sticky = Sticky { ttl: Duration::from_secs(60), clients: 1000, when_down };
    let mut route = ListenerRoute::new(Route::Nearest);
    route.sticky = Some(sticky);
    route
}

fn berliner_of(dc: u16) -> Client {
    Client { remembered: Some(DcId(dc)), ..client("203.0.113.7", Some(BERLIN)) }
}

#[test]
fn a_remembered_dc_comes_first_while_it_can_be_used() {
    let mut snapshot = all_up(three_dcs());
    assert_eq!(order_of(&snapshot, &MOVE, &berliner_of(5)), [5, 2, 1]);
    assert_eq!(why(&snapshot, &MOVE, &berliner_of(5)), Why::Sticky);
    assert_eq!(order_of(&snapshot, &NEAREST, &berliner_of(5)), [2, 1, 5], "no memory, no effect");
    set_health(&mut snapshot, 5, Health::Down);
    assert_eq!(order_of(&snapshot, &MOVE, &berliner_of(5)), [2, 1]);
    assert_eq!(why(&snapshot, &MOVE, &berliner_of(5)), Why::Failover);
    assert_eq!(order_of(&snapshot, &MOVE, &berliner_of(9)), [2, 1], "DC 9 is gone");
    assert_eq!(why(&snapshot, &MOVE, &berliner_of(9)), Why::Nearest);
}

#[test]
fn prefer_moves_no_remembered_client_and_restrict_does() {
    let everybody = |action| rule(&["0.0.0.0/0"], action);
    let mut spec = three_dcs();
    spec.policy.rules = [everybody(Action::Prefer([DcId(1)].into()))].into();
    assert_eq!(order_of(&all_up(spec.clone()), &MOVE, &berliner_of(5)), [5, 1, 2]);
    spec.policy.rules = [everybody(Action::Restrict([1, 2].map(DcId).into()))].into();
    let snapshot = all_up(spec);
    for listener in [MOVE, REFUSE] {
        assert_eq!(order_of(&snapshot, &listener, &berliner_of(5)), [2, 1]);
        assert_eq!(why(&snapshot, &listener, &berliner_of(5)), Why::Nearest);
    }
}

#[test]
fn an_operator_who_takes_a_dc_out_moves_its_remembered_clients() {
    let mut snapshot = all_up(three_dcs());
    for admin in [AdminState::Drain, AdminState::Maint] {
        snapshot.dcs[2].admin = admin;
        for listener in [MOVE, REFUSE] {
            assert_eq!(order_of(&snapshot, &listener, &berliner_of(5)), [2, 1]);
        }
    }
}

#[test]
fn with_refuse_a_remembered_client_gets_its_own_dc_or_none() {
    let mut snapshot = all_up(three_dcs());
    assert_eq!(order_of(&snapshot, &REFUSE, &berliner_of(5)), [5], "nor after failed dials");
    set_health(&mut snapshot, 5, Health::Down);
    let ranking = ranked(&snapshot, &REFUSE, &berliner_of(5));
    assert_eq!(ranking.candidates().count(), 0);
    assert_eq!(ranking.dcs[0].exclusion, Some(Exclusion::Down));
    assert!(ranking.dcs[1..].iter().all(|it| it.exclusion == Some(Exclusion::Remembered)));
    assert!(!ranking.refused_by_policy);
    assert_eq!(order_of(&snapshot, &REFUSE, &client("203.0.113.7", Some(BERLIN))), [2, 1]);
    for dc in [1, 2] {
        set_health(&mut snapshot, dc, Health::Down);
    }
    assert_eq!(order_of(&snapshot, &REFUSE, &berliner_of(5)), [5], "fail-open, its own alone");
}

#[test]
fn a_neighbour_that_speaks_for_itself_is_judged_by_no_rule_and_not_remembered() {
    let mut spec = three_dcs();
    spec.policy.rules = [rule(&["0.0.0.0/0"], Action::Deny)].into();
    spec.policy.enforce_on_bound = EnforceOnBound::Enforce;
    let mut snapshot = all_up(spec);
    let neighbour = Client { remembered: Some(DcId(5)), ..client("10.0.0.1", None) };
    for (index, ms) in [90, 30, 150].into_iter().enumerate() {
        snapshot.dcs[index].settled_round_trip = Some(Duration::from_millis(ms));
    }
    let ranking = rank_neighbour(&snapshot, &REFUSE, ANYWHERE, &neighbour);
    let dcs: Vec<u16> =
        ranking.candidates().map(|index| snapshot.topology.dc(index).id.0).collect();
    assert_eq!(dcs, [2, 1, 5]);
    assert!(ranking.candidates().all(|dc| !ranking.remembers(dc, false)));
    assert!(ranking.verdict.is_none() && !ranking.refused_by_policy);
    let bound = Destination::Dc(DcId(5), Class::Main);
    let ranking = rank_neighbour(&snapshot, &bound_to(5), bound, &neighbour);
    assert_eq!(ranking.candidates().count(), 1);
}

#[test]
fn what_a_sticky_listener_chose_is_to_be_remembered_however_it_came_about() {
    let mut snapshot = all_up(three_dcs());
    let remembers = |snapshot: &Snapshot, listener: &ListenerRoute| {
        let ranking = ranked(snapshot, listener, &berliner_of(5));
        ranking.candidates().map(|dc| ranking.remembers(dc, false)).collect::<Vec<_>>()
    };
    assert_eq!(remembers(&snapshot, &MOVE), [true; 3]);
    assert_eq!(remembers(&snapshot, &NEAREST), [false; 3]);
    let bound = ListenerRoute { sticky: MOVE.sticky, ..bound_to(2) };
    assert_eq!(remembers(&snapshot, &bound), [false]);
    for dc in [1, 2, 5] {
        set_health(&mut snapshot, dc, Health::Down);
    }
    assert_eq!(remembers(&snapshot, &MOVE), [true; 3], "its key is where fail-open sent it");
}

#[test]
fn a_dc_that_was_only_faster_is_remembered_in_the_best_group_alone() {
    let spec =
        topology(vec![dc(1, Some(BERLIN), 1), dc(2, Some(BERLIN), 1), dc(5, Some(SINGAPORE), 1)]);
    let mut snapshot = all_up(spec);
    let remembered = |snapshot: &Snapshot, client: &Client| {
        let ranking = ranked(snapshot, &MOVE, client);
        let hedged = ranking.candidates().filter(|dc| ranking.remembers(*dc, true));
        let mut ids: Vec<u16> = hedged.map(|dc| snapshot.topology.dc(dc).id.0).collect();
        ids.sort_unstable();
        ids
    };
    let somebody = client("203.0.113.7", Some(BERLIN));
    assert_eq!(remembered(&snapshot, &somebody), [1, 2], "the hash chose one of them");
    snapshot.dcs[0].excess = Millis(40.0);
    assert_eq!(remembered(&snapshot, &somebody), [1, 2], "slow for now, and as near as ever");
    assert_eq!(remembered(&snapshot, &berliner_of(5)), [5], "its key is there");
    set_health(&mut snapshot, 1, Health::Down);
    set_health(&mut snapshot, 2, Health::Down);
    assert_eq!(remembered(&snapshot, &somebody), [] as [u16; 0], "it is far for them");
}

#[test]
fn who_finds_the_remembered_dc_full_is_not_remembered_elsewhere() {
    let mut spec = three_dcs();
    spec.dcs[2].max_sessions = Some(0);
    let mut snapshot = all_up(spec);
    let first = |snapshot: &Snapshot| {
        let ranking = ranked(snapshot, &MOVE, &berliner_of(5));
        let dc = ranking.candidates().next().expect("there is room elsewhere");
        (snapshot.topology.dc(dc).id, ranking.remembers(dc, false))
    };
    assert_eq!(first(&snapshot), (DcId(2), false), "its key is in DC 5, which has room again soon");
    set_health(&mut snapshot, 5, Health::Down);
    assert_eq!(first(&snapshot), (DcId(2), true));
}
