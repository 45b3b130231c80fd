//! Clients of UDP: some come, each with a flow of its own, and others stay. A question that is not answered is
//! asked again.

use super::Recorder;
use super::arrivals::FIRST;
use super::client::PATIENCE;
use crate::failover::record::{Arrival, Failure, Interruption};
use crate::lab::layout;
use nearpoint::stub::Whoami;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Between a question and the next one, whether it was answered or not.
const PACE: Duration = Duration::from_millis(200);

/// What is worth a note: two questions without an answer.
const STALL: Duration = Duration::from_millis(500);

/// The longest answer.
const LONGEST: usize = 2048;

/// Those who come and those who stay.
#[derive(Debug)]
pub(super) struct Datagrams {
    stop: watch::Sender<bool>,
    clients: JoinSet<()>,
}

/// A flow as its client has it.
struct Flow {
    socket: UdpSocket,
    /// The number of the last question.
    asked: u64,
}

impl Datagrams {
    /// Returns when all that stay have been answered. One that is not is an error: so far everything is
    /// well.
    pub(super) async fn start(
        target: SocketAddr,
        new_per_second: u32,
        held: u32,
        recorder: &Recorder,
    ) -> io::Result<Datagrams> {
        let (stop, stopped) = watch::channel(false);
        let mut clients = JoinSet::new();
        for number in 0..held.min(FIRST) {
            let mut flow = Flow::open(number, target).await?;
            let dc = flow.ask_until(Instant::now() + PATIENCE).await;
            let dc = dc.ok_or_else(|| io::Error::other(format!("flow {number} of {held}")))?;
            let (recorder, mut stopped) = (recorder.clone(), stopped.clone());
            clients.spawn(async move {
                let mut last = (Instant::now(), dc);
                tokio::select! {
                    () = stay(flow, &mut last, &recorder) => {}
                    // The sender is dropped later than this ends.
                    _ = stopped.wait_for(|stopped| *stopped) => {}
                }
                if last.0.elapsed() > PACE + STALL {
                    note(&recorder, last, None);
                }
            });
        }
        clients.spawn(come(target, new_per_second, recorder.clone(), stopped));
        Ok(Datagrams { stop, clients })
    }

    /// Lets nobody come any more, and returns when all have had an answer or have given up.
    pub(super) async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.clients.join_next().await.is_some() {}
    }
}

async fn come(
    target: SocketAddr,
    new_per_second: u32,
    recorder: Recorder,
    mut stopped: watch::Receiver<bool>,
) {
    let mut flows = JoinSet::new();
    let mut pace = interval(Duration::from_secs(1) / new_per_second.max(1));
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for client in FIRST.. {
        tokio::select! {
            _ = pace.tick() => {}
            _ = stopped.wait_for(|stopped| *stopped) => break,
        }
        flows.spawn(arrive(client, target, recorder.clone()));
        while flows.try_join_next().is_some() {}
    }
    while flows.join_next().await.is_some() {}
}

async fn arrive(client: u32, target: SocketAddr, recorder: Recorder) {
    let asked = Instant::now();
    let outcome = match Flow::open(client, target).await {
        Ok(mut flow) => flow.ask_until(asked + PATIENCE).await.ok_or(Failure::Silent),
        Err(_) => Err(Failure::Refused),
    };
    let (began, took) = (recorder.offset(asked), asked.elapsed());
    recorder.change(|notes| notes.met.flows.arrivals.push(Arrival { began, took, outcome }));
}

/// Asks for ever, and writes down when answers stay away, or come from another DC.
async fn stay(mut flow: Flow, last: &mut (Instant, u16), recorder: &Recorder) {
    loop {
        let next = Instant::now() + PACE;
        if let Some(dc) = flow.ask().await {
            let now = Instant::now();
            if now > last.0 + PACE + STALL || dc != last.1 {
                note(recorder, *last, Some((recorder.offset(now), dc)));
            }
            *last = (now, dc);
        }
        tokio::time::sleep_until(next.into()).await;
    }
}

fn note(recorder: &Recorder, last: (Instant, u16), again: Option<(Duration, u16)>) {
    let ended = recorder.offset(Instant::now());
    let last_answer = recorder.offset(last.0);
    let interruption = Interruption { last_answer, ended, why: None, from: last.1, again };
    recorder.change(|notes| notes.met.flows.interruptions.push(interruption));
}

impl Flow {
    async fn open(client: u32, target: SocketAddr) -> io::Result<Flow> {
        let socket = UdpSocket::bind(SocketAddr::from((layout::client(client), 0))).await?;
        socket.connect(target).await?;
        Ok(Flow { socket, asked: 0 })
    }

    /// Asks again and again, until then.
    async fn ask_until(&mut self, until: Instant) -> Option<u16> {
        while Instant::now() < until {
            let again = Instant::now() + PACE;
            match self.ask().await {
                Some(dc) => return Some(dc),
                None => tokio::time::sleep_until(again.into()).await,
            }
        }
        None
    }

    /// One question: the DC that answers it before the next one is due.
    async fn ask(&mut self) -> Option<u16> {
        self.asked += 1;
        let question = self.asked.to_le_bytes();
        // Whatever goes wrong, the next question shows whether it is well again.
        self.socket.send(&question).await.ok()?;
        let answered = async {
            let mut answer = [0; LONGEST];
            loop {
                let length = self.socket.recv(&mut answer).await.ok()?;
                match Whoami::split(&answer[..length]) {
                    Some((who, asked)) if asked == question => return Some(who.dc),
                    // The answer to an earlier question.
                    Some(_) | None => {}
                }
            }
        };
        timeout(PACE, answered).await.ok().flatten()
    }
}
