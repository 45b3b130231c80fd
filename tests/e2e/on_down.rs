//! Open sessions of DCs that go down: who is reset, and who is not.

use std::cell::Cell;
use std::time::Instant;

use nearpoint::routing::Health;
use nearpoint::stub::Fault;
use serde_json::Value;

use crate::places::ip;
use crate::support::client::{Client, End, who_answers};
use crate::support::lab::{AMSTERDAM, Edge, Lab, MIAMI};
use crate::support::{eventually, within};

/// Clients that are at home in Amsterdam, and how many sessions each of them has.
const DUTCH: [&str; 2] = ["145.97.1.1", "145.97.2.1"];
const EACH: usize = 20;

/// One that is at home in Miami.
const AMERICAN: &str = "8.8.8.8";

const GIVEN_UP: [(&str, &str); 2] = [("side", "nearpoint"), ("reason", "on_down")];

async fn session(edge: &Edge, client: &str, home: u16) -> Client {
    let mut session = Client::announced(edge.clients(), ip(client)).await.expect("a session");
    assert_eq!(session.who().await.expect("an answer").dc, home);
    session
}

async fn sessions_of_amsterdam(edge: &Edge) -> Vec<Client> {
    let mut open = Vec::new();
    for client in DUTCH.iter().flat_map(|client| [*client; EACH]) {
        open.push(session(edge, client, AMSTERDAM).await);
    }
    open
}

#[tokio::test]
async fn sessions_of_a_dc_without_power_are_reset_and_their_clients_served_elsewhere() {
    let lab = Lab::new(2);
    let edge = lab.start().await;
    let mut open = sessions_of_amsterdam(&edge).await;
    let mut american = session(&edge, AMERICAN, MIAMI).await;
    // Some are in the middle of something.
    for session in open.iter_mut().step_by(2) {
        session.echo(b"hello").await.expect("an answer");
    }
    lab.dc(AMSTERDAM).set_fault_everywhere(Fault::Drop).await.expect("dark");
    let dark = Instant::now();
    for session in open.iter_mut().step_by(3) {
        session.send(b"anybody?").await.expect("taken by the edge");
    }
    for session in &mut open {
        assert_eq!(within("the reset", session.end()).await, End::Reset);
    }
    eprintln!("{} sessions reset within {:?}", open.len(), dark.elapsed());
    for client in DUTCH {
        let who = who_answers(edge.clients(), ip(client)).await.expect("a session");
        assert_ne!(who.dc, AMSTERDAM);
    }
    american.echo(b"still here").await.expect("a DC that is well");

    let scrape = edge.doors.scrape().await;
    assert_eq!(scrape.sum("close_total", &GIVEN_UP), open.len() as f64);
    assert_eq!(scrape.sum("close_total", &[("dc", "2")]), open.len() as f64);
    assert_eq!(scrape.sum("sessions_active", &[("dc", "2")]), 0.0);
    let events = edge.doors.json("/v1/events?after=0&dc=2").await;
    let events = events["events"].as_array().expect("a list");
    let closing: Vec<_> = events.iter().filter(|it| it["kind"] == "closing").collect();
    assert!((1..=2).contains(&closing.len()), "once for each access point: {closing:?}");
    let status = edge.doors.json("/v1/status").await;
    let says = says_of_amsterdam(&status);
    assert!(says.contains("silent sessions are reset"), "{says}");
}

fn says_of_amsterdam(status: &Value) -> String {
    let mut dcs = status["dcs"].as_array().expect("a list").iter();
    let amsterdam = dcs.find(|dc| dc["id"] == AMSTERDAM).expect("Amsterdam");
    amsterdam["says"].as_str().expect("a sentence").to_owned()
}

#[tokio::test]
async fn a_session_that_hears_of_its_dc_stays_though_new_ones_are_refused() {
    let lab = Lab::new(1);
    let edge = lab.start().await;
    let mut busy = session(&edge, DUTCH[0], AMSTERDAM).await;
    let mut silent = session(&edge, DUTCH[1], AMSTERDAM).await;
    lab.dc(AMSTERDAM).set_fault_everywhere(Fault::Refuse).await.expect("refusing");
    edge.until_dcs_are(&[AMSTERDAM], Health::Down).await;
    let over = Cell::new(false);
    let ending = async {
        let end = silent.end().await;
        over.set(true);
        end
    };
    let talking = async {
        while !over.get() {
            busy.echo(b"tick").await.expect("an answer");
        }
    };
    let (end, ()) = within("the reset", async { tokio::join!(ending, talking) }).await;
    assert_eq!(end, End::Reset);
    let snapshot = edge.app.reader.load_full();
    assert_eq!(snapshot.closing.len(), 1, "Amsterdam is still given up");
    busy.echo(b"still here").await.expect("an answer");
    lab.dc(AMSTERDAM).set_fault_everywhere(Fault::None).await.expect("healed");
    edge.until_dcs_are(&[AMSTERDAM], Health::Up).await;
    edge.until("nobody is given up", |snapshot| snapshot.closing.is_empty()).await;
    busy.finish().await.expect("an orderly end");
    let scrape = edge.doors.scrape().await;
    assert_eq!(scrape.sum("close_total", &GIVEN_UP), 1.0);
}

#[tokio::test]
async fn keep_resets_nobody_until_the_configuration_says_otherwise() {
    let lab = Lab::new(1);
    lab.configure(&[("on_down", "{sessions: keep}")]);
    let edge = lab.start().await;
    let mut open = sessions_of_amsterdam(&edge).await;
    let probes = async || {
        let timeouts = [("dc", "2"), ("result", "timeout")];
        edge.doors.scrape().await.sum("probes_total", &timeouts)
    };
    lab.dc(AMSTERDAM).set_fault_everywhere(Fault::Drop).await.expect("dark");
    edge.until_dcs_are(&[AMSTERDAM], Health::Down).await;
    let before = probes().await;
    eventually("it is Down for a while", async || (probes().await >= before + 5.0).then_some(()))
        .await;
    let scrape = edge.doors.scrape().await;
    assert_eq!(scrape.sum("close_total", &[]), 0.0);
    assert_eq!(scrape.sum("sessions_active", &[("dc", "2")]), open.len() as f64);

    lab.configure(&[("on_down", "{sessions: close, rate: 100}")]);
    for session in &mut open {
        assert_eq!(within("the reset", session.end()).await, End::Reset);
    }
}
