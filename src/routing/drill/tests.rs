//! When a drill is given up, and what is told of it.

use proptest::prelude::*;

use super::*;

const SURVIVOR: DcId = DcId(4);

/// A DC elsewhere that has had a thousand sessions, at 10 ms each.
fn survivor() -> Survivor {
    Survivor {
        site: "frankfurt".into(),
        health: Health::Up,
        is_ready: true,
        placed: 100,
        max_sessions: Some(1000),
        connected: 1000,
        connecting: Duration::from_secs(10),
        failed: 3,
        round_trip: Some(Duration::from_millis(10)),
    }
}

fn well() -> Look {
    let survivors = [(SURVIVOR, survivor())].into();
    Look { is_isolated: false, refused_for_room: 7, refused: 9, survivors }
}

fn with(change: impl FnOnce(&mut Survivor)) -> Look {
    let mut look = well();
    look.survivors.values_mut().for_each({
        let mut change = Some(change);
        move |it| change.take().into_iter().for_each(|change| change(it))
    });
    look
}

fn judge() -> Judge {
    Judge::new("ams".into(), well())
}

/// What comes of a look that follows a good one.
fn verdict(look: Look) -> Option<Abort> {
    judge().look(look)
}

#[test]
fn nothing_is_held_against_a_drill_that_was_so_before() {
    assert_eq!(judge().objection(), None);
    assert_eq!(verdict(well()), None);
}

#[test]
fn a_survivor_that_fills_up_or_goes_down_ends_it() {
    assert_eq!(verdict(with(|it| it.placed = 949)), None);
    let full = verdict(with(|it| it.placed = 950));
    assert_eq!(full, Some(Abort::Full(SURVIVOR, 950, 1000)));
    assert_eq!(verdict(with(|it| (it.placed, it.max_sessions) = (9_000_000, None))), None);
    let told = verdict(Look { refused_for_room: 8, ..well() });
    assert_eq!(told, Some(Abort::NoRoom(1)));
    let mut two = well();
    two.survivors.insert(DcId(5), survivor());
    let mut judge = Judge::new("ams".into(), two.clone());
    two.survivors.entry(DcId(5)).and_modify(|it| it.health = Health::Down);
    assert_eq!(judge.look(two), Some(Abort::Down(DcId(5))));
}

#[test]
fn what_was_so_when_it_was_forced_does_not_end_it_and_what_is_new_does() {
    let full = with(|it| it.placed = 960);
    let mut judge = Judge::new("frankfurt".into(), full.clone());
    judge.bear(true);
    let mut refusing = with(|it| it.placed = 970);
    refusing.refused += 50;
    assert_eq!(judge.look(refusing.clone()), None);
    let isolated = Look { is_isolated: true, ..refusing.clone() };
    assert_eq!(judge.look(isolated), Some(Abort::Isolated));
    refusing.refused_for_room += 1;
    assert_eq!(judge.look(refusing), Some(Abort::NoRoom(1)));
}

#[test]
fn a_dc_that_came_up_meanwhile_and_goes_down_ends_it() {
    let mut look = well();
    look.survivors.insert(DcId(5), Survivor { health: Health::Down, ..survivor() });
    let mut judge = Judge::new("ams".into(), look.clone());
    let mut passes = |health| {
        look.survivors.entry(DcId(5)).and_modify(|it| it.health = health);
        judge.look(look.clone())
    };
    assert_eq!(passes(Health::Down), None);
    assert_eq!(passes(Health::Up), None);
    assert_eq!(passes(Health::Down), Some(Abort::Down(DcId(5))));
}

#[test]
fn there_has_to_be_a_dc_at_another_site_that_takes_sessions() {
    assert_eq!(verdict(with(|it| it.site = "ams".into())), Some(Abort::NoneUp));
    assert_eq!(verdict(with(|it| it.is_ready = false)), Some(Abort::NoneUp));
    assert_eq!(verdict(with(|it| it.health = Health::Unknown)), Some(Abort::NoneUp));
    assert_eq!(verdict(Look { is_isolated: true, ..well() }), Some(Abort::Isolated));
    assert_eq!(Judge::new("frankfurt".into(), well()).objection(), Some(Abort::NoneUp));
}

#[test]
fn failed_dials_and_refused_clients_count_if_they_are_many_of_many() {
    let failing = |failed, connected| {
        verdict(with(|it| {
            it.failed += failed;
            it.connected += connected;
        }))
    };
    assert_eq!(failing(4, 0), None);
    assert_eq!(failing(5, 95), None);
    assert_eq!(failing(5, 94), Some(Abort::Failing(SURVIVOR, 5, 99)));
    let refused = |refused: u64, connected| {
        let mut look = with(|it| it.connected += connected);
        look.refused += refused;
        verdict(look)
    };
    assert_eq!(refused(4, 0), None);
    assert_eq!(refused(5, 495), None);
    assert_eq!(refused(5, 494), Some(Abort::Refused(5, 499)));
}

#[test]
fn connects_may_take_three_times_as_long_or_a_fifth_of_a_second_longer() {
    let taking = |millis: u32, count: u64| {
        verdict(with(|it| {
            it.connected += count;
            it.connecting += Duration::from_millis(millis.into()) * count as u32;
        }))
    };
    assert_eq!(taking(209, 20), None);
    assert_eq!(taking(2000, 19), None, "too few to say");
    let (now, before) = (Duration::from_millis(211), Duration::from_millis(10));
    assert_eq!(taking(211, 20), Some(Abort::Slow(SURVIVOR, now, before)));
    // Who has had no sessions is held against its probe.
    let fresh = |it: &mut Survivor| (it.connected, it.connecting) = (0, Duration::ZERO);
    let mut judge = Judge::new("ams".into(), with(fresh));
    let slow = with(|it| (it.connected, it.connecting) = (20, Duration::from_secs(5)));
    assert!(matches!(judge.look(slow), Some(Abort::Slow(..))));
}

#[test]
fn trouble_of_half_a_minute_counts_however_long_all_went_well() {
    let mut judge = judge();
    let mut look = well();
    let mut passes = |seconds: u32, failed: u64| {
        (0..seconds).find_map(|_| {
            for it in look.survivors.values_mut() {
                it.connected += 10;
                it.connecting += Duration::from_millis(100);
                it.failed += failed;
            }
            judge.look(look.clone())
        })
    };
    assert_eq!(passes(600, 0), None);
    assert!(matches!(passes(30, 1), Some(Abort::Failing(..))));
}

#[test]
fn what_became_of_the_others_is_told() {
    let mut judge = judge();
    judge.look(with(|it| it.placed = 400));
    let mut last = with(|it| {
        it.placed = 200;
        it.connected += 50;
        it.connecting += Duration::from_secs(1);
        it.failed += 1;
    });
    last.refused += 2;
    judge.look(last);
    assert_eq!(judge.refused(), (0, 2));
    let [strain] = judge.strains()[..] else { panic!("one survivor") };
    assert_eq!((strain.peak, strain.connected, strain.failed), (400, 50, 1));
    let millis = Duration::from_millis;
    assert_eq!((strain.before, strain.during), (Some(millis(10)), Some(millis(20))));
}

proptest! {
    #[test]
    fn looks_as_good_as_the_first_never_end_a_drill_and_peaks_are_the_largest(
        placed in prop::collection::vec(0_u32..949, 1..80),
    ) {
        let mut judge = judge();
        let mut look = well();
        for placed in &placed {
            for it in look.survivors.values_mut() {
                it.placed = *placed;
                it.connected += 3;
                it.connecting += Duration::from_millis(30);
            }
            prop_assert_eq!(judge.look(look.clone()), None);
        }
        let peak = placed.iter().copied().max().unwrap_or_default().max(100);
        prop_assert_eq!(judge.strains()[0].peak, peak);
        prop_assert!(judge.lately.len() <= WINDOW + 1);
    }

    #[test]
    fn a_dc_that_has_too_much_ends_it_whatever_else_is_seen(
        placed in 950_u32..2000, refused in 0_u64..3, failed in 0_u64..100, connected in 0_u64..1000,
    ) {
        let mut look = with(|it| {
            (it.placed, it.failed, it.connected) = (placed, 3 + failed, 1000 + connected);
        });
        look.refused += refused;
        prop_assert_eq!(verdict(look), Some(Abort::Full(SURVIVOR, placed, 1000)));
    }
}
