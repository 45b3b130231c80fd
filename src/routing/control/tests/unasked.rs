//! Access points of UDP that nobody probes.

use super::*;
use crate::routing::ids::DialAddress;
use crate::routing::isolation::SILENCE;
use crate::routing::passive::{ENOUGH, WINDOW};
use crate::routing::slot::AccessPointSlot;
use crate::routing::topology::{AccessPointSpec, HoldDown, UdpProbe};

/// An access point of UDP.
fn udp(address: &str) -> AccessPointSpec {
    let socket = address.parse().expect("an address of the test");
    AccessPointSpec { address: DialAddress::udp(socket), ..AccessPointSpec::new(socket) }
}

/// As it is known, of DC 2.
fn id_of(spec: &AccessPointSpec) -> AccessPointId {
    AccessPointId { dc: DcId(2), address: spec.address }
}

/// Three DCs, where Amsterdam serves UDP too: at the address of its first access point, and at one of its
/// own.
fn with_udp() -> (TopologySpec, AccessPointId, AccessPointId) {
    let mut spec = three_dcs();
    let (beside, alone) = (udp("10.0.2.1:53"), udp("10.0.2.9:53"));
    let ids = (id_of(&beside), id_of(&alone));
    spec.dcs[0].access_points.extend([beside, alone]);
    (spec, ids.0, ids.1)
}

/// The same, asked.
fn asked() -> TopologySpec {
    let (mut spec, ..) = with_udp();
    let question = UdpProbe { send: b"?".as_slice().into(), expect: Box::default() };
    spec.dcs[0].health.udp_probe = Some(question.into());
    spec
}

/// The addresses of Amsterdam that take TCP.
fn by_tcp(lab: &Lab) -> [AccessPointId; 2] {
    let ids = lab.access_points_of(2);
    let mut tcp = ids.into_iter().filter(|id| id.address == DialAddress::tcp(id.address.socket));
    [tcp.next().expect("a first one"), tcp.next().expect("a second one")]
}

impl Lab {
    fn flows(&self, id: AccessPointId) -> &AccessPointSlot {
        let index = self.snapshot.topology.find_access_point(id).expect("is there");
        &self.snapshot.access_point(index).slot
    }

    /// Flows of these neighbourhoods are refused.
    fn refuse(&mut self, id: AccessPointId, neighbourhoods: std::ops::Range<u8>) {
        for n in neighbourhoods {
            self.flows(id).record_failed_connect(prefix(n));
        }
        self.event(Event::Evidence);
        self.run(COALESCE);
    }

    /// What has been told of an access point: what it turned, and why.
    fn told_of(&self, id: AccessPointId) -> Vec<(Health, Cause)> {
        let of = self.changes.iter().filter_map(|change| match change {
            Change::AccessPoint(change) if change.access_point == id => Some(change),
            _ => None,
        });
        of.map(|change| (change.transition.to, change.cause)).collect()
    }

    fn was_probed(&self, id: AccessPointId) -> bool {
        self.probed.iter().any(|(_, it)| *it == id)
    }

    fn held_until(&self, id: AccessPointId) -> Option<Instant> {
        let index = self.snapshot.topology.find_access_point(id).expect("is there");
        self.snapshot.access_point(index).held_until
    }
}

#[test]
fn one_that_nobody_probes_is_not_waited_for_and_as_well_as_its_dc() {
    let (spec, beside, alone) = with_udp();
    let mut lab = Lab::new(spec);
    assert_eq!(lab.health(alone), Some(Health::Unknown), "nobody has answered yet");
    lab.run(30 * MS);
    assert!(lab.snapshot.warmed_up);
    lab.run(COALESCE);
    for id in [beside, alone] {
        assert_eq!(lab.health(id), Some(Health::Up));
        assert_eq!(lab.told_of(id), [(Health::Up, Cause::TcpOfDc)]);
    }
    lab.run(60 * SECOND);
    assert!(!lab.was_probed(beside) && !lab.was_probed(alone));
    assert_eq!(lab.state.probe_lag(lab.now), Duration::ZERO);
}

#[test]
fn a_dc_that_takes_nothing_else_is_taken_to_be_up() {
    let mut spec = three_dcs();
    spec.dcs.retain(|dc| dc.id == DcId(2));
    spec.dcs[0].access_points = vec![udp("10.0.2.1:53")];
    let id = id_of(&spec.dcs[0].access_points[0]);
    let mut lab = Lab::new(spec);
    lab.run(COALESCE);
    assert!(lab.snapshot.warmed_up, "there is nothing to wait for");
    assert_eq!((lab.health(id), lab.dc(2).health), (Some(Health::Up), Health::Up));
    lab.refuse(id, 0..1);
    assert_eq!(lab.health(id), Some(Health::Suspect));
}

#[test]
fn a_dc_that_goes_dark_takes_its_flows_with_it_and_brings_them_back() {
    let (spec, beside, alone) = with_udp();
    let mut lab = Lab::new(spec);
    lab.run(10 * SECOND);
    let [first, second] = by_tcp(&lab);
    let health = |lab: &Lab| [lab.health(beside), lab.health(alone)].map(|it| it.expect("there"));
    lab.faults.insert(first, Fault::Blackhole);
    lab.run_until(|lab| lab.health(first) == Some(Health::Down));
    assert_eq!(health(&lab), [Health::Down, Health::Up], "one shares its address");
    lab.faults.insert(second, Fault::Refuses);
    lab.run_until(|lab| lab.health(second) == Some(Health::Down));
    assert_eq!(health(&lab), [Health::Down; 2]);
    assert_eq!(lab.told_of(alone).last(), Some(&(Health::Down, Cause::TcpOfDc)));
    assert_eq!(lab.held_until(alone), None, "for as long as the others are");
    lab.faults.remove(&first);
    lab.run_until(|lab| lab.health(first) == Some(Health::Up));
    assert_eq!(health(&lab), [Health::Up; 2]);
    assert_eq!(lab.told_of(alone).last(), Some(&(Health::Up, Cause::TcpOfDc)));
    assert_eq!(lab.told_of(alone).len(), 3);
}

#[test]
fn what_the_operator_wants_of_others_is_not_what_they_show() {
    let (spec, beside, _) = with_udp();
    let mut lab = Lab::new(spec);
    lab.run(SECOND);
    let [first, _] = by_tcp(&lab);
    lab.set_access_point(first, AdminState::Maint);
    lab.run(SECOND);
    assert_eq!(lab.health(beside), Some(Health::Up));
    lab.faults.insert(first, Fault::Refuses);
    lab.run(10 * SECOND);
    assert_eq!(lab.health(beside), Some(Health::Down));
}

#[test]
fn those_out_of_reach_say_nothing_while_there_are_others() {
    let (spec, beside, alone) = with_udp();
    let mut lab = Lab::new(spec);
    let [first, _] = by_tcp(&lab);
    lab.faults.insert(first, Fault::NoRoute);
    lab.run(10 * SECOND);
    assert_eq!(lab.health(alone), Some(Health::Up));
    let index = lab.snapshot.topology.find_access_point(beside).expect("is there");
    let state = lab.snapshot.access_point(index);
    assert_eq!((state.health, state.unreachable), (Health::Unknown, true), "nor is it in reach");
}

#[test]
fn a_complaint_makes_suspect_for_as_long_as_it_counts() {
    let (spec, beside, alone) = with_udp();
    let mut lab = Lab::new(spec);
    lab.run(10 * SECOND);
    let before = lab.probes_made;
    lab.refuse(alone, 7..8);
    assert_eq!(lab.health(alone), Some(Health::Suspect));
    assert_eq!(lab.health(beside), Some(Health::Up));
    assert_eq!(lab.probes_made - before, 2, "those that can be are probed at once");
    lab.run(WINDOW - SECOND);
    assert_eq!(lab.health(alone), Some(Health::Suspect));
    lab.run(SECOND + LOOK);
    assert_eq!(lab.health(alone), Some(Health::Up));
    let told = lab.told_of(alone).split_off(1);
    let expected = [(Health::Suspect, Cause::FailedConnects), (Health::Up, Cause::NoComplaints)];
    assert_eq!(told, expected);
}

#[test]
fn many_complaints_hold_it_down_and_then_it_has_another_chance() {
    let (spec, _, alone) = with_udp();
    let mut lab = Lab::new(spec);
    lab.run(10 * SECOND);
    for held in [30, 60] {
        lab.refuse(alone, 0..ENOUGH as u8);
        assert_eq!(lab.health(alone), Some(Health::Down));
        let left = lab.held_until(alone).map(|until| until - lab.now).expect("it is held");
        assert!(left <= SECOND * held && left > SECOND * (held - 1), "{left:?}");
        lab.refuse(alone, 0..ENOUGH as u8);
        lab.run(SECOND * (held - 1));
        assert_eq!(lab.health(alone), Some(Health::Down));
        lab.run(SECOND + LOOK);
        assert_eq!(lab.health(alone), Some(Health::Up), "whatever was said meanwhile");
        assert_eq!(lab.told_of(alone).last(), Some(&(Health::Up, Cause::HoldDownOver)));
    }
    assert!(!lab.changes.iter().any(|it| matches!(it, Change::Closing { .. })));
}

#[test]
fn those_that_are_answered_outvote_those_that_are_refused() {
    let (spec, _, alone) = with_udp();
    let mut lab = Lab::new(spec);
    lab.run(10 * SECOND);
    for _ in 0..=ENOUGH {
        lab.flows(alone).record_connected();
        lab.flows(alone).record_answered();
    }
    lab.refuse(alone, 0..ENOUGH as u8);
    assert_eq!(lab.health(alone), Some(Health::Suspect));
}

#[test]
fn without_a_hold_down_it_is_held_for_as_long_as_complaints_count() {
    let (mut spec, _, alone) = with_udp();
    spec.dcs[0].health.hold_down = HoldDown { first: Duration::ZERO, max: Duration::ZERO };
    let mut lab = Lab::new(spec);
    lab.run(10 * SECOND);
    lab.refuse(alone, 0..ENOUGH as u8);
    lab.run(WINDOW - SECOND);
    assert_eq!(lab.health(alone), Some(Health::Down));
    lab.run(SECOND + LOOK);
    assert_eq!(lab.health(alone), Some(Health::Up));
}

#[test]
fn a_hold_down_outlasts_the_outage_of_its_dc() {
    let (spec, _, alone) = with_udp();
    let mut lab = Lab::new(spec);
    lab.run(10 * SECOND);
    lab.refuse(alone, 0..ENOUGH as u8);
    lab.break_dc(2, Fault::Refuses);
    lab.run(10 * SECOND);
    lab.faults.clear();
    lab.run(10 * SECOND);
    assert_eq!(lab.dc(2).health, Health::Up);
    assert_eq!(lab.health(alone), Some(Health::Down));
    lab.run(10 * SECOND + LOOK);
    assert_eq!(lab.health(alone), Some(Health::Up));
    assert_eq!(lab.told_of(alone).len(), 3);
}

#[test]
fn a_question_that_is_configured_is_asked_and_one_that_is_not_any_more_is_not() {
    let (spec, beside, alone) = with_udp();
    let mut lab = Lab::new(spec.clone());
    lab.run(10 * SECOND);
    lab.faults.insert(alone, Fault::Blackhole);
    lab.reload(asked());
    assert_eq!(lab.health(alone), Some(Health::Up), "as it was, until a probe says otherwise");
    assert!(lab.was_probed(alone) && lab.was_probed(beside), "at once");
    lab.run(10 * SECOND);
    assert_eq!((lab.health(beside), lab.health(alone)), (Some(Health::Up), Some(Health::Down)));
    let round_trip = |lab: &Lab| {
        let index = lab.snapshot.topology.find_access_point(beside).expect("is there");
        lab.snapshot.access_point(index).round_trip
    };
    assert_eq!(round_trip(&lab), Some(20 * MS));
    lab.reload(spec);
    assert_eq!(lab.health(alone), Some(Health::Up), "its DC is");
    assert_eq!(lab.told_of(alone).last(), Some(&(Health::Up, Cause::TcpOfDc)));
    assert_eq!(round_trip(&lab), None);
    lab.probed.clear();
    lab.run(10 * SECOND);
    assert!(!lab.was_probed(alone) && !lab.was_probed(beside));
}

#[test]
fn a_probe_that_is_under_way_when_nobody_asks_any_more_says_nothing() {
    let (spec, _, alone) = with_udp();
    let mut settings = asked();
    settings.dcs[0].health.fall = 1;
    let mut lab = Lab::new(settings.clone());
    lab.run(10 * SECOND);
    lab.faults.insert(alone, Fault::Blackhole);
    let under_way = |lab: &Lab| lab.probes.iter().any(|(_, it)| it.access_point == alone);
    lab.run_until(under_way);
    lab.reload(spec);
    assert!(under_way(&lab));
    lab.run(2 * SECOND);
    assert_eq!(lab.health(alone), Some(Health::Up));

    lab.reload(settings.clone());
    lab.run_until(under_way);
    let (spec, ..) = with_udp();
    lab.reload(spec);
    lab.faults.clear();
    lab.probed.clear();
    lab.reload(settings);
    assert!(under_way(&lab) && !lab.was_probed(alone), "one at a time");
    lab.run(2 * SECOND);
    assert!(lab.was_probed(alone));
    assert!(!lab.told_of(alone).iter().any(|(to, _)| *to == Health::Down));
}

#[test]
fn flows_end_isolation_and_are_no_witnesses_of_it() {
    let (mut spec, beside, alone) = with_udp();
    spec.dcs.retain(|dc| dc.id != DcId(5));
    let mut lab = Lab::new(spec);
    lab.run(10 * SECOND);
    // They have answered, and nobody will find out that they do not.
    for id in [beside, alone] {
        lab.flows(id).record_answered();
    }
    lab.run(SECOND);
    [1, 2].into_iter().for_each(|dc| lab.break_dc(dc, Fault::Blackhole));
    lab.run(SILENCE + 2 * SECOND);
    assert!(lab.snapshot.isolated);
    lab.run(30 * SECOND);
    assert!(lab.snapshot.access_points.iter().all(|it| it.health != Health::Down));
    lab.flows(alone).record_answered();
    lab.run(LOOK);
    assert!(!lab.snapshot.isolated, "something came back");
}

#[test]
fn what_flows_have_concluded_in_isolation_is_taken_back() {
    let (mut spec, _, alone) = with_udp();
    // Its DC is not Down before the edge is known to be cut off.
    spec.dcs[0].health.fall = 20;
    let mut lab = Lab::new(spec);
    lab.run(10 * SECOND);
    [1, 2, 5].into_iter().for_each(|dc| lab.break_dc(dc, Fault::Blackhole));
    lab.run(2 * SECOND);
    assert!(!lab.snapshot.isolated);
    lab.refuse(alone, 0..ENOUGH as u8);
    assert_eq!(lab.health(alone), Some(Health::Down));
    lab.run_until(|lab| lab.snapshot.isolated);
    assert_eq!(lab.told_of(alone).last(), Some(&(Health::Up, Cause::Isolated)));
    lab.refuse(alone, 0..ENOUGH as u8);
    lab.run(60 * SECOND);
    assert_eq!(lab.health(alone), Some(Health::Up));
    assert_eq!(lab.held_until(alone), None);
}

#[test]
fn one_that_leaves_stays_until_another_of_its_kind_is_up() {
    let (spec, beside, alone) = with_udp();
    let mut lab = Lab::new(spec.clone());
    lab.run(10 * SECOND);
    let mut moved = spec;
    let new = udp("10.0.2.1:5353");
    moved.dcs[0]
        .access_points
        .retain(|it| it.address != beside.address && it.address != alone.address);
    moved.dcs[0].access_points.push(new.clone());
    let moved = Arc::new(Topology::new(moved));
    lab.event(Event::Configuration(moved, Arc::new(Nowhere), Brought::default()));
    lab.run(2 * COALESCE);
    assert_eq!(lab.health(id_of(&new)), Some(Health::Up), "as its neighbour is");
    assert_eq!((lab.health(beside), lab.health(alone)), (None, None));
}

#[test]
fn a_refused_flow_has_the_asked_probed_at_once_and_answered_ones_keep_them_up() {
    let mut lab = Lab::new(asked());
    let (_, beside, alone) = with_udp();
    lab.run(10 * SECOND);
    lab.probed.clear();
    lab.faults.insert(alone, Fault::Refuses);
    lab.refuse(alone, 7..8);
    assert!(lab.probed.iter().any(|(at, id)| *id == alone && *at + COALESCE >= lab.now));
    let took = lab.run_until(|lab| lab.health(alone) == Some(Health::Down));
    assert!(took <= SECOND, "{took:?}");
    lab.faults.insert(beside, Fault::Blackhole);
    for _ in 0..100 {
        lab.flows(beside).record_connected();
        lab.flows(beside).record_answered();
        lab.run(100 * MS);
    }
    assert_eq!(lab.health(beside), Some(Health::Up), "it is lost probes then");
    let index = lab.snapshot.topology.find_access_point(beside).expect("is there");
    lab.snapshot.access_point(index).slot.session_opened();
    lab.run(20 * SECOND);
    assert_eq!(lab.health(beside), Some(Health::Down));
    assert!(lab.snapshot.closing.is_empty(), "flows choose again by themselves");
    assert!(!lab.changes.iter().any(|it| matches!(it, Change::Closing { .. })));
}

#[test]
fn a_refused_port_that_answers_probes_is_held_down_by_its_flows_no_longer_than_probes_say() {
    let mut lab = Lab::new(asked());
    let (_, _, alone) = with_udp();
    lab.run(10 * SECOND);
    lab.refuse(alone, 0..ENOUGH as u8);
    assert_eq!(lab.health(alone), Some(Health::Down));
    assert_eq!(lab.held_until(alone), None, "its probes dial where flows do");
    let took = lab.run_until(|lab| lab.health(alone) == Some(Health::Up));
    assert!(took <= 3 * SECOND, "{took:?}");
    lab.refuse(alone, 7..8);
    assert_eq!(lab.health(alone), Some(Health::Suspect), "no refusal is of long ago");
}
