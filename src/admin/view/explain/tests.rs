mod policy;

use super::*;
use crate::admin::fixture::{all_up, bound_to, set_admin, set_health, three_dcs};
use crate::memory::HashKey;
use crate::routing::policy::Objective;
use crate::routing::topology::{ByHeader, TopologySpec, TrustPlainDc, UnknownClient};
use crate::routing::{
    AdminState, Asn, ClientMatch, CountryCode, DcId, Health, Location, Millis, Origin, Place,
    Protocol, Sticky,
};

fn explained(snapshot: &Snapshot, ip: &str) -> ExplainView {
    explained_on(snapshot, ip, Basis::Presumed)
}

fn explained_on(snapshot: &Snapshot, ip: &str, basis: Basis<'_>) -> ExplainView {
    let (listener, _) = the_listener(&snapshot.topology, None).expect("one listener");
    let ip = ip.parse().expect("an address of the test");
    explain(snapshot, listener, (ip, None), basis).expect("a listener that exists")
}

fn pinned(dc: u16) -> TopologySpec {
    let mut spec = three_dcs();
    spec.routes.clear();
    spec.routes.insert("pinned".into(), bound_to(dc));
    spec
}

#[test]
fn a_located_client_goes_to_the_nearest_dc() {
    let view = explained(&all_up(three_dcs()), "203.0.113.7");
    assert_eq!(view.sentence, "203.0.113.7 (DE, database) goes to DC 2 ams, 576 km away: nearest.");
    assert_eq!(view.why.as_deref(), Some("nearest"));
    let order: Vec<u16> = view.dcs.iter().map(|dc| dc.id).collect();
    assert_eq!(order, [2, 1, 5]);
    let chosen: Vec<bool> = view.dcs.iter().map(|dc| dc.chosen).collect();
    assert_eq!(chosen, [true, false, false]);
    let light = view.dcs[0].client_to_dc_ms.expect("both are located");
    assert!((5.7..5.8).contains(&light), "{light}");
    assert_eq!(view.dcs[0].edge_to_dc_ms, Some(12.0));
}

#[test]
fn the_dials_are_those_of_a_session_that_fails_everywhere() {
    let view = explained(&all_up(three_dcs()), "203.0.113.7");
    let dcs: Vec<u16> = view.attempts.iter().map(|attempt| attempt.dc).collect();
    assert_eq!(dcs, [2, 2, 1, 1, 5], "two per DC, five in all");
    let numbers: Vec<u32> = view.attempts.iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
}

#[test]
fn embedded_forms_are_the_same_client() {
    let snapshot = all_up(three_dcs());
    let plain = explained(&snapshot, "203.0.113.7");
    for form in ["::ffff:203.0.113.7", "64:ff9b::203.0.113.7"] {
        let view = explained(&snapshot, form);
        assert_eq!(view.sentence, plain.sentence);
        let parsed = view.unwrapped_from.as_deref().map(str::parse::<IpAddr>);
        assert_eq!(parsed, Some(form.parse()));
    }
    assert_eq!(plain.unwrapped_from, None);
}

#[test]
fn an_unlocated_client_goes_by_the_round_trip_of_this_edge() {
    let view = explained(&all_up(three_dcs()), "10.0.0.1");
    assert_eq!(
        view.sentence,
        "10.0.0.1 (location unknown) goes to DC 2 ams, 12 ms from this edge: \
         nearest to this edge, since nobody knows where the client is."
    );
    assert_eq!(view.location.coordinates, None);
}

#[test]
fn a_failover_names_the_dc_that_was_passed_over() {
    let mut snapshot = all_up(three_dcs());
    set_health(&mut snapshot, 2, Health::Down);
    let view = explained(&snapshot, "203.0.113.7");
    assert!(
        view.sentence.ends_with("DC 2 ams comes first and is out of use (down)."),
        "{}",
        view.sentence
    );
    assert_eq!(view.why.as_deref(), Some("failover"));
    assert_eq!(view.dcs[0].exclusion.as_deref(), Some("down"));
}

#[test]
fn a_refusal_counts_why_nobody_is_left() {
    let mut spec = three_dcs();
    spec.policy.fail_open = false;
    let mut snapshot = all_up(spec);
    set_health(&mut snapshot, 1, Health::Down);
    set_health(&mut snapshot, 2, Health::Down);
    set_admin(&mut snapshot, 5, AdminState::Drain);
    let view = explained(&snapshot, "203.0.113.7");
    assert_eq!(
        view.sentence,
        "203.0.113.7 (DE, database) is refused: no DC is a candidate (2 down, 1 drain)."
    );
    assert_eq!(view.why, None);
    assert!(view.attempts.is_empty());
}

#[test]
fn fail_open_and_pinned_listeners_say_so() {
    let mut snapshot = all_up(three_dcs());
    for dc in [1, 2, 5] {
        set_health(&mut snapshot, dc, Health::Down);
    }
    let view = explained(&snapshot, "203.0.113.7");
    assert!(view.fail_open);
    assert!(view.sentence.contains("nothing is up"), "{}", view.sentence);
    let view = explained(&all_up(pinned(5)), "203.0.113.7");
    assert!(
        view.sentence.ends_with("listener pinned binds the session to it."),
        "{}",
        view.sentence
    );
    let view = explained(&all_up(pinned(9)), "203.0.113.7");
    assert!(view.sentence.ends_with("(listener pinned may use none)."), "{}", view.sentence);
}

fn by_header(unknown: UnknownClient) -> Snapshot {
    let mut spec = three_dcs();
    let trust_plain_dc = TrustPlainDc::Never;
    let route = Route::Mtproto(ByHeader { trust_plain_dc, unknown });
    spec.routes = [("sniffed".into(), ListenerRoute::new(route))].into();
    all_up(spec)
}

#[test]
fn what_a_client_names_in_its_header_decides_and_what_it_does_not_is_configured() {
    let ip = "203.0.113.7".parse().expect("an address");
    let explained = |unknown, dc| {
        explain(&by_header(unknown), "sniffed", (ip, dc), Basis::Presumed).map(|view| {
            let (_, sentence) = view.sentence.split_once(" goes to ").expect("it goes somewhere");
            (sentence.to_owned(), view.named_dc, view.bound_to, view.class)
        })
    };
    for (id, class) in [(5, "main"), (-5, "media")] {
        let sentence = "DC 5 sin, 9917 km away: its header names it.".to_owned();
        let named = (sentence, Some(id), Some(5), class.to_owned());
        assert_eq!(explained(UnknownClient::Nearest, Some(id)), Ok(named));
    }
    let nearest = ("DC 2 ams, 576 km away: nearest.".to_owned(), None, None, "main".to_owned());
    assert_eq!(explained(UnknownClient::Nearest, None), Ok(nearest));
    let text = "DC 1 mia, 7995 km away: listener sniffed binds the session to it.";
    let bound = (text.to_owned(), None, Some(1), "main".to_owned());
    assert_eq!(explained(UnknownClient::Dc(DcId(1)), None), Ok(bound));
    for (unknown, dc) in [(UnknownClient::Close, None), (UnknownClient::Nearest, Some(7))] {
        let refused = explained(unknown, dc).expect_err("a refusal");
        assert_eq!(refused, ExplainError::NotRouted("sniffed".to_owned(), dc));
    }
}

#[test]
fn ties_and_slow_dcs_are_named() {
    let mut spec = three_dcs();
    spec.policy.tie_margin = Millis(100.0);
    let view = explained(&all_up(spec), "203.0.113.7");
    assert_eq!(view.why.as_deref(), Some("tie"));
    assert!(view.sentence.contains("within 100 ms of DC "), "{}", view.sentence);
    let mut snapshot = all_up(three_dcs());
    snapshot.dcs[1].excess = Millis(400.0);
    let view = explained(&snapshot, "203.0.113.7");
    assert!(
        view.sentence.ends_with("DC 2 ams is nearer, but 400 ms slower than usual."),
        "{}",
        view.sentence
    );
}

#[test]
fn costs_that_cannot_be_compared_are_null_and_survive_json() {
    let mut spec = three_dcs();
    spec.policy.objective = Objective::Latency;
    let mut snapshot = all_up(spec);
    snapshot.dcs[0].round_trip = None;
    snapshot.dcs[0].settled_round_trip = None;
    let view = explained(&snapshot, "203.0.113.7");
    assert_eq!(view.dcs[2].cost_ms, None);
    let text = serde_json::to_string(&view).expect("it serialises");
    let back: ExplainView = serde_json::from_str(&text).expect("it is read back");
    assert_eq!(back, view);
}

#[test]
fn the_listener_is_the_named_or_the_only_one() {
    let mut spec = three_dcs();
    spec.routes.insert("pinned".into(), bound_to(2));
    let topology = Topology::new(spec);
    let named = the_listener(&topology, Some("pinned"));
    assert_eq!(named.map(|(name, route)| (name, route.route)), Ok(("pinned", Route::Dc(DcId(2)))));
    let known = || vec!["clients".to_owned(), "pinned".to_owned()];
    assert_eq!(the_listener(&topology, None), Err(ExplainError::WhichListener(known())));
    assert_eq!(
        the_listener(&topology, Some("x")),
        Err(ExplainError::UnknownListener("x".into(), known()))
    );
}

#[test]
fn what_the_listener_remembers_is_shown_and_decides_and_asking_changes_nothing() {
    let mut spec = three_dcs();
    let route = spec.routes.get_mut("clients").expect("the listener");
    route.sticky = Some(Sticky::default());
    let mut snapshot = all_up(spec);
    let memory = StickyMemory::new(HashKey::new([0; 16]));
    memory.follow(snapshot.topology.routes(), EpochSeconds(1000));
    let basis = Basis::Live { memory: &memory, now: EpochSeconds(1000) };
    let german = "203.0.113.7";
    let addr = ClientAddr::new(german.parse().expect("an address"));

    let new = explained_on(&snapshot, german, basis);
    assert_eq!(new.memory.map(|memory| (memory.dc, memory.counts)), Some((None, false)));
    assert_eq!(new.why.as_deref(), Some("nearest"));

    let listener = memory.of_listener("clients").expect("it is sticky");
    listener.remember(addr, DcId(5), EpochSeconds(1000));
    let known = explained_on(&snapshot, german, basis);
    assert_eq!(known.memory.map(|memory| (memory.dc, memory.counts)), Some((Some(5), true)));
    assert_eq!(known.why.as_deref(), Some("sticky"));
    assert_eq!((known.dcs[0].id, &*known.dcs[0].precedence), (5, "remembered"));
    assert_eq!((&*known.basis, memory.clients()["clients"]), ("live", 1));

    set_admin(&mut snapshot, 5, AdminState::Drain);
    let drained = explained_on(&snapshot, german, basis);
    assert!(drained.sentence.ends_with("DC 5 sin comes first and is out of use (drain)."));

    let later = Basis::Live { memory: &memory, now: EpochSeconds(1000 + 8 * 86_400) };
    let forgotten = explained_on(&snapshot, german, later);
    assert_eq!(forgotten.memory.map(|memory| memory.dc), Some(None));
    let presumed = explained(&snapshot, german);
    assert_eq!(
        (presumed.memory.map(|memory| memory.dc), &*presumed.basis),
        (Some(None), "presumed")
    );
    assert_eq!(explained(&all_up(three_dcs()), german).memory, None, "it remembers nobody");
}

#[test]
fn access_points_are_in_the_order_of_their_dials_and_say_why_others_are_not_dialled() {
    let mut spec = three_dcs();
    let ams = &mut spec.dcs[0].access_points;
    ams.extend([ams[0].clone(), ams[0].clone(), ams[0].clone(), ams[0].clone()]);
    for (number, access_point) in (1..).zip(ams.iter_mut()) {
        access_point.address.socket.set_port(number);
    }
    ams[1].flags.static_address = true;
    ams[2].flags.media_only = true;
    ams[3].offered_to = [ClientMatch { eu: Some(false), ..ClientMatch::default() }].into();
    ams[0].weight = 7;
    let mut snapshot = all_up(spec);
    let index = snapshot.topology.find_dc(DcId(2)).expect("Amsterdam");
    let topology = std::sync::Arc::clone(&snapshot.topology);
    for (at, access_point) in topology.access_points_of(index) {
        match access_point.id.address.socket.port() {
            5 => snapshot.access_points[at.0 as usize].admin = AdminState::Drain,
            6 => snapshot.access_points[at.0 as usize].health = Health::Down,
            _ => {}
        }
    }
    let view = explained(&snapshot, "203.0.113.7");
    let ams = &view.dcs[0].access_points;
    let shown = ams.iter().map(|it| {
        let (_, port) = it.address.rsplit_once(':').expect("a port");
        (port, it.dial, it.exclusion.as_deref())
    });
    let expected = [
        ("2", Some(1), None),
        ("1", Some(2), None),
        ("3", None, Some("class")),
        ("4", None, Some("not_offered")),
        ("5", None, Some("drain")),
        ("6", None, Some("down")),
    ];
    let mut shown: Vec<_> = shown.collect();
    shown[2..].sort_unstable();
    assert_eq!(shown, expected);
    assert_eq!(ams[0].flags, ["static"]);
    assert_eq!(ams[1].weight, 7);
    let for_others = ams.iter().find(|it| it.exclusion.as_deref() == Some("not_offered"));
    assert_eq!(for_others.map(|it| it.offered_to.clone()), Some(vec!["not eu".to_owned()]));
    let json = serde_json::to_value(&view).expect("it serialises");
    assert!(json["dcs"][0]["access_points"][0]["for"].is_array());
    let back: ExplainView = serde_json::from_value(json).expect("it is read back");
    assert_eq!(back, view);
}

#[test]
fn the_load_of_a_dc_is_shown_and_one_without_room_says_how_much_it_has() {
    let mut spec = three_dcs();
    spec.dcs[0].max_connecting = 1;
    let snapshot = all_up(spec);
    let slot = &snapshot.dcs[1].slot;
    slot.session_opened();
    assert!(slot.reserve_connect(1));
    let view = explained(&snapshot, "203.0.113.7");
    let ams = &view.dcs[0];
    assert_eq!((ams.sessions_active, ams.connecting, ams.max_connecting), (1, 1, 1));
    assert_eq!(ams.exclusion_says.as_deref(), Some("1 of 1 connects in flight"));
    assert_eq!(view.why.as_deref(), Some("failover"));
}

#[test]
fn a_refusal_has_the_reason_that_is_counted() {
    let mut spec = three_dcs();
    spec.policy.fail_open = false;
    for dc in &mut spec.dcs {
        dc.max_connecting = 0;
    }
    let mut snapshot = all_up(spec);
    assert_eq!(explained(&snapshot, "203.0.113.7").refused.as_deref(), Some("overflow"));
    for dc in [1, 2, 5] {
        set_health(&mut snapshot, dc, Health::Down);
    }
    assert_eq!(explained(&snapshot, "203.0.113.7").refused.as_deref(), Some("no_dc"));
    assert_eq!(explained(&all_up(three_dcs()), "203.0.113.7").refused, None);
}

#[test]
fn the_location_is_complete_and_a_default_is_unknown_to_policy() {
    let view = explained(&all_up(three_dcs()), "203.0.113.7");
    let location = view.location;
    assert_eq!(location.country_name.as_deref(), Some("Germany"));
    assert_eq!(
        (location.continent.as_deref(), location.eu, location.eea),
        (Some("EU"), Some(true), Some(true))
    );
    assert!(!location.unknown_to_policy);
    let place = Place {
        coordinates: crate::routing::Coordinates::new(1.35, 103.82).expect("Singapore"),
        country: CountryCode::new("SG"),
    };
    let default = Location { place: Some(place), origin: Origin::Default, asn: Some(Asn(64_512)) };
    let location = LocationView::from(default);
    assert_eq!((location.country.as_deref(), location.continent), (Some("SG"), None));
    assert!(location.unknown_to_policy);
    assert_eq!(location.asn, Some(64_512));
}

#[test]
fn a_replica_and_a_last_resort_say_why() {
    let replicated = || {
        let mut spec = pinned(2);
        spec.policy.bound_fail_open = true;
        spec.dcs.iter_mut().filter(|dc| dc.id == DcId(2)).for_each(|dc| {
            dc.replicas = [DcId(5)].into();
        });
        spec
    };
    let ends = |snapshot: &Snapshot, says: &str| {
        let view = explained(snapshot, "203.0.113.7");
        assert!(view.sentence.ends_with(says), "{}", view.sentence);
        view
    };
    let mut snapshot = all_up(replicated());
    set_health(&mut snapshot, 2, Health::Down);
    ends(&snapshot, ": a replica; DC 2 ams comes first and is out of use (down).");
    set_health(&mut snapshot, 5, Health::Down);
    let says = "the session is bound to it and no replica is up, so its health is ignored.";
    assert_eq!(ends(&snapshot, says).attempts.len(), 1);
    let mut spec = replicated();
    spec.dcs.iter_mut().filter(|dc| dc.id == DcId(2)).for_each(|dc| dc.access_points.clear());
    let says = ": a replica; DC 2 ams comes first and is out of use (class).";
    let view = ends(&all_up(spec), says);
    let amsterdam = view.dcs.iter().find(|dc| dc.id == 2).and_then(|dc| dc.exclusion_says.clone());
    assert_eq!(amsterdam.as_deref(), Some("no access point for class main"));
}

#[test]
fn flows_are_explained_by_what_serves_udp() {
    let mut spec = three_dcs();
    let of_udp = |route| ListenerRoute { protocol: Protocol::Udp, ..ListenerRoute::new(route) };
    spec.routes.insert("calls".into(), of_udp(Route::Nearest));
    spec.routes.insert("dc2".into(), of_udp(Route::Dc(DcId(2))));
    for dc in &mut spec.dcs {
        dc.access_points[1].address.protocol = Protocol::Udp;
    }
    spec.dcs[1].access_points.pop();
    let snapshot = all_up(spec);
    let explained = |listener| {
        let ip = "203.0.113.7".parse().expect("an address of the test");
        explain(&snapshot, listener, (ip, None), Basis::Presumed).expect("a listener")
    };
    let view = explained("calls");
    assert_eq!((view.protocol.as_str(), view.class.as_str()), ("udp", "main"));
    assert!(view.sentence.contains("goes to DC 2 ams"), "{}", view.sentence);
    let dials = view.attempts.iter().map(|dial| dial.access_point.as_str());
    assert_eq!(dials.collect::<Vec<_>>(), ["10.0.2.2:443/udp", "10.0.5.2:443/udp"]);
    let ams = view.dcs.iter().find(|dc| dc.id == 2).expect("Amsterdam");
    let offers = ams.access_points.iter().map(|it| (it.address.as_str(), it.exclusion.as_deref()));
    assert_eq!(
        offers.collect::<Vec<_>>(),
        [("10.0.2.2:443/udp", None), ("10.0.2.1:443", Some("protocol"))]
    );
    let mia = view.dcs.iter().find(|dc| dc.id == 1).expect("Miami");
    let left_out = (mia.exclusion.as_deref(), mia.exclusion_says.as_deref());
    assert_eq!(left_out, (Some("class"), Some("no access point for UDP of class main")));
    let bound = explained("dc2").sentence;
    assert!(bound.ends_with("listener dc2 binds the flow to it."), "{bound}");
    assert_eq!(explained("clients").protocol, "tcp");
}
