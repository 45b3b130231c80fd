//! Limits of a listener and of its clients: whoever is beyond is reset and counted by the limit that he has
//! reached, and nobody else notices.

mod first_byte;
mod places;
mod rates;

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use nearpoint::reload::Outcome;

use crate::places::{clients, ip};
use crate::support::client::{Client, End, SIGNATURE, refusal, who_answers};
use crate::support::lab::{Edge, Lab};
use crate::support::load::Load;
use crate::support::scrape::Scrape;
use crate::support::{eventually, within};

/// One who wants more than he may have.
const GREEDY: &str = "145.97.77.7";

/// The listener `clients` with these keys, before a load balancer.
fn listener(keys: &str) -> String {
    format!(
        "[{{name: clients, bind: ['127.0.0.1:0'], sticky: none, \
         proxy_protocol: {{accept_from: [127.0.0.1/32]}}, {keys}}}]"
    )
}

async fn start(lab: &Lab, keys: &str) -> Edge {
    lab.configure(&[("listeners", &listener(keys))]);
    lab.start().await
}

/// A session that has heard of its DC.
async fn session(at: SocketAddr, client: IpAddr) -> Client {
    let mut session = Client::announced(at, client).await.expect("connected");
    session.who().await.expect("an answer");
    session
}

/// What this limit has refused. No other limit has refused anybody, and nothing else has.
async fn refused_by(edge: &Edge, limit: &str) -> f64 {
    let scrape = edge.doors.scrape().await;
    let refused = limited(&scrape, limit);
    assert_eq!(scrape.sum("limited_total", &[]), refused, "no other limit");
    assert_eq!(scrape.sum("refused_total", &[("reason", "limit")]), refused);
    assert_eq!(scrape.sum("refused_total", &[]), refused, "for no other reason");
    refused
}

fn limited(scrape: &Scrape, limit: &str) -> f64 {
    scrape.value("limited_total", &[("listener", "clients"), ("limit", limit)])
}

/// Waits until so many clients have come since the start, and all of them have left.
async fn until_all_have_left(edge: &Edge, come: usize) {
    eventually("all sessions have ended", async || {
        let scrape = edge.doors.scrape().await;
        let have_come = scrape.sum("sessions_total", &[]) == come as f64;
        (have_come && scrape.sum("worker_sessions", &[]) == 0.0).then_some(())
    })
    .await;
}

/// Waits until a client that has left has as many places as `most` again.
async fn until_there_is_room_for(edge: &Edge, client: IpAddr, most: usize) -> Vec<Client> {
    let mut open = Vec::new();
    while open.len() < most {
        let session = eventually("a place has come back", async || {
            let mut session = Client::announced(edge.clients(), client).await.ok()?;
            session.who().await.ok()?;
            Some(session)
        });
        open.push(session.await);
    }
    assert_eq!(refusal(edge.clients(), client).await, End::Reset, "and no more than these");
    open
}

/// Others were served, every one of them.
async fn all_were_served(load: Load) {
    let outcomes = load.stop().await;
    for outcome in &outcomes {
        assert!(outcome.answered.is_ok(), "{outcome:?}");
    }
    assert!(!outcomes.is_empty());
}
