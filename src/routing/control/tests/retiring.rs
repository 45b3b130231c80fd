//! Who may take the place of an access point that leaves.

use std::net::SocketAddr;

use super::*;
use crate::routing::topology::{AccessPointFlags, AccessPointSpec};

#[test]
fn replaced_access_points_serve_until_a_successor_is_up() {
    let mut lab = Lab::new(topology(vec![dc(2, Some(AMSTERDAM), 2)]));
    lab.run(SECOND);
    let old = lab.access_points_of(2);
    lab.reload(topology(vec![moved_amsterdam()]));
    assert_eq!(lab.dc(2).health, Health::Up);
    assert_eq!(lab.access_points_of(2).len(), 4);
    assert_eq!(lab.health(old[0]), Some(Health::Up));
    lab.run(50 * MS);
    assert_eq!(lab.access_points_of(2).len(), 2);
    assert_eq!(lab.health(old[0]), None);
    assert_eq!(lab.dc(2).health, Health::Up);
}

#[test]
fn a_successor_that_never_answers_is_waited_for_ten_seconds() {
    let mut lab = Lab::new(topology(vec![dc(2, Some(AMSTERDAM), 2)]));
    lab.run(SECOND);
    let old = lab.access_points_of(2);
    for spec in moved_amsterdam().access_points {
        let id = AccessPointId { dc: DcId(2), address: spec.address };
        lab.faults.insert(id, Fault::Blackhole);
    }
    lab.reload(topology(vec![moved_amsterdam()]));
    lab.run(5 * SECOND);
    lab.reload(topology(vec![moved_amsterdam(), dc(1, Some(MIAMI), 1)]));
    lab.run(4 * SECOND);
    assert_eq!(
        lab.health(old[0]),
        Some(Health::Up),
        "a second reload gives no more time, nor less"
    );
    lab.run(SECOND);
    assert_eq!(lab.health(old[0]), None);
    assert_eq!(lab.dc(2).health, Health::Down);
}

#[test]
fn who_leaves_is_judged_anew_when_the_settings_of_its_dc_change() {
    let mut spec = amsterdam(2, 0);
    spec.health.fall = 3;
    let mut lab = Lab::new(topology(vec![spec.clone()]));
    lab.run(SECOND);
    let leaving = lab.access_points_of(2)[1];
    lab.faults.insert(added(0), Fault::Blackhole);
    spec.access_points = amsterdam(1, 1).access_points;
    lab.reload(topology(vec![spec.clone()]));
    for _ in 0..2 {
        lab.run_until(|lab| lab.probes.iter().any(|(_, it)| it.access_point == leaving));
        lab.end_probe(leaving, Err(ConnectFailure::Refused.into()));
    }
    spec.health.timeout = 2 * SECOND;
    lab.reload(topology(vec![spec]));
    lab.run_until(|lab| lab.probes.iter().any(|(_, it)| it.access_point == leaving));
    lab.end_probe(leaving, Err(ConnectFailure::Refused.into()));
    lab.run(COALESCE);
    assert_eq!(lab.health(leaving), Some(Health::Up), "it has failed once under these settings");
}

/// Amsterdam with the first `kept` of its two access points, and `added` new ones.
fn amsterdam(kept: usize, added: usize) -> DcSpec {
    let mut spec = dc(2, Some(AMSTERDAM), 2);
    spec.access_points.truncate(kept);
    spec.access_points.extend(moved_amsterdam().access_points.into_iter().take(added));
    spec
}

fn added(at: usize) -> AccessPointId {
    AccessPointId { dc: DcId(2), address: moved_amsterdam().access_points[at].address }
}

fn amsterdam_at_work() -> (Lab, AccessPointId) {
    let mut lab = Lab::new(topology(vec![amsterdam(2, 0)]));
    lab.run(SECOND);
    let leaving = lab.access_points_of(2)[1];
    (lab, leaving)
}

#[test]
fn one_that_stays_is_no_successor_while_new_ones_have_not_answered() {
    let (mut lab, leaving) = amsterdam_at_work();
    lab.faults.insert(added(0), Fault::Blackhole);
    lab.reload(topology(vec![amsterdam(1, 1)]));
    lab.run(5 * SECOND);
    assert_eq!(lab.health(leaving), Some(Health::Up));
    lab.reload(topology(vec![amsterdam(1, 1)]));
    assert_eq!(lab.health(leaving), Some(Health::Up), "a reload makes the new one no older");
    lab.faults.clear();
    lab.run(3 * SECOND);
    assert_eq!(lab.health(leaving), None);
}

#[test]
fn one_that_stays_suffices_where_none_is_new() {
    let (mut lab, leaving) = amsterdam_at_work();
    lab.reload(topology(vec![amsterdam(1, 0)]));
    assert_eq!(lab.health(leaving), None);
}

#[test]
fn one_that_the_operator_took_out_is_no_successor() {
    let (mut lab, leaving) = amsterdam_at_work();
    let stays = lab.access_points_of(2)[0];
    lab.set_access_point(stays, AdminState::Drain);
    lab.reload(topology(vec![amsterdam(1, 0)]));
    lab.run(SECOND);
    assert_eq!(lab.health(leaving), Some(Health::Up));
    lab.set_access_point(stays, AdminState::Ready);
    lab.run(COALESCE);
    assert_eq!(lab.health(leaving), None);
}

#[test]
fn one_for_media_is_no_successor() {
    let (mut lab, leaving) = amsterdam_at_work();
    let mut spec = amsterdam(0, 2);
    spec.access_points[0].flags.media_only = true;
    lab.faults.insert(added(1), Fault::Blackhole);
    lab.reload(topology(vec![spec]));
    lab.run(5 * SECOND);
    assert_eq!(lab.health(added(0)), Some(Health::Up));
    assert_eq!(lab.health(leaving), Some(Health::Up));
    lab.faults.clear();
    lab.run(3 * SECOND);
    assert_eq!(lab.health(leaving), None);
}

/// Amsterdam with two access points for ordinary sessions, and these.
fn with_others(others: &[(u8, AccessPointFlags)]) -> TopologySpec {
    let mut spec = amsterdam(2, 0);
    spec.access_points.extend(others.iter().map(|(n, flags)| AccessPointSpec {
        flags: *flags,
        ..AccessPointSpec::new(SocketAddr::from(([10, 0, 9, *n], 443)))
    }));
    topology(vec![spec])
}

#[test]
fn each_class_waits_for_successors_of_its_own() {
    let media = AccessPointFlags { media_only: true, ..AccessPointFlags::default() };
    let cdn = AccessPointFlags { cdn: true, ..AccessPointFlags::default() };
    for flags in [media, cdn] {
        let mut lab = Lab::new(with_others(&[(1, flags)]));
        lab.run(SECOND);
        let id = |n| AccessPointId {
            dc: DcId(2),
            address: crate::routing::DialAddress::tcp(SocketAddr::from(([10, 0, 9, n], 443))),
        };
        lab.faults.insert(id(2), Fault::Blackhole);
        lab.reload(with_others(&[(2, flags)]));
        lab.run(5 * SECOND);
        assert_eq!(lab.health(id(1)), Some(Health::Up), "others are Up, and not for {flags:?}");
        lab.faults.clear();
        lab.run(3 * SECOND);
        assert_eq!((lab.health(id(1)), lab.health(id(2))), (None, Some(Health::Up)));
    }
}

#[test]
fn ordinary_access_points_succeed_the_last_one_for_media_and_nobody_that_of_a_cdn() {
    let media = AccessPointFlags { media_only: true, ..AccessPointFlags::default() };
    let cdn = AccessPointFlags { cdn: true, ..AccessPointFlags::default() };
    let mut lab = Lab::new(with_others(&[(1, media), (2, cdn)]));
    lab.run(SECOND);
    let others = lab.access_points_of(2)[2..].to_vec();
    lab.reload(with_others(&[]));
    let health = |lab: &Lab| [lab.health(others[0]), lab.health(others[1])];
    assert_eq!(health(&lab), [None, Some(Health::Up)]);
    lab.run(10 * SECOND);
    assert_eq!(health(&lab), [None, None]);
}

#[test]
fn replaced_in_isolation_they_come_back_with_the_uplink() {
    let mut lab = Lab::new(three_dcs());
    lab.run(10 * SECOND);
    [1, 2, 5].into_iter().for_each(|dc| lab.break_dc(dc, Fault::Blackhole));
    lab.run_until(|lab| lab.snapshot.isolated);
    let mut spec = three_dcs();
    for access_point in spec.dcs.iter_mut().flat_map(|dc| &mut dc.access_points) {
        access_point.address.socket.set_port(8443);
    }
    lab.reload(spec);
    for access_point in lab.snapshot.topology.access_points() {
        lab.faults.insert(access_point.id, Fault::Blackhole);
    }
    lab.run(60 * SECOND);
    assert!(lab.snapshot.isolated, "nobody has answered");
    assert_eq!(lab.snapshot.topology.access_points().len(), 6);
    assert_eq!(lab.dc(2).health, Health::Unknown, "nothing speaks against it");
    lab.faults.clear();
    let took =
        lab.run_until(|lab| lab.snapshot.access_points.iter().all(|it| it.health == Health::Up));
    assert!(took <= 2 * SECOND, "{took:?}");
    assert!(!lab.snapshot.isolated);
}
