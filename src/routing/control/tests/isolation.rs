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

/// Three DCs whose access points are probed every so often; the second one of each has this fault.
fn seldom_probed(interval: Duration, fault: Option<Fault>) -> Lab {
    let mut spec = three_dcs();
    spec.dcs.iter_mut().for_each(|dc| dc.health.interval = interval);
    let mut lab = Lab::new(spec);
    for dc in [1, 2, 5] {
        let second = lab.access_points_of(dc)[1];
        lab.faults.extend(fault.map(|fault| (second, fault)));
    }
    lab.run(60 * SECOND);
    lab
}

#[test]
fn addresses_without_a_route_are_no_sign_of_it() {
    let mut lab = seldom_probed(5 * SECOND, Some(Fault::NoRoute));
    lab.run(120 * SECOND);
    assert!(!lab.was_isolated(), "all that ever answered is well");
}

#[test]
fn the_loss_of_one_family_of_addresses_is_no_sign_of_it() {
    for interval in [2, 10, 30] {
        let mut spec = three_dcs();
        for dc in &mut spec.dcs {
            dc.health.interval = interval * SECOND;
            let v6 = format!("[2001:db8::{}]:443", dc.id);
            dc.access_points[1].address = v6.parse().expect("an address");
        }
        let mut lab = Lab::new(spec);
        lab.run(60 * SECOND);
        for dc in [1, 2, 5] {
            let v6 = lab.access_points_of(dc)[1];
            lab.faults.insert(v6, Fault::NoRoute);
        }
        lab.run(120 * SECOND);
        assert!(!lab.was_isolated(), "every {interval} s");
    }
}

#[test]
fn the_death_of_one_site_is_not_isolation_where_others_have_dead_access_points() {
    for interval in [5, 10, 30] {
        let mut lab = seldom_probed(interval * SECOND, Some(Fault::Blackhole));
        lab.break_dc(2, Fault::Blackhole);
        lab.run(60 * SECOND);
        assert!(!lab.was_isolated(), "every {interval} s");
        assert_eq!(lab.dc(2).health, Health::Down);
    }
}

#[test]
fn a_cut_is_noticed_by_the_first_probe_that_fails_however_seldom_they_are_made() {
    for interval in [5, 10, 30] {
        let mut lab = seldom_probed(interval * SECOND, None);
        lab.break_all(Fault::Blackhole);
        let took = lab.run_until(|lab| lab.snapshot.isolated);
        assert!(took <= (interval + 4) * SECOND, "{took:?}");
        lab.run(60 * SECOND);
        assert!([1, 2, 5].iter().all(|dc| lab.dc(*dc).health == Health::Up));
    }
}

#[test]
fn the_death_of_a_site_has_the_others_asked_a_few_times_and_no_more() {
    let mut lab = seldom_probed(30 * SECOND, None);
    lab.break_dc(2, Fault::Blackhole);
    lab.run(60 * SECOND);
    let before = lab.probes_made;
    lab.run(60 * SECOND);
    let made = lab.probes_made - before;
    assert!((64..=70).contains(&made), "two every 2 s and four every 30 s: {made}");
}

#[test]
fn sites_that_were_renamed_are_missed_all_the_same() {
    let mut lab = Lab::new(three_dcs());
    lab.run(10 * SECOND);
    lab.break_all(Fault::Blackhole);
    lab.run(SECOND);
    let mut spec = three_dcs();
    spec.dcs.iter_mut().for_each(|dc| dc.site = Some(format!("site {}", dc.id).into()));
    lab.reload(spec);
    lab.run(5 * SECOND);
    assert!(lab.snapshot.isolated);
}

#[test]
fn what_refused_before_the_cut_stays_down() {
    let mut lab = Lab::new(three_dcs());
    lab.run(10 * SECOND);
    let id = lab.access_points_of(2)[0];
    lab.faults.insert(id, Fault::Refuses);
    while lab.health(id) != Some(Health::Down) {
        assert!(lab.now < lab.began + 60 * SECOND);
        lab.run(MS);
    }
    // Nobody else has answered since: its refusal is the last answer of all.
    for (until, _) in &mut lab.probes {
        *until += 5 * SECOND;
    }
    lab.break_all(Fault::Blackhole);
    lab.run_until(|lab| lab.snapshot.isolated);
    assert_eq!(lab.health(id), Some(Health::Down));
}
