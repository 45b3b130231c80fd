use std::collections::BTreeMap;
use std::hash::BuildHasherDefault;
use std::hash::DefaultHasher;

use proptest::prelude::*;

use super::*;

const TIMES: FlowTimes =
    FlowTimes { idle: Duration::from_secs(60), unanswered: Duration::from_secs(10) };

type Table = FlowTable<u8, u32, BuildHasherDefault<DefaultHasher>>;

fn table() -> Table {
    FlowTable::new(TIMES, BuildHasherDefault::default())
}

/// So many seconds after some moment.
fn at(seconds: u64) -> Instant {
    static BEGAN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "any moment will do, if it is always the same")]
    let began = *BEGAN.get_or_init(Instant::now);
    began + Duration::from_secs(seconds)
}

#[test]
fn a_flow_that_nobody_answers_ends_sooner() {
    let mut table = table();
    let alone = table.insert(1, 10, at(0));
    let answered = table.insert(2, 20, at(0));
    table.on_upstream(answered, at(0));
    table.on_client(alone, at(5));
    assert_eq!(table.expire(at(14)), None, "its client has sent something since");
    assert_eq!(table.expire(at(15)), Some((Standing::Unanswered, 10)));
    assert_eq!(table.expire(at(59)), None);
    assert_eq!(table.expire(at(60)), Some((Standing::Answered, 20)));
    assert!(table.is_empty());
}

#[test]
fn a_flow_that_has_ended_is_nobody_elses_name() {
    let mut table = table();
    let first = table.insert(1, 10, at(0));
    assert_eq!(table.remove(first), Some((1, 10)));
    let second = table.insert(2, 20, at(0));
    assert_eq!(second.place, first.place);
    assert_eq!(table.entry(first), None);
    assert_eq!(table.get_mut(first), None);
    assert_eq!(table.remove(first), None);
    assert_eq!(table.find(&1), None);
    assert_eq!(table.find(&2), Some(second));
}

#[test]
fn who_has_shown_least_makes_room() {
    let mut table = table();
    let conversing = table.insert(1, 10, at(0));
    table.on_upstream(conversing, at(0));
    table.on_client(conversing, at(0));
    let answered = table.insert(2, 20, at(1));
    table.on_upstream(answered, at(1));
    table.insert(3, 30, at(2));
    table.insert(4, 40, at(3));
    let order: Vec<u8> = std::iter::from_fn(|| table.evict()).map(|(key, _)| key).collect();
    assert_eq!(order, [3, 4, 2, 1]);
}

#[test]
fn a_flood_of_strangers_evicts_strangers() {
    let mut table = table();
    let real = table.insert(0, 0, at(0));
    table.on_upstream(real, at(0));
    for n in 1..=200 {
        if table.len() >= 10 {
            assert_ne!(table.evict().expect("full").0, 0);
        }
        table.insert(n, 0, at(1));
    }
    assert!(table.entry(real).is_some());
}

#[test]
fn a_table_that_was_large_is_small_again_when_it_is_empty() {
    let mut table = table();
    for n in 0..=255 {
        table.insert(n, 0, at(0));
    }
    while table.expire(at(10)).is_some() {}
    assert_eq!((table.places.capacity(), table.by_key.capacity()), (0, 0));
    let id = table.insert(7, 70, at(11));
    assert_eq!(table.entry(id), Some((&7, &70)));
    assert_eq!(table.drain().collect::<Vec<_>>(), [70]);
    assert_eq!((table.len(), table.find(&7)), (0, None));
    table.insert(7, 71, at(12));
    assert_eq!(table.evict(), Some((7, 71)));
}

#[derive(Clone, Debug)]
enum Event {
    Client(u8),
    Upstream(u8),
    Remove(u8),
    Evict,
    Pass(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let key = || 0..12u8;
    prop_oneof![
        6 => key().prop_map(Event::Client),
        4 => key().prop_map(Event::Upstream),
        1 => key().prop_map(Event::Remove),
        1 => Just(Event::Evict),
        2 => (0..40u64).prop_map(Event::Pass),
    ]
}

/// A table as one would write it who has all the time in the world.
#[derive(Default)]
struct Plain(BTreeMap<u8, (Standing, u64, usize, u32)>);

impl Plain {
    fn first(&self) -> Option<u8> {
        let rank = |(_, (standing, _, touched, _)): &(&u8, &(Standing, u64, usize, u32))| {
            (*standing, *touched)
        };
        self.0.iter().min_by_key(rank).map(|(key, _)| *key)
    }

    fn is_over(&(standing, last, ..): &(Standing, u64, usize, u32), now: u64) -> bool {
        now - last >= if standing == Standing::Unanswered { 10 } else { 60 }
    }
}

proptest! {
    /// Whatever happens in whatever order, the table is what a plain map with a search would be.
    #[test]
    fn a_table_is_a_plain_map_that_does_not_search(events in prop::collection::vec(event(), 1..200)) {
        let (mut table, mut plain) = (table(), Plain::default());
        let mut now = 0;
        for (n, event) in events.into_iter().enumerate() {
            match event {
                Event::Client(key) => match table.find(&key) {
                    Some(id) => {
                        table.on_client(id, at(now));
                        let it = plain.0.get_mut(&key).expect("known");
                        let standing = if it.0 == Standing::Unanswered { it.0 } else { Standing::Conversing };
                        *it = (standing, now, n, it.3);
                    }
                    None => {
                        table.insert(key, n as u32, at(now));
                        plain.0.insert(key, (Standing::Unanswered, now, n, n as u32));
                    }
                },
                Event::Upstream(key) => if let Some(id) = table.find(&key) {
                    table.on_upstream(id, at(now));
                    let it = plain.0.get_mut(&key).expect("known");
                    *it = (it.0.max(Standing::Answered), now, n, it.3);
                },
                Event::Remove(key) => if let Some(id) = table.find(&key) {
                    let value = plain.0.remove(&key).expect("known").3;
                    prop_assert_eq!(table.remove(id), Some((key, value)));
                },
                Event::Evict => {
                    let first = plain.first();
                    let shown = first.map(|key| (plain.0[&key].0, at(plain.0[&key].1)));
                    prop_assert_eq!(table.first_to_go(), shown);
                    let evicted = table.evict();
                    prop_assert_eq!(evicted.map(|(key, _)| key), first);
                    first.map(|key| plain.0.remove(&key));
                }
                Event::Pass(seconds) => {
                    now += seconds;
                    let mut ended = Vec::new();
                    while let Some((_, value)) = table.expire(at(now)) {
                        ended.push(value);
                    }
                    let over = plain.0.iter().filter(|(_, it)| Plain::is_over(it, now));
                    let mut expected: Vec<u32> = over.map(|(_, it)| it.3).collect();
                    plain.0.retain(|_, it| !Plain::is_over(it, now));
                    ended.sort_unstable();
                    expected.sort_unstable();
                    prop_assert_eq!(ended, expected);
                }
            }
            prop_assert_eq!(table.len(), plain.0.len());
            for (key, it) in &plain.0 {
                let id = table.find(key).expect("both know it");
                prop_assert_eq!(table.entry(id), Some((key, &it.3)));
            }
            let mut values: Vec<u32> = table.values().copied().collect();
            let mut expected: Vec<u32> = plain.0.values().map(|it| it.3).collect();
            values.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(values, expected);
        }
    }
}
