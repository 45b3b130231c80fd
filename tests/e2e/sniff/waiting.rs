//! Clients that say too little, or nothing.

use super::*;
use crate::support::process::Process;

#[tokio::test]
async fn a_client_that_says_too_little_is_decided_about_at_the_timeout() {
    for (unknown, dc) in [("close", None), ("nearest", Some(SINGAPORE))] {
        let lab = Lab::new(1);
        let route = format!("secrets: [{SECRET}], unknown: {unknown}, sniff_timeout: 300ms");
        lab.configure(&[("listeners", &listener(&route, "")), IN_SINGAPORE]);
        let edge = lab.start().await;
        let some = &header(2, Some(SECRET))[..10];
        match dc {
            None => is_reset(&edge, some).await,
            Some(dc) => assert_eq!(who(&edge, some).await.dc, dc),
        }
        // Nobody is to be connected for nothing.
        is_reset(&edge, b"").await;
        let scrape = edge.doors.scrape().await;
        assert_eq!(sniffed(&scrape, "short"), 2.0);
        assert_eq!(refused(&scrape, "sniff"), if dc.is_none() { 2.0 } else { 1.0 });
    }
}

#[tokio::test]
async fn a_stream_that_ends_within_the_header_is_decided_about_at_once() {
    let lab = Lab::serving(Service::Echo, 1);
    let route = format!("secrets: [{SECRET}], unknown: nearest, sniff_timeout: 1h");
    lab.configure(&[("listeners", &listener(&route, "")), IN_SINGAPORE]);
    let edge = lab.start().await;
    let header = header(2, Some(SECRET));
    for (sent, dc) in
        [(&header[..10], SINGAPORE), (&header[..63], SINGAPORE), (&header[..64], AMSTERDAM)]
    {
        let before = lab.dc(dc).total().bytes_in;
        let mut client = Client::plain(edge.clients()).await.expect("connected");
        client.send(sent).await.expect("sent");
        client.end_stream().await.expect("ended");
        let end = within("the end", client.end()).await;
        assert_eq!(end, End::Closed(sent.to_vec()), "every byte came back before the end");
        assert_eq!(lab.dc(dc).total().bytes_in - before, sent.len() as u64);
    }
    let mut silent = Client::plain(edge.clients()).await.expect("connected");
    silent.end_stream().await.expect("ended");
    assert_eq!(within("the end", silent.end()).await, End::Reset);
    let scrape = edge.doors.scrape().await;
    assert_eq!((sniffed(&scrape, "short"), sniffed(&scrape, "proved")), (3.0, 1.0));
    assert_eq!((refused(&scrape, "sniff"), scrape.sum("refused_total", &[])), (1.0, 1.0));
}

#[tokio::test]
async fn clients_that_are_waited_for_cost_no_processor() {
    const CLIENTS: usize = 200;
    const DRIPPED: usize = 50;
    let lab = Lab::new(1);
    let route = format!("secrets: [{SECRET}], sniff_timeout: 1h");
    lab.configure(&[("listeners", &listener(&route, ""))]);
    let daemon = Process::start(&lab).await;
    let header = header(2, Some(SECRET));
    let mut waiting = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = Client::plain(daemon.clients).await.expect("connected");
        client.send(&header[..10]).await.expect("sent");
        waiting.push(client);
    }
    eventually("all are waited for", async || {
        let scrape = daemon.doors.scrape().await;
        (scrape.sum("worker_sessions", &[]) == CLIENTS as f64).then_some(())
    })
    .await;
    settled(&daemon).await;

    let (before, ticks) = (daemon.worker_wakeups(), daemon.processor_ticks());
    for at in 10..10 + DRIPPED {
        for client in &mut waiting {
            client.send(&header[at..=at]).await.expect("sent");
        }
    }
    let (wakeups, ticks) = (daemon.worker_wakeups() - before, daemon.processor_ticks() - ticks);
    let sent = CLIENTS * DRIPPED;
    println!("{sent} bytes of {CLIENTS} clients: {wakeups} wakeups, {ticks} ticks of 10 ms");
    // The workers turn their wheels meanwhile, a few times a second.
    assert!(wakeups * 20 < sent as u64, "{wakeups} wakeups for {sent} bytes");
    assert!(ticks * 10 < sent as u64 / 10, "{ticks} ticks of 10 ms for {sent} bytes");

    for client in &mut waiting {
        client.send(&header[10 + DRIPPED..]).await.expect("sent");
        assert_eq!(within("an answer", client.who()).await.expect("a session").dc, AMSTERDAM);
        client.hear(&header).await.expect("the DC got every byte");
    }
}

/// Waits until the workers have nothing to do but turn their wheels: a few times in a row, hardly any
/// wakeup comes between two looks.
async fn settled(daemon: &Process) {
    let (mut quiet, mut before) = (0, daemon.worker_wakeups());
    eventually("the workers are idle", async || {
        let now = daemon.worker_wakeups();
        quiet = if now - before <= 2 { quiet + 1 } else { 0 };
        before = now;
        (quiet == 10).then_some(())
    })
    .await;
}
