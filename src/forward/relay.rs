//! The relay of one session: two flows, a timer, and the ways it can end.

mod first_byte;

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

use super::closing::Watch;
use super::connect::peer_watch;
use super::flow::{Broken, Flow};
use super::idle::{Expiry, IdleTimer, TICK};
use super::worker::Resources;
use crate::config::{TcpOptions, Timeouts};
use crate::metrics::handles::{DcMetrics, Direction, Path};
use crate::net;
use crate::routing::{CloseReason, Ending, Side};
use first_byte::Exchange;

pub(super) use first_byte::Witness;

/// How often a long session adds its bytes to the metrics.
const FLUSH: Duration = Duration::from_secs(10);

/// How long what was received before a reset is given to arrive.
const LAST_DELIVERY: Duration = Duration::from_secs(1);

/// Before the first look at whether it has arrived, doubled after each: the kernel has no event for
/// that.
const FIRST_LOOK: Duration = Duration::from_millis(2);

/// The two sockets of a session, and what is needed while it lasts.
pub(super) struct Relay<'a> {
    /// Downstream.
    pub(super) client: &'a TcpStream,
    /// Upstream.
    pub(super) upstream: &'a TcpStream,
    /// What the worker shares among its sessions.
    pub(super) resources: &'a Resources,
    /// Ends the session when nothing moves.
    pub(super) timer: &'a IdleTimer,
    /// When it should.
    pub(super) timeouts: &'a Timeouts,
    /// How the kernel finds that the upstream is gone.
    pub(super) tcp: &'a TcpOptions,
    /// Counts its bytes.
    pub(super) metrics: &'a DcMetrics,
    /// Tells whether the upstream answers.
    pub(super) witness: Witness<'a>,
    /// Tells whether it is to end because its access point is down.
    pub(super) watch: Watch<'a>,
}

/// What the flows have come to.
#[derive(Default)]
struct Progress {
    up: Flow,
    down: Flow,
    first_closed: Option<Side>,
    exchange: Exchange,
    flushed_at: u32,
}

impl Relay<'_> {
    /// Relays until the session ends, and says how it did. Unless that is [`Ending::Closed`], both
    /// sockets are to be reset.
    pub(super) async fn run(&self) -> CloseReason {
        let mut progress = Progress { flushed_at: self.timer.touch(), ..Progress::default() };
        let end = self.until_end(&mut progress).await;
        let reason = match end {
            End::Closed => {
                let side = progress.first_closed.unwrap_or(Side::Nearpoint);
                CloseReason { side, ending: Ending::Closed }
            }
            End::Expired(Expiry::Shutdown) => nearpoint(Ending::Shutdown),
            End::Expired(Expiry::Killed) => nearpoint(Ending::Killed),
            End::Expired(Expiry::Idle) if progress.first_closed.is_some() => {
                nearpoint(Ending::HalfClose)
            }
            End::Expired(Expiry::Idle) => nearpoint(Ending::Idle),
            End::Expired(Expiry::Alarm) => nearpoint(Ending::FirstByte),
            End::Expired(Expiry::Look) => {
                net::stop_receiving(self.upstream);
                // Boxed, as below.
                Box::pin(self.deliver_last(&mut progress, Side::Upstream)).await;
                nearpoint(Ending::OnDown)
            }
            End::Broken(side, error) => {
                let ending = progress.ending_of(side, &error);
                // Boxed: a session that lives on must not carry the size of this one's last second.
                Box::pin(self.deliver_last(&mut progress, side)).await;
                self.observe_break(&mut progress, side == Side::Upstream, &error);
                CloseReason { side, ending }
            }
        };
        progress.up.abandon(self.resources);
        progress.down.abandon(self.resources);
        self.flush(&mut progress);
        reason
    }

    async fn until_end(&self, progress: &mut Progress) -> End {
        let mut client = ErrorWatch { socket: self.client, watching: None };
        let mut upstream = ErrorWatch { socket: self.upstream, watching: None };
        poll_fn(|cx| {
            if let Poll::Ready(end) = self.poll_flows(cx, progress) {
                return Poll::Ready(end);
            }
            // A flow that waits for its sink, or has ended, does not read: it would not see its
            // source break.
            if progress.up.is_blind()
                && let Poll::Ready(error) = client.poll(cx)
            {
                return Poll::Ready(End::Broken(Side::Client, error));
            }
            if progress.down.is_blind()
                && let Poll::Ready(error) = upstream.poll(cx)
            {
                return Poll::Ready(End::Broken(Side::Upstream, error));
            }
            if self.timer.take_lasting() {
                self.watch_upstream();
            }
            loop {
                match self.timer.poll_expired(cx.waker()) {
                    Some(Expiry::Alarm) if !self.is_silent_for_too_long(progress) => {}
                    Some(Expiry::Look) if !self.is_given_up(progress) => {}
                    Some(expiry) => return Poll::Ready(End::Expired(expiry)),
                    None => return Poll::Pending,
                }
            }
        })
        .await
    }

    /// Has the kernel look whether the upstream is gone. That takes seconds to find out and five system calls
    /// to begin, which a session that ends at once is spared.
    fn watch_upstream(&self) {
        // A socket that is dead already ends by itself.
        let _ = peer_watch(self.tcp).begin(self.upstream);
    }

    fn is_given_up(&self, progress: &Progress) -> bool {
        // While the client does not take what there is, more cannot come: that silence is not the upstream's.
        !progress.down.is_back_pressured()
            && self.watch.is_given_up(self.upstream, progress.down.has_read())
    }

    fn poll_flows(&self, cx: &mut Context<'_>, progress: &mut Progress) -> Poll<End> {
        let moved = progress.moved();
        for side in [Side::Client, Side::Upstream] {
            if let Poll::Ready(ended) = self.poll_flow(cx, progress, side) {
                if let Err(end) = ended {
                    return Poll::Ready(end);
                }
                if progress.first_closed.is_none() {
                    progress.first_closed = Some(side);
                    if let Err(end) = self.pass_end_on(side) {
                        return Poll::Ready(end);
                    }
                    self.timer.restart(self.timeouts.half_close.min(self.timeouts.idle));
                }
            }
        }
        if progress.exchange != Exchange::Settled {
            self.observe(progress);
        }
        if progress.moved() != moved {
            let now = self.timer.touch();
            if TICK * now.wrapping_sub(progress.flushed_at) >= FLUSH {
                progress.flushed_at = now;
                self.flush(progress);
            }
        }
        match progress.up.is_done() && progress.down.is_done() {
            true => Poll::Ready(End::Closed),
            false => Poll::Pending,
        }
    }

    /// The first end of a stream is passed on while the other stream goes on. The second is with the close of
    /// both sockets, which comes next.
    fn pass_end_on(&self, source: Side) -> Result<(), End> {
        let (to, sink) = match source {
            Side::Client => (self.upstream, Side::Upstream),
            Side::Upstream | Side::Nearpoint => (self.client, Side::Client),
        };
        net::stop_sending(to).map_err(|error| End::Broken(sink, error))
    }

    /// Polls the flow that reads from `source`.
    fn poll_flow(
        &self,
        cx: &mut Context<'_>,
        progress: &mut Progress,
        source: Side,
    ) -> Poll<Result<(), End>> {
        let (flow, from, to, sink) = match source {
            Side::Client => (&mut progress.up, self.client, self.upstream, Side::Upstream),
            Side::Upstream | Side::Nearpoint => {
                (&mut progress.down, self.upstream, self.client, Side::Client)
            }
        };
        flow.poll(cx, from, to, self.resources).map_err(|broken| match broken {
            Broken::Source(error) => End::Broken(source, error),
            Broken::Sink(error) => End::Broken(sink, error),
        })
    }

    /// `broken` is gone, or given up. What it had sent is delivered to the other side and acknowledged there, in
    /// a second at most; what was meant for it is lost.
    async fn deliver_last(&self, progress: &mut Progress, broken: Side) {
        let (lost, sink) = match broken {
            Side::Client => (&mut progress.down, self.upstream),
            Side::Upstream | Side::Nearpoint => (&mut progress.up, self.client),
        };
        lost.abandon(self.resources);
        let deadline = Instant::now() + LAST_DELIVERY;
        let delivered = async {
            // The flow ends with the end of the stream, or with the error that is known already.
            poll_fn(|cx| self.poll_flow(cx, progress, broken).map(drop)).await;
            let mut pause = FIRST_LOOK;
            while net::unacknowledged(sink) > 0 {
                sleep(pause).await;
                pause *= 2;
            }
        };
        // Late means lost: the reset is due.
        let _ = timeout_at(deadline, delivered).await;
    }

    fn flush(&self, progress: &mut Progress) {
        for (flow, direction) in
            [(&mut progress.up, Direction::Up), (&mut progress.down, Direction::Down)]
        {
            let counts = flow.take_counts();
            for (bytes, path) in [(counts.copied, Path::Copy), (counts.spliced, Path::Splice)] {
                if bytes > 0 {
                    self.metrics.bytes(direction, path).inc_by(bytes);
                }
            }
        }
    }
}

enum End {
    Closed,
    Expired(Expiry),
    Broken(Side, io::Error),
}

impl Progress {
    fn moved(&self) -> u64 {
        self.up.moved() + self.down.moved()
    }

    fn ending_of(&self, side: Side, error: &io::Error) -> Ending {
        let towards = match side {
            Side::Client => &self.down,
            Side::Upstream | Side::Nearpoint => &self.up,
        };
        match error.kind() {
            // The kernel gives up a peer that answers without taking bytes, and one that is gone, with the
            // same error: that time is over, or why nothing got there, if the network has said so.
            io::ErrorKind::TimedOut
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable => match towards.is_back_pressured() {
                true => Ending::Stalled,
                false => Ending::Vanished,
            },
            _ => Ending::Reset,
        }
    }
}

/// Waits for a socket to break without reading from it. What waits is made when it is first needed:
/// most sessions are never back-pressured.
struct ErrorWatch<'a> {
    socket: &'a TcpStream,
    watching: Option<Pin<Box<dyn Future<Output = ()> + 'a>>>,
}

impl ErrorWatch<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let socket = self.socket;
        let broken = || async move { drop(socket.ready(Interest::ERROR).await) };
        let watching = self.watching.get_or_insert_with(|| Box::pin(broken()));
        watching.as_mut().poll(cx).map(|()| pending_error(socket))
    }
}

fn nearpoint(ending: Ending) -> CloseReason {
    CloseReason { side: Side::Nearpoint, ending }
}

fn pending_error(socket: &TcpStream) -> io::Error {
    let pending = socket.take_error().ok().flatten();
    pending.unwrap_or_else(|| io::ErrorKind::ConnectionReset.into())
}

#[cfg(test)]
mod tests;
