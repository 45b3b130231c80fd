//! The access point within a DC, chosen only for the DCs that are dialled.

use std::cmp::{Ordering, Reverse};

use super::health::{AdminState, Health};
use super::ids::{AccessPointIndex, DcIndex};
use super::rank::Client;
use super::snapshot::Snapshot;
use super::topology::{AccessPoint, Traffic};

/// Which access points of a DC a session may dial.
#[derive(Clone, Copy, Debug)]
pub struct Eligible {
    /// Whose it is: not every access point is offered to everybody.
    pub client: Client,
    /// What it needs them to take.
    pub traffic: Traffic,
    /// Whether some that are Down take part.
    pub fail_open: FailOpen,
    /// Whether those take part that have as many sessions as they may have.
    pub overflow: bool,
}

/// Whether access points that are Down take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailOpen {
    /// They do not.
    Closed,
    /// They do, after all others.
    Nearest,
    /// They do, and the one comes first that has not failed for longest, before those that this edge
    /// has no way to. Of a bound session.
    Bound,
}

/// The access point of `dc` that a session tries next, or `None` when all are tried, out of use or not
/// for it: well ones first (those that this edge has no way to last), those made for its class before
/// those it falls back to, the family of addresses that the last one was not of (RFC 8305, section 4),
/// static addresses (they are meant for proxies), then by rendezvous.
#[must_use]
pub fn pick_access_point(
    snapshot: &Snapshot,
    dc: DcIndex,
    eligible: &Eligible,
    tried: &[AccessPointIndex],
) -> Option<AccessPointIndex> {
    let member = |index: &AccessPointIndex| snapshot.topology.access_point(*index);
    let last = tried.iter().rev().map(member).find(|it| it.dc == dc);
    let last = last.map(|it| it.id.address.socket.is_ipv6());
    let untried = keyed(snapshot, dc, eligible).filter(|it| !tried.contains(&it.index));
    let best = untried.min_by(|a, b| {
        let repeats = |it: &Keyed| last == Some(it.is_ipv6);
        let families = || repeats(a).cmp(&repeats(b));
        a.tier.cmp(&b.tier).then_with(families).then_with(|| Keyed::within_tier(a, b))
    });
    best.map(|best| best.index)
}

/// The access points of `dc` in the order in which [`pick_access_point`] would try them, one after the
/// other.
#[must_use]
pub fn order_access_points(
    snapshot: &Snapshot,
    dc: DcIndex,
    eligible: &Eligible,
) -> Vec<AccessPointIndex> {
    let mut all: Vec<Keyed> = keyed(snapshot, dc, eligible).collect();
    all.sort_unstable_by(|a, b| a.tier.cmp(&b.tier).then_with(|| Keyed::within_tier(a, b)));
    let mut order: Vec<&Keyed> = Vec::with_capacity(all.len());
    for tier in all.chunk_by(|a, b| a.tier == b.tier) {
        let of_family = |is_ipv6| tier.iter().filter(move |it| it.is_ipv6 == is_ipv6).peekable();
        let mut families = [of_family(false), of_family(true)];
        let first = tier.first().is_some_and(|first| first.is_ipv6);
        for _ in tier {
            let other = order.last().map_or(first, |last| !last.is_ipv6);
            let family = match families[usize::from(other)].peek() {
                Some(_) => other,
                None => !other,
            };
            order.extend(families[usize::from(family)].next());
        }
    }
    order.into_iter().map(|it| it.index).collect()
}

/// An access point with what it is chosen by.
struct Keyed {
    tier: Tier,
    is_ipv6: bool,
    is_static: bool,
    score: f64,
    index: AccessPointIndex,
}

/// What comes before the address: a bound session's last resort goes by whether there is a way and by
/// the last failure, others by whether it is down, out of reach, how well it is, and whether it is only
/// fallen back to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Tier((bool, u64), bool, bool, Health, bool);

impl Keyed {
    fn within_tier(a: &Self, b: &Self) -> Ordering {
        let first = Reverse(a.is_static).cmp(&Reverse(b.is_static));
        first.then(b.score.total_cmp(&a.score)).then(a.index.cmp(&b.index))
    }
}

/// Those that may be dialled.
fn keyed<'a>(
    snapshot: &'a Snapshot,
    dc: DcIndex,
    eligible: &'a Eligible,
) -> impl Iterator<Item = Keyed> + use<'a> {
    let &Eligible { ref client, traffic, fail_open, overflow } = eligible;
    let members = snapshot.topology.access_points_of(dc);
    let scoring = snapshot.topology.dc(dc).scoring();
    members.filter_map(move |(index, access_point)| {
        let state = snapshot.access_point(index);
        let is_down = state.health == Health::Down;
        let is_open = !is_down || fail_open != FailOpen::Closed;
        let has_room = overflow || !access_point.is_full(&state.slot);
        let dialled = is_open && has_room && state.admin == AdminState::Ready;
        (dialled && access_point.is_for(client, traffic)).then(|| {
            let AccessPoint { flags, id, .. } = access_point;
            let resort = match fail_open {
                FailOpen::Bound => (state.unreachable, state.slot.last_failure()),
                FailOpen::Closed | FailOpen::Nearest => (false, 0),
            };
            let falls_back = flags.class() != traffic.class;
            Keyed {
                tier: Tier(resort, is_down, state.unreachable, state.health, falls_back),
                is_ipv6: id.address.socket.is_ipv6(),
                is_static: flags.static_address,
                score: access_point.score(scoring, client.addr),
                index,
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::routing::fixture::{AMSTERDAM, all_up, client, dc, topology, within};
    use crate::routing::topology::Class;

    fn order(snapshot: &Snapshot, client: &Client, fail_open: bool) -> Vec<u32> {
        let fail_open = if fail_open { FailOpen::Nearest } else { FailOpen::Closed };
        let (client, traffic) = (*client, Traffic::default());
        in_order(snapshot, &Eligible { client, traffic, fail_open, overflow: false })
    }

    fn in_order(snapshot: &Snapshot, eligible: &Eligible) -> Vec<u32> {
        let mut tried = Vec::new();
        while let Some(next) = pick_access_point(snapshot, DcIndex(0), eligible, &tried) {
            tried.push(next);
        }
        assert_eq!(order_access_points(snapshot, DcIndex(0), eligible), tried);
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

    /// Access points by their number: IPv4 ones are before IPv6 ones.
    fn families(v4: u8, v6: u8) -> crate::routing::topology::TopologySpec {
        let mut spec = topology(vec![dc(1, Some(AMSTERDAM), v4 + v6)]);
        for (n, it) in (0..v6).zip(spec.dcs[0].access_points.iter_mut().rev()) {
            it.address = format!("[2001:db8::{n}]:443").parse().expect("an address");
        }
        spec
    }

    #[test]
    fn the_families_of_addresses_take_turns() {
        let mut spec = families(3, 2);
        let static_one = spec.dcs[0].access_points[1].address;
        spec.dcs[0].access_points[1].flags.static_address = true;
        let snapshot = all_up(spec);
        let address = |at: u32| snapshot.topology.access_points()[at as usize].id.address;
        let order = order(&snapshot, &client("203.0.113.7", None), false);
        assert_eq!(address(order[0]), static_one, "the first is the one that is preferred");
        let turns: Vec<bool> = order.iter().map(|at| address(*at).socket.is_ipv6()).collect();
        assert_eq!(turns, [false, true, false, true, false]);
    }

    #[test]
    fn a_turn_does_not_bring_forward_who_is_not_well_or_only_fallen_back_to() {
        let mut snapshot = all_up(families(2, 1));
        snapshot.access_points[2].health = Health::Suspect;
        let somebody = client("203.0.113.7", None);
        assert_eq!(order(&snapshot, &somebody, false)[2], 2);
        let mut spec = families(2, 1);
        for it in &mut spec.dcs[0].access_points {
            it.flags.media_only = it.address.socket.is_ipv4();
        }
        let snapshot = all_up(spec);
        let eligible = Eligible {
            client: somebody,
            traffic: Traffic::tcp(Class::Media),
            fail_open: FailOpen::Closed,
            overflow: false,
        };
        assert_eq!(in_order(&snapshot, &eligible)[2], 2);
    }

    #[test]
    fn the_last_resort_is_who_has_not_failed_for_longest() {
        let mut snapshot = all_up(topology(vec![dc(1, Some(AMSTERDAM), 3)]));
        snapshot.access_points.iter_mut().for_each(|it| it.health = Health::Down);
        let failed = |at: usize| {
            snapshot.dcs[0].slot.member_failed(&snapshot.access_points[at].slot);
        };
        [2, 0, 1].into_iter().for_each(failed);
        let client = client("203.0.113.7", None);
        let eligible = Eligible {
            client,
            traffic: Traffic::default(),
            fail_open: FailOpen::Bound,
            overflow: false,
        };
        assert_eq!(in_order(&snapshot, &eligible), [2, 0, 1]);
        failed(2);
        assert_eq!(in_order(&snapshot, &eligible), [0, 1, 2]);
        snapshot.access_points[0].health = Health::Unknown;
        snapshot.access_points[0].unreachable = true;
        assert_eq!(
            in_order(&snapshot, &eligible),
            [1, 2, 0],
            "the one dial is not spent on no way"
        );
    }

    proptest! {
        /// What is shown as the order is the order in which one after the other is picked.
        #[test]
        fn the_order_is_that_of_the_picks(
            states in prop::collection::vec((0..4usize, any::<[bool; 4]>()), 1..8),
            v6 in 0..8u8,
            media: bool,
        ) {
            let of = [Health::Up, Health::Unknown, Health::Suspect, Health::Down];
            let count = states.len() as u8;
            let mut spec = families(count - v6.min(count), v6.min(count));
            for (it, (_, [preferred, media_only, ..])) in spec.dcs[0].access_points.iter_mut().zip(&states) {
                it.flags.static_address = *preferred;
                it.flags.media_only = *media_only;
            }
            let mut snapshot = all_up(spec);
            for (state, (health, [.., unreachable, fails])) in snapshot.access_points.iter_mut().zip(&states) {
                state.health = of[*health];
                state.unreachable = *unreachable && state.health == Health::Unknown;
                if *fails {
                    snapshot.dcs[0].slot.member_failed(&state.slot);
                }
            }
            let class = if media { Class::Media } else { Class::Main };
            for fail_open in [FailOpen::Closed, FailOpen::Nearest, FailOpen::Bound] {
                let client = client("203.0.113.7", None);
                in_order(&snapshot, &Eligible { client, traffic: Traffic::tcp(class), fail_open, overflow: false });
            }
        }
    }
}
