use std::path::Path;

use super::*;
use crate::config::{File, parse};

const A: &str = "{name: a, bind: ['127.0.0.1:1']}";

fn config(listeners: &str, keys: &str, list: &str) -> Config {
    let main = format!("listeners: [{listeners}]\n{keys}");
    let file = |path, bytes| File { path: Path::new(path), bytes };
    parse(file("m", main.as_bytes()), file("l", list.as_bytes()))
        .unwrap_or_else(|error| panic!("{error}"))
        .config
}

fn list(ports: &[u16]) -> String {
    let entries = ports.iter().map(|port| format!("- {{id: 2, ip: 192.0.2.1, port: {port}}}\n"));
    entries.collect()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn the_same_configuration_changes_nothing() {
    let running = config(A, "", &list(&[1]));
    let plan = ReloadPlan::new(&running, &running);
    assert_eq!(plan.listeners.unchanged, names(&["a"]));
    assert_eq!(plan.to_string(), "nothing changes");
    assert!(!plan.dc_options_changed && !plan.routing_changed && !plan.geoip_changed);
}

#[test]
fn listeners_get_new_sockets_only_for_addresses() {
    let old = "{name: bind, bind: ['127.0.0.1:1']}, {name: backlog, bind: ['127.0.0.1:2']},
        {name: idle, bind: ['127.0.0.1:3']}, {name: route, bind: ['127.0.0.1:4']},
        {name: same, bind: ['127.0.0.1:5', '127.0.0.1:8']}, {name: old, bind: ['127.0.0.1:6']}";
    let new = "{name: bind, bind: ['127.0.0.1:9']},
        {name: backlog, bind: ['127.0.0.1:2'], tcp: {backlog: 9}},
        {name: idle, bind: ['127.0.0.1:3'], timeouts: {idle: 9m}},
        {name: route, bind: ['127.0.0.1:4'], route: {dc: 2}},
        {name: same, bind: ['127.0.0.1:8', '127.0.0.1:5']}, {name: new, bind: ['127.0.0.1:7']}";
    let plan = ReloadPlan::new(&config(old, "", &list(&[1])), &config(new, "", &list(&[1])));
    assert_eq!(
        plan.listeners,
        ListenerChanges {
            added: names(&["new"]),
            removed: names(&["old"]),
            rebound: names(&["bind"]),
            adjusted: names(&["backlog", "idle", "route"]),
            unchanged: names(&["same"]),
        }
    );
    assert!(!plan.dc_options_changed);
}

#[test]
fn listeners_get_new_sockets_for_another_protocol_and_keep_them_for_other_flows() {
    let old = "{name: a, bind: ['127.0.0.1:1']}, {name: b, bind: ['127.0.0.1:2'], protocol: udp},
        {name: c, bind: ['127.0.0.1:3'], protocol: udp}";
    let new = "{name: a, bind: ['127.0.0.1:1'], protocol: udp},
        {name: b, bind: ['127.0.0.1:2'], protocol: udp, udp: {idle: 61s}, limits: {new_per_second: {rate: 5}}},
        {name: c, bind: ['127.0.0.1:3'], protocol: udp, tcp: {backlog: 7}}";
    let plan = ReloadPlan::new(&config(old, "", &list(&[1])), &config(new, "", &list(&[1])));
    let ListenerChanges { rebound, adjusted, unchanged, .. } = &plan.listeners;
    assert_eq!((rebound, adjusted), (&names(&["a"]), &names(&["b"])));
    assert_eq!(*unchanged, names(&["c"]), "what means nothing to it is no change of it");
    let paths: Vec<&str> = plan.changes.iter().map(|change| change.path.as_str()).collect();
    assert_eq!(
        paths,
        ["listeners[a].protocol", "listeners[b].limits.new_per_second", "listeners[b].udp.idle"]
    );
}

#[test]
fn what_an_address_serves_besides_comes_and_goes_as_an_access_point() {
    let old = config(A, "", "- {id: 2, ip: 192.0.2.1, port: 1}");
    let new = config(A, "", "- {id: 2, ip: 192.0.2.1, port: 1, protocols: [tcp, udp]}");
    let plan = ReloadPlan::new(&old, &new);
    assert_eq!(plan.access_points, Change { added: 1, removed: 0 });
    assert_eq!(plan.changes[0].path, "dc_options[2/192.0.2.1:1/udp]");
    assert_eq!((plan.changes.len(), &plan.changes[0].before), (1, &None));
    assert_eq!(ReloadPlan::between(&old.effective(), &new.effective()), plan);
    assert_eq!(ReloadPlan::new(&new, &old).to_string(), "access points: +0 -1");
}

#[test]
fn access_points_are_counted_by_identity() {
    let old = config(A, "", &list(&[1, 2, 3]));
    let new = config(A, "dcs: [{id: 5}]", &list(&[2, 3, 4, 5]));
    let plan = ReloadPlan::new(&old, &new);
    assert_eq!(plan.access_points, Change { added: 2, removed: 1 });
    assert_eq!(plan.dcs, Change { added: 1, removed: 0 });
    assert!(plan.dc_options_changed);
    assert_eq!(plan.to_string(), "DCs: +1 -0; access points: +2 -1");
}

#[test]
fn no_change_goes_unsaid_because_another_is_summed_up() {
    let told = |keys: &str, list: &str| {
        let old = config(A, "dcs: [{id: 2}]", "- {id: 2, ip: 192.0.2.1, port: 1}");
        ReloadPlan::new(&old, &config(A, keys, list)).to_string()
    };
    let two = "- {id: 2, ip: 192.0.2.1, port: 1, weight: 7}\n- {id: 4, ip: 192.0.2.1, port: 1}";
    assert_eq!(
        told("policy: {tie_margin: 9ms}\ndcs: [{id: 2, weight: 1}]\nlog: {level: warn}", two),
        "DCs: +1 -0; access points: +1 -0; changes: dc_options[2/192.0.2.1:1].weight, \
         dcs[2].weight, policy.tie_margin; needs a restart: log.level"
    );
    let same = "- {id: 2, ip: 192.0.2.1, port: 1}";
    assert_eq!(told("", same), "changes: dcs[2]", "the DC itself stays: it has access points");
    assert_eq!(told("dcs: [{id: 2}]\ngeoip: {default: {country: NL}}", same), "geoip changes");
}

#[test]
fn keys_that_wait_for_a_restart_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let tokens = folder.path().join("tokens");
    std::fs::write(&tokens, "ann write 0123456789abcdef").expect("a file");
    let changes = format!(
        "edge: {{name: x, workers: 2, state_dir: y}}\n\
         memory: {{pending: 1MiB, pipes: 1MiB, pipe_size: 64KiB}}\n\
         admin: {{bind: none, tokens_file: '{0}', tls: {{cert: '{0}', key: '{0}'}}, allowed_hosts: [x]}}\n\
         metrics: {{bind: none}}\nlog: {{level: warn, format: json}}\n\
         shutdown: {{grace: 1s, deadline: 9s}}",
        tokens.display()
    );
    let plan = ReloadPlan::new(&config(A, "", &list(&[1])), &config(A, &changes, &list(&[1])));
    assert_eq!(plan.needs_restart, restart::KEYS);
    assert!(
        plan.to_string().starts_with("needs a restart: edge.name, edge.workers, edge.state_dir, m")
    );
    let json = serde_json::to_value(&plan).expect("a plan is plain data");
    assert_eq!(json["listeners"]["unchanged"][0], "a");
    let live =
        "policy: {objective: latency}\nguards: {max_removed: 1%}\ngeoip: {default: {country: NL}}";
    let plan = ReloadPlan::new(&config(A, "", &list(&[1])), &config(A, live, &list(&[1])));
    assert!(plan.needs_restart.is_empty() && plan.routing_changed && plan.geoip_changed);
}

#[test]
fn another_admin_address_is_not_told_as_other_hosts() {
    let plan = |old: &str, new: &str| {
        let config = |admin: &str| config(A, &format!("admin: {{{admin}}}"), &list(&[1]));
        ReloadPlan::new(&config(old), &config(new)).needs_restart
    };
    assert_eq!(plan("", "bind: '127.77.0.1:9900'"), ["admin.bind"]);
    assert_eq!(plan("bind: '[::1]:9900'", "bind: none"), ["admin.bind"]);
    assert_eq!(plan("", "allowed_hosts: [localhost, edge]"), ["admin.allowed_hosts"]);
    assert_eq!(plan("", "allowed_hosts: [localhost]"), [""; 0], "127.0.0.1 stays one of them");
}

#[test]
fn every_changed_key_is_named_with_what_it_was_and_will_be() {
    let old = config(
        "{name: a, bind: ['127.0.0.1:1']}, {name: gone, bind: ['127.0.0.1:2']}",
        "dcs: [{id: 2, location: {country: NL}}]\ngeoip: {overrides: {10.0.0.0/8: {country: NL}}}",
        "- {id: 2, ip: 192.0.2.1, port: 1}\n- {id: 2, ip: 192.0.2.9, port: 1}",
    );
    let new = config(
        "{name: a, bind: ['127.0.0.1:1'], limits: {sessions: 5}}",
        "dcs: [{id: 2, location: {lat: 1, lon: 2}}, {id: 3}]\nedge: {name: x}",
        "- {id: 2, ip: 192.0.2.1, port: 1, weight: 7}\n- {id: 2, ip: '2001:db8::1', port: 1}",
    );
    let plan = ReloadPlan::between(&old.effective(), &new.effective());
    let change = |path: &str| {
        let found = plan.changes.iter().find(|change| change.path == path);
        found.unwrap_or_else(|| panic!("{path} is not in {:#?}", plan.changes))
    };
    let sessions = change("listeners[a].limits.sessions");
    assert_eq!(sessions.before, Some(100_000.into()));
    assert_eq!((&sessions.after, sessions.restart), (&Some(5.into()), false));
    assert!(change("edge.name").restart);
    assert_eq!(change("listeners[gone]").after, None);
    assert_eq!(change("dcs[3]").before, None);
    assert_eq!(change("dcs[2].location").before, Some(serde_json::json!({"country": "NL"})));
    assert_eq!(change("geoip.overrides[10.0.0.0/8]").after, None);
    assert_eq!(change("dc_options[2/192.0.2.1:1].weight").after, Some(7.into()));
    assert_eq!(change("dc_options[2/192.0.2.9:1]").after, None);
    assert_eq!(change("dc_options[2/[2001:db8::1]:1]").before, None);
    assert_eq!(plan.changes.len(), 9, "{:#?}", plan.changes);
    assert_eq!(ReloadPlan::new(&old, &new), plan, "long lists are compared more cheaply");
    let told = serde_json::to_string(&plan).expect("a plan is plain data");
    assert_eq!(serde_json::from_str::<ReloadPlan>(&told).expect("the same"), plan);
}

#[test]
fn another_probe_is_named_by_the_keys_that_differ_and_needs_no_restart() {
    let between = |old: &str, new: &str| {
        let [old, new] =
            [old, new].map(|health| config(A, &format!("health: {health}"), &list(&[1])));
        let plan = ReloadPlan::new(&old, &new);
        assert!(plan.routing_changed && plan.needs_restart.is_empty());
        plan.to_string()
    };
    assert_eq!(between("{}", "{probe: {http: {}}}"), "changes: health.probe");
    assert_eq!(
        between("{probe: {http: {path: /a}}}", "{probe: {http: {path: /b, expect: 200}}}"),
        "changes: health.probe.http.path, health.probe.http.expect"
    );
    assert_eq!(
        between("{}", "{max_in_flight: 9, hold_down: {first: 1s}}"),
        "changes: health.hold_down.first, health.max_in_flight"
    );
}
