use std::collections::BTreeMap;
use std::time::Instant;

use super::super::standing::DcStatusView;
use super::*;
use crate::admin::fixture::{all_up, bound_to, set_admin, set_health, three_dcs};
use crate::routing::Health;
use crate::routing::topology::{
    ByHeader, ListenerRoute, Route, TopologySpec, TrustPlainDc, UnknownClient,
};

/// Where Amsterdam stands.
fn amsterdam(snapshot: &Snapshot) -> (Standing, String) {
    of(snapshot, 2)
}

fn of(snapshot: &Snapshot, dc: u16) -> (Standing, String) {
    let views = DcStatusView::all(snapshot, Instant::now()).into_iter();
    let stands = views.filter(|view| view.id == dc).map(|view| view.stands);
    stands.map(|it| (it.standing, it.says)).next().expect("a DC of the test")
}

/// Listeners of Amsterdam, and `clients` for the nearest DC.
fn with_listeners(listeners: &[(&str, Class)]) -> TopologySpec {
    let mut spec = three_dcs();
    let bound = |class| ListenerRoute { class, ..bound_to(2) };
    let listeners = listeners.iter().map(|(name, class)| ((*name).into(), bound(*class)));
    spec.routes.extend(listeners);
    spec
}

/// The second access point of Amsterdam is for these sessions only, and of this health.
fn second_for(spec: TopologySpec, class: Class, health: Health) -> Snapshot {
    let mut spec = spec;
    let dc = spec.dcs.iter_mut().find(|dc| dc.id == DcId(2)).expect("Amsterdam");
    dc.access_points[1].flags.media_only = class == Class::Media;
    dc.access_points[1].flags.cdn = class == Class::Cdn;
    let mut snapshot = all_up(spec);
    snapshot.access_points[3].health = health;
    snapshot
}

/// Amsterdam's ordinary sessions have nothing any more.
fn main_down(snapshot: &mut Snapshot) {
    snapshot.access_points[2].health = Health::Down;
    snapshot.dcs[1].health = Health::Down;
}

#[test]
fn who_has_lost_ordinary_sessions_says_so_though_media_is_served() {
    let spec = with_listeners(&[("dc2", Class::Main), ("media", Class::Media)]);
    let mut snapshot = second_for(spec, Class::Media, Health::Up);
    main_down(&mut snapshot);
    let says = "no access point for ordinary sessions up, no replica: refusing (listener dc2); \
                listener media is served; others go to other DCs";
    assert_eq!(amsterdam(&snapshot), (Standing::Refusing, says.to_owned()));
}

#[test]
fn who_has_lost_media_or_a_cdn_is_not_all_up() {
    let spec = || with_listeners(&[("media", Class::Media), ("cdn", Class::Cdn)]);
    let snapshot = second_for(spec(), Class::Media, Health::Down);
    let says = "no access point for media up; listener media is served; no access point for a CDN, \
                no replica: refusing (listener cdn); the others are up";
    assert_eq!(amsterdam(&snapshot), (Standing::Degraded, says.to_owned()));
    let snapshot = second_for(spec(), Class::Cdn, Health::Down);
    let says =
        "no access point for a CDN up, no replica: refusing (listener cdn); the others are up";
    assert_eq!(amsterdam(&snapshot), (Standing::Degraded, says.to_owned()));
    let snapshot = second_for(spec(), Class::Cdn, Health::Up);
    assert_eq!(amsterdam(&snapshot).0, Standing::Serving);
    let snapshot = second_for(three_dcs(), Class::Media, Health::Down);
    let says = "no access point for media up; the others are up";
    assert_eq!(amsterdam(&snapshot), (Standing::Degraded, says.to_owned()), "nobody asks for it");
}

#[test]
fn a_last_resort_of_bound_sessions_is_not_that_nothing_is_up() {
    let mut spec = with_listeners(&[("dc2", Class::Main)]);
    spec.policy.bound_fail_open = true;
    let mut snapshot = all_up(spec);
    set_health(&mut snapshot, 2, Health::Down);
    let says = "no access point up; listener dc2 tries it all the same, once for each session; \
                others go to other DCs";
    assert_eq!(amsterdam(&snapshot), (Standing::FailOpen, says.to_owned()));
}

#[test]
fn a_bound_listener_refuses_though_others_ignore_health() {
    let mut snapshot = all_up(with_listeners(&[("dc2", Class::Main)]));
    [1, 2, 5].into_iter().for_each(|dc| set_health(&mut snapshot, dc, Health::Down));
    let says = "no access point up, no replica: refusing (listener dc2); \
                listener clients tries it all the same, because nothing is up";
    assert_eq!(amsterdam(&snapshot), (Standing::Refusing, says.to_owned()));
}

#[test]
fn a_listener_is_not_one_of_a_dc_that_has_nothing_for_its_class() {
    let mut spec = three_dcs();
    let cdn = ListenerRoute { class: Class::Cdn, ..ListenerRoute::new(Route::Nearest) };
    spec.routes = BTreeMap::from([("cdn".into(), cdn)]);
    let mut snapshot = second_for(spec, Class::Cdn, Health::Up);
    set_health(&mut snapshot, 5, Health::Down);
    let says = "no access point up; no listener uses it".to_owned();
    assert_eq!(of(&snapshot, 5), (Standing::Down, says));
    main_down(&mut snapshot);
    let says = "no access point for ordinary sessions up; listener cdn is served".to_owned();
    assert_eq!(amsterdam(&snapshot), (Standing::Down, says));
}

#[test]
fn a_dc_that_only_stands_in_is_not_unused() {
    let mut spec = with_listeners(&[("dc2", Class::Main)]);
    spec.routes.remove("clients");
    spec.dcs.iter_mut().filter(|dc| dc.id == DcId(2)).for_each(|dc| {
        dc.replicas = [DcId(5)].into();
    });
    let mut snapshot = all_up(spec);
    set_health(&mut snapshot, 5, Health::Down);
    let says = "no access point up; it is there to stand in for DC 2".to_owned();
    assert_eq!(of(&snapshot, 5), (Standing::Down, says));
    set_admin(&mut snapshot, 2, AdminState::Drain);
    let says = "draining, its replica DC 5 cannot stand in: refusing (listener dc2)".to_owned();
    assert_eq!(amsterdam(&snapshot), (Standing::Refusing, says));
}

/// Amsterdam has a third and a fourth access point, for UDP, of this health; `calls` is a listener for
/// UDP with this route.
fn with_udp(route: Route, health: Health) -> Snapshot {
    let mut spec = with_listeners(&[("dc2", Class::Main)]);
    let calls = ListenerRoute { protocol: Protocol::Udp, ..ListenerRoute::new(route) };
    spec.routes.insert("calls".into(), calls);
    let dc = spec.dcs.iter_mut().find(|dc| dc.id == DcId(2)).expect("Amsterdam");
    let of_udp = dc.access_points.clone().into_iter().map(|mut it| {
        it.address.protocol = Protocol::Udp;
        it
    });
    dc.access_points.extend(of_udp.collect::<Vec<_>>());
    let mut snapshot = all_up(spec);
    for at in UDP {
        snapshot.access_points[at].health = health;
    }
    snapshot
}

/// The access points of Amsterdam for UDP: each comes after the one for TCP at the same address.
const UDP: [usize; 2] = [3, 5];

#[test]
fn who_has_lost_udp_says_what_becomes_of_it_though_sessions_are_served() {
    assert_eq!(amsterdam(&with_udp(Route::Nearest, Health::Up)).0, Standing::Serving);
    let mut snapshot = with_udp(Route::Nearest, Health::Down);
    let says = "no access point for UDP up; listener calls tries it all the same, because nothing is \
                up; the others are up";
    assert_eq!(amsterdam(&snapshot), (Standing::Degraded, says.to_owned()));
    snapshot.access_points[UDP[1]].health = Health::Up;
    let says = "1 of 2 access points for UDP not up; the others are up";
    assert_eq!(amsterdam(&snapshot), (Standing::Degraded, says.to_owned()));
    let snapshot = with_udp(Route::Dc(DcId(2)), Health::Down);
    let says =
        "no access point for UDP up, no replica: refusing (listener calls); the others are up";
    assert_eq!(amsterdam(&snapshot), (Standing::Degraded, says.to_owned()));
    let snapshot = with_udp(Route::Dc(DcId(5)), Health::Up);
    assert_eq!(amsterdam(&snapshot).0, Standing::Serving);
    let says = "no access point for UDP, no replica: refusing (listener calls); the others are up";
    assert_eq!(of(&snapshot, 5), (Standing::Degraded, says.to_owned()));
}

#[test]
fn flows_of_a_dc_that_lost_udp_go_where_others_have_it() {
    let mut spec = three_dcs();
    let calls = ListenerRoute { protocol: Protocol::Udp, ..ListenerRoute::new(Route::Nearest) };
    spec.routes.insert("calls".into(), calls);
    for dc in &mut spec.dcs {
        dc.access_points[1].address.protocol = Protocol::Udp;
    }
    let mut snapshot = all_up(spec);
    snapshot.access_points[3].health = Health::Down;
    let says = "no access point for UDP up; listener calls goes to other DCs; the others are up";
    assert_eq!(amsterdam(&snapshot), (Standing::Degraded, says.to_owned()));
}

#[test]
fn who_has_lost_sessions_and_not_udp_says_both() {
    let mut snapshot = with_udp(Route::Nearest, Health::Up);
    for at in [2, 4] {
        snapshot.access_points[at].health = Health::Down;
    }
    snapshot.dcs[1].health = Health::Down;
    let says = "no access point for ordinary sessions up, no replica: refusing (listener dc2); \
                listener calls is served; others go to other DCs";
    assert_eq!(amsterdam(&snapshot), (Standing::Refusing, says.to_owned()));
}

#[test]
fn a_dc_of_udp_alone_is_as_its_access_points_for_udp() {
    let mut spec = three_dcs();
    let calls = ListenerRoute { protocol: Protocol::Udp, ..ListenerRoute::new(Route::Nearest) };
    let sniffed = Route::Mtproto(ByHeader {
        trust_plain_dc: TrustPlainDc::Known,
        unknown: UnknownClient::Close,
    });
    spec.routes = BTreeMap::from([
        ("calls".into(), calls),
        ("clients".into(), ListenerRoute::new(Route::Nearest)),
        ("sniffed".into(), ListenerRoute::new(sniffed)),
    ]);
    let singapore = spec.dcs.iter_mut().filter(|dc| dc.id == DcId(5));
    for it in singapore.flat_map(|dc| &mut dc.access_points) {
        it.address.protocol = Protocol::Udp;
    }
    let mut snapshot = all_up(spec);
    assert_eq!(of(&snapshot, 5), (Standing::Serving, "all access points up".to_owned()));
    assert_eq!(amsterdam(&snapshot).0, Standing::Serving, "nobody wants UDP of it");
    snapshot.access_points[4].health = Health::Down;
    assert_eq!(of(&snapshot, 5).1, "1 of 2 access points not up");
    set_health(&mut snapshot, 5, Health::Down);
    let says = "no access point up; listener calls tries it all the same, because nothing is up";
    assert_eq!(of(&snapshot, 5), (Standing::FailOpen, says.to_owned()));
}
