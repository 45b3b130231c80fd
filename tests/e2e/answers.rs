//! What clients are told of the network, while it changes.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use nearpoint::routing::Health;
use nearpoint::stub::Fault;
use serde_json::Value;

use crate::places::ip;
use crate::support::client::who_answers;
use crate::support::lab::{AMSTERDAM, Edge, Lab, MIAMI, SINGAPORE};
use crate::support::process::output;

/// A client that is at home in Amsterdam.
const DUTCH: &str = "145.97.1.1";

/// A listener for everybody, and one for DC 5.
const NEAREST_AND_BOUND: &str = "{name: any, bind: ['127.0.0.1:0']}, \
     {name: dc5, bind: ['127.0.0.1:0'], route: {dc: 5}, advertise: ADVERTISED}";

/// The answer to this client.
async fn config(edge: &Edge, listener: &str) -> Value {
    edge.doors.json(&format!("/v1/config?ip={DUTCH}&listener={listener}")).await
}

/// DCs and addresses in their order.
fn entries(config: &Value) -> Vec<(u16, SocketAddr)> {
    let list = config["dc_options"].as_array().expect("a list").iter();
    let entry = |it: &Value| {
        let number = |key: &str| it[key].as_u64().and_then(|it| u16::try_from(it).ok());
        let ip = it["ip_address"].as_str()?.parse().ok()?;
        Some((number("id")?, SocketAddr::new(ip, number("port")?)))
    };
    list.map(|it| entry(it).expect("an entry")).collect()
}

/// DCs in their order, and how many entries each has.
fn counts(config: &Value) -> Vec<(u16, usize)> {
    let entries = entries(config);
    let dcs = entries.chunk_by(|a, b| a.0 == b.0);
    dcs.map(|of_dc| (of_dc[0].0, of_dc.len())).collect()
}

fn valid_for(config: &Value) -> u64 {
    let seconds = |key: &str| config[key].as_u64().expect("a time");
    seconds("expires") - seconds("date")
}

/// A session of the client goes where it is told.
async fn told_and_served(edge: &Edge) -> (Value, u16) {
    let config = config(edge, "clients").await;
    let nearest = edge.doors.json(&format!("/v1/nearest_dc?ip={DUTCH}")).await;
    let who = who_answers(edge.clients(), ip(DUTCH)).await.expect("a session");
    assert_eq!(entries(&config)[0], (who.dc, who.access_point));
    for answer in [&config, &nearest] {
        assert_eq!((&answer["nearest_dc"], &answer["this_dc"]), (&who.dc.into(), &who.dc.into()));
        assert_eq!(answer["country"], "NL");
    }
    (config, who.dc)
}

#[tokio::test]
async fn a_dc_that_goes_down_moves_behind_and_returns_with_all_its_entries() {
    let lab = Lab::new(2);
    let edge = lab.start().await;
    let all_well = [(AMSTERDAM, 2), (MIAMI, 2), (SINGAPORE, 2)];
    let (config, dc) = told_and_served(&edge).await;
    assert_eq!((counts(&config), valid_for(&config), dc), (all_well.to_vec(), 3600, AMSTERDAM));

    lab.dc(AMSTERDAM).set_fault_everywhere(Fault::Refuse).await.expect("refusing");
    edge.until_access_points_are(&[AMSTERDAM], Health::Down).await;
    edge.until_dcs_are(&[AMSTERDAM], Health::Down).await;
    let (config, dc) = told_and_served(&edge).await;
    assert_eq!(counts(&config), [(MIAMI, 2), (SINGAPORE, 2), (AMSTERDAM, 1)]);
    assert_eq!((valid_for(&config), dc), (300, MIAMI));

    lab.dc(AMSTERDAM).set_fault_everywhere(Fault::None).await.expect("healed");
    edge.until_access_points_are(&[AMSTERDAM], Health::Up).await;
    edge.until_dcs_are(&[AMSTERDAM], Health::Up).await;
    let (config, dc) = told_and_served(&edge).await;
    assert_eq!((counts(&config), valid_for(&config), dc), (all_well.to_vec(), 3600, AMSTERDAM));
}

#[tokio::test]
async fn an_access_point_that_goes_down_leaves_alone_and_returns_to_its_place() {
    let lab = Lab::new(3);
    let edge = lab.start().await;
    let before = entries(&config(&edge, "clients").await);
    let (_, dead) = before[0];
    let is = |health: Health| {
        edge.until("the access point changes", move |snapshot| {
            let mut states = snapshot.topology.access_points().iter().zip(&snapshot.access_points);
            states.any(|(it, state)| it.id.address.socket == dead && state.health == health)
        })
    };
    lab.dc(AMSTERDAM).set_fault(dead, Fault::Refuse).await.expect("refusing");
    is(Health::Down).await;
    let config_now = config(&edge, "clients").await;
    assert_eq!(entries(&config_now), before[1..]);
    assert_eq!((valid_for(&config_now), &config_now["nearest_dc"]), (300, &AMSTERDAM.into()));
    lab.dc(AMSTERDAM).set_fault(dead, Fault::None).await.expect("healed");
    is(Health::Up).await;
    assert_eq!(entries(&config(&edge, "clients").await), before);
}

#[tokio::test]
async fn what_is_advertised_is_told_from_the_next_reload_on_and_stays() {
    let listeners =
        |advertised: &str| format!("[{}]", NEAREST_AND_BOUND.replace("ADVERTISED", advertised));
    let lab = Lab::new(2);
    lab.configure(&[("listeners", &listeners("none"))]);
    let edge = lab.start().await;
    assert_eq!(counts(&config(&edge, "dc5").await)[2], (SINGAPORE, 2));

    lab.configure(&[("listeners", &listeners("['192.0.2.15:443']"))]);
    edge.app.reload().await;
    let told = config(&edge, "dc5").await;
    let advertised = "192.0.2.15:443".parse().expect("an address");
    assert_eq!(entries(&told).last(), Some(&(SINGAPORE, advertised)));
    assert_eq!(counts(&told), [(AMSTERDAM, 2), (MIAMI, 2), (SINGAPORE, 1)]);
    assert_eq!((&told["this_dc"], &told["nearest_dc"]), (&SINGAPORE.into(), &AMSTERDAM.into()));
    let entry = told["dc_options"].as_array().and_then(|it| it.last()).expect("an entry");
    assert_eq!((&entry["static"], &entry["this_port_only"]), (&true.into(), &true.into()));

    lab.dc(SINGAPORE).set_fault_everywhere(Fault::Refuse).await.expect("refusing");
    edge.until_dcs_are(&[SINGAPORE], Health::Down).await;
    let told = config(&edge, "any").await;
    assert_eq!((entries(&told).last(), valid_for(&told)), (Some(&(SINGAPORE, advertised)), 300));
}

#[tokio::test]
async fn an_answer_is_a_list_that_an_edge_can_be_started_with() {
    let lab = Lab::new(2);
    let edge = lab.start().await;
    let (status, answer) = edge.doors.get(&format!("/v1/config?ip={DUTCH}")).await;
    assert_eq!(status, 200, "{answer}");
    let told: BTreeSet<_> =
        entries(&serde_json::from_str(&answer).expect("JSON")).into_iter().collect();

    let other = Lab::new(1);
    other.write("dc_options.yaml", &answer);
    let other_edge = other.start().await;
    assert_eq!(listed(&other_edge), told);
    let who = who_answers(other_edge.clients(), ip(DUTCH)).await.expect("a session");
    assert_eq!(who.dc, AMSTERDAM);

    // And so is what `import` makes of it.
    lab.write("answer.json", &answer);
    let [from, to] = ["answer.json", "imported.yaml"].map(|it| lab.path(it).display().to_string());
    let imported = output(&["import", &from, "-o", &to]).await;
    assert!(imported.status.success(), "{imported:?}");
    let said = String::from_utf8_lossy(&imported.stdout);
    assert!(said.ends_with("imported.yaml: 6 entries, 6 access points of 3 DCs\n"), "{said}");
    let again = output(&["import", &from, "-o", &to]).await;
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("--force replaces it"));
    let imported = output(&["import", &from, "-o", &to, "--force", "--json"]).await;
    let view: Value = serde_json::from_slice(&imported.stdout).expect("JSON");
    assert_eq!(view["dc_options"].as_array().map(Vec::len), Some(6));
    lab.configure(&[("dc_options", "imported.yaml")]);
    edge.app.reload().await;
    assert_eq!(listed(&edge), told);
}

#[tokio::test]
async fn a_bad_dump_is_told_with_all_its_problems_and_a_bad_question_too() {
    let lab = Lab::new(1);
    lab.write("bad.json", "{\"dc_options\": [{\"id\": 0, \"ip_address\": \"192.0.2.1\"}]}");
    let bad = output(&["import", &lab.path("bad.json").display().to_string()]).await;
    assert_eq!((bad.status.code(), bad.stdout.len()), (Some(64), 0));
    let said = String::from_utf8_lossy(&bad.stderr);
    for part in ["dc_options[0].id: 0 is not the id of a DC", "dc_options[0]: needs `port`"] {
        assert!(said.contains(part), "{said}");
    }
    let edge = lab.start().await;
    for path in ["/v1/config", "/v1/nearest_dc"] {
        for query in ["", "?ip=nowhere", "?ip=::1&dc=2"] {
            assert_eq!(edge.doors.get(&format!("{path}{query}")).await.0, 400, "{path}{query}");
        }
    }
}

fn listed(edge: &Edge) -> BTreeSet<(u16, SocketAddr)> {
    let snapshot = edge.app.reader.load_full();
    let all = snapshot.topology.access_points().iter().filter(|it| !it.retiring);
    all.map(|it| (it.id.dc.0, it.id.address.socket)).collect()
}
