//! The relay, byte by byte: bulk, small writes, half-close, slow readers, resets, timeouts.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use nearpoint::app::App;
use socket2::SockRef;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// No event of these tests takes this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// The first byte of every session: probes send none.
const HELLO: u8 = b'S';

/// A daemon with one DC, whose sessions the test holds in its hands.
struct Lab {
    app: App,
    sessions: mpsc::Receiver<TcpStream>,
    _files: TempDir,
}

impl Lab {
    /// `listener` is merged into the listener's settings, `more` stands beside it.
    async fn new(listener: &str, more: &str) -> Self {
        let files = tempfile::tempdir().expect("a folder");
        let upstream = TcpListener::bind("127.0.0.1:0").await.expect("an upstream");
        let port = upstream.local_addr().expect("bound").port();
        let list = format!("- {{id: 1, ip_address: 127.0.0.1, port: {port}}}\n");
        std::fs::write(files.path().join("dc_options.yaml"), list).expect("written");
        let main = files.path().join("nearpoint.yaml");
        let text = format!(
            "edge: {{workers: 1}}\n\
             dcs: [{{id: 1, location: {{country: NL}}}}]\n\
             listeners: [{{name: clients, bind: ['127.0.0.1:0'], route: nearest, {listener}}}]\n\
             admin: {{bind: none}}\nmetrics: {{bind: none}}\n{more}"
        );
        std::fs::write(&main, text).expect("written");
        let (found, sessions) = mpsc::channel(1024);
        tokio::spawn(accept_sessions(upstream, found));
        let app = App::start(&main).await.expect("a daemon");
        Self { app, sessions, _files: files }
    }

    fn address(&self) -> SocketAddr {
        self.app.listeners["clients"][0]
    }

    /// A new session: the client's end and the DC's.
    async fn session(&mut self) -> (TcpStream, TcpStream) {
        let mut client = TcpStream::connect(self.address()).await.expect("connected");
        client.set_nodelay(true).expect("set");
        client.write_all(&[HELLO]).await.expect("written");
        let upstream = timeout(PATIENCE, self.sessions.recv()).await.expect("in time");
        (client, upstream.expect("a session"))
    }

    fn bytes(&self, direction: &str, path: &str) -> u64 {
        self.app.metrics.bytes_total.with_label_values(&["1", direction, path]).get()
    }

    /// Waits until a session has ended in this way.
    async fn ended(&self, side: &str, reason: &str) {
        let closed = self.app.metrics.close_total.with_label_values(&["1", side, reason]);
        wait_until(|| closed.get() > 0).await;
    }

    /// Waits until a session has ended in order, whoever closed first.
    async fn closed(&self) {
        let closed = ["client", "upstream"]
            .map(|side| self.app.metrics.close_total.with_label_values(&["1", side, "closed"]));
        wait_until(|| closed.iter().any(|count| count.get() > 0)).await;
    }
}

/// For what only counters show; there is no event to wait for.
async fn wait_until(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("in time");
}

async fn accept_sessions(upstream: TcpListener, found: mpsc::Sender<TcpStream>) {
    while let Ok((mut stream, _)) = upstream.accept().await {
        let found = found.clone();
        tokio::spawn(async move {
            let mut first = [0];
            if stream.read_exact(&mut first).await.is_ok() && first == [HELLO] {
                stream.set_nodelay(true).expect("set");
                let _ = found.send(stream).await;
            }
        });
    }
}

/// Bytes that look random and are the same on both ends (xorshift64*).
struct Noise(u64);

impl Noise {
    fn fill(&mut self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            let word = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}

const BLOCK: usize = 64 * 1024;

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

/// Writes until nothing more is taken, and returns how much was. What a reset comes after must be
/// stuck: a write that is pending for a second is.
async fn flood(stream: &mut TcpStream) -> usize {
    let (mut written, block) = (0, vec![b'x'; BLOCK]);
    while let Ok(Ok(n)) = timeout(Duration::from_secs(1), stream.write(&block)).await {
        written += n;
    }
    written
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

/// Reads to the end, which must be a reset, and returns what came before it.
async fn read_to_reset(stream: &mut TcpStream) -> usize {
    let (mut total, mut buffer) = (0, vec![0; BLOCK]);
    loop {
        match timeout(PATIENCE, stream.read(&mut buffer)).await.expect("in time") {
            Ok(0) => panic!("an orderly end after {total} bytes"),
            Ok(n) => total += n,
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
                return total;
            }
        }
    }
}

fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("set");
}

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

/// Whether the kernel holds bytes that the peer has not acknowledged.
fn unsent(stream: &TcpStream) -> bool {
    nearpoint::net::unacknowledged(stream) > 0
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
