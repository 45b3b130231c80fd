//! Clients who come back: to the DC that they were given, over outages and restarts.

use std::fs;

use nearpoint::reload::Outcome;
use nearpoint::routing::Health;
use nearpoint::stub::Fault;
use rustix::process::Signal;

use crate::places::{clients, ip};
use crate::support::client::who_answers;
use crate::support::lab::{AMSTERDAM, Edge, Lab};
use crate::support::process::{Process, failed_run};
use crate::support::{eventually, within};

/// A client that is at home in Amsterdam.
const DUTCH: &str = "145.97.1.1";

/// As it is by default, unless something is said of it.
pub(crate) const STICKY: &str = "[{name: clients, bind: ['127.0.0.1:0'], \
     proxy_protocol: {accept_from: [127.0.0.0/8]}}]";

/// Room for two.
const NARROW: &str = "[{name: clients, bind: ['127.0.0.1:0'], sticky: {clients: 2}, \
     proxy_protocol: {accept_from: [127.0.0.0/8]}}]";

const KEPT: &str = "{name: lab, workers: 2, state_dir: state}";
const NOT_KEPT: &str = "{name: lab, workers: 2}";

/// The DC that serves the Dutch client now.
async fn serving(edge: &Edge) -> u16 {
    who_answers(edge.clients(), ip(DUTCH)).await.expect("a session").dc
}

async fn end(edge: Edge) {
    within("the daemon ends", edge.app.shut_down()).await;
}

/// A daemon whose Dutch client had to move while Amsterdam was down, which it is no more.
async fn moved(lab: &Lab, kept: &str) -> (Edge, u16) {
    lab.configure(&[("listeners", STICKY), ("edge", kept)]);
    let edge = lab.start().await;
    assert_eq!(serving(&edge).await, AMSTERDAM);
    lab.dc(AMSTERDAM).kill_everywhere().await.expect("killed");
    edge.until_dcs_are(&[AMSTERDAM], Health::Down).await;
    let refuge = serving(&edge).await;
    assert_ne!(refuge, AMSTERDAM);
    lab.dc(AMSTERDAM).set_fault_everywhere(Fault::None).await.expect("healed");
    edge.until_dcs_are(&[AMSTERDAM], Health::Up).await;
    (edge, refuge)
}

#[tokio::test]
async fn a_client_that_was_moved_by_an_outage_stays_when_it_is_over() {
    let lab = Lab::new(1);
    let (edge, refuge) = moved(&lab, NOT_KEPT).await;
    assert_eq!(serving(&edge).await, refuge);
    assert_eq!(serving(&edge).await, refuge);
    let labels = [("dc", &*refuge.to_string()), ("why", "sticky")];
    assert_eq!(edge.doors.scrape().await.value("routed_total", &labels), 2.0);
}

#[tokio::test]
async fn a_client_that_was_moved_stays_over_a_restart_where_memory_is_kept() {
    for (kept, stays) in [(KEPT, true), (NOT_KEPT, false)] {
        let lab = Lab::new(1);
        let (edge, refuge) = moved(&lab, kept).await;
        end(edge).await;
        let edge = lab.start().await;
        assert_eq!(serving(&edge).await, if stays { refuge } else { AMSTERDAM }, "{kept}");
    }
}

#[tokio::test]
async fn a_restart_remembers_where_memory_is_kept_and_not_elsewhere() {
    for (kept, after) in [(KEPT, 20.0), (NOT_KEPT, 0.0)] {
        let lab = Lab::new(1);
        lab.configure(&[("listeners", STICKY), ("edge", kept)]);
        let edge = lab.start().await;
        for client in clients(20) {
            who_answers(edge.clients(), client).await.expect("a session");
        }
        let labels = [("listener", "clients")];
        assert_eq!(edge.doors.scrape().await.value("sticky_clients", &labels), 20.0);
        let status = edge.doors.json("/v1/status").await;
        assert_eq!(status["listeners"][0]["remembers"], 20);
        end(edge).await;
        let edge = lab.start().await;
        assert_eq!(edge.doors.scrape().await.value("sticky_clients", &labels), after, "{kept}");
    }
}

#[tokio::test]
async fn a_full_memory_counts_whom_it_forgets_and_a_reload_forgets_everybody() {
    let lab = Lab::new(1);
    lab.configure(&[("listeners", NARROW)]);
    let edge = lab.start().await;
    for client in clients(5) {
        who_answers(edge.clients(), client).await.expect("a session");
    }
    let labels = [("listener", "clients")];
    let scrape = edge.doors.scrape().await;
    assert_eq!(scrape.value("sticky_clients", &labels), 2.0);
    assert_eq!(scrape.value("sticky_evicted_total", &labels), 3.0);

    // The usual listener of the laboratory remembers nobody.
    lab.configure(&[]);
    let outcome = within("a reload", edge.app.reload()).await;
    assert!(matches!(outcome, Outcome::Accepted | Outcome::Unchanged), "{outcome:?}");
    who_answers(edge.clients(), ip(DUTCH)).await.expect("a session");
    assert_eq!(edge.doors.scrape().await.samples("sticky_clients", &labels).count(), 0);

    lab.configure(&[("listeners", STICKY)]);
    let outcome = within("a reload", edge.app.reload()).await;
    assert!(matches!(outcome, Outcome::Accepted | Outcome::Unchanged), "{outcome:?}");
    eventually("every worker remembers again", async || {
        who_answers(edge.clients(), ip(DUTCH)).await.expect("a session");
        (edge.doors.scrape().await.value("sticky_clients", &labels) == 1.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_damaged_memory_is_told_of_and_the_daemon_starts() {
    let lab = Lab::new(1);
    lab.configure(&[("listeners", STICKY), ("edge", KEPT)]);
    fs::create_dir(lab.path("state")).expect("a directory");
    lab.write("state/sticky", "something else");
    let mut daemon = Process::start(&lab).await;
    daemon.logged("what was remembered of clients is lost").await;
    let is_told = |line: &serde_json::Value| {
        let file = line["file"].as_str().unwrap_or_default();
        line["level"] == "WARN" && file.ends_with("state/sticky")
    };
    assert_eq!(daemon.count_logged(is_told), 1);
    assert_eq!(fs::read(lab.path("state/sticky.damaged")).expect("aside"), b"something else");
    who_answers(daemon.clients, ip(DUTCH)).await.expect("a session");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.exit_code().await, 0);
    assert!(lab.path("state/sticky").exists(), "what it learnt is saved at its end");
}

#[tokio::test]
async fn a_state_directory_that_cannot_be_had_ends_the_start() {
    let lab = Lab::new(1);
    lab.configure(&[("edge", "{name: lab, state_dir: dc_options.yaml/state}")]);
    let (code, told) = failed_run(&lab.main()).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("edge.state_dir: cannot make "), "{told}");

    lab.configure(&[("edge", KEPT)]);
    let first = Process::start(&lab).await;
    let (code, told) = failed_run(&lab.main()).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("edge.state_dir: another nearpoint already uses "), "{told}");
    drop(first);
    Process::start(&lab).await;
}
