//! The access point within a DC, chosen only for the DCs that are dialled.

use std::cmp::Ordering;

use super::health::{AdminState, Health};
use super::ids::{AccessPointIndex, DcIndex};
use super::rank::Client;
use super::snapshot::Snapshot;

/// The access point of `dc` that `client` tries next, or `None` when all are tried, out of use or for
/// others: well ones first (those that this edge has no way to last), then static addresses (they
/// are meant for proxies), then by rendezvous. Those that are Down take part only when `fail_open`.
#[must_use]
pub fn pick_access_point(
    snapshot: &Snapshot,
    dc: DcIndex,
    client: &Client,
    tried: &[AccessPointIndex],
    fail_open: bool,
) -> Option<AccessPointIndex> {
    let untried = keyed(snapshot, dc, client, fail_open).filter(|it| !tried.contains(&it.index));
    untried.min_by(Keyed::order).map(|best| best.index)
}

/// The access points of `dc` in the order in which [`pick_access_point`] would try them, one after the
/// other.
#[must_use]
pub fn order_access_points(
    snapshot: &Snapshot,
    dc: DcIndex,
    client: &Client,
    fail_open: bool,
) -> Vec<AccessPointIndex> {
    let mut usable: Vec<Keyed> = keyed(snapshot, dc, client, fail_open).collect();
    usable.sort_unstable_by(Keyed::order);
    usable.into_iter().map(|it| it.index).collect()
}

/// An access point with what it is chosen by.
struct Keyed {
    class: (bool, bool, Health, bool),
    score: f64,
    index: AccessPointIndex,
}

impl Keyed {
    fn order(a: &Self, b: &Self) -> Ordering {
        let better = a.class.cmp(&b.class).then(b.score.total_cmp(&a.score));
        better.then(a.index.cmp(&b.index))
    }
}

/// Those that may be dialled.
fn keyed(
    snapshot: &Snapshot,
    dc: DcIndex,
    client: &Client,
    fail_open: bool,
) -> impl Iterator<Item = Keyed> {
    let usable = snapshot.topology.access_points_of(dc).filter(move |(index, access_point)| {
        let state = snapshot.access_point(*index);
        access_point.is_for(client)
            && state.admin == AdminState::Ready
            && (fail_open || state.health != Health::Down)
    });
    usable.map(|(index, access_point)| {
        let state = snapshot.access_point(index);
        let is_down = state.health == Health::Down;
        let other = !access_point.flags.static_address;
        let class = (is_down, state.unreachable, state.health, other);
        Keyed { class, score: access_point.score(client.addr), index }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::fixture::{AMSTERDAM, all_up, client, dc, topology, within};

    fn order(snapshot: &Snapshot, client: &Client, fail_open: bool) -> Vec<u32> {
        let mut tried = Vec::new();
        while let Some(next) = pick_access_point(snapshot, DcIndex(0), client, &tried, fail_open) {
            tried.push(next);
        }
        assert_eq!(order_access_points(snapshot, DcIndex(0), client, fail_open), tried);
        tried.into_iter().map(|index| index.0).collect()
    }

    #[test]
    fn access_points_go_by_health_then_static_then_hash() {
        let mut spec = topology(vec![dc(1, Some(AMSTERDAM), 4)]);
        spec.dcs[0].access_points[2].flags.static_address = true;
        spec.dcs[0].access_points[3].flags.media_only = true;
        let mut snapshot = all_up(spec);
        let somebody = client("203.0.113.7", None);
        let order = |snapshot: &Snapshot, fail_open| order(snapshot, &somebody, fail_open);
        assert_eq!(order(&snapshot, false)[0], 2);
        assert_eq!(order(&snapshot, false).len(), 3, "media_only serves no ordinary session");
        snapshot.access_points[2].health = Health::Suspect;
        assert_eq!(order(&snapshot, false)[2], 2);
        snapshot.access_points[0].health = Health::Unknown;
        snapshot.access_points[0].unreachable = true;
        assert_eq!(order(&snapshot, false)[1..], [2, 0], "no way to it: after a suspect");
        snapshot.access_points[0].health = Health::Down;
        assert_eq!(order(&snapshot, false), [1, 2]);
        assert_eq!(order(&snapshot, true), [1, 2, 0]);
        snapshot.access_points[1].admin = AdminState::Maint;
        assert_eq!(order(&snapshot, true), [2, 0]);
    }

    #[test]
    fn an_access_point_is_offered_to_clients_that_fit_and_to_nobody_else() {
        let mut spec = topology(vec![dc(1, Some(AMSTERDAM), 3)]);
        let offered = [within(&["198.51.100.0/24"]), within(&["203.0.113.0/24"])];
        spec.dcs[0].access_points[1].offered_to = offered.into();
        spec.dcs[0].access_points[1].flags.static_address = true;
        let snapshot = all_up(spec);
        for ip in ["198.51.100.7", "203.0.113.7"] {
            assert_eq!(order(&snapshot, &client(ip, None), false)[0], 1);
        }
        let mut others = order(&snapshot, &client("192.0.2.7", None), true);
        others.sort_unstable();
        assert_eq!(others, [0, 2], "not in fail-open either");
    }
}
