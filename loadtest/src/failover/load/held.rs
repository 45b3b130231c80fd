//! Clients that stay: each asks something every second in a session of its own, and opens another when
//! that one is lost.

use super::Recorder;
use super::arrivals;
use super::client::Session;
use crate::failover::record::{Failure, Interruption};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

/// Between two questions of a client.
const PACE: Duration = Duration::from_secs(1);

/// What is worth a note, if the session goes on.
const STALL: Duration = Duration::from_millis(500);

/// How long a client waits for an answer before it takes the session for dead.
const PATIENCE: Duration = Duration::from_secs(10);

/// Before a client tries again: Telegram's client for Android comes back 50 ms after a reset, and a second after
/// anything else.
const AFTER_RESET: Duration = Duration::from_millis(50);
const AFTER_ANYTHING_ELSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Held {
    stop: watch::Sender<bool>,
    clients: JoinSet<()>,
}

impl Held {
    /// Opens all sessions, one after the other. One that cannot be opened is an error: so far everything is
    /// well.
    pub(super) async fn open(
        target: SocketAddr,
        count: u32,
        recorder: &Recorder,
    ) -> io::Result<Held> {
        let (stop, stopped) = watch::channel(false);
        let mut clients = JoinSet::new();
        for number in 0..count.min(arrivals::FIRST) {
            let session = Session::open(number, target).await.map_err(|failure| {
                io::Error::other(format!("session {number} of {count}: {failure:?}"))
            })?;
            let waits = Some((Instant::now(), session.dc));
            let mut client = Client { number, target, recorder: recorder.clone(), waits };
            let mut stopped = stopped.clone();
            clients.spawn(async move {
                tokio::select! {
                    () = client.stay(session) => {}
                    // The sender is dropped later than this ends.
                    _ = stopped.wait_for(|stopped| *stopped) => client.leave(Instant::now()),
                }
            });
        }
        Ok(Held { stop, clients })
    }

    /// Ends all of them where they are. What was silent until now is written down.
    pub(super) async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.clients.join_next().await.is_some() {}
    }
}

struct Client {
    number: u32,
    target: SocketAddr,
    recorder: Recorder,
    /// The last answer in its session, and the DC; `None` while it has none.
    waits: Option<(Instant, u16)>,
}

impl Client {
    /// Goes on for ever.
    async fn stay(&mut self, mut session: Session) {
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last_answer = Instant::now();
        loop {
            self.waits = Some((last_answer, session.dc));
            let answered = tokio::select! {
                _ = pace.tick() => session.ask(PATIENCE).await,
                why = session.ended() => Err(why),
            };
            match answered {
                Ok(()) => {
                    let now = Instant::now();
                    if now > last_answer + PACE + STALL {
                        let again = Some((self.recorder.offset(now), session.dc));
                        self.interrupted(last_answer, None, session.dc, again);
                    }
                    last_answer = now;
                }
                Err(why) => {
                    self.waits = None;
                    let entry = self.interrupted(last_answer, Some(why), session.dc, None);
                    session = self.come_back(why).await;
                    last_answer = Instant::now();
                    let again = (self.recorder.offset(last_answer), session.dc);
                    self.recorder.change(|it| it.met.interruptions[entry].again = Some(again));
                }
            }
        }
    }

    /// A session that has been silent for longer than it may be has not gone on, though it is not over.
    fn leave(&self, now: Instant) {
        if let Some((last_answer, dc)) = self.waits
            && now > last_answer + PACE + STALL
        {
            self.interrupted(last_answer, None, dc, None);
        }
    }

    /// Writes it down, and says where.
    fn interrupted(
        &self,
        last_answer: Instant,
        why: Option<Failure>,
        from: u16,
        again: Option<(Duration, u16)>,
    ) -> usize {
        let ended = self.recorder.offset(Instant::now());
        let last_answer = self.recorder.offset(last_answer);
        let mut entry = 0;
        self.recorder.change(|notes| {
            entry = notes.met.interruptions.len();
            notes.met.interruptions.push(Interruption { last_answer, ended, why, from, again });
        });
        entry
    }

    async fn come_back(&self, mut why: Failure) -> Session {
        loop {
            let pause = match why {
                Failure::Reset => AFTER_RESET,
                Failure::Refused | Failure::Closed | Failure::Silent | Failure::WrongAnswer => {
                    AFTER_ANYTHING_ELSE
                }
            };
            sleep(pause).await;
            match Session::open(self.number, self.target).await {
                Ok(session) => return session,
                Err(failure) => why = failure,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_is_silent_to_the_end_is_one_that_never_came_back() {
        let start = Instant::now();
        let recorder = Recorder::default();
        recorder.change(|notes| notes.began = Some(start));
        let target = SocketAddr::from(([127, 0, 0, 1], 1));
        let left = |waits| Client { number: 0, target, recorder: recorder.clone(), waits };
        // One that has just been answered, one that had its end written down, and a silent one.
        let now = start + Duration::from_secs(5);
        left(Some((now - PACE, 2))).leave(now);
        left(None).leave(now);
        left(Some((start + PACE, 1))).leave(now);
        let [Interruption { last_answer, why, from, again, .. }] =
            recorder.take().interruptions.try_into().unwrap();
        assert_eq!((last_answer, why, from, again), (PACE, None, 1, None));
    }
}
