//! Where clients go by geography: what is explained, by the daemon and without one, is what happens.

use std::net::IpAddr;

use serde_json::Value;

use crate::places::{PLACES, ip};
use crate::support::client::{End, refusal, who_answers};
use crate::support::lab::{AMSTERDAM, DCS, Edge, Lab, MIAMI, SINGAPORE};
use crate::support::process::output;

/// Who answers a client of this address. What the daemon explains must say the same; the ranking
/// must not change on the way, so nothing may happen to the DCs meanwhile.
async fn answered_as_explained(edge: &Edge, client: IpAddr) -> (u16, Value) {
    let explained = edge.doors.explain(client).await;
    let who = who_answers(edge.clients(), client).await.expect("a session");
    let first = &explained["attempts"][0];
    assert_eq!(first["dc"], who.dc, "{client}");
    assert_eq!(first["access_point"], who.access_point.to_string(), "{client}");
    (who.dc, explained)
}

#[tokio::test]
async fn twenty_countries_are_served_and_explained_by_geography_in_every_form_of_an_address() {
    let lab = Lab::new(2);
    let edge = lab.start().await;
    let mut arguments = vec!["explain".to_owned(), "--json".to_owned(), "--config".to_owned()];
    arguments.push(lab.main().display().to_string());
    let mut told = Vec::new();
    for (address, country, dc) in PLACES {
        let mut access_points = Vec::new();
        for form in [address.to_owned(), format!("::ffff:{address}"), format!("64:ff9b::{address}")]
        {
            let (answered, explained) = answered_as_explained(&edge, ip(&form)).await;
            assert_eq!(answered, dc, "{form}");
            assert_eq!(explained["client"], address, "{form}");
            assert_eq!(explained["location"]["country"], country, "{form}");
            assert_eq!(explained["why"], "nearest", "{form}");
            access_points.push(explained["attempts"][0]["access_point"].clone());
            arguments.push(form);
            told.push(explained);
        }
        access_points.dedup();
        assert_eq!(access_points.len(), 1, "{address} is one client");
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = output(&arguments).await;
    assert!(output.status.success(), "{output:?}");
    let offline: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(offline.len(), told.len());
    for (offline, live) in offline.iter().zip(&told) {
        for same in ["sentence", "client", "location", "why", "attempts"] {
            assert_eq!(offline[same], live[same], "{}", live["sentence"]);
        }
    }
}

#[tokio::test]
async fn a_private_address_is_where_geoip_default_says() {
    let lab = Lab::new(2);
    lab.configure(&[("geoip", "{default: {country: SG}}")]);
    let edge = lab.start().await;
    let (dc, explained) = answered_as_explained(&edge, ip("10.1.2.3")).await;
    assert_eq!(dc, SINGAPORE);
    assert_eq!(explained["location"]["origin"], "default");
}

#[tokio::test]
async fn a_private_address_without_a_default_goes_by_the_measured_round_trip() {
    let lab = Lab::new(1);
    lab.configure(&[
        ("policy", "{objective: distance, tie_margin: 0s}"),
        ("health", crate::support::lab::BLIND),
    ]);
    let edge = lab.start().await;
    let (dc, explained) = answered_as_explained(&edge, ip("10.1.2.3")).await;
    assert_eq!(explained["location"]["origin"], "unknown");
    let ranked = explained["dcs"].as_array().expect("a list");
    assert_eq!(ranked.len(), DCS.len());
    assert_eq!(ranked[0]["id"], dc);
    let costs = ranked.iter().map(|dc| dc["cost_ms"].as_f64().expect("measured"));
    assert!(costs.is_sorted(), "{explained}");
    for dc in ranked {
        assert_eq!(dc["cost_ms"], dc["edge_to_dc_ms"], "{explained}");
        assert_eq!(dc["distance_km"], Value::Null);
    }
}

/// A listener that is `nearest` and remembers nobody, and one that is bound.
const NEAREST_AND_BOUND: &str = "[{name: clients, bind: ['127.0.0.1:0'], sticky: none, \
     proxy_protocol: {accept_from: [127.0.0.0/8]}}, \
     {name: pinned, bind: ['127.0.0.1:0'], route: {dc: 5}, \
     proxy_protocol: {accept_from: [127.0.0.0/8]}}]";

const RULES: &str = "{objective: distance, rules: [\
     {match: {country: [JP]}, deny: true}, \
     {match: {eu: true}, restrict: [1]}, \
     {match: {country: [GB]}, prefer: [5]}]}";

#[tokio::test]
async fn rules_are_explained_as_they_hold() {
    let lab = Lab::new(1);
    lab.configure(&[("listeners", NEAREST_AND_BOUND), ("policy", RULES)]);
    let edge = lab.start().await;
    let refused = async |listener: &str| {
        let labels = [("listener", listener), ("reason", "policy")];
        edge.doors.scrape().await.sum("refused_total", &labels)
    };

    let japanese = ip("133.11.1.1");
    let explained = edge.doors.explain(japanese).await;
    assert_eq!(explained["refused"], "policy");
    let sentence = explained["sentence"].as_str().expect("text");
    let denied = "is refused by policy: policy.rules[0], deny country JP.";
    assert!(sentence.ends_with(denied), "{sentence}");
    assert_eq!(refusal(edge.clients(), japanese).await, End::Reset);
    assert_eq!(refused("clients").await, 1.0);

    for (client, dc, rule, why) in [
        ("145.97.1.1", MIAMI, "policy.rules[1]", "nearest"),
        ("131.111.8.46", SINGAPORE, "policy.rules[2]", "preferred"),
    ] {
        let (answered, explained) = answered_as_explained(&edge, ip(client)).await;
        assert_eq!(answered, dc, "{client}");
        let fitting = &explained["policy"]["fitting"];
        assert_eq!(fitting[0]["rule"], rule, "{client}");
        assert_eq!(fitting[0]["decides"], true, "{client}");
        assert_eq!(explained["why"], why, "{client}");
        let sentence = explained["sentence"].as_str().expect("text");
        assert!(sentence.contains(&format!("goes to DC {dc} ")), "{sentence}");
    }

    let path = format!("/v1/explain?listener=pinned&ip={japanese}");
    let audited = edge.doors.json(&path).await;
    assert_eq!(audited["policy"]["audited"], true);
    assert_eq!(audited["why"], "pinned");
    let who = who_answers(edge.listener("pinned"), japanese).await.expect("a session");
    assert_eq!(who.dc, SINGAPORE);
    let counted = edge.doors.scrape().await.sum("policy_audited_total", &[("listener", "pinned")]);
    assert_eq!((counted, refused("pinned").await), (1.0, 0.0));
}

#[tokio::test]
async fn what_is_remembered_is_explained_and_asking_does_not_refresh_it() {
    let lab = Lab::new(1);
    lab.configure(&[("listeners", crate::sticky::STICKY)]);
    let edge = lab.start().await;
    let dutch = ip("145.97.1.1");
    let explained = edge.doors.explain(dutch).await;
    assert_eq!((&explained["memory"]["dc"], &explained["why"]), (&Value::Null, &"nearest".into()));
    let labels = [("listener", "clients")];
    assert_eq!(edge.doors.scrape().await.value("sticky_clients", &labels), 0.0);
    who_answers(edge.clients(), dutch).await.expect("a session");
    let (dc, explained) = answered_as_explained(&edge, dutch).await;
    assert_eq!(dc, AMSTERDAM);
    assert_eq!((&explained["memory"]["dc"], &explained["why"]), (&dc.into(), &"sticky".into()));
}

#[tokio::test]
async fn a_file_of_clients_is_counted_and_bad_lines_are_told() {
    let lab = Lab::new(1);
    let edge = lab.start().await;
    let mut file = String::from("# addresses and how often they came\n\n");
    for (address, ..) in PLACES {
        file.push_str(&format!("{address} 17\n"));
    }
    file.push_str("nowhere\n10.1.2.3\n");
    lab.write("clients.txt", &file);
    let clients = lab.path("clients.txt").display().to_string();
    let main = lab.main().display().to_string();
    let admin = format!("http://{}", edge.doors.admin);
    let mut summaries = Vec::new();
    for source in [["--config", &main], ["--admin", &admin]] {
        let command = [&["explain", "--json", "--file", &clients][..], &source].concat();
        let output = output(&command).await;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains(":23: \"nowhere\" is no IPv4 or IPv6 address"), "{told}");
        let view: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(view["addresses"], PLACES.len() + 1);
        assert_eq!((&view["bad_lines"], &view["unknown_location"]), (&1.into(), &1.into()));
        let expected = |id: u16| PLACES.iter().filter(|(.., dc)| *dc == id).count();
        for dc in view["dcs"].as_array().expect("a list") {
            let id = dc["id"].as_u64().and_then(|id| id.try_into().ok()).expect("a DC");
            // The client that nobody locates goes by round trips, which only a daemon has.
            let nearest = dc["why"]["nearest"].as_u64().unwrap_or_default() as usize;
            assert!((expected(id)..=expected(id) + 1).contains(&nearest), "{view}");
        }
        summaries.push(view);
    }
    let basis: Vec<&Value> = summaries.iter().map(|view| &view["basis"]).collect();
    assert_eq!(basis, ["presumed", "live"]);

    let command = ["explain", "--file", &clients, "--config", &main, "--each"];
    let output = output(&command).await;
    let lines = String::from_utf8(output.stdout).expect("text");
    let columns: Vec<&str> = lines.lines().next().expect("a line").split('\t').collect();
    assert_eq!(columns, ["145.97.1.1", "NL", "2", "nearest", "policy.default"]);
    assert_eq!(lines.lines().count(), PLACES.len() + 1);
}
