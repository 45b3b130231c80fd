//! The edge cut off, and what is not that.

use super::*;

impl Lab {
    fn break_all(&mut self, fault: Fault) {
        [1, 2, 5].into_iter().for_each(|dc| self.break_dc(dc, fault));
    }

    fn was_isolated(&self) -> bool {
        self.changes.contains(&Change::Isolation { isolated: true })
    }
}

#[test]
fn an_uplink_that_is_cut_freezes_health_and_one_answer_ends_it() {
    for fault in [Fault::Blackhole, Fault::NoRoute] {
        let mut lab = Lab::new(three_dcs());
        lab.run(10 * SECOND);
        lab.break_all(fault);
        let took = lab.run_until(|lab| lab.snapshot.isolated);
        assert!(took <= 4 * SECOND, "{took:?}");
        lab.run(60 * SECOND);
        for dc in [1, 2, 5] {
            assert_eq!(lab.dc(dc).health, Health::Up, "as it was: {fault:?}");
        }
        assert!(lab.snapshot.isolated);
        let told = lab.changes.len();
        lab.faults.clear();
        let took = lab.run_until(|lab| !lab.snapshot.isolated);
        assert!(took <= SECOND, "{took:?}");
        assert_eq!(lab.changes[told], Change::Isolation { isolated: false });
        lab.run(5 * SECOND);
        assert!(lab.snapshot.access_points.iter().all(|it| it.health == Health::Up));
        assert!(lab.snapshot.access_points.iter().all(|it| it.held_until.is_none()));
    }
}

#[test]
fn an_uplink_that_flaps_holds_nobody_down() {
    let mut lab = Lab::new(three_dcs());
    lab.run(10 * SECOND);
    for _ in 0..20 {
        lab.break_all(Fault::Blackhole);
        lab.run(8 * SECOND);
        lab.faults.clear();
        lab.run(5 * SECOND);
        assert!([1, 2, 5].iter().all(|dc| lab.dc(*dc).health == Health::Up));
    }
}

#[test]
fn the_death_of_one_site_is_not_isolation_though_it_is_the_last() {
    let mut lab = Lab::new(three_dcs());
    lab.run(10 * SECOND);
    for dc in [1, 5, 2] {
        lab.break_dc(dc, Fault::Blackhole);
        lab.run(30 * SECOND);
        assert_eq!(lab.dc(dc).health, Health::Down);
    }
    assert!(!lab.was_isolated());
}

#[test]
fn a_network_that_refuses_everybody_has_not_lost_its_edge() {
    let mut lab = Lab::new(three_dcs());
    lab.run(10 * SECOND);
    lab.break_all(Fault::Refuses);
    lab.run(30 * SECOND);
    assert!(!lab.was_isolated());
    assert!([1, 2, 5].iter().all(|dc| lab.dc(*dc).health == Health::Down));
}

#[test]
fn an_edge_without_descriptors_is_not_isolated() {
    let mut lab = Lab::new(three_dcs());
    lab.run(10 * SECOND);
    let before = lab.changes.len();
    lab.break_all(Fault::EdgeOutOfDescriptors);
    lab.run(30 * SECOND);
    assert_eq!(lab.changes.len(), before);
}

#[test]
fn a_session_that_gets_an_answer_ends_isolation() {
    let mut lab = Lab::new(three_dcs());
    lab.run(10 * SECOND);
    lab.break_all(Fault::Blackhole);
    lab.run_until(|lab| lab.snapshot.isolated);
    lab.snapshot.access_points[0].slot.record_answered();
    lab.event(Event::Evidence);
    lab.run(COALESCE);
    assert!(!lab.snapshot.isolated);
}
