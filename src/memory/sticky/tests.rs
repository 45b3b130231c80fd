//! What listeners remember, for how long, and of how many.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use proptest::prelude::*;

use super::super::listener::Room;
use super::*;

const NOW: EpochSeconds = EpochSeconds(1_000_000);
const DAY: Duration = Duration::from_secs(86_400);

fn later(seconds: u32) -> EpochSeconds {
    EpochSeconds(NOW.0 + seconds)
}

/// Listeners of these names with this many clients each, for a day.
fn routes(listeners: &[(&str, u32)]) -> BTreeMap<Arc<str>, ListenerRoute> {
    let sticky = |clients| Sticky { ttl: DAY, clients, ..Sticky::default() };
    let route = |clients| ListenerRoute {
        sticky: Some(sticky(clients)),
        ..ListenerRoute::new(Route::Nearest)
    };
    listeners.iter().map(|(name, clients)| ((*name).into(), route(*clients))).collect()
}

fn memory_of(listeners: &[(&str, u32)]) -> StickyMemory {
    let memory = StickyMemory::new(HashKey::new([7; 16]));
    memory.follow(&routes(listeners), NOW);
    memory
}

fn the_listener(clients: u32) -> Arc<ListenerMemory> {
    memory_of(&[("clients", clients)]).of_listener("clients").expect("it is sticky")
}

fn v4(number: u32) -> ClientAddr {
    ClientAddr::new(IpAddr::V4(Ipv4Addr::from_bits(number)))
}

fn v6(prefix: u64, host: u64) -> ClientAddr {
    let bits = u128::from(prefix) << 64 | u128::from(host);
    ClientAddr::new(IpAddr::V6(Ipv6Addr::from_bits(bits)))
}

#[test]
fn an_ipv4_address_and_an_ipv6_64_are_remembered() {
    let memory = the_listener(100);
    let net = 0x2001_0db8_0001_0002;
    assert_eq!(memory.recall(v4(1), NOW), None);
    memory.remember(v4(1), DcId(2), NOW);
    memory.remember(v6(net, 1), DcId(5), NOW);
    assert_eq!(memory.recall(v4(1), NOW), Some(DcId(2)));
    assert_eq!(memory.recall(v4(2), NOW), None);
    assert_eq!(memory.recall(v6(net, u64::MAX), NOW), Some(DcId(5)));
    assert_eq!(memory.recall(v6(net + 1, 1), NOW), None);
    memory.remember(v4(1), DcId(1), NOW);
    assert_eq!(memory.recall(v4(1), NOW), Some(DcId(1)), "what was given last");
    assert_eq!(memory.clients(), 2);
}

#[test]
fn a_client_is_forgotten_a_day_after_its_last_session() {
    let memory = the_listener(100);
    memory.remember(v4(1), DcId(2), NOW);
    assert_eq!(memory.recall(v4(1), later(86_399)), Some(DcId(2)));
    assert_eq!(memory.recall(v4(1), later(86_400)), None, "being asked for refreshes nothing");
    memory.remember(v4(1), DcId(2), later(86_399));
    assert_eq!(memory.recall(v4(1), later(2 * 86_398)), Some(DcId(2)), "being used does");
    memory.forget_expired(later(2 * 86_398));
    assert_eq!(memory.clients(), 1);
    memory.forget_expired(later(3 * 86_400));
    assert_eq!(memory.clients(), 0);
}

#[test]
fn a_clock_that_is_set_back_forgets_nobody() {
    let memory = the_listener(100);
    memory.remember(v4(1), DcId(2), later(5000));
    assert_eq!(memory.recall(v4(1), NOW), Some(DcId(2)));
    memory.remember(v4(1), DcId(2), NOW);
    assert_eq!(memory.recall(v4(1), later(86_400)), None);
}

#[test]
fn who_came_longest_ago_makes_room() {
    let memory = the_listener(3);
    for client in 1..=3 {
        assert_eq!(memory.remember(v4(client), DcId(2), NOW), Room::Found);
    }
    assert_eq!(memory.remember(v4(1), DcId(2), NOW), Room::Found);
    assert_eq!(memory.recall(v4(2), NOW), Some(DcId(2)), "being asked for saves nobody");
    assert_eq!(memory.remember(v4(4), DcId(2), later(1)), Room::Made);
    let known = |memory: &ListenerMemory| {
        (1..=5).filter(|it| memory.recall(v4(*it), later(1)).is_some()).collect::<Vec<_>>()
    };
    assert_eq!(known(&memory), [1, 3, 4]);
    // What nobody would have been told any more is no loss.
    assert_eq!(memory.remember(v4(5), DcId(2), later(90_000)), Room::Found);
    assert_eq!(memory.clients(), 3);
}

#[test]
fn listeners_remember_apart() {
    let memory = memory_of(&[("clients", 10), ("others", 10)]);
    let clients = memory.of_listener("clients").expect("it is sticky");
    clients.remember(v4(1), DcId(2), NOW);
    assert_eq!(memory.recall("clients", v4(1), NOW), Some(DcId(2)));
    assert_eq!(memory.recall("others", v4(1), NOW), None);
    assert_eq!(memory.recall("unknown", v4(1), NOW), None);
    assert_eq!(memory.clients(), BTreeMap::from([("clients".into(), 1), ("others".into(), 0)]));
}

#[test]
fn only_nearest_listeners_that_are_sticky_remember() {
    let mut routes = routes(&[("clients", 10), ("bound", 10), ("forgetful", 10)]);
    routes.get_mut("bound").expect("a route").route = Route::Dc(DcId(2));
    routes.get_mut("forgetful").expect("a route").sticky = None;
    let memory = StickyMemory::new(HashKey::new([7; 16]));
    memory.follow(&routes, NOW);
    assert!(memory.of_listener("clients").is_some());
    assert!(memory.of_listener("bound").is_none() && memory.of_listener("forgetful").is_none());
}

#[test]
fn a_reload_that_changes_nothing_or_the_ttl_keeps_the_memory_in_its_place() {
    let memory = memory_of(&[("clients", 100)]);
    let before = memory.of_listener("clients").expect("it is sticky");
    before.remember(v4(1), DcId(2), NOW);
    let mut routes = routes(&[("clients", 100)]);
    routes.get_mut("clients").and_then(|it| it.sticky.as_mut()).expect("sticky").ttl = DAY / 2;
    memory.follow(&routes, NOW);
    let after = memory.of_listener("clients").expect("it is sticky");
    assert!(Arc::ptr_eq(&before, &after));
    assert_eq!(after.recall(v4(1), later(43_199)), Some(DcId(2)));
    assert_eq!(after.recall(v4(1), later(43_200)), None);
}

#[test]
fn fewer_clients_keep_the_most_recent_and_more_keep_all() {
    let memory = memory_of(&[("clients", 200_000)]);
    let known = |count: u32| {
        (0..count).filter(|it| memory.recall("clients", v4(*it), later(20_000)).is_some())
    };
    let all = memory.of_listener("clients").expect("it is sticky");
    for client in 0..20_000 {
        all.remember(v4(client), DcId(2), later(client));
    }
    memory.follow(&routes(&[("clients", 100)]), later(20_000));
    assert!(known(20_000).eq(19_900..20_000));
    memory.follow(&routes(&[("clients", 300_000)]), later(20_000));
    assert!(known(20_000).eq(19_900..20_000));
    assert_eq!(memory.clients().values().sum::<usize>(), 100);
}

#[test]
fn who_leaves_and_comes_back_has_forgotten_everybody() {
    let memory = memory_of(&[("clients", 100)]);
    memory.of_listener("clients").expect("it is sticky").remember(v4(1), DcId(2), NOW);
    memory.follow(&routes(&[("renamed", 100)]), NOW);
    assert_eq!(memory.recall("clients", v4(1), NOW), None);
    memory.follow(&routes(&[("clients", 100)]), NOW);
    assert_eq!(memory.recall("clients", v4(1), NOW), None);
}

#[test]
fn a_full_memory_of_many_shards_forgets_about_as_much_as_it_must() {
    let memory = the_listener(100_000);
    let made = (0..101_000).filter(|it| memory.remember(v4(*it), DcId(2), NOW) == Room::Made);
    let made = made.count();
    assert_eq!(memory.clients() + made, 101_000);
    assert!(memory.clients() <= 100_000 && memory.clients() > 98_000, "{}", memory.clients());
}

proptest! {
    /// The model is a list, most recent last; with fewer clients than make two shards it is exact.
    #[test]
    fn never_more_than_the_bound_and_the_last_dc_unless_forgotten(
        most in 1_u32..30,
        sessions in proptest::collection::vec((0_u32..60, 1_u16..6, 0_u32..30_000), 0..200),
    ) {
        let memory = the_listener(most);
        let (mut model, mut now) = (Vec::<(u32, u16, EpochSeconds)>::new(), NOW);
        for (client, dc, pause) in sessions {
            now = EpochSeconds(now.0 + pause);
            memory.remember(v4(client), DcId(dc), now);
            model.retain(|(known, ..)| *known != client);
            model.push((client, dc, now));
            if model.len() > most as usize {
                model.remove(0);
            }
            prop_assert_eq!(memory.clients(), model.len());
            for client in 0..60 {
                let known = model.iter().find(|(known, _, used)| *known == client && used.age(now) < DAY);
                prop_assert_eq!(memory.recall(v4(client), now), known.map(|(_, dc, _)| DcId(*dc)));
            }
        }
    }
}
