//! What measured round trips do to probes, DCs and excess.

use super::*;

#[test]
fn a_congested_dc_shows_its_excess() {
    let mut lab = Lab::new(three_dcs());
    lab.run(60 * SECOND);
    assert_eq!(lab.dc(2).excess, Millis(0.0));
    lab.round_trip = 80 * MS;
    lab.run(40 * SECOND);
    assert!(lab.dc(2).excess.0 > 30.0, "{:?}", lab.dc(2).excess);
    lab.round_trip = 20 * MS;
    lab.run(90 * SECOND);
    assert_eq!(lab.dc(2).excess, Millis(0.0));
}

#[test]
fn rare_probes_show_it_too() {
    let mut spec = three_dcs();
    spec.dcs.iter_mut().for_each(|dc| dc.health.interval = 30 * SECOND);
    let mut lab = Lab::new(spec);
    lab.run(120 * SECOND);
    lab.round_trip = 80 * MS;
    lab.run(600 * SECOND);
    assert!(lab.dc(2).excess.0 > 30.0, "{:?}", lab.dc(2).excess);
    assert!(lab.dc(2).settled_round_trip > Some(50 * MS), "{:?}", lab.dc(2).settled_round_trip);
}

#[test]
fn an_access_point_that_becomes_much_slower_comes_back() {
    let mut lab = Lab::new(three_dcs());
    lab.round_trip = 70 * MS;
    lab.run(10 * SECOND);
    lab.round_trip = 260 * MS;
    lab.run(20 * SECOND);
    assert_eq!(lab.dc(2).health, Health::Up);
    assert_eq!(lab.dc(2).round_trip, Some(260 * MS), "nothing is left of what was");
    let changes = lab.changes.len();
    lab.run(20 * SECOND);
    assert_eq!(lab.changes.len(), changes, "it does not flap");
}

#[test]
fn a_dc_is_as_far_and_as_slow_as_its_best_for_ordinary_sessions() {
    let mut spec = three_dcs();
    spec.dcs[0] = dc(2, Some(AMSTERDAM), 4);
    spec.dcs[0].access_points[0].flags.media_only = true;
    let mut lab = Lab::new(spec);
    let [media, taken_out, best, other] = lab.access_points_of(2)[..] else { panic!("four") };
    for (id, ms) in [(media, 5), (taken_out, 10), (best, 20), (other, 40)] {
        lab.round_trips.insert(id, ms * MS);
    }
    lab.set_access_point(taken_out, AdminState::Maint);
    lab.run(60 * SECOND);
    assert_eq!(lab.dc(2).round_trip, Some(20 * MS));
    lab.round_trips.insert(best, 90 * MS);
    lab.run(60 * SECOND);
    assert_eq!(lab.dc(2).round_trip, Some(40 * MS));
    assert_eq!(lab.dc(2).excess, Millis(0.0), "one way is as it was");
    lab.round_trips.insert(other, 80 * MS);
    lab.run(60 * SECOND);
    assert!((30.0..50.0).contains(&lab.dc(2).excess.0), "{:?}", lab.dc(2).excess);
    lab.set_access_point(best, AdminState::Drain);
    lab.set_access_point(other, AdminState::Drain);
    lab.run(SECOND);
    assert_eq!(lab.dc(2).round_trip, Some(10 * MS), "the last known keeps the groups");
}

#[test]
fn where_round_trips_are_compared_tremor_is_not_seen() {
    let mut lab = Lab::new(three_dcs());
    lab.round_trip = 40 * MS;
    lab.run(2 * SECOND);
    assert_eq!(lab.dc(2).settled_round_trip, Some(40 * MS), "the first counts at once");
    for round_trip in [42, 38, 41, 39] {
        lab.round_trip = round_trip * MS;
        lab.run(20 * SECOND);
        assert_eq!(lab.dc(2).settled_round_trip, Some(40 * MS));
    }
    lab.round_trip = 80 * MS;
    lab.run(5 * SECOND);
    assert_eq!(lab.dc(2).settled_round_trip, Some(40 * MS));
    lab.run(120 * SECOND);
    let settled = lab.dc(2).settled_round_trip.expect("measured");
    assert!((77 * MS..=80 * MS).contains(&settled), "{settled:?}");
}

#[test]
fn a_shorter_interval_takes_effect_at_once_and_not_in_step() {
    let slow = || {
        let mut dcs: Vec<DcSpec> = (1..=10).map(|id| dc(id, None, 5)).collect();
        dcs.iter_mut().for_each(|dc| dc.health.interval = 60 * SECOND);
        dcs
    };
    let mut lab = Lab::new(topology(slow()));
    lab.run(SECOND);
    let before = lab.probes_made;
    let mut dcs = slow();
    dcs[0].health.interval = SECOND;
    lab.reload(topology(dcs));
    assert_eq!(lab.probes_made - before, 5, "those of the DC that changed");
    let mut most = 0;
    for _ in 0..100 {
        let before = lab.probes_made;
        lab.run(20 * MS);
        most = most.max(lab.probes_made - before);
    }
    assert!((1..=3).contains(&most), "{most} probes within 20 ms");
}
