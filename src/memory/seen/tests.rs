//! Who is in a sample, for how long, and what is kept of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::memory::store::Store;
use crate::routing::topology::{Class, Route};
use crate::routing::{Asn, Coordinates, CountryCode, Origin, Place, Sticky};
use crate::state_dir::StateDir;

use super::*;

const NOW: EpochSeconds = EpochSeconds(1_000_000);
const NEAREST: Destination = Destination::Nearest(Class::Main);

fn minutes(after: u32) -> EpochSeconds {
    EpochSeconds(NOW.0 + 60 * after)
}

fn v4(number: u32) -> ClientAddr {
    ClientAddr::new(IpAddr::V4(Ipv4Addr::from_bits(number)))
}

fn v6(prefix: u64, host: u64) -> ClientAddr {
    ClientAddr::new(IpAddr::V6(Ipv6Addr::from_bits(u128::from(prefix) << 64 | u128::from(host))))
}

fn routes() -> BTreeMap<Arc<str>, ListenerRoute> {
    let sticky = Some(Sticky::default());
    let route = ListenerRoute { sticky, ..ListenerRoute::new(Route::Nearest) };
    BTreeMap::from([("clients".into(), route)])
}

fn key() -> HashKey {
    HashKey::new([7; HashKey::BYTES])
}

fn seen() -> (ClientsSeen, Arc<ListenerSample>) {
    let seen = ClientsSeen::new(key());
    seen.follow(&routes(), NOW);
    let sample = seen.of_listener("clients").expect("it is followed");
    (seen, sample)
}

fn sample(seen: &ClientsSeen, now: EpochSeconds) -> Sample {
    seen.samples(&StickyMemory::new(key()), now).remove("clients").expect("it is followed")
}

fn dutch() -> Location {
    let coordinates = Coordinates::new(52.37, 4.9).expect("a place");
    let place = Place { coordinates, country: CountryCode::new("NL") };
    Location { place: Some(place), origin: Origin::Database, asn: Some(Asn(3333)) }
}

#[test]
fn a_client_counts_once_and_an_ipv6_one_by_its_64() {
    let (seen, listener) = seen();
    for _ in 0..100 {
        listener.note(v4(1), dutch(), NEAREST, || NOW);
    }
    let net = 0x2001_0db8_0001_0002;
    (0..9).for_each(|host| listener.note(v6(net, host), dutch(), NEAREST, || NOW));
    let Sample { clients, distinct } = sample(&seen, NOW);
    let mut addresses: Vec<String> = clients.iter().map(|it| it.addr.to_string()).collect();
    addresses.sort();
    assert_eq!((distinct, addresses), (2, vec!["0.0.0.1".into(), "2001:db8:1:2::".into()]));
    assert!(clients.iter().all(|it| it.location == dutch() && !it.is_stand_in));
}

#[test]
fn of_many_clients_each_is_in_the_sample_with_the_same_chance_and_their_number_is_known() {
    let (seen, listener) = seen();
    // The clients of the first tenth come a hundred times as often.
    for number in 0..100_000_u32 {
        let times = if number < 10_000 { 100 } else { 1 };
        (0..times).for_each(|_| listener.note(v4(number), dutch(), NEAREST, || NOW));
    }
    let Sample { clients, distinct } = sample(&seen, NOW);
    assert!((3200..=MOST).contains(&clients.len()), "{}", clients.len());
    assert!((95_000..105_000).contains(&distinct), "{distinct}");
    let often = clients.iter().filter(|it| it.addr < v4(10_000)).count();
    let share = often as f64 / clients.len() as f64;
    assert!((0.08..0.12).contains(&share), "{share}, and a tenth is expected");
}

#[test]
fn who_comes_no_more_is_forgotten_within_an_hour_and_who_comes_again_stays() {
    let (seen, listener) = seen();
    listener.note(v4(1), dutch(), NEAREST, || NOW);
    listener.note(v4(2), dutch(), NEAREST, || NOW);
    for after in [20, 40, 55] {
        listener.note(v4(1), dutch(), NEAREST, || minutes(after));
        assert_eq!(sample(&seen, minutes(after)).clients.len(), 2, "{after}");
    }
    let left = sample(&seen, minutes(60));
    assert_eq!(left.clients.iter().map(|it| it.addr).collect::<Vec<_>>(), [v4(1)]);
    assert_eq!(sample(&seen, minutes(200)), Sample::default());
    // Others are let in again once the crowd is gone.
    (0..50_000).for_each(|it| listener.note(v4(it), dutch(), NEAREST, || minutes(200)));
    seen.forget_expired(minutes(300));
    (50_000..50_100).for_each(|it| listener.note(v4(it), dutch(), NEAREST, || minutes(300)));
    let Sample { clients, distinct } = sample(&seen, minutes(300));
    assert_eq!((clients.len(), distinct), (100, 100));
}

#[test]
fn a_clock_that_is_set_back_stops_nothing() {
    let (seen, listener) = seen();
    listener.note(v4(1), dutch(), NEAREST, || minutes(500));
    listener.note(v4(2), dutch(), NEAREST, || NOW);
    assert_eq!(sample(&seen, NOW).clients.len(), 2);
    assert_eq!(sample(&seen, minutes(61)).clients.len(), 0, "time goes on from there");
}

/// A daemon with a directory, as far as its samples go.
fn start(path: &std::path::Path, now: EpochSeconds) -> (Store, ClientsSeen, StickyMemory) {
    let directory = StateDir::open(path).unwrap_or_else(|error| panic!("{error}"));
    let (store, key) = Store::open(Arc::new(directory)).unwrap_or_else(|error| panic!("{error}"));
    let (seen, memory) = (ClientsSeen::new(key.clone()), StickyMemory::new(key));
    seen.follow(&routes(), now);
    memory.follow(&routes(), now);
    store.load(&memory, now);
    store.load_seen(&seen, now);
    (store, seen, memory)
}

#[test]
fn after_a_restart_clients_are_stand_ins_until_they_come_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let bound = Destination::Dc(DcId(4), Class::Media);
    {
        let (store, seen, memory) = start(directory.path(), NOW);
        let listener = seen.of_listener("clients").expect("it is followed");
        listener.note(v4(0xc000_0201), dutch(), bound, || NOW);
        listener.note(v4(0xc000_0202), Location::UNKNOWN, NEAREST, || NOW);
        memory.of_listener("clients").expect("sticky").remember(v4(0xc000_0201), DcId(2), NOW);
        assert!(store.save_seen(&seen, NOW).expect("saved"));
        assert!(!store.save_seen(&seen, NOW).expect("nothing has changed"));
        store.save(&memory).expect("saved");
    }
    let bytes = std::fs::read(directory.path().join("seen")).expect("the file");
    for address in [[192, 0, 2, 1], [1, 2, 0, 192]] {
        assert!(!bytes.windows(4).any(|it| it == address), "an address is on disk");
    }
    let (store, seen, memory) = start(directory.path(), minutes(10));
    let found = |seen: &ClientsSeen, memory: &StickyMemory, now| {
        let mut clients = seen.samples(memory, now).remove("clients").expect("followed").clients;
        clients.sort_by_key(|it| it.destination == NEAREST);
        clients
    };
    let clients = found(&seen, &memory, minutes(10));
    assert!(clients.iter().all(|it| it.is_stand_in && it.last == NOW));
    assert_eq!((clients[0].location, clients[0].destination), (dutch(), bound));
    assert_eq!(clients[0].remembered, Some(DcId(2)), "by its hash");
    assert_eq!(clients[1].location, Location::UNKNOWN);
    let again = seen.of_listener("clients").expect("it is followed");
    again.note(v4(0xc000_0201), dutch(), bound, || minutes(11));
    let clients = found(&seen, &memory, minutes(11));
    assert_eq!(clients.len(), 2, "it takes the place of its stand-in");
    assert_eq!((clients[0].addr, clients[0].is_stand_in), (v4(0xc000_0201), false));
    assert_eq!(found(&seen, &memory, minutes(61)).len(), 1, "stand-ins are forgotten in time");
    drop(store);
}

#[test]
fn a_file_that_is_damaged_anywhere_costs_the_samples_and_nothing_else() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("seen");
    {
        let (store, seen, _) = start(directory.path(), NOW);
        let listener = seen.of_listener("clients").expect("it is followed");
        (0..3).for_each(|it| listener.note(v4(it), dutch(), NEAREST, || NOW));
        store.save_seen(&seen, NOW).expect("saved");
    }
    let good = std::fs::read(&file).expect("the file");
    let ways = (0..good.len()).map(|at| {
        let mut bad = good.clone();
        bad[at] ^= 0x41;
        bad
    });
    let cut = (0..good.len()).map(|length| good[..length].to_vec());
    let longer = [[&good[..], &[0]].concat()];
    for bad in ways.chain(cut).chain(longer) {
        std::fs::write(&file, &bad).expect("written");
        let (_, seen, _) = start(directory.path(), NOW);
        assert_eq!(sample(&seen, NOW), Sample::default());
        assert!(directory.path().join("seen.damaged").exists() && !file.exists());
    }
    std::fs::write(&file, &good).expect("written");
    assert_eq!(sample(&start(directory.path(), NOW).1, NOW).clients.len(), 3);
}

#[test]
fn listeners_that_leave_are_forgotten() {
    let (seen, listener) = seen();
    listener.note(v4(1), dutch(), NEAREST, || NOW);
    seen.follow(&BTreeMap::new(), NOW);
    assert!(seen.of_listener("clients").is_none());
    seen.follow(&routes(), NOW);
    assert_eq!(sample(&seen, NOW), Sample::default());
}
