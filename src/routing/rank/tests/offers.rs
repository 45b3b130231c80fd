//! Access points that are offered to some clients only.

use super::*;
use crate::routing::fixture::within;
use crate::routing::topology::TopologySpec;

fn german() -> Client {
    client("203.0.113.7", Some(BERLIN))
}

fn other() -> Client {
    client("192.0.2.7", Some(BERLIN))
}

/// Amsterdam with its first access points for Germans alone.
fn for_germans(access_points: usize) -> TopologySpec {
    let mut spec = three_dcs();
    for it in &mut spec.dcs[0].access_points[..access_points] {
        it.offered_to = [within(&["203.0.113.0/24"])].into();
    }
    spec
}

#[test]
fn a_dc_that_offers_a_client_nothing_is_as_if_of_another_class() {
    let snapshot = all_up(for_germans(2));
    assert_eq!(order_of(&snapshot, &NEAREST, &german()), [2, 1, 5]);
    let ranking = ranked(&snapshot, &NEAREST, &other());
    assert_eq!(order_of(&snapshot, &NEAREST, &other()), [1, 5]);
    assert_eq!(why(&snapshot, &NEAREST, &other()), Why::Nearest);
    assert_eq!(ranking.dcs[2].exclusion, Some(Exclusion::NotOffered));
    assert_eq!((ranking.dcs[2].group, ranking.refused_by_policy), (None, false));
    assert_eq!(order_of(&snapshot, &bound_to(2), &other()), [] as [u16; 0]);
    assert_eq!(rank_anybody(&snapshot, &NEAREST, ANYWHERE).candidates().count(), 3);
}

#[test]
fn a_dc_is_as_well_as_what_it_offers_to_the_client() {
    let mut snapshot = all_up(for_germans(1));
    let amsterdam = snapshot.topology.find_dc(DcId(2)).expect("Amsterdam");
    let members: Vec<_> =
        snapshot.topology.access_points_of(amsterdam).map(|(index, _)| index.at()).collect();
    snapshot.access_points[members[1]].health = Health::Down;
    assert_eq!(order_of(&snapshot, &NEAREST, &german()), [2, 1, 5]);
    assert_eq!(order_of(&snapshot, &NEAREST, &other()), [1, 5]);
    let ranking = ranked(&snapshot, &NEAREST, &other());
    assert_eq!(ranking.dcs[0].exclusion, Some(Exclusion::Down), "it keeps its place");
    snapshot.access_points[members[1]].health = Health::Unknown;
    let ranking = ranked(&snapshot, &NEAREST, &other());
    assert_eq!(ranking.dcs[0].exclusion, Some(Exclusion::Unknown));
    snapshot.access_points[members[1]].health = Health::Up;
    snapshot.access_points[members[1]].admin = AdminState::Drain;
    let ranking = ranked(&snapshot, &NEAREST, &other());
    assert_eq!(ranking.dcs[0].exclusion, Some(Exclusion::Down), "nothing that is left in");
}
