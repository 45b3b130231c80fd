//! What is sent arrives, whole and in order: bulk, single bytes, half-close, slow readers.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use crate::lab::{BLOCK, Lab, PATIENCE, flood, wait_until};
use crate::noise::Noise;

async fn send_noise(mut to: OwnedWriteHalf, seed: u64, blocks: usize) {
    let (mut noise, mut block) = (Noise(seed), vec![0; BLOCK]);
    for _ in 0..blocks {
        noise.fill(&mut block);
        to.write_all(&block).await.expect("written");
    }
    to.shutdown().await.expect("closed");
}

/// Reads to the end of the stream and compares every byte.
async fn expect_noise(mut from: OwnedReadHalf, seed: u64, blocks: usize) {
    let (mut noise, mut expected, mut read) = (Noise(seed), vec![0; BLOCK], vec![0; BLOCK]);
    for block in 0..blocks {
        noise.fill(&mut expected);
        from.read_exact(&mut read).await.expect("read");
        assert!(read == expected, "block {block} differs");
    }
    assert_eq!(from.read(&mut read).await.expect("the end"), 0);
}

async fn both_ways(client: TcpStream, upstream: TcpStream, blocks: usize) {
    let (client_read, client_write) = client.into_split();
    let (upstream_read, upstream_write) = upstream.into_split();
    // Tasks of their own: the test must not be slower than the relay.
    let all = [
        tokio::spawn(send_noise(client_write, 1, blocks)),
        tokio::spawn(send_noise(upstream_write, 2, blocks)),
        tokio::spawn(expect_noise(upstream_read, 1, blocks)),
        tokio::spawn(expect_noise(client_read, 2, blocks)),
    ];
    for task in all {
        timeout(2 * PATIENCE, task).await.expect("in time").expect("no panic");
    }
}

#[tokio::test]
async fn a_gigabyte_each_way_arrives_whole_and_is_spliced() {
    let mut lab = Lab::new("", "").await;
    let (client, upstream) = lab.session().await;
    both_ways(client, upstream, (1 << 30) / BLOCK).await;
    lab.closed().await;
    for direction in ["up", "down"] {
        let (copied, spliced) = (lab.bytes(direction, "copy"), lab.bytes(direction, "splice"));
        let hello = u64::from(direction == "up");
        assert_eq!(copied + spliced, (1 << 30) + hello);
        assert!(spliced > copied * 4, "{direction}: {spliced} spliced, {copied} copied");
    }
}

#[tokio::test]
async fn without_pipes_everything_is_copied() {
    let mut lab = Lab::new("", "memory: {pipes: 0KiB}").await;
    let (client, upstream) = lab.session().await;
    both_ways(client, upstream, 1024).await;
    lab.closed().await;
    assert_eq!(lab.bytes("up", "splice") + lab.bytes("down", "splice"), 0);
    assert_eq!(lab.app.metrics.pending_bytes.get(), 0);
}

#[tokio::test]
async fn single_bytes_arrive_whole_and_are_copied() {
    let mut lab = Lab::new("", "").await;
    let (client, upstream) = lab.session().await;
    let (mut client_read, mut client_write) = client.into_split();
    let (mut upstream_read, mut upstream_write) = upstream.into_split();
    let mut noise = vec![0; 20_000];
    Noise(7).fill(&mut noise);
    let sent = noise.clone();
    let writer = tokio::spawn(async move {
        for byte in sent.chunks(1) {
            client_write.write_all(byte).await.expect("written");
        }
        client_write.shutdown().await.expect("closed");
    });
    let echo = tokio::spawn(async move {
        let mut byte = [0];
        while upstream_read.read(&mut byte).await.expect("read") == 1 {
            upstream_write.write_all(&byte).await.expect("written");
        }
    });
    let mut received = Vec::new();
    timeout(PATIENCE, client_read.read_to_end(&mut received))
        .await
        .expect("in time")
        .expect("read");
    assert!(received == noise);
    writer.await.expect("no panic");
    echo.await.expect("no panic");
    lab.ended("client", "closed").await;
    assert_eq!(lab.bytes("down", "copy"), 20_000);
    assert_eq!(lab.bytes("down", "splice"), 0);
}

#[tokio::test]
async fn half_close_is_relayed_and_the_other_direction_goes_on() {
    let mut lab = Lab::new("", "").await;
    let (mut client, mut upstream) = lab.session().await;
    client.write_all(b"question").await.expect("written");
    client.shutdown().await.expect("closed");
    let mut question = Vec::new();
    upstream.read_to_end(&mut question).await.expect("read to the end");
    assert_eq!(question, b"question");
    for _ in 0..3 {
        upstream.write_all(b"answer").await.expect("written");
        let mut answer = [0; 6];
        client.read_exact(&mut answer).await.expect("read");
        assert_eq!(&answer, b"answer");
    }
    drop(upstream);
    assert_eq!(client.read(&mut [0; 8]).await.expect("the end"), 0);
    lab.ended("client", "closed").await;
}

#[tokio::test]
async fn a_slow_reader_holds_one_buffer_and_loses_nothing() {
    let mut lab = Lab::new("", "memory: {pipes: 0KiB}").await;
    let (mut client, mut upstream) = lab.session().await;
    let written = flood(&mut upstream).await;
    let pending = lab.app.metrics.pending_bytes.get();
    assert!(0 < pending && pending <= 32 * 1024, "{pending} bytes are held");
    drop(upstream);
    let mut received = Vec::new();
    timeout(PATIENCE, client.read_to_end(&mut received)).await.expect("in time").expect("read");
    assert_eq!(received.len(), written);
    drop(client);
    lab.ended("upstream", "closed").await;
    assert_eq!(lab.app.metrics.pending_bytes.get(), 0);
}

#[tokio::test]
async fn held_bytes_are_bounded_over_all_sessions_and_everybody_gets_on() {
    let mut lab = Lab::new("", "memory: {pipes: 0KiB, pending: 128KiB}").await;
    let mut stuck = Vec::new();
    for _ in 0..60 {
        let (client, mut upstream) = lab.session().await;
        stuck.push((client, tokio::spawn(async move { (flood(&mut upstream).await, upstream) })));
    }
    let mut all = Vec::new();
    for (client, flooding) in stuck {
        let (written, upstream) = flooding.await.expect("no panic");
        all.push((client, upstream, written));
    }
    let pending = lab.app.metrics.pending_bytes.get();
    let budget = 128 * 1024;
    assert!(pending >= budget, "60 stuck sessions use the budget up: {pending}");
    assert!(pending <= budget + 32 * 1024, "{pending} bytes are held");
    // A session that comes now has no budget and works all the same.
    let (client, upstream) = lab.session().await;
    both_ways(client, upstream, 64).await;
    for (mut client, upstream, written) in all {
        drop(upstream);
        let mut received = Vec::new();
        timeout(PATIENCE, client.read_to_end(&mut received)).await.expect("in time").expect("read");
        assert_eq!(received.len(), written);
    }
    wait_until(|| lab.app.metrics.pending_bytes.get() == 0).await;
}
