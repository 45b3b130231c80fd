//! Flows go by the access points that serve UDP, sessions by those that serve TCP.

use super::*;
use crate::routing::ids::{DialAddress, Protocol};
use crate::routing::order_access_points;
use crate::routing::topology::{AccessPointSpec, TopologySpec};

fn udp_nearest() -> ListenerRoute {
    ListenerRoute { protocol: Protocol::Udp, ..NEAREST.clone() }
}

/// Amsterdam and Miami serve UDP as well, at the addresses of their first access points.
fn two_with_udp() -> TopologySpec {
    let mut spec = three_dcs();
    for dc in spec.dcs.iter_mut().filter(|dc| dc.id != DcId(5)) {
        let first = dc.access_points[0].clone();
        let address = DialAddress::udp(first.address.socket);
        dc.access_points.push(AccessPointSpec { address, ..first });
    }
    spec
}

fn set(snapshot: &mut Snapshot, dc: u16, protocol: Protocol, health: Health) {
    let index = snapshot.topology.find_dc(DcId(dc)).expect("a DC of the test");
    let members = snapshot.topology.access_points_of(index);
    let members = members.filter(|(_, it)| it.id.address.protocol == protocol);
    for index in members.map(|(index, _)| index).collect::<Vec<_>>() {
        snapshot.access_points[index.at()].health = health;
    }
}

#[test]
fn a_dc_that_does_not_serve_udp_gets_no_flow() {
    let snapshot = all_up(two_with_udp());
    let berliner = client("203.0.113.7", Some(BERLIN));
    assert_eq!(order_of(&snapshot, &NEAREST, &berliner), [2, 1, 5]);
    assert_eq!(order_of(&snapshot, &udp_nearest(), &berliner), [2, 1]);
    let ranking = ranked(&snapshot, &udp_nearest(), &berliner);
    let singapore = ranking.dcs.iter().find(|it| snapshot.topology.dc(it.dc).id == DcId(5));
    assert_eq!(singapore.and_then(|it| it.exclusion), Some(Exclusion::Class));
    for dc in ranking.candidates() {
        let order = order_access_points(&snapshot, dc, &ranking.eligible(&berliner));
        let protocols =
            order.iter().map(|it| snapshot.topology.access_point(*it).id.address.protocol);
        assert!(protocols.eq([Protocol::Udp]));
    }
}

#[test]
fn each_protocol_has_a_health_of_its_own() {
    let berliner = client("203.0.113.7", Some(BERLIN));
    let mut snapshot = all_up(two_with_udp());
    set(&mut snapshot, 2, Protocol::Udp, Health::Down);
    assert_eq!(order_of(&snapshot, &udp_nearest(), &berliner), [1]);
    assert_eq!(order_of(&snapshot, &NEAREST, &berliner), [2, 1, 5]);
    let mut snapshot = all_up(two_with_udp());
    set_health(&mut snapshot, 2, Health::Down);
    set(&mut snapshot, 2, Protocol::Udp, Health::Up);
    assert_eq!(order_of(&snapshot, &udp_nearest(), &berliner), [2, 1]);
    assert_eq!(order_of(&snapshot, &NEAREST, &berliner), [1, 5]);
}

#[test]
fn a_dc_with_no_room_for_another_connect_has_room_for_flows() {
    let snapshot = all_up(two_with_udp());
    let berliner = client("203.0.113.7", Some(BERLIN));
    let amsterdam = snapshot.topology.find_dc(DcId(2)).expect("a DC of the test");
    let most = snapshot.topology.dc(amsterdam).max_connecting;
    (0..most).for_each(|_| assert!(snapshot.dc(amsterdam).slot.reserve_connect(most)));
    assert_eq!(order_of(&snapshot, &NEAREST, &berliner), [1, 5]);
    assert_eq!(order_of(&snapshot, &udp_nearest(), &berliner), [2, 1]);
}
