//! Who would move, and drills: a DC is drained while clients come, and the daemon watches the others.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use nearpoint::routing::{AdminState, DcId, Health, Target};
use serde_json::{Value, json};

use crate::places::ip;
use crate::support::client::{Client, who_answers};
use crate::support::eventually;
use crate::support::lab::{AMSTERDAM, DCS, Edge, Lab, MIAMI};
use crate::support::load::Load;
use crate::support::process::output;

/// So many clients at home in Amsterdam.
fn dutch(clients: u8) -> Vec<IpAddr> {
    (1..=clients).map(|host| IpAddr::V4(Ipv4Addr::new(145, 97, 1, host))).collect()
}

async fn come(edge: &Edge, clients: &[IpAddr]) {
    for client in clients {
        who_answers(edge.clients(), *client).await.expect("a DC");
    }
}

/// A command against the daemon: its exit code, and what it printed.
async fn command(edge: &Edge, arguments: &[&str]) -> (Option<i32>, String, String) {
    let admin = format!("http://{}", edge.doors.admin);
    let output = output(&[arguments, &["--admin", &admin]].concat()).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

async fn events(edge: &Edge) -> Vec<String> {
    let view = edge.doors.json("/v1/events").await;
    let all = view["events"].as_array().expect("a list").clone();
    all.iter().filter_map(|it| it["says"].as_str().map(str::to_owned)).collect()
}

fn is_ready(edge: &Edge) -> bool {
    edge.app.reader.load().intents.state(Target::Dc(DcId(AMSTERDAM))) == AdminState::Ready
}

#[tokio::test]
async fn clients_seen_lately_are_shown_with_the_dc_that_they_would_get() {
    let lab = Lab::new(1);
    let edge = lab.start().await;
    come(&edge, &dutch(20)).await;
    come(&edge, &dutch(5)).await;
    let view = edge.doors.json("/v1/clients?listener=clients").await;
    assert_eq!(view["listeners"][0]["distinct"], json!(20), "{view}");
    let clients = view["clients"].as_array().expect("a list");
    assert_eq!(clients.len(), 20);
    for client in clients {
        assert!(client["client"].as_str().is_some_and(|it| it.starts_with("145.97.1.")));
        assert_eq!((&client["dc"], &client["country"]), (&json!(AMSTERDAM), &json!("NL")));
    }
    let few = edge.doors.json("/v1/clients?limit=3").await;
    assert_eq!((few["clients"].as_array().map(Vec::len), &few["more"]), (Some(3), &json!(17)));
    assert_eq!(edge.doors.get("/v1/clients?listener=nobody").await.0, 404);
}

#[tokio::test]
async fn after_a_restart_clients_are_known_by_their_place_alone() {
    let lab = Lab::new(1);
    let state = lab.path("state");
    let section = format!("{{name: lab, workers: 2, state_dir: {}}}", state.display());
    lab.configure(&[("edge", &section)]);
    let edge = lab.start().await;
    come(&edge, &dutch(10)).await;
    edge.app.shut_down().await;
    let bytes = std::fs::read(state.join("seen")).expect("the file");
    let holds = |address: [u8; 4]| bytes.windows(4).any(|it| it == address);
    assert!((1..=10).all(|host| !holds([145, 97, 1, host]) && !holds([host, 1, 97, 145])));
    let edge = lab.start().await;
    let view = edge.doors.json("/v1/clients").await;
    let clients = view["clients"].as_array().expect("a list");
    assert_eq!(clients.len(), 10, "{view}");
    let is_stand_in = |it: &Value| it["client"].is_null() && it["pseudonym"].is_string();
    assert!(clients.iter().all(|it| is_stand_in(it) && it["dc"] == json!(AMSTERDAM)), "{view}");
    come(&edge, &dutch(4)).await;
    let view = edge.doors.json("/v1/clients").await;
    let clients = view["clients"].as_array().expect("a list");
    assert_eq!(clients.len(), 10);
    assert_eq!(clients.iter().filter(|it| is_stand_in(it)).count(), 6);
}

/// Amsterdam is where Singapore was.
const ELSEWHERE: &str = "[{id: 1, name: mia, location: {lat: 25.77, lon: -80.19}}, \
     {id: 2, name: ams, location: {lat: -33.9, lon: 151.2}}, \
     {id: 5, name: sin, location: {lat: 1.35, lon: 103.82}}]";

#[tokio::test]
async fn a_change_that_moves_too_many_clients_is_previewed_and_refused() {
    let lab = Lab::new(1);
    let edge = lab.start().await;
    come(&edge, &dutch(60)).await;
    let running = std::fs::read_to_string(lab.main()).expect("the main file");
    lab.configure(&[("dcs", ELSEWHERE), ("admin", "{bind: '127.0.0.1:0'}")]);
    let candidate = std::fs::read_to_string(lab.main()).expect("the main file");
    lab.write("candidate.yaml", &candidate);
    lab.write("nearpoint.yaml", &running);
    let file = lab.path("candidate.yaml").display().to_string();
    let check = ["check", &file, "--against-running", "--who-moves"];
    let (code, told, _) = command(&edge, &check).await;
    assert_eq!(code, Some(1), "{told}");
    let moved = "who moves: 100.0% of the clients seen lately (60 of 60 looked at)";
    assert!(told.contains(moved) && told.contains("  DC 2 -> DC 1: 100.0% (60)"), "{told}");
    let refused = "100.0% of the clients seen lately would get another DC, or none \
                   (guards.max_moved: 50%; 60 were looked at)";
    assert!(told.contains(refused), "{told}");
    let (_, told, _) = command(&edge, &[&check[..], &["--json"]].concat()).await;
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["against_running"]["moves"]["moved"], json!(60));

    lab.write("nearpoint.yaml", &candidate);
    let outcome = edge.app.reload().await;
    assert_eq!(outcome.as_str(), "refused", "{outcome:?}");
    assert!(format!("{outcome:?}").contains(refused), "{outcome:?}");
    assert_eq!(who_answers(edge.clients(), ip("145.97.1.1")).await.expect("a DC").dc, AMSTERDAM);

    lab.configure(&[("dcs", ELSEWHERE), ("guards", "{max_moved: 100%}")]);
    let outcome = edge.app.reload().await;
    assert_eq!(outcome.as_str(), "accepted", "{outcome:?}");
    assert_eq!(who_answers(edge.clients(), ip("145.97.1.1")).await.expect("a DC").dc, MIAMI);
}

#[tokio::test]
async fn a_drill_under_load_fails_nobody_and_is_reported() {
    let lab = Lab::new(2);
    let edge = lab.start().await;
    edge.until_access_points_are(&DCS, Health::Up).await;
    let load = Load::start(edge.clients(), &dutch(40));
    load.go_on(100).await;
    let report = lab.path("report.json").display().to_string();
    let began = Instant::now();
    let arguments =
        ["drill", "2", "--for", "3s", "--yes", "--reason", "spring", "--json", "-o", &report];
    let (code, _, said) = command(&edge, &arguments).await;
    assert_eq!(code, Some(0), "{said}");
    load.go_on(50).await;
    let outcomes = load.stop().await;
    let failed = outcomes.iter().filter(|it| it.answered.is_err());
    assert_eq!(failed.count(), 0, "no session fails");
    let elsewhere = outcomes.iter().filter(|it| it.began >= began);
    let elsewhere = elsewhere.filter(|it| it.answered.as_ref().is_ok_and(|who| who.dc == MIAMI));
    let elsewhere = elsewhere.count() as u64;
    assert!(elsewhere > 0);

    let view = std::fs::read_to_string(&report).expect("the report");
    let view: Value = serde_json::from_str(&view).expect("JSON");
    assert_eq!((&view["state"], &view["complete"]), (&json!("done"), &json!(true)), "{view}");
    assert_eq!((&view["why"], &view["reason"]), (&Value::Null, &json!("spring")), "{view}");
    assert_eq!((&view["refused"], &view["refused_for_room"]), (&json!(0), &json!(0)), "{view}");
    let forecast = &view["forecast"]["ways"][0];
    assert_eq!((&forecast["from"], &forecast["to"]), (&json!(AMSTERDAM), &json!(MIAMI)), "{view}");
    assert_eq!(view["forecast"]["share"], json!(1.0), "{view}");
    assert_eq!(view["moved"][0]["to"], json!(MIAMI), "{view}");
    let moved = view["moved"][0]["sessions"].as_u64().expect("a number");
    assert!(moved > 0 && moved <= elsewhere, "{moved} of {elsewhere} that went there: {view}");
    assert!(view["back_after_seconds"].is_number(), "{view}");
    assert!(is_ready(&edge));
    let events = events(&edge).await;
    let told = |part: &str| events.iter().any(|says| says.contains(part));
    assert!(told("a drill of DC 2 ams begins: no new session for 3s"), "{events:?}");
    assert!(told("the drill of DC 2 ams is done: it serves again"), "{events:?}");
    let done = [("result", "done")];
    assert_eq!(edge.doors.scrape().await.value("drills_total", &done), 1.0);
}

/// Ten sessions in Miami, where the clients of Amsterdam go.
const NARROW: &str = "[{id: 1, name: mia, location: {lat: 25.77, lon: -80.19}, max_sessions: 10}, \
     {id: 2, name: ams, location: {lat: 52.37, lon: 4.90}}, \
     {id: 5, name: sin, location: {lat: 1.35, lon: 103.82}}]";

async fn hold(edge: &Edge, clients: &[IpAddr]) -> Vec<Client> {
    let mut sessions = Vec::new();
    for client in clients {
        let mut session = Client::announced(edge.clients(), *client).await.expect("connected");
        session.who().await.expect("a DC");
        sessions.push(session);
    }
    sessions
}

#[tokio::test]
async fn a_drill_that_would_fill_a_survivor_is_refused_and_forced_gives_up_by_itself() {
    let lab = Lab::new(1);
    lab.configure(&[("dcs", NARROW)]);
    let edge = lab.start().await;
    edge.until_access_points_are(&DCS, Health::Up).await;
    let _held = hold(&edge, &dutch(20)).await;
    let drill = ["drill", "2", "--for", "10m", "--yes"];
    let (code, _, said) = command(&edge, &drill).await;
    assert_eq!(code, Some(2));
    assert!(said.contains("DC 1 would have 20 sessions, and may have 10"), "{said}");
    assert!(is_ready(&edge), "nothing has happened");

    let forced = command(&edge, &["drill", "2", "--for", "10m", "--yes", "--force"]);
    let fill = async {
        edge.until("the drain", |it| {
            it.intents.state(Target::Dc(DcId(AMSTERDAM))) == AdminState::Drain
        })
        .await;
        hold(&edge, &dutch(10)).await
    };
    let ((code, told, _), _miami) = tokio::join!(forced, async {
        let held = fill.await;
        eventually("the drill gives up", async || is_ready(&edge).then_some(())).await;
        // The report waits for the DC to have a session again.
        let who = who_answers(edge.clients(), ip("145.97.1.1")).await.expect("as before");
        assert_eq!(who.dc, AMSTERDAM);
        held
    });
    assert_eq!(code, Some(5), "{told}");
    assert!(told.contains("the drill of DC 2 ams is aborted after"), "{told}");
    assert!(told.contains("DC 1 has 10 of 10 sessions (max_sessions)"), "{told}");
    assert!(told.contains(", forced") && told.contains("time back: "), "{told}");
    assert!(told.contains("refused: 0 for want of room"), "{told}");
    let aborted = [("result", "aborted")];
    assert_eq!(edge.doors.scrape().await.value("drills_total", &aborted), 1.0);
}

#[tokio::test]
async fn what_operators_want_survives_a_drill_that_was_ended_and_the_drill_does_not() {
    let lab = Lab::new(1);
    lab.configure(&[("edge", "{name: lab, workers: 2, state_dir: state}")]);
    let edge = lab.start().await;
    edge.until_access_points_are(&DCS, Health::Up).await;
    let state = |edge: &Edge, dc: u16| edge.app.reader.load().intents.state(Target::Dc(DcId(dc)));
    let order = json!({"dc": AMSTERDAM, "for_seconds": 600}).to_string();
    let begun = edge.doors.send(("POST", "/v1/drill"), &[], &order).await;
    assert_eq!(begun.status, 200, "{begun:?}");
    assert_eq!(state(&edge, AMSTERDAM), AdminState::Drain);
    let maint = json!({"state": "maint", "force": true}).to_string();
    let told = edge.doors.send(("PUT", &format!("/v1/dcs/{MIAMI}/state")), &[], &maint).await;
    assert_eq!(told.status, 200, "{told:?}");
    // Somebody else wants something of the DC: the drill leaves it so.
    let told = edge.doors.send(("PUT", &format!("/v1/dcs/{AMSTERDAM}/state")), &[], &maint).await;
    assert_eq!(told.status, 200, "{told:?}");
    eventually("the drill ends", async || {
        let view = edge.doors.json("/v1/drill").await;
        (view["state"] == "ended").then_some(())
    })
    .await;
    assert_eq!(state(&edge, AMSTERDAM), AdminState::Maint);
    let ready = json!({"state": "ready"}).to_string();
    let told = edge.doors.send(("PUT", &format!("/v1/dcs/{AMSTERDAM}/state")), &[], &ready).await;
    assert_eq!(told.status, 200, "{told:?}");

    eventually("another drill may begin", async || {
        let begun = edge.doors.send(("POST", "/v1/drill"), &[], &order).await;
        (begun.status == 200).then_some(())
    })
    .await;
    let ended = edge.doors.send(("DELETE", "/v1/drill?reason=enough"), &[], "").await;
    assert_eq!(ended.status, 200, "{ended:?}");
    edge.app.shut_down().await;
    let edge = lab.start().await;
    assert_eq!(state(&edge, MIAMI), AdminState::Maint, "that was said");
    assert_eq!(state(&edge, AMSTERDAM), AdminState::Ready, "the drill is over");
}
