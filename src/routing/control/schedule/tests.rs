use super::*;
use crate::routing::fixture::start;
use crate::routing::ids::DcId;

const MS: Duration = Duration::from_millis(1);
const MOST: usize = 4;

fn id(n: u16) -> AccessPointId {
    AccessPointId {
        dc: DcId(1),
        address: crate::routing::DialAddress::tcp(([192, 0, 2, 1], n).into()),
    }
}

/// A schedule whose access points have been probed once and are due at `start()`.
fn due(urgencies: &[(u16, Urgency)]) -> Schedule {
    let mut schedule = Schedule::default();
    urgencies.iter().for_each(|(n, _)| _ = schedule.add(id(*n), start()));
    let probes: Vec<_> = std::iter::from_fn(|| schedule.start_next(usize::MAX, start())).collect();
    for (probed, number) in probes {
        let last = schedule.finish(probed, number).expect("it is under way");
        let (_, urgency) = urgencies[usize::from(probed.address.socket.port()) - 1];
        schedule.again(probed, last, Duration::ZERO..Duration::ZERO, urgency, start());
    }
    schedule
}

fn started(schedule: &mut Schedule, most: usize, now: Instant) -> Vec<u16> {
    let next = std::iter::from_fn(|| schedule.start_next(most, now));
    next.map(|(id, _)| id.address.socket.port()).collect()
}

#[test]
fn no_more_are_under_way_than_may_and_one_that_ends_makes_room() {
    let mut schedule = Schedule::default();
    (0..9).for_each(|n| _ = schedule.add(id(n), start()));
    let mut under_way = Vec::new();
    while let Some(probe) = schedule.start_next(MOST, start()) {
        under_way.push(probe);
    }
    assert_eq!(under_way.len(), MOST);
    assert_eq!(schedule.next_due(MOST), None);
    let (first, number) = under_way[0];
    assert!(schedule.finish(first, number).is_some());
    assert!(schedule.finish(first, number + 100).is_none());
    assert!(schedule.next_due(MOST).is_some());
}

#[test]
fn suspects_come_first_then_those_in_use_then_new_ones() {
    let waiting =
        [(1, Urgency::Rest), (2, Urgency::InUse), (3, Urgency::Suspect), (4, Urgency::InUse)];
    let mut schedule = due(&waiting);
    schedule.add(id(5), start());
    schedule.last_number = 1;
    assert_eq!(started(&mut schedule, 9, start()), [3, 2, 4, 5, 1]);
}

#[test]
fn those_out_of_use_have_their_turn_while_others_take_all_there_is() {
    let mut schedule = due(&[(1, Urgency::Rest), (2, Urgency::InUse), (3, Urgency::InUse)]);
    let mut now = start() + MS;
    let mut turns = 0;
    for _ in 0..100 {
        let (id, number) = schedule.start_next(1, now).expect("somebody is always due");
        turns += u32::from(id.address.socket.port() == 1);
        let last = schedule.finish(id, number).expect("under way");
        now += MS;
        let urgency = if id.address.socket.port() == 1 { Urgency::Rest } else { Urgency::InUse };
        schedule.again(id, last, Duration::ZERO..Duration::ZERO, urgency, now);
    }
    assert!((10..=15).contains(&turns), "{turns} of 100");
}

#[test]
fn one_that_turns_suspect_jumps_the_queue() {
    let mut schedule = due(&[(1, Urgency::InUse), (2, Urgency::InUse)]);
    schedule.last_number = 1;
    schedule.hasten(id(2), Urgency::Suspect, start());
    assert_eq!(started(&mut schedule, 9, start()), [2, 1]);
}

#[test]
fn lag_is_how_late_the_latest_is() {
    let mut schedule = due(&[(1, Urgency::InUse), (2, Urgency::Rest)]);
    assert_eq!(schedule.lag(start()), Duration::ZERO);
    assert_eq!(schedule.lag(start() + 700 * MS), 700 * MS);
    assert_eq!(started(&mut schedule, 9, start() + 700 * MS).len(), 2);
    assert_eq!(schedule.lag(start() + 900 * MS), Duration::ZERO);
}

#[test]
fn thousands_of_new_ones_are_paced() {
    let mut schedule = Schedule::default();
    (0..5000).for_each(|n| _ = schedule.add(id(n), start()));
    let at_once = started(&mut schedule, 10_000, start()).len();
    assert!(at_once <= 64, "{at_once}");
    let due = schedule.next_due(10_000).expect("more wait");
    assert!(due > start());
    let mut now = start();
    let mut all = at_once;
    while all < 5000 {
        now = schedule.next_due(10_000).expect("more wait").max(now);
        all += started(&mut schedule, 10_000, now).len();
    }
    assert!(now - start() >= Duration::from_secs(9), "{:?}", now - start());
}

#[test]
fn one_that_is_forgotten_is_probed_no_more_and_its_probe_counts_until_it_ends() {
    let mut schedule = due(&[(1, Urgency::InUse), (2, Urgency::InUse), (3, Urgency::Rest)]);
    let (under_way, number) = schedule.start_next(1, start()).expect("one is due");
    assert_eq!(under_way, id(1));
    [1, 2].into_iter().for_each(|n| schedule.forget(id(n)));
    assert!(schedule.start_next(1, start()).is_none(), "the probe goes on");
    assert!(schedule.finish(under_way, number).is_none(), "nobody waits for it");
    assert_eq!(started(&mut schedule, MOST, start()), [3]);
}

#[test]
fn one_that_comes_back_while_its_probe_is_under_way_is_probed_again_after_that() {
    let mut schedule = due(&[(1, Urgency::InUse)]);
    let (under_way, number) = schedule.start_next(MOST, start()).expect("one is due");
    schedule.forget(under_way);
    assert!(schedule.add(under_way, start()), "a probe is under way");
    let last = schedule.finish(under_way, number).expect("it is waited for");
    schedule.again(under_way, last, MS..MS, Urgency::InUse, start());
    assert_eq!(started(&mut schedule, MOST, start()), [1]);
}
