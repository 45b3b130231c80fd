//! Who moves, over networks, clients and changes made up at random.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::*;
use crate::routing::ClientAddr;
use crate::routing::fixture::{
    AMSTERDAM, BERLIN, MIAMI, NEAREST, SINGAPORE, all_up, client_at, dc, set_health, start,
    topology,
};
use crate::routing::health::{AdminState, Health};
use crate::routing::intent::{Intent, Intents, Target};
use crate::routing::topology::{Class, DcSpec, TopologySpec};

const PLACES: [(f64, f64); 4] = [AMSTERDAM, MIAMI, SINGAPORE, BERLIN];

fn subject(number: u32, destination: Destination) -> Subject {
    let addr = ClientAddr::new(IpAddr::V4(Ipv4Addr::from_bits(number)));
    let place = PLACES[number as usize % PLACES.len()];
    // The locator of the tests knows nobody: what is known of them is their place.
    Subject { client: client_at(addr, Some(place)), known_by_place_only: true, destination }
}

fn crowd(clients: u32) -> Crowd {
    let nearest = Destination::Nearest(Class::Main);
    // Numbers like those of addresses.
    let numbers = (1..=clients).map(|it| it.wrapping_mul(0x9e37_79b9));
    Crowd {
        listener: "clients".into(),
        clients: numbers.map(|number| subject(number, nearest)).collect(),
        distinct: u64::from(clients) * 10,
        open: 1000,
    }
}

/// Amsterdam twice, with these weights; Miami and Singapore.
fn network(weights: (u32, u32)) -> Vec<DcSpec> {
    vec![
        DcSpec { weight: weights.0, ..dc(2, Some(AMSTERDAM), 2) },
        DcSpec { weight: weights.1, ..dc(4, Some(AMSTERDAM), 2) },
        dc(1, Some(MIAMI), 2),
        dc(5, Some(SINGAPORE), 2),
    ]
}

fn after(now: &Snapshot, spec: TopologySpec) -> Snapshot {
    imagine(now, Imagined { topology: Arc::new(Topology::new(spec)), ..Imagined::of(now) })
}

fn settled(now: &Snapshot) -> Snapshot {
    imagine(now, Imagined::of(now))
}

fn without(specs: Vec<DcSpec>, gone: u16) -> Vec<DcSpec> {
    specs.into_iter().filter(|dc| dc.id != DcId(gone)).collect()
}

/// Where each of them goes.
fn homes(snapshot: &Snapshot, crowd: &Crowd) -> Vec<Option<DcId>> {
    crowd.clients.iter().map(|it| given(snapshot, &crowd.listener, it)).collect()
}

#[test]
fn a_dc_that_leaves_moves_exactly_its_clients() {
    let now = all_up(topology(network((100, 100))));
    let crowd = crowd(2000);
    let of_two = homes(&settled(&now), &crowd).iter().filter(|it| **it == Some(DcId(2))).count();
    assert!(of_two > 100, "{of_two}");
    let then = after(&now, topology(without(network((100, 100)), 2)));
    let moves = forecast(&settled(&now), &then, &[crowd]);
    assert_eq!((moves.clients, moves.moved), (2000, of_two as u64));
    assert!(moves.ways.keys().all(|(from, to)| *from == Some(DcId(2)) && *to == Some(DcId(4))));
    assert!((moves.share - of_two as f64 / 2000.0).abs() < 1e-9);
}

#[test]
fn an_access_point_that_is_new_is_taken_to_be_up_and_one_that_is_down_stays_so() {
    let mut now = all_up(topology(network((100, 100))));
    set_health(&mut now, 2, Health::Down);
    let crowd = crowd(500);
    assert!(homes(&settled(&now), &crowd).iter().all(|it| *it != Some(DcId(2))));
    let more = || [network((100, 100)), vec![dc(3, Some(BERLIN), 1)]].concat();
    let then = after(&now, topology(more()));
    let homes: BTreeSet<_> = homes(&then, &crowd).into_iter().collect();
    assert!(homes.contains(&Some(DcId(3))) && !homes.contains(&Some(DcId(2))), "{homes:?}");
}

#[test]
fn what_a_drain_does_to_bound_clients_and_to_capacity_is_told() {
    let mut specs = network((100, 100));
    specs[1].max_sessions = Some(300);
    let now = all_up(topology(specs));
    let bound = Destination::Dc(DcId(2), Class::Main);
    let mut both = vec![crowd(1000), crowd(10)];
    both[1].listener = "by-header".into();
    both[1].clients.iter_mut().for_each(|it| it.destination = bound);
    // 500 of 1000 sessions are at home in Amsterdam and one half, and all of them go to DC 4 then.
    let mut intents = Intents::clone(&now.intents);
    intents.set(Target::Dc(DcId(2)), Intent::new(AdminState::Drain, start()));
    let then = imagine(&now, Imagined { intents: Arc::new(intents), ..Imagined::of(&now) });
    let moves = forecast(&settled(&now), &then, &both);
    assert_eq!(moves.bound_refused, 0, "there is no such listener: they are refused now too");
    let expected = moves.expected[&DcId(4)];
    assert_eq!(moves.overloaded, [Overload { dc: DcId(4), expected, max_sessions: 300 }]);
    assert!(expected > 300 && !moves.expected.contains_key(&DcId(2)), "{moves:?}");

    let mut spec = topology(network((100, 100)));
    let by_dc = ListenerRoute::new(Route::Dc(DcId(2)));
    spec.routes.insert("by-header".into(), by_dc);
    let now = all_up(spec);
    let mut intents = Intents::clone(&now.intents);
    intents.set(Target::Dc(DcId(2)), Intent::new(AdminState::Drain, start()));
    let then = imagine(&now, Imagined { intents: Arc::new(intents), ..Imagined::of(&now) });
    assert_eq!(forecast(&settled(&now), &then, &both).bound_refused, 10);
}

#[test]
fn a_client_of_a_large_listener_stands_for_more() {
    let mut spec = topology(vec![dc(2, Some(AMSTERDAM), 1), dc(1, Some(MIAMI), 1)]);
    spec.routes.insert("moving".into(), ListenerRoute { ..NEAREST });
    let now = all_up(spec.clone());
    let mut both = vec![crowd(100), crowd(100)];
    both[0].distinct = 9_000;
    both[1].distinct = 1_000;
    both[1].listener = "moving".into();
    spec.routes.insert("moving".into(), ListenerRoute::new(Route::Dc(DcId(9))));
    let moves = forecast(&settled(&now), &after(&now, spec), &both);
    assert_eq!(moves.moved, 100);
    assert!((moves.share - 0.1).abs() < 1e-9, "{}", moves.share);
}

#[test]
fn what_retires_has_left() {
    let full = Topology::new(topology(vec![dc(2, Some(AMSTERDAM), 2), dc(1, Some(MIAMI), 1)]));
    let less = Topology::new(topology(vec![dc(2, Some(AMSTERDAM), 1), dc(1, Some(MIAMI), 1)]));
    let merged = Arc::new(less.with_retiring(full.access_points()));
    assert_eq!(merged.access_points().len(), 3);
    assert_eq!(*merged.without_retiring(), less);
    let settled = Arc::new(less);
    assert!(Arc::ptr_eq(&settled.without_retiring(), &settled), "nothing to do");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nothing_changed_moves_nobody(health in prop::collection::vec(0_usize..4, 4), clients in 1_u32..300) {
        let mut now = all_up(topology(network((100, 70))));
        for (id, health) in [1, 2, 4, 5].into_iter().zip(health) {
            let health = [Health::Up, Health::Suspect, Health::Unknown, Health::Down][health];
            set_health(&mut now, id, health);
        }
        let then = after(&now, topology(network((100, 70))));
        let moves = forecast(&settled(&now), &then, &[crowd(clients)]);
        prop_assert_eq!((moves.moved, moves.share), (0, 0.0));
        prop_assert!(moves.ways.is_empty());
    }

    #[test]
    fn another_weight_moves_only_between_the_members_of_the_group(
        before in (1_u32..300, 1_u32..300), then in (1_u32..300, 1_u32..300),
    ) {
        let now = all_up(topology(network(before)));
        let moves = forecast(&settled(&now), &after(&now, topology(network(then))), &[crowd(400)]);
        let group = [Some(DcId(2)), Some(DcId(4))];
        for (from, to) in moves.ways.keys() {
            prop_assert!(group.contains(from) && group.contains(to), "{:?} -> {:?}", from, to);
        }
    }

    #[test]
    fn sums_are_consistent(gone in prop::sample::subsequence(vec![1_u16, 2, 4, 5], 0..4), clients in 1_u32..300) {
        let now = all_up(topology(network((100, 100))));
        let left = gone.iter().fold(network((100, 100)), |specs, id| without(specs, *id));
        let then = after(&now, topology(left));
        let crowd = crowd(clients);
        let moves = forecast(&settled(&now), &then, std::slice::from_ref(&crowd));
        prop_assert_eq!(moves.clients, u64::from(clients));
        prop_assert_eq!(moves.ways.values().map(|way| way.clients).sum::<u64>(), moves.moved);
        let shares: f64 = moves.ways.values().map(|way| way.share).sum();
        prop_assert!((shares - moves.share).abs() < 1e-9);
        let of_gone = homes(&settled(&now), &crowd);
        let of_gone = of_gone.iter().filter(|it| it.is_some_and(|dc| gone.contains(&dc.0)));
        prop_assert_eq!(of_gone.count() as u64, moves.moved);
        let expected: u64 = moves.expected.values().sum();
        prop_assert!(expected.abs_diff(crowd.open) <= 4, "{} sessions are somewhere", expected);
    }
}
