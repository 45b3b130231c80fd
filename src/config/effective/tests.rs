use std::path::Path;

use serde_json::json;

use crate::config::{Config, File, parse};

fn config(main: &str, list: &str) -> Config {
    let file = |path, bytes| File { path: Path::new(path), bytes };
    parse(file("m", main.as_bytes()), file("l", list.as_bytes()))
        .unwrap_or_else(|error| panic!("{error}"))
        .config
}

const MAIN: &str = "listeners: [{name: a, bind: ['[::1]:2', '127.0.0.1:1'], route: {dc: 2}}]
dcs: [{id: 2, health: {fall: 9, hold_down: {max: 10m}}}]
health: {interval: 60s, probe: {http: {expect: 200-200}}}
geoip: {overrides: {127.0.0.1: {country: nl}}}";

const SECRET: &str = "00112233445566778899aabbccddeeff";

#[test]
fn defaults_are_filled_in_and_written_in_one_way() {
    let value = config(MAIN, "- {id: 2, ip: 192.0.2.1, port: 443, flags: 16}").effective();
    assert_eq!(value["listeners"][0]["bind"], json!(["127.0.0.1:1", "[::1]:2"]));
    assert_eq!(value["listeners"][0]["route"], json!({"dc": 2}));
    assert_eq!(value["listeners"][0]["sticky"], "none", "of nearest listeners only");
    assert_eq!(value["listeners"][0]["timeouts"]["idle"], "10m");
    assert_eq!(value["dcs"][0]["name"], "dc2");
    assert_eq!(value["dcs"][0]["health"]["fall"], 9);
    assert_eq!(value["dcs"][0]["health"]["interval"], "1m", "what the DC does not say is said");
    let probe = json!({"http": {"path": "/", "host": "none", "port": "same", "expect": 200}});
    assert_eq!(value["dcs"][0]["health"]["probe"], probe);
    assert_eq!(value["dcs"][0]["health"]["hold_down"], json!({"first": "30s", "max": "10m"}));
    assert_eq!(value["health"]["hold_down"], json!({"first": "30s", "max": "5m"}));
    assert_eq!(value["health"]["max_in_flight"], 512);
    assert_eq!(value["geoip"]["overrides"], json!({"127.0.0.1/32": {"country": "NL"}}));
    assert_eq!(value["memory"]["pending"], "256MiB");
    assert_eq!(value["guards"]["max_removed"], "50%");
    assert_eq!(value["connect"]["hedge"], json!({"min": "200ms", "factor": 2.0, "budget": "10%"}));
    let access_point = &value["dc_options"][0];
    assert_eq!((&access_point["static"], &access_point["weight"]), (&json!(true), &json!(100)));
    assert_eq!(value["dc_options_file"], "dc_options.yaml");
}

#[test]
fn what_means_the_same_is_the_same() {
    let list = "- {id: 2, ip: 192.0.2.1, port: 443}";
    let other =
        "listeners:\n- {name: a, bind: ['127.0.0.1:1', '[::1]:2'], route: {dc: 2}, dcs: all}
dcs: [{id: 2, name: dc2, health: {fall: 9, interval: 1m, hold_down: {first: 30s, max: 600s}}}]
health: {interval: 1m, rise: 2, max_in_flight: 512, probe: {http: {path: /, port: same, expect: 200}}}\nlog:
geoip: {overrides: {127.0.0.1/32: {country: NL}}}";
    assert_eq!(config(MAIN, list).effective(), config(other, list).effective());
}

#[test]
fn fingerprints_are_the_same_in_every_form_and_order() {
    let keys = |pins: &str| {
        let probe = format!("probe: {{mtproto: {{fingerprints: {pins}}}}}");
        let main = format!(
            "listeners: [{{name: a, bind: ['127.0.0.1:1']}}]
health: {{{probe}}}
dcs: [{{id: 2, health: {{{probe}}}}}, {{id: 3}}]"
        );
        config(&main, "- {id: 2, ip: 192.0.2.1, port: 443}\n- {id: 3, ip: 192.0.2.1, port: 443}")
            .effective()
    };
    let one = keys("[0xc3b42b026ce86b21, 0xff, 'c3b42b026ce86b21']");
    assert_eq!(one, keys("['0x00000000000000FF', -4344800451088585951]"));
    let written = json!(["0x00000000000000ff", "0xc3b42b026ce86b21"]);
    for health in [&one["health"], &one["dcs"][0]["health"], &one["dcs"][1]["health"]] {
        assert_eq!(health["probe"]["mtproto"]["fingerprints"], written);
    }
}

#[test]
fn sets_are_the_same_however_they_are_written_and_an_order_is_kept() {
    let keys = |countries: &str, action: &str, dcs: &str, networks: &str, listed: &str| {
        let listener = "name: a, bind: ['127.0.0.1:1']";
        let main = format!(
            "listeners: [{{{listener}, dcs: {listed}, proxy_protocol: {{accept_from: {networks}}}}}]\n\
             policy: {{rules: [{{match: {{country: {countries}}}, {action}}}]}}\n\
             dcs: {dcs}"
        );
        let list = format!(
            "- {{id: 2, ip: 192.0.2.1, port: 443, for: {{country: {countries}}}}}\n\
             - {{id: 4, ip: 192.0.2.1, port: 443}}"
        );
        config(&main, &list).effective()
    };
    let without_revision = |mut value: serde_json::Value| {
        value["dc_options_revision"].take();
        value
    };
    let one = keys(
        "[DE, NL]",
        "restrict: [2, 4]",
        "[{id: 2}, {id: 4}]",
        "['::/0', 10.0.0.0/8]",
        "[2, 4]",
    );
    let same = keys(
        "[nl, DE, NL]",
        "restrict: [4, 2]",
        "[{id: 4}, {id: 2}]",
        "[10.0.0.0/8, '::/0', '::/0']",
        "[4, 2, 4]",
    );
    assert_eq!(without_revision(one.clone()), without_revision(same));
    let first = keys("[DE, NL]", "prefer: [2, 4]", "[{id: 2}]", "[]", "all");
    let second = keys("[DE, NL]", "prefer: [4, 2]", "[{id: 2}]", "[]", "all");
    assert_ne!(first, second, "the first one is preferred to the second");
}

#[test]
fn what_entries_of_one_access_point_offer_has_no_order() {
    let offered = |countries: [&str; 2]| {
        let entries = countries.map(|country| {
            format!("- {{id: 2, ip: 192.0.2.1, port: 1, for: {{country: {country}}}}}\n")
        });
        config(MAIN, &entries.concat()).effective()["dc_options"].clone()
    };
    assert_eq!(offered(["NL", "DE"]), offered(["DE", "NL"]));
}

#[test]
fn secrets_are_never_shown() {
    let list = format!("- {{id: 2, ip: 192.0.2.1, port: 443, secret: '{SECRET}'}}");
    let config = config(MAIN, &list);
    let value = config.effective();
    let shown = value["dc_options"][0]["secret"].as_str().expect("text");
    assert!(shown.starts_with("redacted:") && shown.len() == 17, "{shown}");
    assert!(!value.to_string().contains(SECRET) && !format!("{config:?}").contains(SECRET));
}
