use std::collections::BTreeSet;

use super::*;
use crate::routing::fixture::{AMSTERDAM, dc, topology};

const CLOSE: ByHeader =
    ByHeader { trust_plain_dc: TrustPlainDc::Known, unknown: UnknownClient::Close };

/// DCs 1 to 5, and the CDN DC 203.
fn network(is_test_network: bool) -> Topology {
    let mut spec = topology((1..=5).chain([203]).map(|id| dc(id, Some(AMSTERDAM), 2)).collect());
    spec.is_test_network = is_test_network;
    spec.dcs[5].access_points.iter_mut().for_each(|it| it.flags.cdn = true);
    Topology::new(spec)
}

fn goes_to(by: ByHeader, id: i16, proved: bool, topology: &Topology) -> Option<Destination> {
    let listener = ListenerRoute::new(Route::Mtproto(by));
    by.destination(Some(NamedDc { id, proved }), &listener, topology)
}

fn bound(dc: u16, class: Class) -> Option<Destination> {
    Some(Destination::Dc(DcId(dc), class))
}

#[test]
fn a_number_names_a_dc_and_its_sign_the_class() {
    let topology = network(false);
    for proved in [true, false] {
        let of = |id| goes_to(CLOSE, id, proved, &topology);
        assert_eq!(of(2), bound(2, Class::Main));
        assert_eq!(of(-2), bound(2, Class::Media));
        assert_eq!(of(203), bound(203, Class::Cdn));
        for id in [0, 6, -6, 10_002, -10_002, i16::MAX, i16::MIN] {
            assert_eq!(of(id), None, "{id}");
        }
    }
}

#[test]
fn a_test_network_is_named_by_numbers_of_its_own_and_by_no_others() {
    let topology = network(true);
    let of = |id| goes_to(CLOSE, id, true, &topology);
    assert_eq!(of(10_002), bound(2, Class::Main));
    assert_eq!(of(-10_002), bound(2, Class::Media));
    for id in [2, -2, 10_000, -10_000, 20_002] {
        assert_eq!(of(id), None, "{id}");
    }
}

#[test]
fn a_hint_is_believed_where_it_is_trusted_and_else_the_client_is_unknown() {
    let topology = network(false);
    let never = ByHeader { trust_plain_dc: TrustPlainDc::Never, ..CLOSE };
    assert_eq!(goes_to(never, 2, false, &topology), None);
    assert_eq!(goes_to(never, 2, true, &topology), bound(2, Class::Main), "a fact needs no trust");
    let nearest = ByHeader { unknown: UnknownClient::Nearest, ..never };
    let anywhere = Some(Destination::Nearest(Class::Main));
    assert_eq!(goes_to(nearest, 2, false, &topology), anywhere);
    let to_four = ByHeader { unknown: UnknownClient::Dc(DcId(4)), ..CLOSE };
    assert_eq!(goes_to(to_four, 77, false, &topology), bound(4, Class::Main));
    let listener = ListenerRoute::new(Route::Mtproto(to_four));
    assert_eq!(to_four.destination(None, &listener, &topology), bound(4, Class::Main));
}

#[test]
fn who_proves_to_want_a_dc_that_is_not_there_is_given_no_other() {
    let topology = network(false);
    for unknown in [UnknownClient::Nearest, UnknownClient::Dc(DcId(4)), UnknownClient::Close] {
        assert_eq!(goes_to(ByHeader { unknown, ..CLOSE }, 77, true, &topology), None);
    }
}

#[test]
fn a_dc_that_the_listener_does_not_list_is_not_there() {
    let topology = network(false);
    let route = Route::Mtproto(CLOSE);
    let listed = BTreeSet::from([DcId(1)]);
    let listener = ListenerRoute { dcs: Some(listed), ..ListenerRoute::new(route) };
    let of = |id| CLOSE.destination(Some(NamedDc { id, proved: true }), &listener, &topology);
    assert_eq!((of(1), of(2)), (bound(1, Class::Main), None));
    assert_eq!(listener.destinations(&topology), [Destination::Dc(DcId(1), Class::Main)]);
}

#[test]
fn a_listener_lists_everywhere_that_it_may_lead() {
    let topology = network(false);
    let by = ByHeader { unknown: UnknownClient::Nearest, ..CLOSE };
    let all = ListenerRoute::new(Route::Mtproto(by)).destinations(&topology);
    let mut expected: Vec<_> = (1..=5).filter_map(|id| bound(id, Class::Main)).collect();
    expected.extend(bound(203, Class::Cdn));
    expected.push(Destination::Nearest(Class::Main));
    assert_eq!(all, expected);
}

/// Of all that random bytes can name.
#[test]
fn trust_takes_two_numbers_for_each_dc_and_one_for_a_cdn() {
    for is_test in [false, true] {
        let topology = network(is_test);
        let all = i16::MIN..=i16::MAX;
        let believed = all.filter(|id| goes_to(CLOSE, *id, false, &topology).is_some());
        assert_eq!(believed.count(), 2 * 5 + 1, "a CDN has no media");
    }
}
