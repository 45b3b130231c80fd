//! Simulated clients of UDP. A datagram has no PROXY header, so each comes from a loopback address of
//! its own, which `geoip.overrides` of the demo's configuration puts somewhere in the world.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use super::tally::{Asked, FlowId};
use crate::routing::DcId;
use crate::stub::Whoami;

/// Where they come from: two near each DC, as the third byte says.
pub(super) const ADDRESSES: [Ipv4Addr; 6] = [
    Ipv4Addr::new(127, 77, 101, 1),
    Ipv4Addr::new(127, 77, 101, 2),
    Ipv4Addr::new(127, 77, 102, 1),
    Ipv4Addr::new(127, 77, 102, 2),
    Ipv4Addr::new(127, 77, 103, 1),
    Ipv4Addr::new(127, 77, 103, 2),
];

/// Between two questions, and the longest wait for an answer.
const PACE: Duration = Duration::from_millis(200);
/// Questions of one flow. Then another begins, from another port: a flow that was moved does not
/// return by itself.
const QUESTIONS: u64 = 20;
/// More than a [`Whoami`] and a question take.
const LONGEST_ANSWER: usize = 512;

/// One client.
pub(super) struct FlowClient {
    /// Its number.
    pub(super) id: FlowId,
    /// The address it comes from.
    pub(super) ip: Ipv4Addr,
    /// The listener of the edge.
    pub(super) edge: SocketAddr,
    /// The beginning of the demo.
    pub(super) epoch: Instant,
    /// Takes what it hears.
    pub(super) heard: mpsc::Sender<Asked>,
}

impl FlowClient {
    /// Question after question, for as long as anybody wants to know.
    pub(super) async fn live(self) {
        let mut ticks = interval(PACE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut socket = None;
        for number in 0.. {
            ticks.tick().await;
            if number % QUESTIONS == 0 {
                socket = None;
            }
            if socket.is_none() {
                socket = self.open().await.ok();
            }
            let dc = match &socket {
                Some(socket) => ask(socket, number).await,
                None => None,
            };
            let asked = Asked { flow: self.id, at: self.epoch.elapsed(), dc };
            if self.heard.send(asked).await.is_err() {
                return;
            }
        }
    }

    async fn open(&self) -> io::Result<UdpSocket> {
        let socket = UdpSocket::bind((self.ip, 0)).await?;
        socket.connect(self.edge).await?;
        Ok(socket)
    }
}

/// Who answered this question in time. Late answers to earlier ones are passed over.
async fn ask(socket: &UdpSocket, number: u64) -> Option<DcId> {
    let question = number.to_be_bytes();
    let due = Instant::now() + PACE;
    socket.send(&question).await.ok()?;
    let mut answer = [0; LONGEST_ANSWER];
    loop {
        let length = timeout_at(due, socket.recv(&mut answer)).await.ok()?.ok()?;
        match Whoami::split(&answer[..length]) {
            Some((whoami, asked)) if asked == question => return Some(DcId(whoami.dc)),
            Some(_) | None => {}
        }
    }
}
