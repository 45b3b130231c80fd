use std::future::poll_fn;
use std::net::Shutdown;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use prometheus::IntGauge;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::{JoinHandle, spawn_local, yield_now};
use tokio::time::timeout;

use super::*;
use crate::forward::fixture::{call_turns, pair};
use crate::forward::pipes::PipeBudget;

/// No event of these tests takes this long.
const PATIENCE: Duration = Duration::from_secs(60);

const PIPE: u64 = 1 << 16;

/// More than the kernel holds for a reader that does not read.
const MUCH: usize = 16 << 20;

fn resources(pipes: u64) -> Rc<Resources> {
    let pending = IntGauge::new("pending", "bytes").expect("a gauge");
    let budget = PipeBudget::new(pipes * PIPE, PIPE, 1);
    Rc::new(Resources::new(pending, 1 << 30, Arc::new(budget)))
}

/// Bytes of which each differs from those around it.
fn stream(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

fn send(mut source: TcpStream, bytes: Vec<u8>) -> JoinHandle<()> {
    spawn_local(async move {
        source.write_all(&bytes).await.expect("written");
        source.shutdown().await.expect("ended");
    })
}

fn read(mut sink: TcpStream) -> JoinHandle<Vec<u8>> {
    spawn_local(async move {
        let mut received = Vec::new();
        sink.read_to_end(&mut received).await.expect("read");
        received
    })
}

/// A flow and its sockets.
struct Line {
    flow: Flow,
    from: TcpStream,
    to: TcpStream,
}

impl Line {
    /// One whose other ends are a source and a sink.
    async fn new() -> (TcpStream, Self, TcpStream) {
        let ((source, from), (to, sink)) = (pair().await, pair().await);
        (source, Self { flow: Flow::default(), from, to }, sink)
    }

    async fn poll_once(&mut self, resources: &Resources) {
        let Self { flow, from, to } = self;
        let over = poll_fn(|cx| Poll::Ready(flow.poll(cx, from, to, resources).is_ready())).await;
        assert!(!over, "it ends");
        yield_now().await;
    }

    async fn poll_until(&mut self, resources: &Resources, so: impl Fn(&Flow) -> bool) {
        let polled = async {
            while !so(&self.flow) {
                self.poll_once(resources).await;
            }
        };
        timeout(PATIENCE, polled).await.expect("in time");
    }

    /// To the end of the stream.
    async fn run(&mut self, resources: &Resources) {
        let Self { flow, from, to } = self;
        let over = poll_fn(|cx| flow.poll(cx, from, to, resources));
        timeout(PATIENCE, over).await.expect("in time").expect("unbroken");
        SockRef::from(&*to).shutdown(Shutdown::Write).expect("ended");
    }
}

#[tokio::test(flavor = "local")]
async fn who_has_had_a_turn_waits_to_be_called() {
    let resources = resources(16);
    let (source, mut line, sink) = Line::new().await;
    let (sent, received) = (send(source, stream(MUCH)), read(sink));
    line.poll_until(&resources, |flow| flow.waits_for_turn.is_some()).await;
    let turn = line.flow.moved();
    assert!((TURN..=TURN + PIPE).contains(&turn), "{turn} bytes");
    for _ in 0..100 {
        line.poll_once(&resources).await;
    }
    assert_eq!(line.flow.moved(), turn);
    call_turns(&resources);
    line.run(&resources).await;
    sent.await.expect("no panic");
    assert!(received.await.expect("no panic") == stream(MUCH));
}

#[tokio::test(flavor = "local")]
async fn slow_readers_leave_the_last_pipes_to_others() {
    let resources = resources(4);
    call_turns(&resources);
    let mut slow = Vec::new();
    for _ in 0..6 {
        let (source, mut line, sink) = Line::new().await;
        let sent = send(source, stream(MUCH));
        line.poll_until(&resources, Flow::is_back_pressured).await;
        slow.push((sent, line, sink));
    }
    let keep = slow.iter().filter(|(_, line, _)| line.flow.has_held()).count();
    assert_eq!(keep, 2, "the third of four makes the last one scarce");

    let (source, mut line, sink) = Line::new().await;
    let (sent, received) = (send(source, stream(MUCH)), read(sink));
    line.run(&resources).await;
    sent.await.expect("no panic");
    assert!(received.await.expect("no panic") == stream(MUCH));
    let Counts { copied, spliced } = line.flow.take_counts();
    assert!(spliced > 4 * copied, "{spliced} bytes spliced, {copied} copied");

    for (sent, mut line, sink) in slow {
        let received = read(sink);
        line.run(&resources).await;
        sent.await.expect("no panic");
        assert!(received.await.expect("no panic") == stream(MUCH));
        assert!(!line.flow.is_back_pressured());
    }
    assert!(!resources.pipes_are_scarce(), "all were given back");
}

#[tokio::test(flavor = "local")]
async fn urgent_data_does_not_hold_up_what_is_behind_it() {
    let resources = resources(16);
    call_turns(&resources);
    let (mut source, mut line, sink) = Line::new().await;
    let received = read(sink);
    let sent = spawn_local(async move {
        source.write_all(&stream(MUCH)).await.expect("written");
        SockRef::from(&source).send_out_of_band(b"!").expect("sent");
        source.write_all(b"and on").await.expect("written");
        source
    });
    let all = (MUCH + b"and on".len()) as u64;
    line.poll_until(&resources, |flow| flow.moved() == all).await;
    assert!(line.flow.take_counts().spliced > 0);
    drop(sent.await.expect("no panic"));
    line.run(&resources).await;
    let received = received.await.expect("no panic");
    assert!(received[..MUCH] == stream(MUCH));
    assert_eq!(&received[MUCH..], b"and on");
}
