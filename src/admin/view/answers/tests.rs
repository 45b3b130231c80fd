//! What is told of one network, rule by rule; what holds for any network is in `properties`.

mod properties;

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::admin::fixture::{all_up, bound_to, set_admin, set_health, three_dcs};
use crate::admin::view::{Basis, explain};
use crate::memory::HashKey;
use crate::routing::policy::{Action, Rule};
use crate::routing::topology::{
    AccessPointSecret, AccessPointSpec, Advertised, ByHeader, Class, ListenerRoute, TopologySpec,
    TrustPlainDc, UnknownClient,
};
use crate::routing::{
    AdminState, ClientAddr, ClientMatch, CountryCode, DcId, Health, Network, Protocol, Sticky,
    Topology,
};

const NOW: EpochSeconds = EpochSeconds(1_763_683_200);
/// Near to DC 2, then 1, then 5.
const GERMAN: &str = "203.0.113.7";
const NOBODY_KNOWS: &str = "198.51.100.7";

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address of the test")
}

fn forgetful() -> StickyMemory {
    StickyMemory::new(HashKey::new([0; 16]))
}

fn answer(snapshot: &Snapshot, client: &str) -> ConfigView {
    config(snapshot, Some("clients"), ip(client), (&forgetful(), NOW)).expect("an answer")
}

fn nearest(snapshot: &Snapshot, listener: Option<&str>) -> Result<NearestDcView, ExplainError> {
    nearest_dc(snapshot, listener, ip(GERMAN), (&forgetful(), NOW))
}

/// The entries as `2/1 media`: the DC, the last number of the address, what it is for.
fn entries(view: &ConfigView) -> Vec<String> {
    let shown = view.dc_options.iter().map(|it| {
        let address = it.ip_address.to_string();
        let last = address.rsplit(['.', ':']).next().unwrap_or_default();
        let mut text = format!("{}/{last}", it.id);
        for (on, word) in [
            (it.media_only, " media"),
            (it.cdn, " cdn"),
            (it.tcpo_only, " tcpo"),
            (it.static_address, " static"),
            (it.this_port_only, " this_port"),
            (it.ipv6, " ipv6"),
            (it.secret.is_some(), " secret"),
        ] {
            text.push_str(if on { word } else { "" });
        }
        text
    });
    shown.collect()
}

/// The entries of one DC.
fn of_dc(view: &ConfigView, dc: u16) -> Vec<String> {
    entries(view).into_iter().filter(|it| it.starts_with(&format!("{dc}/"))).collect()
}

fn dcs(view: &ConfigView) -> Vec<u16> {
    let mut dcs: Vec<u16> = view.dc_options.iter().map(|it| it.id).collect();
    dcs.dedup();
    dcs
}

fn valid_for(view: &ConfigView) -> u32 {
    assert_eq!(view.date, NOW.0);
    view.expires - view.date
}

/// Changes an access point of DC 2, by its number.
fn change(spec: &mut TopologySpec, number: usize, change: impl FnOnce(&mut AccessPointSpec)) {
    change(&mut spec.dcs[0].access_points[number - 1]);
}

/// Adds an access point to DC 2.
fn add(spec: &mut TopologySpec, address: &str, change: impl FnOnce(&mut AccessPointSpec)) {
    let mut added = AccessPointSpec::new(address.parse().expect("an address of the test"));
    change(&mut added);
    spec.dcs[0].access_points.push(added);
}

fn set_access_point(snapshot: &mut Snapshot, address: &str, health: Health, admin: AdminState) {
    let address = address.parse().expect("an address of the test");
    let all = snapshot.topology.access_points();
    let at = all.iter().position(|it| it.id.address == address).expect("it is listed");
    snapshot.access_points[at].health = health;
    snapshot.access_points[at].admin = admin;
}

fn country(code: &str) -> ClientMatch {
    ClientMatch {
        countries: [CountryCode::new(code)].into_iter().flatten().collect(),
        ..everybody()
    }
}

fn everybody() -> ClientMatch {
    ClientMatch::default()
}

fn rule(clients: ClientMatch, action: Action) -> Rule {
    Rule { clients, action }
}

/// Two listeners more: `dc5` is bound, `sniffed` goes by headers and has a secret.
fn advertising(trust_plain_dc: TrustPlainDc) -> TopologySpec {
    let mut spec = three_dcs();
    let by_header = Route::Mtproto(ByHeader { trust_plain_dc, unknown: UnknownClient::Close });
    spec.routes.insert("dc5".into(), bound_to(5));
    spec.routes.insert("sniffed".into(), ListenerRoute::new(by_header));
    spec
}

fn advertise(spec: &mut TopologySpec, listener: &str, addresses: &[&str], secret: bool) {
    spec.advertised.push(Advertised {
        listener: listener.into(),
        addresses: addresses.iter().map(|it| it.parse().expect("an address")).collect(),
        secret: secret.then(|| AccessPointSecret::new(&[7; 16])),
    });
}

#[test]
fn an_answer_has_the_shape_of_a_dump_and_lists_dcs_from_the_nearest_on() {
    let mut spec = three_dcs();
    change(&mut spec, 1, |it| it.flags.static_address = true);
    let view = answer(&all_up(spec), GERMAN);
    assert_eq!(dcs(&view), [2, 1, 5]);
    assert_eq!(of_dc(&view, 2), ["2/1 static", "2/2"]);
    assert_eq!((view.this_dc, view.nearest_dc, view.country.as_str()), (2, 2, "DE"));
    assert_eq!(valid_for(&view), 3600);
    let json = serde_json::to_string(&view).expect("JSON");
    let begin = r#"{"_":"config","date":1763683200,"expires":1763686800,"test_mode":false,"this_dc":2,"nearest_dc":2,"country":"DE","dc_options":[{"_":"dcOption","ipv6":false,"media_only":false,"tcpo_only":false,"cdn":false,"static":true,"this_port_only":false,"id":2,"ip_address":"10.0.2.1","port":443,"secret":null},"#;
    assert!(json.starts_with(begin), "{json}");
    let view = nearest(&all_up(three_dcs()), None).expect("an answer");
    let json = serde_json::to_string(&view).expect("JSON");
    assert_eq!(json, r#"{"_":"nearestDc","country":"DE","this_dc":2,"nearest_dc":2}"#);
}

#[test]
fn a_client_that_nobody_can_locate_has_no_country_and_goes_by_round_trips() {
    let view = answer(&all_up(three_dcs()), NOBODY_KNOWS);
    assert_eq!((view.country.as_str(), view.nearest_dc), ("", 2));
    assert_eq!(dcs(&view), [2, 1, 5]);
}

#[test]
fn entries_come_in_the_order_in_which_the_client_would_dial() {
    let mut spec = three_dcs();
    for number in 3..=9 {
        add(&mut spec, &format!("10.0.2.{number}:443"), |_| {});
    }
    add(&mut spec, "[2001:db8::10]:443", |_| {});
    spec.connect.attempts = 64;
    let snapshot = all_up(spec);
    for last in 1..=20 {
        let client = format!("203.0.113.{last}");
        let explained = explain(&snapshot, "clients", (ip(&client), None), Basis::Presumed);
        let offers = &explained.expect("an explanation").dcs[0].access_points;
        let dials: Vec<String> = offers.iter().map(|it| it.address.clone()).collect();
        let view = answer(&snapshot, &client);
        let told = view.dc_options.iter().filter(|it| it.id == 2);
        let told: Vec<String> =
            told.map(|it| std::net::SocketAddr::new(it.ip_address, it.port).to_string()).collect();
        assert_eq!(told, dials, "{client}");
        assert!(view.dc_options.iter().all(|it| it.ipv6 == it.ip_address.is_ipv6()));
    }
}

#[test]
fn main_entries_come_before_media_and_those_before_cdn() {
    let mut spec = three_dcs();
    change(&mut spec, 1, |it| it.flags.media_only = true);
    change(&mut spec, 1, |it| it.flags.static_address = true);
    add(&mut spec, "10.0.2.3:443", |it| it.flags.cdn = true);
    add(&mut spec, "10.0.2.4:443", |it| it.flags.this_port_only = true);
    change(&mut spec, 4, |it| it.flags.tcpo_only = true);
    change(&mut spec, 4, |it| it.flags.static_address = true);
    change(&mut spec, 4, |it| it.secret = Some(AccessPointSecret::new(&[1; 16])));
    let mut snapshot = all_up(spec);
    let wanted = ["2/4 tcpo static this_port secret", "2/2", "2/1 media static", "2/3 cdn"];
    assert_eq!(of_dc(&answer(&snapshot, GERMAN), 2), wanted);
    // A media access point is never told as one for ordinary sessions, however the others are.
    set_health(&mut snapshot, 2, Health::Down);
    set_access_point(&mut snapshot, "10.0.2.1:443", Health::Up, AdminState::Ready);
    snapshot.dcs[1].health = Health::Up;
    let view = answer(&snapshot, GERMAN);
    assert_eq!(of_dc(&view, 2), ["2/4 tcpo static this_port secret", "2/1 media static"]);
}

#[test]
fn a_dc_for_media_or_of_a_cdn_comes_last_with_what_it_has() {
    let mut spec = three_dcs();
    spec.dcs[0].access_points.iter_mut().for_each(|it| it.flags.cdn = true);
    spec.dcs[1].access_points.iter_mut().for_each(|it| it.flags.media_only = true);
    let mut snapshot = all_up(spec);
    let view = answer(&snapshot, GERMAN);
    assert_eq!((dcs(&view), view.nearest_dc, valid_for(&view)), (vec![5, 2, 1], 5, 3600));
    set_health(&mut snapshot, 2, Health::Down);
    let view = answer(&snapshot, GERMAN);
    assert_eq!((of_dc(&view, 2).len(), valid_for(&view)), (1, 300));
}

#[test]
fn what_is_down_drained_or_maintained_is_left_out_and_asked_about_again_soon() {
    let admin = [AdminState::Ready, AdminState::Drain, AdminState::Maint];
    for (health, admin) in [Health::Down, Health::Up, Health::Up].into_iter().zip(admin) {
        let mut snapshot = all_up(three_dcs());
        set_access_point(&mut snapshot, "10.0.2.1:443", health, admin);
        let view = answer(&snapshot, GERMAN);
        assert_eq!(of_dc(&view, 2), ["2/2"], "{health:?} {admin:?}");
        assert_eq!((dcs(&view), valid_for(&view)), (vec![2, 1, 5], 300));
    }
    for health in [Health::Suspect, Health::Unknown] {
        let mut snapshot = all_up(three_dcs());
        set_access_point(&mut snapshot, "10.0.2.1:443", health, AdminState::Ready);
        let view = answer(&snapshot, GERMAN);
        assert_eq!((of_dc(&view, 2), valid_for(&view)), (vec!["2/2".into(), "2/1".into()], 3600));
    }
}

#[test]
fn a_dc_that_is_out_of_use_moves_behind_and_keeps_one_entry() {
    for (health, admin) in [
        (Health::Down, AdminState::Ready),
        (Health::Up, AdminState::Drain),
        (Health::Up, AdminState::Maint),
    ] {
        let mut snapshot = all_up(three_dcs());
        set_health(&mut snapshot, 2, health);
        set_admin(&mut snapshot, 2, admin);
        let view = answer(&snapshot, GERMAN);
        assert_eq!(dcs(&view), [1, 5, 2], "{health:?} {admin:?}");
        assert_eq!((of_dc(&view, 2).len(), of_dc(&view, 1).len()), (1, 2));
        assert_eq!((view.this_dc, view.nearest_dc, valid_for(&view)), (1, 1, 300));
        assert_eq!(nearest(&snapshot, None).map(|it| it.nearest_dc), Ok(1));
    }
}

#[test]
fn nothing_has_been_probed_yet_and_everything_is_told() {
    let mut snapshot = all_up(three_dcs());
    for dc in [1, 2, 5] {
        set_health(&mut snapshot, dc, Health::Unknown);
    }
    let view = answer(&snapshot, GERMAN);
    assert_eq!((dcs(&view), entries(&view).len()), (vec![2, 1, 5], 6));
    assert_eq!(valid_for(&view), 300);
}

#[test]
fn what_an_edge_says_that_is_cut_off_is_asked_about_again_soon() {
    let mut snapshot = all_up(three_dcs());
    snapshot.isolated = true;
    let view = answer(&snapshot, GERMAN);
    assert_eq!((dcs(&view), valid_for(&view)), (vec![2, 1, 5], 300));
}

#[test]
fn while_everything_is_down_each_dc_keeps_one_entry_and_the_nearest_is_the_nearest() {
    for fail_open in [true, false] {
        let mut spec = three_dcs();
        spec.policy.fail_open = fail_open;
        let mut snapshot = all_up(spec);
        for dc in [1, 2, 5] {
            set_health(&mut snapshot, dc, Health::Down);
        }
        let view = answer(&snapshot, GERMAN);
        assert_eq!((dcs(&view), entries(&view).len()), (vec![2, 1, 5], 3), "{fail_open}");
        assert_eq!((view.nearest_dc, valid_for(&view)), (2, 300));
    }
}

#[test]
fn the_last_entry_is_one_that_only_health_leaves_out() {
    let mut spec = three_dcs();
    change(&mut spec, 1, |it| it.flags.static_address = true);
    add(&mut spec, "10.0.2.3:443", |it| it.offered_to = [country("FR")].into());
    let both = |first: (Health, AdminState), second: (Health, AdminState)| {
        let mut snapshot = all_up(spec.clone());
        set_health(&mut snapshot, 2, Health::Down);
        set_access_point(&mut snapshot, "10.0.2.1:443", first.0, first.1);
        set_access_point(&mut snapshot, "10.0.2.2:443", second.0, second.1);
        set_access_point(&mut snapshot, "10.0.2.3:443", Health::Up, AdminState::Ready);
        of_dc(&answer(&snapshot, GERMAN), 2).join(" ")
    };
    use AdminState::{Drain, Maint, Ready};
    use Health::{Down, Up};
    assert_eq!(both((Down, Ready), (Down, Ready)), "2/1 static");
    assert_eq!(both((Up, Maint), (Down, Ready)), "2/2", "down, but not taken out");
    assert_eq!(both((Up, Maint), (Up, Drain)), "2/2", "drained before maintained");
    assert_eq!(both((Up, Maint), (Down, Maint)), "2/1 static");
}

#[test]
fn what_is_offered_to_others_is_told_to_them_and_to_nobody_else() {
    let mut spec = three_dcs();
    change(&mut spec, 1, |it| it.offered_to = [country("FR")].into());
    let snapshot = all_up(spec.clone());
    let view = answer(&snapshot, GERMAN);
    assert_eq!((of_dc(&view, 2), valid_for(&view)), (vec!["2/2".to_owned()], 3600));
    change(&mut spec, 1, |it| it.offered_to = [country("DE")].into());
    assert_eq!(of_dc(&answer(&all_up(spec.clone()), GERMAN), 2).len(), 2);

    // One for media is told alone before one that is for others.
    change(&mut spec, 1, |it| it.offered_to = [country("FR")].into());
    change(&mut spec, 2, |it| it.flags.media_only = true);
    let mut snapshot = all_up(spec.clone());
    assert_eq!(of_dc(&answer(&snapshot, GERMAN), 2), ["2/2 media"]);
    set_health(&mut snapshot, 2, Health::Down);
    assert_eq!(of_dc(&answer(&snapshot, GERMAN), 2), ["2/2 media"]);

    // Where there is nothing else, one that is for others is better than none, and comes last.
    change(&mut spec, 2, |it| it.offered_to = [country("FR")].into());
    let view = answer(&all_up(spec), GERMAN);
    assert_eq!((of_dc(&view, 2), dcs(&view)), (vec!["2/1".to_owned()], vec![1, 5, 2]));
    assert_eq!(valid_for(&view), 3600, "that is how it is meant");
}

#[test]
fn an_access_point_that_has_left_the_list_is_told_to_nobody() {
    let mut snapshot = all_up(three_dcs());
    let mut shorter = three_dcs();
    shorter.dcs[0].access_points.remove(0);
    let gone = snapshot.topology.access_points().to_vec();
    snapshot.topology = Arc::new(Topology::new(shorter).with_retiring(&gone));
    let view = answer(&snapshot, GERMAN);
    assert_eq!((of_dc(&view, 2), valid_for(&view)), (vec!["2/2".to_owned()], 3600));
    set_health(&mut snapshot, 2, Health::Down);
    set_access_point(&mut snapshot, "10.0.2.1:443", Health::Up, AdminState::Ready);
    assert_eq!(of_dc(&answer(&snapshot, GERMAN), 2), ["2/2"], "not as the last one either");
}

#[test]
fn dcs_that_policy_denies_stay_and_move_behind() {
    let mut spec = three_dcs();
    spec.policy.rules = [rule(country("DE"), Action::Restrict([1, 5].map(DcId).into()))].into();
    let mut snapshot = all_up(spec.clone());
    let view = answer(&snapshot, GERMAN);
    assert_eq!((dcs(&view), view.nearest_dc, valid_for(&view)), (vec![1, 5, 2], 1, 3600));
    assert_eq!(of_dc(&view, 2).len(), 2);
    // Refused is refused: the client is told where it would go, and not where it may not.
    set_health(&mut snapshot, 1, Health::Down);
    set_health(&mut snapshot, 5, Health::Down);
    let view = answer(&snapshot, GERMAN);
    assert_eq!((dcs(&view), view.nearest_dc), (vec![1, 5, 2], 1));

    // A CDN is for other sessions: it comes behind what the client may not have.
    let mut with_cdn = spec.clone();
    with_cdn.dcs[0].access_points.iter_mut().for_each(|it| it.flags.cdn = true);
    with_cdn.policy.rules = [rule(country("DE"), Action::Restrict([DcId(5)].into()))].into();
    assert_eq!(dcs(&answer(&all_up(with_cdn), GERMAN)), [5, 1, 2]);

    let networks = ["0.0.0.0".parse(), "::".parse()];
    let networks = networks.map(|it| Network::new(it.expect("an address"), 0).expect("all"));
    let all = ClientMatch { networks: networks.into(), ..everybody() };
    spec.policy.rules = [rule(all, Action::Deny)].into();
    let view = answer(&all_up(spec), GERMAN);
    assert_eq!((dcs(&view), view.nearest_dc), (vec![2, 1, 5], 2));
    assert_eq!(entries(&view).len(), 6);
}

#[test]
fn dcs_that_the_listener_does_not_use_come_last() {
    let mut spec = three_dcs();
    let listed = Some([5, 1].map(DcId).into());
    spec.routes.insert("clients".into(), ListenerRoute { dcs: listed, ..bound_nowhere() });
    let view = answer(&all_up(spec), GERMAN);
    assert_eq!((dcs(&view), view.nearest_dc, view.this_dc), (vec![1, 5, 2], 1, 1));
}

fn bound_nowhere() -> ListenerRoute {
    ListenerRoute::new(Route::Nearest)
}

#[test]
fn a_client_that_is_remembered_is_told_its_own_dc_first() {
    let mut spec = three_dcs();
    let sticky = Some(Sticky { ttl: Duration::from_secs(3600), ..Sticky::default() });
    spec.routes.insert("clients".into(), ListenerRoute { sticky, ..bound_nowhere() });
    let memory = forgetful();
    memory.follow(&spec.routes, NOW);
    let listener = memory.of_listener("clients").expect("a sticky listener");
    listener.remember(ClientAddr::new(ip(GERMAN)), DcId(5), NOW);
    let view = config(&all_up(spec), None, ip(GERMAN), (&memory, NOW)).expect("an answer");
    assert_eq!((dcs(&view), view.nearest_dc), (vec![5, 2, 1], 5));
}

#[test]
fn a_bound_listener_answers_with_its_dc_and_the_nearest_of_all() {
    let mut spec = advertising(TrustPlainDc::Known);
    let listed = Some([DcId(5)].into());
    spec.routes.insert("dc5".into(), ListenerRoute { dcs: listed, ..bound_to(5) });
    let mut snapshot = all_up(spec);
    let dc5 = |snapshot: &Snapshot| nearest(snapshot, Some("dc5")).expect("an answer");
    assert_eq!((dc5(&snapshot).this_dc, dc5(&snapshot).nearest_dc), (5, 2));
    set_health(&mut snapshot, 5, Health::Down);
    set_health(&mut snapshot, 2, Health::Down);
    assert_eq!((dc5(&snapshot).this_dc, dc5(&snapshot).nearest_dc), (5, 1));
    let view = config(&snapshot, Some("dc5"), ip(GERMAN), (&forgetful(), NOW)).expect("one");
    assert_eq!((view.this_dc, view.nearest_dc, dcs(&view)), (5, 1, vec![1, 2, 5]));
    let sniffed = nearest(&snapshot, Some("sniffed")).expect("an answer");
    assert_eq!((sniffed.this_dc, sniffed.nearest_dc), (1, 1));
}

#[test]
fn the_listener_may_be_left_out_where_it_is_clear_which_is_meant() {
    let snapshot = all_up(advertising(TrustPlainDc::Known));
    let asked = |snapshot: &Snapshot, name| {
        config(snapshot, name, ip(GERMAN), (&forgetful(), NOW)).map(drop)
    };
    assert!(asked(&all_up(three_dcs()), None).is_ok(), "there is one");
    assert!(matches!(asked(&snapshot, None), Err(ExplainError::WhichListener(_))));
    assert_eq!(nearest(&snapshot, None).map(|it| it.nearest_dc), Ok(2), "one is nearest");
    assert!(matches!(nearest(&snapshot, Some("x")), Err(ExplainError::UnknownListener(..))));
    let mut two = three_dcs();
    two.routes.insert("other".into(), bound_nowhere());
    assert!(matches!(nearest(&all_up(two), None), Err(ExplainError::WhichListener(_))));
    let mut none = three_dcs();
    none.dcs.iter_mut().for_each(|dc| dc.access_points.clear());
    assert_eq!(nearest(&all_up(none), None), Err(ExplainError::NoDc));
}

#[test]
fn an_advertised_listener_stands_for_its_dc_and_class_and_for_no_other() {
    let mut spec = advertising(TrustPlainDc::Known);
    spec.dcs[2].access_points[1].flags.media_only = true;
    advertise(&mut spec, "dc5", &["[2001:db8::15]:443", "192.0.2.15:443"], false);
    let mut snapshot = all_up(spec);
    let own = ["5/15 static this_port ipv6", "5/15 static this_port", "5/2 media"];
    let view = answer(&snapshot, GERMAN);
    assert_eq!((of_dc(&view, 5), of_dc(&view, 2).len()), (own.map(str::to_owned).to_vec(), 2));
    set_health(&mut snapshot, 5, Health::Down);
    let view = answer(&snapshot, GERMAN);
    assert_eq!(of_dc(&view, 5), own[..2], "its addresses stay, whatever is behind them");
    assert_eq!((dcs(&view), valid_for(&view)), (vec![2, 1, 5], 300));
}

#[test]
fn a_listener_that_is_advertised_for_media_leaves_main_entries_alone() {
    let mut spec = advertising(TrustPlainDc::Known);
    spec.routes.insert("media5".into(), ListenerRoute { class: Class::Media, ..bound_to(5) });
    spec.dcs[2].access_points[1].flags.media_only = true;
    advertise(&mut spec, "media5", &["192.0.2.25:443"], false);
    let view = answer(&all_up(spec), GERMAN);
    assert_eq!(of_dc(&view, 5), ["5/1", "5/25 media static this_port"]);
}

#[test]
fn a_listener_that_goes_by_headers_stands_for_every_dc_and_its_media() {
    for (secret, entry) in
        [(false, "10 tcpo static this_port"), (true, "10 tcpo static this_port secret")]
    {
        let mut spec = advertising(TrustPlainDc::Known);
        change(&mut spec, 2, |it| it.flags.media_only = true);
        advertise(&mut spec, "sniffed", &["192.0.2.10:443"], secret);
        advertise(&mut spec, "dc5", &["192.0.2.15:443"], false);
        let view = answer(&all_up(spec), GERMAN);
        let (two, one) = (format!("2/{entry}"), format!("1/{entry}"));
        let five = format!("5/{entry}");
        assert_eq!(entries(&view), [&two, &one, "5/15 static this_port", &five]);
    }
    let mut spec = advertising(TrustPlainDc::Never);
    advertise(&mut spec, "sniffed", &["192.0.2.10:443"], false);
    assert_eq!(entries(&answer(&all_up(spec), GERMAN)).len(), 6, "nobody would be believed");
}

#[test]
fn a_test_network_says_so() {
    let mut spec = three_dcs();
    spec.is_test_network = true;
    assert!(answer(&all_up(spec), GERMAN).test_mode);
}

#[test]
fn a_secret_is_told_and_not_shown() {
    let mut spec = three_dcs();
    change(&mut spec, 1, |it| it.secret = Some(AccessPointSecret::new(&[7; 16])));
    let view = answer(&all_up(spec), GERMAN);
    let json = serde_json::to_string(&view).expect("JSON");
    assert!(json.contains(r#""secret":"BwcHBwcHBwcHBwcHBwcHBw==""#), "{json}");
    assert!(!format!("{view:?}").contains("BwcH"));
}

/// A listener for UDP called `calls`.
fn calls(spec: &mut TopologySpec, route: Route) {
    let of_udp = ListenerRoute { protocol: Protocol::Udp, ..ListenerRoute::new(route) };
    spec.routes.insert("calls".into(), of_udp);
}

#[test]
fn what_serves_udp_is_told_to_nobody() {
    let mut spec = three_dcs();
    calls(&mut spec, Route::Nearest);
    add(&mut spec, "10.0.2.3:443", |it| it.address.protocol = Protocol::Udp);
    add(&mut spec, "10.0.2.1:443", |it| it.address.protocol = Protocol::Udp);
    let miami = spec.dcs.iter_mut().filter(|dc| dc.id == DcId(1));
    miami.flat_map(|dc| &mut dc.access_points).for_each(|it| it.address.protocol = Protocol::Udp);
    let mut snapshot = all_up(spec.clone());
    let memory = (&forgetful(), NOW);
    // The only listener for sessions need not be named.
    let view = config(&snapshot, None, ip(GERMAN), memory).expect("an answer");
    assert_eq!((dcs(&view), view.dc_options.len()), (vec![2, 5], 4));
    assert!(!of_dc(&view, 2).contains(&"2/3".to_owned()));
    assert_eq!((valid_for(&view), view.nearest_dc), (3600, 2));
    set_access_point(&mut snapshot, "10.0.2.3:443/udp", Health::Down, AdminState::Ready);
    assert_eq!(answer(&snapshot, GERMAN), view, "nor how it is");
    // A last resort is for sessions too.
    set_health(&mut snapshot, 2, Health::Down);
    set_access_point(&mut snapshot, "10.0.2.1:443/udp", Health::Up, AdminState::Ready);
    assert_eq!(of_dc(&answer(&snapshot, GERMAN), 2).len(), 1);
    let near = nearest(&snapshot, None).expect("the only nearest listener for sessions");
    assert_eq!(near.nearest_dc, 5);

    let refused = |listener| config(&snapshot, listener, ip(GERMAN), memory).map(drop);
    let of_calls = ExplainError::NoSessions(Some("calls".to_owned()));
    assert_eq!(refused(Some("calls")), Err(of_calls.clone()));
    assert_eq!(nearest(&snapshot, Some("calls")).map(drop), Err(of_calls.clone()));
    assert_eq!(of_calls.to_string(), "listener calls serves UDP, and clients are told of TCP only");
    spec.routes.remove("clients");
    let only_udp = all_up(spec);
    let refused = config(&only_udp, None, ip(GERMAN), memory).map(drop);
    assert_eq!(refused, Err(ExplainError::NoSessions(None)));
    assert_eq!(nearest(&only_udp, None).map(drop), Err(ExplainError::NoSessions(None)));
}
