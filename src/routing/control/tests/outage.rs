//! When the open sessions of an access point that is Down are given up.

use super::*;
use crate::routing::topology::{HttpProbe, OnDown};

impl Lab {
    /// The access points that are given up, each with the time since when its sessions are silent.
    fn given_up(&self) -> Vec<(AccessPointId, Instant)> {
        let closing = self.snapshot.closing.iter();
        let topology = &self.snapshot.topology;
        closing.map(|it| (topology.access_point(it.access_point).id, it.silent_since)).collect()
    }

    fn first_failure_after(&mut self, id: AccessPointId) -> Instant {
        let failed = |lab: &Self| lab.state.access_points[&id].failing_since().is_some();
        while !failed(self) {
            self.run(MS);
        }
        self.now
    }

    fn open_sessions(&self, dc: u16) {
        for id in self.access_points_of(dc) {
            let index = self.snapshot.topology.find_access_point(id).expect("is there");
            self.snapshot.access_point(index).slot.session_opened();
        }
    }

    fn told_of_closing(&self) -> usize {
        self.changes.iter().filter(|it| matches!(it, Change::Closing { .. })).count()
    }
}

fn keeping() -> TopologySpec {
    TopologySpec { on_down: OnDown::Keep, ..three_dcs() }
}

#[test]
fn a_dead_dc_is_given_up_with_silence_counted_from_its_first_failure() {
    for fault in [Fault::Blackhole, Fault::Refuses] {
        let mut lab = Lab::new(three_dcs());
        lab.run(10 * SECOND);
        lab.open_sessions(2);
        lab.break_dc(2, fault);
        let first = lab.access_points_of(2)[0];
        let failed = lab.first_failure_after(first);
        assert_eq!(lab.given_up(), [], "one failure is none");
        let took = lab.run_until(|lab| lab.given_up().len() == 2);
        assert!(took <= 5 * SECOND, "{took:?}");
        let (id, silent_since) = lab.given_up()[0];
        assert_eq!(id, first);
        assert!(silent_since <= failed && failed < silent_since + 2 * MS, "{fault:?}");
        assert_eq!(lab.told_of_closing(), 2, "each is told of once");
        lab.run(60 * SECOND);
        assert_eq!(lab.given_up()[0], (first, silent_since), "for as long as it is Down");
        assert_eq!(lab.told_of_closing(), 2);
    }
}

#[test]
fn nobody_is_given_up_before_another_dc_has_answered_later_than_the_first_failure() {
    let mut lab = Lab::new(three_dcs());
    lab.run(10 * SECOND);
    // Sites of their own, but nobody is missed: no isolation, which would take everything back.
    [1, 2, 5].into_iter().for_each(|dc| lab.break_dc(dc, Fault::Refuses));
    lab.run(30 * SECOND);
    assert!([1, 2, 5].iter().all(|dc| lab.dc(*dc).health == Health::Down));
    assert_eq!(lab.given_up(), []);
    lab.faults.retain(|id, _| id.dc != DcId(1));
    lab.run_until(|lab| lab.dc(1).health == Health::Up);
    lab.run_until(|lab| lab.given_up().len() == 4);
    assert!(lab.given_up().iter().all(|(id, _)| id.dc != DcId(1)));
}

#[test]
fn nobody_is_given_up_where_only_access_points_for_other_sessions_are_up() {
    let mut spec = three_dcs();
    for dc in spec.dcs.iter_mut().filter(|dc| dc.id == DcId(1)) {
        dc.access_points[0].flags.cdn = true;
        dc.access_points[1].flags.media_only = true;
    }
    let mut lab = Lab::new(spec);
    lab.run(10 * SECOND);
    lab.open_sessions(2);
    [2, 5].into_iter().for_each(|dc| lab.break_dc(dc, Fault::Refuses));
    lab.run(30 * SECOND);
    assert_eq!(lab.dc(1).health, Health::Up);
    assert_eq!(lab.given_up(), [], "Miami serves none of these clients");
    lab.faults.retain(|id, _| id.dc != DcId(5));
    let of_amsterdam = |(id, _): &(AccessPointId, Instant)| id.dc == DcId(2);
    lab.run_until(|lab| lab.given_up().into_iter().filter(of_amsterdam).count() == 2);
}

#[test]
fn sessions_do_not_wait_for_the_next_probe_of_who_is_down_anyway() {
    let mut spec = three_dcs();
    for dc in &mut spec.dcs {
        dc.health.down_interval = 600 * SECOND;
        if dc.id != DcId(2) {
            dc.health.interval = 600 * SECOND;
        }
    }
    let mut lab = Lab::new(spec);
    lab.run(1000 * SECOND);
    lab.open_sessions(2);
    lab.break_dc(2, Fault::Refuses);
    lab.run_until(|lab| lab.dc(2).health == Health::Down);
    lab.run(10 * SECOND);
    assert_eq!(lab.given_up(), [], "nobody else has answered");
    let index = lab.snapshot.topology.find_access_point(lab.access_points_of(1)[0]).expect("there");
    lab.snapshot.access_point(index).slot.record_answered();
    let took = lab.run_until(|lab| lab.given_up().len() == 2);
    assert!(took <= SECOND, "{took:?}");
}

#[test]
fn an_answer_of_the_same_dc_is_no_sign_that_the_edge_is_not_cut_off() {
    let mut lab = Lab::new(topology(vec![dc(2, Some(AMSTERDAM), 2)]));
    lab.run(10 * SECOND);
    let dead = lab.access_points_of(2)[0];
    lab.faults.insert(dead, Fault::Blackhole);
    lab.run(30 * SECOND);
    assert_eq!(lab.health(dead), Some(Health::Down));
    assert_eq!(lab.given_up(), []);
}

#[test]
fn a_session_of_another_dc_that_gets_an_answer_is_a_sign_too() {
    let mut spec = three_dcs();
    let others = spec.dcs.iter_mut().filter(|dc| dc.id != DcId(2));
    others.for_each(|dc| dc.health.interval = 600 * SECOND);
    let mut lab = Lab::new(spec);
    lab.run(1000 * SECOND);
    lab.break_dc(2, Fault::Refuses);
    lab.run_until(|lab| lab.dc(2).health == Health::Down);
    assert_eq!(lab.given_up(), [], "nobody else was asked since");
    lab.snapshot.access_points[0].slot.record_answered();
    lab.run_until(|lab| lab.given_up().len() == 2);
}

#[test]
fn a_short_cut_of_the_edge_gives_nobody_up() {
    let mut downs = 0;
    for offset in 0..40 {
        let mut lab = Lab::new(three_dcs());
        lab.run(10 * SECOND + 50 * MS * offset);
        [1, 2, 5].into_iter().for_each(|dc| lab.break_dc(dc, Fault::Blackhole));
        let from = lab.now;
        while !lab.snapshot.isolated && lab.now < from + 2500 * MS {
            lab.run(10 * MS);
        }
        downs += lab.turned().filter(|to| *to == Health::Down).count();
        lab.faults.clear();
        for _ in 0..1000 {
            lab.run(10 * MS);
            assert_eq!(lab.given_up(), [], "all came back together: {offset}");
        }
    }
    assert!(downs > 0, "long enough for that");
}

#[test]
fn isolation_gives_nobody_up_and_freezes_what_was_given_up_before() {
    let mut lab = Lab::new(three_dcs());
    lab.run(10 * SECOND);
    lab.break_dc(2, Fault::Blackhole);
    lab.run_until(|lab| lab.given_up().len() == 2);
    lab.run(5 * SECOND);
    let before = lab.given_up();
    [1, 5].into_iter().for_each(|dc| lab.break_dc(dc, Fault::Blackhole));
    while !lab.snapshot.isolated {
        assert!(lab.given_up().iter().all(|it| before.contains(it)), "nobody beside those");
        lab.run(10 * MS);
    }
    for _ in 0..600 {
        assert_eq!(lab.given_up(), [], "cut off");
        lab.run(100 * MS);
    }
    lab.faults.retain(|id, _| id.dc == DcId(2));
    lab.run_until(|lab| !lab.snapshot.isolated);
    lab.run(SECOND);
    assert_eq!(lab.given_up(), before, "it was Down before");
}

#[test]
fn who_is_up_again_is_given_up_no_more() {
    let mut lab = Lab::new(three_dcs());
    lab.run(10 * SECOND);
    lab.break_dc(2, Fault::Refuses);
    lab.run_until(|lab| lab.given_up().len() == 2);
    lab.faults.clear();
    lab.run_until(|lab| lab.dc(2).health == Health::Up);
    lab.run(5 * SECOND);
    assert_eq!(lab.given_up(), []);
    assert!(lab.state.access_points.values().all(|cell| cell.outage.is_none()));
}

#[test]
fn keep_gives_nobody_up_and_holds_from_the_reload_on() {
    let mut lab = Lab::new(keeping());
    lab.run(10 * SECOND);
    lab.open_sessions(2);
    lab.break_dc(2, Fault::Refuses);
    lab.run(30 * SECOND);
    assert_eq!(lab.dc(2).health, Health::Down);
    assert_eq!((lab.given_up(), lab.told_of_closing()), (Vec::new(), 0));
    lab.reload(three_dcs());
    assert_eq!(lab.given_up().len(), 2);
    lab.reload(keeping());
    assert_eq!(lab.given_up(), []);
}

#[test]
fn failures_before_the_last_good_probe_do_not_count() {
    let mut lab = Lab::new(three_dcs());
    lab.run(10 * SECOND);
    let first = lab.access_points_of(2)[0];
    lab.faults.insert(first, Fault::Refuses);
    let earlier = lab.first_failure_after(first);
    lab.faults.clear();
    lab.run(10 * SECOND);
    assert_eq!(lab.health(first), Some(Health::Up));
    lab.break_dc(2, Fault::Refuses);
    lab.run_until(|lab| lab.given_up().len() == 2);
    assert!(lab.given_up()[0].1 >= earlier + 10 * SECOND);
}

#[test]
fn a_dc_that_sessions_condemn_is_given_up_from_their_first_complaint_on() {
    let mut lab = Lab::new(three_dcs());
    lab.run(10 * SECOND);
    let first = lab.now;
    for n in 0..30 {
        for id in lab.access_points_of(2) {
            let index = lab.snapshot.topology.find_access_point(id).expect("is there");
            let slot = &lab.snapshot.access_point(index).slot;
            slot.record_connected();
            slot.record_mute(prefix(n));
        }
        lab.event(Event::Evidence);
        lab.run(200 * MS);
    }
    assert_eq!(lab.dc(2).health, Health::Down, "its probes go well, and it is held");
    let since: Vec<_> = lab.given_up().into_iter().map(|(_, since)| since).collect();
    assert_eq!(since, [first; 2]);
}

#[test]
fn failed_connects_that_condemn_count_from_the_last_connect_that_went_well() {
    let mut lab = Lab::new(three_dcs());
    lab.run(10 * SECOND);
    let id = lab.access_points_of(2)[0];
    let index = lab.snapshot.topology.find_access_point(id).expect("is there");
    let slot = Arc::clone(&lab.snapshot.access_point(index).slot);
    slot.record_failed_connect(prefix(200));
    lab.event(Event::Evidence);
    lab.run(5 * SECOND);
    assert_eq!(lab.health(id), Some(Health::Up), "one failed, for whatever reason");
    let went_well = lab.now;
    slot.record_connected();
    lab.event(Event::Evidence);
    lab.run(100 * MS);
    lab.break_dc(2, Fault::Blackhole);
    (0..20).for_each(|n| slot.record_failed_connect(prefix(n)));
    lab.event(Event::Evidence);
    lab.run(COALESCE);
    assert_eq!(lab.health(id), Some(Health::Down));
    lab.run_until(|lab| !lab.given_up().is_empty());
    assert!(lab.given_up()[0].1 >= went_well);
}

#[test]
fn nobody_is_given_up_while_nothing_is_up_that_could_serve_their_clients() {
    let mut spec = three_dcs();
    let page = HttpProbe { path: "/".into(), host: None, port: None, expect: 200..=299 };
    let page = Arc::new(page);
    spec.dcs.iter_mut().for_each(|dc| dc.health.probe = Probe::Http(Arc::clone(&page)));
    let mut lab = Lab::new(spec);
    lab.run(10 * SECOND);
    lab.open_sessions(2);
    // The page that probes ask for is gone. Sessions go on, and clients come: nothing is Up.
    [1, 2, 5].into_iter().for_each(|dc| lab.break_dc(dc, Fault::WrongPage));
    let mut looks = 0;
    for _ in 0..100 {
        for state in &lab.snapshot.access_points {
            state.slot.record_connected();
            state.slot.record_answered();
        }
        lab.run(200 * MS);
        if lab.snapshot.access_points.iter().all(|it| it.health == Health::Down) {
            looks += 1;
            assert_eq!(lab.given_up(), []);
        }
    }
    assert!(looks > 50 && !lab.snapshot.isolated, "{looks}");
    lab.faults.retain(|id, _| id.dc != DcId(1));
    lab.run_until(|lab| lab.given_up().len() == 4);
    lab.set_dc(DcId(1), AdminState::Drain);
    lab.run(COALESCE);
    assert_eq!(lab.given_up(), [], "the one that is Up takes no new sessions");
}

#[test]
fn an_uplink_that_comes_and_goes_gives_nobody_up() {
    for (cut, open) in [(1000, 300), (1500, 100), (1500, 1000), (2000, 500), (2500, 300)] {
        let mut downs = 0;
        for offset in 0..8 {
            let mut lab = Lab::new(three_dcs());
            lab.run(10 * SECOND + 250 * MS * offset);
            for step in 0..6 * (cut + open) / 10 {
                match step * 10 % (cut + open) < cut {
                    true => [1, 2, 5].into_iter().for_each(|dc| lab.break_dc(dc, Fault::Blackhole)),
                    false => lab.faults.clear(),
                }
                lab.run(10 * MS);
                assert_eq!(lab.given_up(), [], "{cut} {open} {offset}");
            }
            downs += lab.turned().filter(|to| *to == Health::Down).count();
        }
        assert!(downs > 0, "long enough for that: {cut} {open}");
    }
}

#[test]
fn two_sites_that_die_together_are_given_up_when_the_way_has_been_steady_for_a_while() {
    let mut lab = Lab::new(three_dcs());
    lab.run(10 * SECOND);
    [1, 2].into_iter().for_each(|dc| lab.break_dc(dc, Fault::Blackhole));
    let took = lab.run_until(|lab| lab.given_up().len() == 4);
    assert!(took <= 17 * SECOND, "{took:?}");
}
