//! Listeners for UDP, what their access points are asked, and where they are dialled from.

use std::num::NonZeroU32;

use super::*;
use crate::routing::Protocol;
use crate::routing::topology::UdpProbe;

const BOTH: &str = "- {id: 2, ip: 192.0.2.1, port: 443, protocols: [tcp, udp]}";

fn with_list(main: &str, list: &str) -> Loaded {
    let loaded = parse_both(main.as_bytes(), list.as_bytes());
    loaded.unwrap_or_else(|error| panic!("{error}\nin\n{main}"))
}

/// What is noted, with its path.
fn notes(main: &str, list: &str) -> Vec<String> {
    let notes = with_list(main, list).notes;
    notes.into_iter().map(|note| format!("{}: {}", note.path, note.text)).collect()
}

#[test]
fn every_key_of_udp_arrives_where_it_belongs() {
    let main = "
listeners:
- {name: calls, bind: ['0.0.0.0:443'], protocol: udp, class: media, route: {dc: 2},
   limits: {new_per_second: {rate: 5000, burst: 10000}},
   udp: {idle: 2m, unanswered_idle: 3s, flows: 5, flows_per_client: 4, receive_buffer: 64KiB, on_removed: move}}
- {name: web, bind: ['0.0.0.0:443'], limits: {new_per_second: {rate: 7}}}
dcs:
- {id: 2, source: {addresses: [192.0.2.7, '2001:db8::7']},
   health: {udp_probe: {send: 'hex:00ff', expect: pong}}}
- {id: 3}
health: {udp_probe: {send: ping}}
";
    let config = with_list(main, BOTH).config;
    let [calls, web] = &config.listeners[..] else { panic!("two listeners") };
    assert_eq!((calls.protocol, web.protocol), (Protocol::Udp, Protocol::Tcp));
    let flows = UdpOptions {
        idle: Duration::from_secs(120),
        unanswered_idle: Duration::from_secs(3),
        flows: 5,
        flows_per_client: Some(4),
        receive_buffer: 64 << 10,
        on_removed: OnRemoved::Move,
    };
    assert_eq!(calls.udp, flows);
    let new = |rate, burst| {
        let count = |count| NonZeroU32::new(count).expect("not zero");
        Some(NewRate { rate: count(rate), burst: count(burst) })
    };
    assert_eq!(calls.limits.new_per_second, new(5000, 10_000));
    assert_eq!(web.limits.new_per_second, new(7, 7), "the burst of a second");
    let route = config.topology.route("calls").expect("a route");
    assert_eq!((route.protocol, route.route), (Protocol::Udp, Route::Dc(DcId(2))));

    let [two, three] = config.topology.dcs() else { panic!("two DCs") };
    let own = UdpProbe { send: [0, 0xff].into(), expect: (*b"pong").into() };
    assert_eq!(two.health.udp_probe.as_deref(), Some(&own));
    let everybodys = UdpProbe { send: (*b"ping").into(), expect: [].into() };
    assert_eq!(three.health.udp_probe.as_deref(), Some(&everybodys));
    let sources: Vec<String> = two.source.iter().map(ToString::to_string).collect();
    assert_eq!(sources, ["192.0.2.7", "2001:db8::7"]);
    assert!(three.source.is_empty());
    let addresses = config.topology.access_points().iter().map(|it| it.id.to_string());
    assert_eq!(addresses.collect::<Vec<_>>(), ["2/192.0.2.1:443", "2/192.0.2.1:443/udp"]);
}

#[test]
fn defaults_of_flows_are_those_of_the_documented_tree() {
    let config = good("listeners: [{name: a, bind: ['127.0.0.1:1'], protocol: udp}]").config;
    let flows = UdpOptions {
        idle: Duration::from_secs(60),
        unanswered_idle: Duration::from_secs(10),
        flows: 100_000,
        flows_per_client: None,
        receive_buffer: 4 << 20,
        on_removed: OnRemoved::Keep,
    };
    assert_eq!(config.listeners[0].udp, flows);
    assert_eq!(config.listeners[0].limits.new_per_second, None);
    assert_eq!(config.topology.dcs()[0].health.udp_probe, None);
    let none = "health: {udp_probe: {send: a}}\ndcs: [{id: 2, health: {udp_probe: none}}]";
    let config = good(&format!("{LISTENER}{none}")).config;
    assert_eq!(config.topology.dcs()[0].health.udp_probe, None, "of this DC");
}

#[test]
fn a_port_is_one_of_tcp_and_one_of_udp() {
    good(
        "listeners: [{name: a, bind: ['0.0.0.0:443', '127.0.0.1:9901', '127.0.0.1:9900'], protocol: udp},
        {name: b, bind: ['0.0.0.0:443']}, {name: c, bind: ['192.0.2.1:53'], protocol: udp},
        {name: d, bind: ['0.0.0.0:53']}]",
    );
}

#[test]
fn keys_of_the_other_protocol_are_noted_and_mean_nothing() {
    let listener = |keys: &str| {
        format!(
            "dcs: [{{id: 2}}]\nhealth: {{udp_probe: {{send: a}}}}\nlisteners: [{{name: a, bind: ['127.0.0.1:1'], {keys}}}]"
        )
    };
    let udp = listener(
        "protocol: udp, tcp: {backlog: 9}, timeouts: {idle: 1h}, dial: on_first_byte,
        limits: {sessions: 9, sessions_per_client: 8}, proxy_protocol: {timeout: 1s}, udp: {flows: 9}",
    );
    let told = "means nothing here: the listener serves UDP";
    assert_eq!(
        notes(&udp, BOTH),
        [
            "tcp",
            "timeouts",
            "dial",
            "limits.sessions",
            "limits.sessions_per_client",
            "proxy_protocol.timeout"
        ]
        .map(|key| format!("listeners[0].{key}: {told}"))
    );
    let tcp = listener("udp: {flows: 9}");
    assert_eq!(
        notes(&tcp, BOTH),
        ["listeners[0].udp: means nothing here: the listener serves TCP"]
    );
    let of_listener = |main: &str| with_list(main, BOTH).config.effective()["listeners"][0].clone();
    let only = listener("protocol: udp, udp: {flows: 9}");
    assert_eq!(of_listener(&udp), of_listener(&only), "so that they are no change either");
    assert_eq!(of_listener(&tcp), of_listener(&listener("protocol: tcp")));
}

#[test]
fn probes_of_udp_without_effect_and_access_points_without_probe_are_noted() {
    let main = |keys: &str| format!("{LISTENER}{keys}");
    let two = "dcs: [{id: 2}, {id: 3}, {id: 4}]";
    let list =
        "[{id: 2, ip: 192.0.2.1, port: 1, protocols: [tcp, udp]}, {id: 3, ip: 192.0.2.1, port: 1},
        {id: 4, ip: 192.0.2.1, port: 1, protocols: [udp]}]";
    assert_eq!(
        notes(&main(two), list),
        [
            "health.udp_probe: is none, so that access points for UDP of DC 2 count as being as well as those for TCP",
            "health.udp_probe: is none, so that access points for UDP of DC 4 are always taken to be up: there are none for TCP",
        ]
    );
    let several = list.replace(
        "id: 3, ip: 192.0.2.1, port: 1",
        "id: 3, ip: 192.0.2.1, port: 1, protocols: [udp, tcp]",
    );
    assert!(notes(&main(two), &several)[0].contains(" of DCs 2, 3 count "));
    let probed = main(&format!("{two}\nhealth: {{udp_probe: {{send: a}}}}"));
    assert_eq!(notes(&probed, list), [""; 0]);
    let in_vain =
        "dcs: [{id: 2, health: {udp_probe: {send: a}}}, {id: 3, health: {udp_probe: {send: a}}},
        {id: 4, health: {udp_probe: {send: a}}}]";
    assert_eq!(
        notes(&main(in_vain), list),
        ["dcs[1].health.udp_probe: means nothing here: DC 3 has no access point for UDP"]
    );
}

#[test]
fn a_listener_whose_dcs_have_nothing_for_it_is_noted() {
    let list = "[{id: 2, ip: 192.0.2.1, port: 1, protocols: [udp], media_only: true}, {id: 3, ip: 192.0.2.1, port: 1}]";
    let listener = |keys: &str| {
        let main = format!(
            "listeners: [{{name: a, bind: ['127.0.0.1:1'], {keys}}}]\nhealth: {{udp_probe: {{send: a}}}}\n\
             dcs: [{{id: 2, replicas: [3]}}, {{id: 3}}]"
        );
        notes(&main, list)
    };
    let told = |what: &str| {
        let says = format!(
            "no DC that it may use has an access point for {what}: its clients are refused"
        );
        vec![format!("listeners[0]: {says}")]
    };
    assert_eq!(listener("protocol: udp"), told("UDP of class main"));
    assert_eq!(listener("protocol: udp, class: media"), [""; 0]);
    assert_eq!(listener("protocol: udp, class: media, dcs: [3]"), told("UDP of class media"));
    assert_eq!(listener("protocol: udp, class: media, route: {dc: 3}"), told("UDP of class media"));
    assert_eq!(listener("protocol: udp, class: media, route: {dc: 2}"), [""; 0]);
    assert_eq!(listener("class: cdn"), told("class cdn"));
    assert_eq!(listener("route: {dc: 2}"), [""; 0], "its replica has one");
    assert_eq!(
        listener("route: {dc: 2}, class: media"),
        told("class media"),
        "replicas are for main"
    );
    assert_eq!(listener("route: {mtproto: {trust_plain_dc: known}}"), [""; 0], "clients name DCs");
}

#[test]
fn a_source_without_the_family_that_is_dialled_is_noted() {
    let list = "[{id: 2, ip: 192.0.2.1, port: 1}, {id: 2, ip: '2001:db8::1', port: 1}]";
    let main =
        |addresses: &str| format!("{LISTENER}dcs: [{{id: 2, source: {{addresses: {addresses}}}}}]");
    assert_eq!(
        notes(&main("[192.0.2.7]"), list),
        ["dcs[0].source.addresses: has no IPv6 address: where one is dialled, the kernel chooses"]
    );
    for quiet in ["[]", "[192.0.2.7, '2001:db8::7']"] {
        assert_eq!(notes(&main(quiet), list), [""; 0], "{quiet}");
    }
}

#[test]
fn a_probe_is_written_in_one_way_whichever_way_it_was_given() {
    let probe = |probe: &str| {
        let main = format!("{LISTENER}health: {{udp_probe: {probe}}}");
        good(&main).config.effective()["health"]["udp_probe"].clone()
    };
    assert_eq!(probe("none"), "none");
    assert_eq!(probe("{send: a}"), serde_json::json!({"send": "a", "expect": "any"}));
    assert_eq!(probe("{send: 'hex:61', expect: any}"), probe("{send: a}"));
    assert_eq!(probe("{send: 'hex:FF', expect: 'hex:616e79'}")["expect"], "hex:616e79");
}

#[test]
fn the_example_probes_resolvers_and_relays_and_says_what_is_not_probed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/examples/udp/nearpoint.yaml");
    let Loaded { config, notes, .. } = load(&path).unwrap_or_else(|error| panic!("{error}"));
    let notes: Vec<&str> = notes.iter().map(|note| &*note.text).collect();
    let so = "is none, so that access points for UDP of DCs 1, 2 count as being as well as those for TCP";
    assert_eq!(notes, [so]);
    let asked = |id| {
        let index = config.topology.find_dc(DcId(id)).expect("a DC of the example");
        let probe = config.topology.dc(index).health.udp_probe.as_deref();
        probe.map(|probe| (probe.send.len(), probe.expect.len()))
    };
    // A question of DNS, and a request of STUN: a header and nothing more.
    assert_eq!([1, 11, 21].map(asked), [None, Some((17, 4)), Some((20, 2))]);
    let shared = config.listeners.iter().filter(|it| it.bind[0].port() == 443);
    let protocols: Vec<Protocol> = shared.map(|it| it.protocol).collect();
    assert_eq!(protocols, [Protocol::Tcp, Protocol::Udp]);
}
