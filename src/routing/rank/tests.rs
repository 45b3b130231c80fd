mod bound;
mod memory;
mod offers;
mod policy;
mod properties;
mod protocols;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use super::*;
use crate::routing::fixture::{
    AMSTERDAM, BERLIN, MIAMI, NEAREST, SINGAPORE, all_up, client, client_at, dc, ranked,
    set_health, three_dcs, topology,
};
use crate::routing::geo::Millis;
use crate::routing::ids::{AccessPointIndex, DcId};
use crate::routing::policy::{Objective, Overflow};
use crate::routing::topology::{Class, Route};

const ANYWHERE: Destination = Destination::Nearest(Class::Main);

fn order_of(snapshot: &Snapshot, listener: &ListenerRoute, client: &Client) -> Vec<u16> {
    let ranking = ranked(snapshot, listener, client);
    ranking.candidates().map(|index| snapshot.topology.dc(index).id.0).collect()
}

fn bound_to(dc: u16) -> ListenerRoute {
    ListenerRoute::new(Route::Dc(DcId(dc)))
}

fn why(snapshot: &Snapshot, listener: &ListenerRoute, client: &Client) -> Why {
    let ranking = ranked(snapshot, listener, client);
    ranking.why(ranking.candidates().next().expect("a candidate"))
}

#[test]
fn the_closest_dc_comes_first_and_the_farthest_last() {
    let snapshot = all_up(three_dcs());
    let berliner = client("203.0.113.7", Some(BERLIN));
    assert_eq!(order_of(&snapshot, &NEAREST, &berliner), [2, 1, 5]);
    assert_eq!(why(&snapshot, &NEAREST, &berliner), Why::Nearest);
    let brazilian = client("203.0.113.7", Some((-23.5, -46.6)));
    assert_eq!(order_of(&snapshot, &NEAREST, &brazilian), [1, 2, 5]);
}

#[test]
fn a_down_dc_is_passed_over_and_says_why() {
    let mut snapshot = all_up(three_dcs());
    set_health(&mut snapshot, 2, Health::Down);
    let berliner = client("203.0.113.7", Some(BERLIN));
    assert_eq!(order_of(&snapshot, &NEAREST, &berliner), [1, 5]);
    assert_eq!(why(&snapshot, &NEAREST, &berliner), Why::Failover);
    let ranking = ranked(&snapshot, &NEAREST, &berliner);
    assert_eq!(ranking.dcs[0].exclusion, Some(Exclusion::Down));
    assert_eq!(ranking.home(), snapshot.topology.find_dc(DcId(2)));
}

#[test]
fn an_unprobed_dc_is_not_healthy_but_a_bound_session_may_try_it() {
    let mut snapshot = all_up(three_dcs());
    set_health(&mut snapshot, 2, Health::Unknown);
    let berliner = client("203.0.113.7", Some(BERLIN));
    assert_eq!(order_of(&snapshot, &NEAREST, &berliner), [1, 5]);
    assert_eq!(order_of(&snapshot, &bound_to(2), &berliner), [2]);
}

#[test]
fn a_bound_session_has_its_dc_or_nobody() {
    let mut snapshot = all_up(three_dcs());
    let berliner = client("203.0.113.7", Some(BERLIN));
    assert_eq!(order_of(&snapshot, &bound_to(5), &berliner), [5]);
    assert_eq!(why(&snapshot, &bound_to(5), &berliner), Why::Pinned);
    set_health(&mut snapshot, 5, Health::Down);
    assert_eq!(order_of(&snapshot, &bound_to(5), &berliner), [] as [u16; 0]);
    for dc in [1, 2] {
        set_health(&mut snapshot, dc, Health::Down);
    }
    assert_eq!(order_of(&snapshot, &bound_to(5), &berliner), [] as [u16; 0], "no fail-open");
}

#[test]
fn fail_open_lifts_health_only_and_only_when_nothing_is_up() {
    let mut snapshot = all_up(three_dcs());
    let berliner = client("203.0.113.7", Some(BERLIN));
    for dc in [1, 2] {
        set_health(&mut snapshot, dc, Health::Down);
    }
    assert_eq!(order_of(&snapshot, &NEAREST, &berliner), [5]);
    set_health(&mut snapshot, 5, Health::Unknown);
    assert_eq!(order_of(&snapshot, &NEAREST, &berliner), [2, 1, 5]);
    assert_eq!(why(&snapshot, &NEAREST, &berliner), Why::FailOpen);
    snapshot.dcs[1].admin = AdminState::Drain;
    assert_eq!(order_of(&snapshot, &NEAREST, &berliner), [1, 5]);
    let mut spec = three_dcs();
    spec.policy.fail_open = false;
    let mut snapshot = all_up(spec);
    for dc in [1, 2, 5] {
        set_health(&mut snapshot, dc, Health::Down);
    }
    assert_eq!(order_of(&snapshot, &NEAREST, &berliner), [] as [u16; 0]);
}

#[test]
fn fail_open_lifts_no_bound_on_connects() {
    let mut spec = three_dcs();
    spec.dcs[0].max_connecting = 0;
    let mut snapshot = all_up(spec);
    for dc in [1, 2, 5] {
        set_health(&mut snapshot, dc, Health::Down);
    }
    let berliner = client("203.0.113.7", Some(BERLIN));
    assert_eq!(order_of(&snapshot, &NEAREST, &berliner), [1, 5]);
    let ranking = ranked(&snapshot, &NEAREST, &berliner);
    assert_eq!(ranking.dcs[0].exclusion, Some(Exclusion::Capacity));
}

#[test]
fn a_dc_with_as_many_sessions_as_it_may_have_is_passed_over_until_one_ends() {
    let mut spec = three_dcs();
    spec.dcs.iter_mut().for_each(|dc| dc.max_sessions = Some(1));
    let snapshot = all_up(spec);
    let berliner = client("203.0.113.7", Some(BERLIN));
    let nearest = || order_of(&snapshot, &NEAREST, &berliner);
    let take = |dc: u32| {
        let first_of_it = AccessPointIndex(2 * dc);
        snapshot.reserve(DcIndex(dc), first_of_it, false).expect("room")
    };
    assert_eq!(nearest(), [2, 1, 5]);
    let in_amsterdam = take(1);
    assert_eq!(nearest(), [1, 5]);
    let bound = ListenerRoute::new(Route::Dc(DcId(2)));
    assert!(order_of(&snapshot, &bound, &berliner).is_empty(), "it has no replica");
    let ranking = ranked(&snapshot, &NEAREST, &berliner);
    assert_eq!(ranking.dcs[0].exclusion, Some(Exclusion::Capacity));
    assert!(!ranking.overflow);
    drop(in_amsterdam);
    assert_eq!(nearest(), [2, 1, 5]);
}

#[test]
fn nobody_has_room_and_overflow_says_what_then() {
    let mut spec = three_dcs();
    spec.dcs.iter_mut().for_each(|dc| dc.max_sessions = Some(0));
    let berliner = client("203.0.113.7", Some(BERLIN));
    let refusing = all_up(spec.clone());
    assert!(order_of(&refusing, &NEAREST, &berliner).is_empty());
    spec.policy.overflow = Overflow::Nearest;
    spec.dcs[1].max_connecting = 0;
    let mut snapshot = all_up(spec);
    assert_eq!(order_of(&snapshot, &NEAREST, &berliner), [2, 5], "no bound on connects is lifted");
    assert!(ranked(&snapshot, &NEAREST, &berliner).overflow);
    let bound = ListenerRoute::new(Route::Dc(DcId(2)));
    assert!(order_of(&snapshot, &bound, &berliner).is_empty(), "not of bound sessions");
    for dc in [2, 5] {
        set_health(&mut snapshot, dc, Health::Down);
    }
    assert!(order_of(&snapshot, &NEAREST, &berliner).is_empty(), "nor is health");
    assert!(!ranked(&snapshot, &NEAREST, &berliner).overflow);
}

#[test]
fn fail_open_looks_at_the_dcs_of_the_listener_alone() {
    let mut snapshot = all_up(three_dcs());
    let listed = BTreeSet::from([DcId(1), DcId(2)]);
    let listener = ListenerRoute { dcs: Some(listed), ..ListenerRoute::new(Route::Nearest) };
    for dc in [1, 2] {
        set_health(&mut snapshot, dc, Health::Down);
    }
    let berliner = client("203.0.113.7", Some(BERLIN));
    assert_eq!(order_of(&snapshot, &listener, &berliner), [2, 1]);
}

#[test]
fn a_dc_without_room_for_connects_is_passed_over() {
    let mut spec = three_dcs();
    spec.dcs[0].max_connecting = 1;
    let snapshot = all_up(spec);
    let ams = snapshot.topology.find_dc(DcId(2)).expect("Amsterdam");
    assert!(snapshot.dc(ams).slot.reserve_connect(1));
    let berliner = client("203.0.113.7", Some(BERLIN));
    assert_eq!(order_of(&snapshot, &NEAREST, &berliner), [1, 5]);
}

#[test]
fn a_dc_without_a_location_comes_after_all_located_ones() {
    let snapshot = all_up(topology(vec![dc(1, None, 1), dc(2, Some(SINGAPORE), 1)]));
    assert_eq!(order_of(&snapshot, &NEAREST, &client("203.0.113.7", Some(BERLIN))), [2, 1]);
}

#[test]
fn an_unlocated_client_goes_by_the_measured_round_trip() {
    let mut snapshot = all_up(three_dcs());
    for (index, ms) in [90, 150, 30].into_iter().enumerate() {
        snapshot.dcs[index].settled_round_trip = Some(Duration::from_millis(ms));
    }
    assert_eq!(order_of(&snapshot, &NEAREST, &client("10.0.0.1", None)), [5, 1, 2]);
}

#[test]
fn latency_goes_by_the_round_trip_and_by_the_edges_place_until_there_is_one() {
    let mut spec = three_dcs();
    spec.policy.objective = Objective::Latency;
    spec.edge = Some(crate::routing::fixture::point(SINGAPORE));
    let mut snapshot = all_up(spec);
    let berliner = client("203.0.113.7", Some(BERLIN));
    assert_eq!(order_of(&snapshot, &NEAREST, &berliner), [5, 2, 1]);
    for (index, ms) in [10, 150, 30].into_iter().enumerate() {
        snapshot.dcs[index].settled_round_trip = Some(Duration::from_millis(ms));
    }
    assert_eq!(order_of(&snapshot, &NEAREST, &berliner), [1, 5, 2]);
}

#[test]
fn excess_pushes_a_dc_back_without_touching_the_groups_of_the_others() {
    let dcs = vec![dc(1, Some(AMSTERDAM), 1), dc(2, Some(BERLIN), 1), dc(3, Some(MIAMI), 1)];
    let mut snapshot = all_up(topology(dcs));
    let clients: Vec<Client> =
        (0..200).map(|n| client(&format!("203.0.113.{n}"), Some(AMSTERDAM))).collect();
    snapshot.dcs[0].excess = Millis(20.0);
    for client in &clients {
        assert_eq!(order_of(&snapshot, &NEAREST, client), [2, 1, 3]);
        assert_eq!(ranked(&snapshot, &NEAREST, client).dcs[1].group, Some(0));
    }
    snapshot.dcs[0].excess = Millis(500.0);
    assert_eq!(order_of(&snapshot, &NEAREST, &clients[0]), [2, 3, 1]);
}

#[test]
fn members_of_a_group_that_are_about_equally_slow_stay_tied() {
    let at = |id, place| dc(id, Some(place), 1);
    let dcs = vec![at(1, AMSTERDAM), at(2, AMSTERDAM), at(3, AMSTERDAM), at(4, MIAMI)];
    let mut snapshot = all_up(topology(dcs.clone()));
    (snapshot.dcs[0].excess, snapshot.dcs[1].excess) = (Millis(20.5), Millis(23.0));
    (snapshot.dcs[2].excess, snapshot.dcs[3].excess) = (Millis(200.0), Millis(4.0));
    let clients: Vec<Client> =
        (0..200).map(|n| client(&format!("203.0.113.{n}"), Some(AMSTERDAM))).collect();
    let firsts: Vec<u16> = clients.iter().map(|it| order_of(&snapshot, &NEAREST, it)[0]).collect();
    let share = firsts.iter().filter(|first| **first == 1).count();
    assert!((60..140).contains(&share), "{share} of 200");
    assert!(firsts.iter().all(|first| [1, 2].contains(first)));
    for client in &clients {
        assert_eq!(order_of(&snapshot, &NEAREST, client)[2..], [4, 3]);
    }
    let mut spec = topology(dcs);
    spec.policy.tie_margin = Millis(0.0);
    let mut snapshot = all_up(spec);
    (snapshot.dcs[0].excess, snapshot.dcs[1].excess) = (Millis(0.5), Millis(0.25));
    assert_eq!(order_of(&snapshot, &NEAREST, &clients[0])[..3], [3, 2, 1], "no margin, no tie");
}

#[test]
fn excess_counts_once_for_a_client_that_goes_by_the_round_trip() {
    let mut snapshot = all_up(three_dcs());
    for (index, ms) in [90, 60, 100].into_iter().enumerate() {
        snapshot.dcs[index].settled_round_trip = Some(Duration::from_millis(ms));
    }
    snapshot.dcs[1].excess = Millis(50.0);
    let ranking = ranked(&snapshot, &NEAREST, &client("10.0.0.1", None));
    assert_eq!(ranking.dcs[0].excess, Millis(0.0));
    assert_eq!(order_of(&snapshot, &NEAREST, &client("10.0.0.1", None)), [2, 1, 5]);
}

#[test]
fn dcs_that_listener_or_class_rule_out_are_last_and_in_no_group() {
    let mut dcs = vec![dc(1, Some(AMSTERDAM), 1), dc(2, Some(AMSTERDAM), 1)];
    dcs.extend([dc(3, Some(AMSTERDAM), 1), dc(4, Some(MIAMI), 1)]);
    dcs[1].access_points[0].flags.cdn = true;
    let mut snapshot = all_up(topology(dcs));
    snapshot.dcs[1].admin = AdminState::Drain;
    let listed = BTreeSet::from([1, 2, 4].map(DcId));
    let listener = ListenerRoute { dcs: Some(listed), ..ListenerRoute::new(Route::Nearest) };
    for n in 0..50 {
        let client = client(&format!("203.0.113.{n}"), Some(AMSTERDAM));
        assert_eq!(why(&snapshot, &listener, &client), Why::Nearest, "no tie with those ruled out");
        let ranking = ranked(&snapshot, &listener, &client);
        let id = |it: &RankedDc| snapshot.topology.dc(it.dc).id.0;
        let groups: Vec<_> = ranking.dcs.iter().map(|it| (id(it), it.group)).collect();
        assert_eq!(groups[..2], [(1, Some(0)), (4, Some(1))]);
        assert!(groups[2..].iter().all(|(_, group)| group.is_none()));
    }
    let listed = BTreeSet::from([2, 3].map(DcId));
    let listener = ListenerRoute { dcs: Some(listed), ..ListenerRoute::new(Route::Dc(DcId(2))) };
    assert_eq!(ranked(&snapshot, &listener, &client("203.0.113.7", None)).home(), None);
}

#[test]
fn a_tie_is_shared_by_weight_and_said_to_be_one() {
    let mut spec = topology(vec![dc(1, Some(AMSTERDAM), 1), dc(2, Some(AMSTERDAM), 1)]);
    spec.dcs[0].weight = 300;
    let snapshot = all_up(spec);
    let clients = (0..2000u32).map(|n| ClientAddr::new(IpAddr::V4((n * 7919).into())));
    let clients: Vec<Client> = clients.map(|addr| client_at(addr, Some(BERLIN))).collect();
    let to_one = clients.iter().filter(|it| order_of(&snapshot, &NEAREST, it)[0] == 1).count();
    assert!((1400..1600).contains(&to_one), "{to_one}");
    assert_eq!(why(&snapshot, &NEAREST, &clients[0]), Why::Tie);
}
