//! Clients that come at a steady pace, whatever became of those before them: an open loop. Each is
//! somebody new.

use super::Recorder;
use super::client::Session;
use crate::failover::record::Arrival;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval};

/// Numbers of clients below are of those who stay.
pub(super) const FIRST: u32 = 10_000;

#[derive(Debug)]
pub(super) struct Arrivals {
    stop: oneshot::Sender<()>,
    coming: JoinHandle<()>,
}

impl Arrivals {
    pub(super) fn start(target: SocketAddr, new_per_second: u32, recorder: &Recorder) -> Arrivals {
        let (stop, stopped) = oneshot::channel();
        let pace = Duration::from_secs(1) / new_per_second.max(1);
        let coming = tokio::spawn(come(target, pace, recorder.clone(), stopped));
        Arrivals { stop, coming }
    }

    /// Returns when the last of them has had an answer, or has given up.
    pub(super) async fn stop(self) {
        drop(self.stop);
        // It ends by itself, and a panic in it has been told.
        let _ = self.coming.await;
    }
}

async fn come(
    target: SocketAddr,
    pace: Duration,
    recorder: Recorder,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut sessions = JoinSet::new();
    let mut pace = interval(pace);
    // Whoever was due while this thread was held up comes late, but comes.
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for client in FIRST.. {
        tokio::select! {
            _ = pace.tick() => {}
            _ = &mut stopped => break,
        }
        sessions.spawn(arrive(client, target, recorder.clone()));
        while sessions.try_join_next().is_some() {}
    }
    while sessions.join_next().await.is_some() {}
}

async fn arrive(client: u32, target: SocketAddr, recorder: Recorder) {
    let connected = Instant::now();
    let opened = Session::open(client, target).await;
    let took = connected.elapsed();
    let outcome = match &opened {
        Ok(session) => Ok(session.dc),
        Err(failure) => Err(*failure),
    };
    let began = recorder.offset(connected);
    recorder.change(|notes| notes.met.arrivals.push(Arrival { began, took, outcome }));
    if let Ok(session) = opened {
        session.close().await;
    }
}
