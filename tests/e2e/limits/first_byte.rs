//! `dial: on_first_byte`: whoever says nothing costs no DC anything.

use super::*;
use nearpoint::stub::Service;

use crate::support::lab::DCS;

fn accepted(lab: &Lab) -> u64 {
    DCS.iter().map(|dc| lab.dc(*dc).total().accepted).sum()
}

/// Probes connect too: nobody is asked again after the first round.
const UNASKED: (&str, &str) = ("health", "{interval: 1h, down_interval: 1h, fast_interval: 1h}");

async fn start_unasked(lab: &Lab, keys: &str) -> Edge {
    lab.configure(&[("listeners", &listener(keys)), UNASKED]);
    let edge = lab.start().await;
    edge.until_access_points_are(&DCS, nearpoint::routing::Health::Up).await;
    edge
}

#[tokio::test]
async fn a_client_that_says_nothing_has_no_upstream_and_is_reset_in_the_end() {
    const SILENT: usize = 20;
    for timeouts in ["first_byte: 400ms", "idle: 400ms"] {
        let lab = Lab::new(1);
        let keys = format!("dial: on_first_byte, timeouts: {{{timeouts}}}");
        let edge = start_unasked(&lab, &keys).await;
        let probed = accepted(&lab);
        let mut silent = Vec::new();
        for client in clients(SILENT) {
            silent.push(Client::announced(edge.clients(), client).await.expect("connected"));
        }
        for mut client in silent {
            assert_eq!(within("a refusal", client.end()).await, End::Reset);
        }
        let scrape = edge.doors.scrape().await;
        assert_eq!(scrape.sum("refused_total", &[("reason", "silent")]), SILENT as f64);
        assert_eq!(scrape.sum("refused_total", &[]), SILENT as f64);
        assert_eq!(scrape.sum("geo_lookups_total", &[]), 0.0);
        assert_eq!(accepted(&lab), probed, "no DC has heard of them");
    }
}

#[tokio::test]
async fn the_first_byte_of_a_client_reaches_its_dc_and_so_do_all_others() {
    let lab = Lab::serving(Service::Echo, 1);
    let keys = "dial: on_first_byte, timeouts: {idle: 1h}";
    let edge = start_unasked(&lab, keys).await;
    let probed = accepted(&lab);
    let mut waiting = Vec::new();
    for client in clients(6) {
        waiting.push(Client::announced(edge.clients(), client).await.expect("connected"));
    }
    eventually("all are waited for", async || {
        let scrape = edge.doors.scrape().await;
        (scrape.sum("worker_sessions", &[]) == 6.0).then_some(())
    })
    .await;
    // Who leaves, in order or not, and who speaks.
    let mut leaving = waiting.pop().expect("a client");
    leaving.end_stream().await.expect("ended");
    assert_eq!(within("a refusal", leaving.end()).await, End::Reset);
    drop(waiting.pop());
    assert_eq!(accepted(&lab), probed);
    for client in &mut waiting {
        client.echo(b"h").await.expect("the first byte");
        client.echo(b"ello").await.expect("the others");
    }
    assert_eq!(accepted(&lab) - probed, waiting.len() as u64);
    for client in waiting {
        client.finish().await.expect("an orderly end");
    }
    until_all_have_left(&edge, 6).await;
    let scrape = edge.doors.scrape().await;
    assert_eq!(scrape.sum("refused_total", &[("reason", "silent")]), 2.0);
    assert_eq!(scrape.sum("refused_total", &[]), 2.0);
}

#[tokio::test]
async fn a_byte_and_the_end_of_the_stream_are_passed_on_together() {
    let lab = Lab::serving(Service::Echo, 1);
    let edge = start_unasked(&lab, "dial: on_first_byte").await;
    let mut client = Client::announced(edge.clients(), ip(GREEDY)).await.expect("connected");
    client.send(b"bye").await.expect("sent");
    client.end_stream().await.expect("ended");
    assert_eq!(within("the end", client.end()).await, End::Closed(b"bye".to_vec()));
}
