//! Operators look who is connected, and end what they name: nobody else notices.

use std::net::IpAddr;

use nearpoint::stub::UdpService;
use serde_json::{Value, json};

use crate::places::ip;
use crate::support::client::{Client, End};
use crate::support::datagram::{UdpClient, client_of};
use crate::support::eventually;
use crate::support::lab::{AMSTERDAM, Edge, Lab, MIAMI};
use crate::support::process::output;

const BERLIN: &str = "141.20.1.1";
const CHICAGO: &str = "8.8.8.8";

async fn session(edge: &Edge, client: &str) -> Client {
    let mut session = Client::announced(edge.clients(), ip(client)).await.expect("connected");
    session.who().await.expect("an answer");
    session
}

async fn shown(edge: &Edge, query: &str) -> Value {
    edge.doors.json(&format!("/v1/sessions{query}")).await
}

async fn command(edge: &Edge, arguments: &[&str]) -> (Option<i32>, String) {
    let admin = format!("http://{}", edge.doors.admin);
    let output = output(&[arguments, &["--admin", &admin]].concat()).await;
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test]
async fn who_is_connected_is_shown_and_who_is_named_is_ended() {
    let lab = Lab::new(1);
    let edge = lab.start().await;
    let (mut one, mut other) = (session(&edge, BERLIN).await, session(&edge, CHICAGO).await);
    let all = shown(&edge, "").await;
    assert_eq!(all["sessions"].as_array().map(Vec::len), Some(2), "{all}");
    let dutch = shown(&edge, &format!("?dc={AMSTERDAM}")).await;
    let first = &dutch["sessions"][0];
    assert_eq!((&first["client"], &first["protocol"]), (&json!(BERLIN), &json!("tcp")));
    assert_eq!((&first["listener"], &first["dc"]), (&json!("clients"), &json!(AMSTERDAM)));
    let counted = shown(&edge, "?limit=0").await;
    assert_eq!(counted, json!({"sessions": [], "more": 2}));

    let (code, table) = command(&edge, &["sessions", "--client", CHICAGO]).await;
    assert_eq!(code, Some(0));
    assert!(table.contains(CHICAGO) && !table.contains(BERLIN), "{table}");
    // Nobody is there to be asked.
    let (code, _) = command(&edge, &["kill", "--client", BERLIN]).await;
    assert_eq!(code, Some(64));
    let (code, told) = command(&edge, &["kill", "--client", BERLIN, "--yes"]).await;
    assert_eq!((code, told.trim()), (Some(0), "1 session or flow ended"));
    assert_eq!(one.end().await, End::Reset);
    other.echo(b"still here").await.expect("untouched");
    let reasons = [("side", "nearpoint"), ("reason", "killed")];
    eventually("it is counted", async || {
        let scrape = edge.doors.scrape().await;
        (scrape.sum("close_total", &reasons) == 1.0).then_some(())
    })
    .await;
    let left = shown(&edge, "").await;
    assert_eq!(left["sessions"][0]["dc"], json!(MIAMI), "{left}");
}

#[tokio::test]
async fn nobody_ends_everything_by_leaving_something_out() {
    let lab = Lab::new(1);
    let edge = lab.start().await;
    let mut session = session(&edge, BERLIN).await;
    let told = edge.doors.send(("DELETE", "/v1/sessions"), &[], "").await;
    assert_eq!(told.status, 400, "{}", told.body);
    let (code, _) = command(&edge, &["kill", "--yes"]).await;
    assert_eq!(code, Some(64));
    session.echo(b"still here").await.expect("untouched");
    let (code, _) = command(&edge, &["kill", "--all", "--yes"]).await;
    assert_eq!(code, Some(0));
    assert_eq!(session.end().await, End::Reset);
}

#[tokio::test]
async fn flows_are_shown_and_ended_as_sessions_are() {
    let lab = Lab::with_udp(IpAddr::from([127, 0, 0, 1]), UdpService::Who, 1);
    let edge = lab.start().await;
    let (dutch, floridian) = (client_of(AMSTERDAM, 1), client_of(MIAMI, 1));
    let mut one = UdpClient::new(dutch, edge.clients()).await;
    let mut other = UdpClient::new(floridian, edge.clients()).await;
    let (before, stays) = (one.ask_until_answered().await, other.ask_until_answered().await);
    let view = shown(&edge, "").await;
    assert_eq!(view["sessions"].as_array().map(Vec::len), Some(2), "{view}");
    assert_eq!(view["sessions"][0]["protocol"], json!("udp"));
    let told = edge.doors.send(("DELETE", &format!("/v1/sessions?client={dutch}")), &[], "").await;
    assert_eq!(told.json(), json!({"ended": 1}));
    assert_ne!(one.ask_until_answered().await.peer, before.peer, "another flow");
    assert_eq!(other.ask_until_answered().await.peer, stays.peer, "the same flow");
}
