//! What probes find out that connects do not, and what they do not blame on others.

use std::net::{IpAddr, SocketAddr};

use nearpoint::stub::{Fault, Service, Whoami};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::places::{clients, ip};
use crate::support::client::Client;
use crate::support::doors::{Doors, KeptDoor};
use crate::support::lab::{AMSTERDAM, DCS, Lab};
use crate::support::process::Process;
use crate::support::{eventually, within};

/// A client that is at home in Amsterdam.
const DUTCH: &str = "145.97.1.1";

const ASKING: &str = "{interval: 200ms, fast_interval: 100ms, down_interval: 200ms, \
     fall: 3, rise: 2, probe: {http: {path: /health, expect: 200}}}";

const CONNECTING: &str =
    "{interval: 200ms, fast_interval: 100ms, down_interval: 200ms, fall: 3, rise: 2, probe: tcp}";

/// A daemon before DCs that speak second and answer requests of HTTP.
async fn daemon(health: &str) -> (Lab, Process) {
    let lab = Lab::serving(Service::Http, 1);
    lab.configure(&[("health", health)]);
    let daemon = Process::start(&lab).await;
    (lab, daemon)
}

/// Who answers a client that a load balancer announces and that speaks first.
async fn who_answers(at: SocketAddr, client: IpAddr) -> std::io::Result<Whoami> {
    let mut session = Client::announced(at, client).await?;
    session.send(b"hello").await?;
    session.who().await
}

async fn standing_of_amsterdam(doors: &Doors) -> Value {
    let status = doors.json("/v1/status").await;
    let dcs = status["dcs"].as_array().expect("a list");
    dcs.iter().find(|dc| dc["id"] == AMSTERDAM).expect("told of")["standing"].clone()
}

/// Waits until the log says that an access point changed so.
async fn changed(daemon: &Process, to: &str, cause: &str) {
    eventually(&format!("{to}, {cause}"), async || {
        let says = |line: &Value| {
            line["message"] == "access point changed" && line["to"] == to && line["cause"] == cause
        };
        (daemon.count_logged(says) > 0).then_some(())
    })
    .await;
}

/// A fault of Amsterdam that probes with a question find, and what they say of it.
async fn is_found_and_avoided(fault: Fault, result: &str) {
    let (lab, daemon) = daemon(ASKING).await;
    assert_eq!(who_answers(daemon.clients, ip(DUTCH)).await.expect("a session").dc, AMSTERDAM);
    lab.dc(AMSTERDAM).set_fault_everywhere(fault).await.expect("faulty");
    changed(&daemon, "down", &format!("probe failed: {result}")).await;
    eventually("it serves nobody", async || {
        (standing_of_amsterdam(&daemon.doors).await != "serving").then_some(())
    })
    .await;
    assert_ne!(who_answers(daemon.clients, ip(DUTCH)).await.expect("a session").dc, AMSTERDAM);
    let scrape = daemon.doors.scrape().await;
    assert!(scrape.value("probes_total", &[("dc", "2"), ("result", result)]) >= 3.0);
    assert_eq!(scrape.value("dc_up", &[("dc", "2")]), 0.0);

    lab.dc(AMSTERDAM).set_fault_everywhere(Fault::None).await.expect("healed");
    changed(&daemon, "up", "probe answered").await;
    eventually("it serves again", async || {
        (standing_of_amsterdam(&daemon.doors).await == "serving").then_some(())
    })
    .await;
    assert_eq!(who_answers(daemon.clients, ip(DUTCH)).await.expect("a session").dc, AMSTERDAM);
}

#[tokio::test]
async fn a_dc_that_accepts_and_says_nothing_is_found_by_a_question() {
    is_found_and_avoided(Fault::Mute, "silent").await;
}

#[tokio::test]
async fn a_dc_that_gives_the_wrong_status_is_found_by_a_question() {
    is_found_and_avoided(Fault::Status(503), "wrong_answer").await;
}

#[tokio::test]
async fn a_dc_that_refuses_is_found_by_a_question_too() {
    is_found_and_avoided(Fault::Refuse, "refused").await;
}

#[tokio::test]
async fn a_dc_without_power_is_found_by_a_question_too() {
    is_found_and_avoided(Fault::Drop, "timeout").await;
}

#[tokio::test]
async fn a_connect_alone_does_not_find_a_mute_dc() {
    let (lab, daemon) = daemon(CONNECTING).await;
    lab.dc(AMSTERDAM).set_fault_everywhere(Fault::Mute).await.expect("mute");
    let good = async || {
        let scrape = daemon.doors.scrape().await;
        scrape.value("probes_total", &[("dc", "2"), ("result", "ok")])
    };
    let before = good().await;
    eventually("it is probed", async || (good().await >= before + 5.0).then_some(())).await;
    assert_eq!(standing_of_amsterdam(&daemon.doors).await, "serving");
    assert_eq!(daemon.doors.scrape().await.sum("dc_up", &[]), DCS.len() as f64);
}

#[tokio::test]
async fn a_flood_that_leaves_no_descriptor_makes_nobody_down_and_is_served_in_the_end() {
    const DESCRIPTORS: u32 = 256;
    const FLOOD: usize = 300;
    // Of 256, 64 are kept for probes and 128 for all else, and a session takes two.
    const PLACES: f64 = 32.0;
    let lab = Lab::serving(Service::Http, 1);
    lab.configure(&[("health", ASKING), ("memory", "{pipes: 0KiB}")]);
    let daemon = Process::start_with_descriptors(&lab, DESCRIPTORS).await;
    let mut metrics = KeptDoor::open(daemon.doors.metrics).await;

    let at = daemon.clients;
    let mut flood = JoinSet::new();
    for client in clients(FLOOD) {
        flood.spawn(async move {
            let mut session = Client::announced(at, client).await?;
            session.send(b"hello").await?;
            session.who().await?;
            std::io::Result::Ok(session)
        });
    }
    let full = eventually("accepting pauses", async || {
        let scrape = metrics.scrape().await;
        let paused = scrape.value("accept_pauses_total", &[]) > 0.0;
        (paused && scrape.sum("sessions_active", &[]) == PLACES).then_some(scrape)
    })
    .await;
    let good = full.sum("probes_total", &[("result", "ok")]);
    eventually("probes go on", async || {
        let scrape = metrics.scrape().await;
        (scrape.sum("probes_total", &[("result", "ok")]) >= good + 9.0).then_some(())
    })
    .await;

    // Whatever is kept aside: now there is not one left.
    let mut admin = KeptDoor::open(daemon.doors.admin).await;
    daemon.limit_descriptors(1);
    eventually("probes get no descriptor", async || {
        let (_, status) = admin.get("/v1/status").await;
        let status: Value = serde_json::from_str(&status).expect("JSON");
        for dc in status["dcs"].as_array().expect("a list") {
            assert_eq!(dc["access_points_up"], dc["access_points"], "{dc}");
        }
        let scrape = metrics.scrape().await;
        let failed = |dc: u16| {
            let labels = [("dc", &*dc.to_string()), ("result", "no_descriptor")];
            scrape.sum("probes_total", &labels)
        };
        // More than it takes to be Down, if they counted.
        DCS.iter().all(|dc| failed(*dc) >= 4.0).then_some(())
    })
    .await;
    daemon.limit_descriptors(DESCRIPTORS);

    let mut served = 0;
    while let Some(session) = within("the next client is served", flood.join_next()).await {
        drop(session.expect("no panic").expect("a session"));
        served += 1;
    }
    assert_eq!(served, FLOOD);
    who_answers(at, ip(DUTCH)).await.expect("a session after the flood");
    let troubled = daemon.count_logged(|line| {
        line["message"] == "access point changed" && line["from"] != "unknown"
    });
    assert_eq!(troubled, 0, "nobody was Suspect or Down meanwhile");
    assert_eq!(daemon.doors.scrape().await.sum("refused_total", &[]), 0.0);
}
