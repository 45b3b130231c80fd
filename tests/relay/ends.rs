//! How sessions end: resets, each after what came before it, and timeouts.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::time::timeout;

use crate::lab::{Lab, PATIENCE, flood, read_to_reset, reset, unsent};

#[tokio::test]
async fn a_reset_of_the_dc_arrives_after_the_data_that_came_before_it() {
    let mut lab = Lab::new("", "").await;
    let (mut client, mut upstream) = lab.session().await;
    upstream.write_all(&vec![b'x'; 100_000]).await.expect("written");
    // What is still in the sender's queue would be lost with it: that is the sender's choice.
    while unsent(&upstream) {
        tokio::task::yield_now().await;
    }
    reset(upstream);
    assert_eq!(read_to_reset(&mut client).await, 100_000);
    lab.ended("upstream", "reset").await;
}

#[tokio::test]
async fn a_reset_of_the_client_arrives_after_the_data_that_came_before_it() {
    let mut lab = Lab::new("", "").await;
    let (mut client, mut upstream) = lab.session().await;
    client.write_all(&vec![b'x'; 100_000]).await.expect("written");
    while unsent(&client) {
        tokio::task::yield_now().await;
    }
    reset(client);
    assert_eq!(read_to_reset(&mut upstream).await, 100_000);
    lab.ended("client", "reset").await;
}

#[tokio::test]
async fn a_client_that_resets_while_its_dc_reads_nothing_is_noticed() {
    for memory in ["", "memory: {pipes: 0KiB}"] {
        let mut lab = Lab::new("", memory).await;
        let (mut client, mut upstream) = lab.session().await;
        flood(&mut client).await;
        reset(client);
        lab.ended("client", "reset").await;
        assert!(read_to_reset(&mut upstream).await > 0);
    }
}

#[tokio::test]
async fn a_dc_that_resets_while_its_client_reads_nothing_is_noticed() {
    for memory in ["", "memory: {pipes: 0KiB}"] {
        let mut lab = Lab::new("", memory).await;
        let (mut client, mut upstream) = lab.session().await;
        flood(&mut upstream).await;
        reset(upstream);
        lab.ended("upstream", "reset").await;
        assert!(read_to_reset(&mut client).await > 0);
    }
}

#[tokio::test]
async fn a_reset_within_the_other_direction_is_no_orderly_end() {
    let mut lab = Lab::new("", "").await;
    let (mut client, mut upstream) = lab.session().await;
    client.shutdown().await.expect("closed");
    assert_eq!(upstream.read(&mut [0; 8]).await.expect("the end"), 0);
    reset(upstream);
    assert_eq!(read_to_reset(&mut client).await, 0);
}

#[tokio::test]
async fn an_idle_session_is_reset_and_a_busy_one_is_not() {
    let mut lab = Lab::new("timeouts: {idle: 1s}", "").await;
    let (mut idle, mut idle_upstream) = lab.session().await;
    let (mut busy, mut busy_upstream) = lab.session().await;
    let echo = tokio::spawn(async move {
        let mut byte = [0];
        while busy_upstream.read(&mut byte).await.is_ok_and(|n| n == 1) {
            busy_upstream.write_all(&byte).await.expect("written");
        }
    });
    let mut end = tokio::spawn(async move {
        let bytes = read_to_reset(&mut idle).await + read_to_reset(&mut idle_upstream).await;
        assert_eq!(bytes, 0);
    });
    // The busy session speaks until the idle one has ended, and a while longer.
    let mut pause = tokio::time::interval(Duration::from_millis(100));
    let mut rounds_left = None;
    while rounds_left != Some(0) {
        tokio::select! {
            ended = &mut end, if rounds_left.is_none() => {
                ended.expect("no panic");
                rounds_left = Some(20);
            }
            _ = pause.tick() => {
                busy.write_all(b"x").await.expect("written");
                busy.read_exact(&mut [0]).await.expect("echoed");
                rounds_left = rounds_left.map(|left| left - 1);
            }
        }
    }
    drop(busy);
    echo.await.expect("no panic");
    lab.ended("nearpoint", "idle").await;
}

#[tokio::test]
async fn a_half_closed_session_has_a_timeout_of_its_own() {
    let mut lab = Lab::new("timeouts: {idle: 10m, half_close: 1s}", "").await;
    let (mut client, mut upstream) = lab.session().await;
    client.shutdown().await.expect("closed");
    assert_eq!(upstream.read(&mut [0; 8]).await.expect("the end"), 0);
    assert_eq!(read_to_reset(&mut client).await, 0);
    lab.ended("nearpoint", "half_close").await;
}

#[tokio::test]
async fn a_reader_that_takes_nothing_for_the_user_timeout_has_stalled() {
    let mut lab = Lab::new("tcp: {user_timeout: 2s}", "").await;
    let (client, mut upstream) = lab.session().await;
    flood(&mut upstream).await;
    lab.ended("client", "stalled").await;
    read_to_reset(&mut upstream).await;
    drop(client);
}

#[tokio::test]
async fn a_session_that_was_quiet_for_long_may_still_answer_a_half_close() {
    let mut lab = Lab::new("timeouts: {idle: 10m, half_close: 2s}", "").await;
    let (mut client, mut upstream) = lab.session().await;
    // Time itself is what is waited for: longer than `half_close`.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    client.shutdown().await.expect("closed");
    assert_eq!(upstream.read(&mut [0; 8]).await.expect("the end"), 0);
    tokio::time::sleep(Duration::from_millis(1000)).await;
    upstream.write_all(b"bye").await.expect("written");
    drop(upstream);
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.expect("an orderly end");
    assert_eq!(answer, b"bye");
}

#[tokio::test]
async fn a_reset_that_follows_a_half_close_is_noticed() {
    let mut lab = Lab::new("", "").await;
    let (mut client, mut upstream) = lab.session().await;
    client.shutdown().await.expect("closed");
    assert_eq!(upstream.read(&mut [0; 8]).await.expect("the end"), 0);
    reset(client);
    timeout(PATIENCE, upstream.ready(Interest::ERROR)).await.expect("in time").expect("ready");
    lab.ended("client", "reset").await;

    let (mut client, mut upstream) = lab.session().await;
    upstream.shutdown().await.expect("closed");
    assert_eq!(client.read(&mut [0; 8]).await.expect("the end"), 0);
    reset(upstream);
    timeout(PATIENCE, client.ready(Interest::ERROR)).await.expect("in time").expect("ready");
    lab.ended("upstream", "reset").await;
}

#[tokio::test]
async fn a_dc_that_takes_nothing_for_the_user_timeout_has_stalled() {
    let mut lab = Lab::new("tcp: {user_timeout: 2s}", "").await;
    let (mut client, upstream) = lab.session().await;
    flood(&mut client).await;
    lab.ended("upstream", "stalled").await;
    drop(upstream);
}
