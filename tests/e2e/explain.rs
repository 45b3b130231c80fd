//! Where clients go by geography: what is explained, by the daemon and without one, is what happens.

use std::net::IpAddr;

use serde_json::Value;

use crate::places::{PLACES, ip};
use crate::support::client::who_answers;
use crate::support::lab::{DCS, Edge, Lab, SINGAPORE};
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
