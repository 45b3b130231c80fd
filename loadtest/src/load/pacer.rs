//! When operations of an open loop are due, and who does them.
//!
//! Clients that are free wait in a row. The first of them waits for the time, so that nobody stands
//! between the timer and the client; the others wait for the first. Nothing is kept of what is due: it is
//! counted from the time, so that a proxy which stalls for long costs no memory.

use super::Tally;
use nearpoint::net::Readiness;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::unix::AsyncFd;
use tokio::sync::{Mutex, mpsc};

/// An operation that nobody was free for in so long is given up, and counts as failed.
const LATEST: Duration = Duration::from_secs(10);

/// Whose turn it is to begin an operation, and when it was due.
#[derive(Debug)]
pub(super) enum Turns {
    /// Anybody's, now.
    AtOnce,
    /// Of the first client that is free.
    Shared(Arc<Mutex<Pacer>>),
    /// Of this client, whatever the others do.
    Own(mpsc::Receiver<Instant>),
}

impl Turns {
    /// Returns the moment from which the time of the operation counts.
    pub(super) async fn next(&mut self, tally: &Tally) -> io::Result<Instant> {
        match self {
            Turns::AtOnce => Ok(Instant::now()),
            Turns::Shared(pacer) => pacer.lock().await.next(tally).await,
            Turns::Own(turns) => turns.recv().await.ok_or_else(|| io::ErrorKind::BrokenPipe.into()),
        }
    }
}

/// Moments that follow each other at a fixed rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    began: Instant,
    per_second: f64,
}

impl Schedule {
    pub(super) fn new(began: Instant, per_second: f64) -> Schedule {
        Schedule { began, per_second }
    }

    fn at(&self, number: u64) -> Instant {
        self.began + Duration::from_secs_f64(number as f64 / self.per_second)
    }

    /// How many moments have come.
    pub(super) fn due(&self, now: Instant) -> u64 {
        match now.checked_duration_since(self.began) {
            Some(passed) => (passed.as_secs_f64() * self.per_second) as u64 + 1,
            None => 0,
        }
    }
}

/// Gives away operations when they are due, each once.
#[derive(Debug)]
pub(super) struct Pacer {
    schedule: Schedule,
    /// The number of the next operation.
    next: u64,
    timer: Timer,
}

impl Pacer {
    pub(super) fn new(schedule: Schedule) -> io::Result<Pacer> {
        Ok(Pacer { schedule, next: 0, timer: Timer::new()? })
    }

    /// Waits for the next operation, and returns when it was due. Those that waited too long are counted
    /// as failed. Given up while it waits, it has given nothing away.
    pub(super) async fn next(&mut self, tally: &Tally) -> io::Result<Instant> {
        let now = Instant::now();
        let given_up = now.checked_sub(LATEST).map_or(0, |latest| self.schedule.due(latest));
        if given_up > self.next {
            tally.late(given_up - self.next);
            self.next = given_up;
        }
        let due = self.schedule.at(self.next);
        self.timer.wait_until(due).await?;
        self.next += 1;
        Ok(due)
    }
}

/// A timer of the kernel: those of the runtime are good to a millisecond, which is many round trips.
#[derive(Debug)]
struct Timer {
    timer: OwnedFd,
    /// Readable when it has expired.
    expired: AsyncFd<Readiness>,
    tokens: Vec<u64>,
}

impl Timer {
    fn new() -> io::Result<Timer> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let readiness = Readiness::new()?;
        readiness.add(&timer, 0)?;
        Ok(Timer { timer, expired: readiness.watched()?, tokens: Vec::new() })
    }

    async fn wait_until(&mut self, at: Instant) -> io::Result<()> {
        const ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
        loop {
            let left = at.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            let it_value = Timespec::try_from(left).map_err(io::Error::other)?;
            let setting = Itimerspec { it_interval: ONCE, it_value };
            timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &setting)?;
            let mut expired = self.expired.readable().await?;
            // Perhaps of an earlier setting: then the clock says that it is too early.
            expired.get_inner().wait(&mut self.tokens)?;
            expired.clear_ready();
        }
    }
}

/// Gives each of `clients` its turns, one after the other, without end. A client that is behind by more
/// than it can keep fails in those that it misses.
pub(super) async fn share_out(
    mut pacer: Pacer,
    clients: Vec<mpsc::Sender<Instant>>,
    tally: Tally,
) -> io::Result<()> {
    for client in clients.iter().cycle() {
        let due = pacer.next(&tally).await?;
        if client.try_send(due).is_err() {
            tally.late(1);
        }
    }
    // There is nobody to give turns to.
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn turns_come_at_their_times_and_each_once() {
        let began = Instant::now();
        let schedule = Schedule::new(began, 2_000.0);
        let tally = Tally::default();
        let pacer = Arc::new(Mutex::new(Pacer::new(schedule).unwrap()));
        let mut turns = [(); 3].map(|()| Turns::Shared(Arc::clone(&pacer)));
        let mut given = Vec::new();
        while given.len() < 60 {
            for turns in &mut turns {
                given.push(turns.next(&tally).await.unwrap());
                assert!(Instant::now() >= given[given.len() - 1]);
            }
        }
        let expected: Vec<_> = (0..60).map(|number| schedule.at(number)).collect();
        assert_eq!(given, expected);
        assert_eq!(schedule.at(60), began + Duration::from_millis(30));
        assert_eq!(tally.counts().failed, 0);
    }

    #[tokio::test]
    async fn a_turn_that_nobody_waits_for_any_more_is_another_ones() {
        let schedule = Schedule::new(Instant::now() + Duration::from_millis(50), 1_000.0);
        let tally = Tally::default();
        let mut pacer = Pacer::new(schedule).unwrap();
        let mut early = Box::pin(pacer.next(&tally));
        std::future::poll_fn(|cx| {
            assert!(early.as_mut().poll(cx).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        drop(early);
        assert_eq!(pacer.next(&tally).await.unwrap(), schedule.at(0));
    }

    #[tokio::test]
    async fn what_waits_too_long_fails_and_is_counted() {
        let late = LATEST + Duration::from_secs(1);
        let schedule = Schedule::new(Instant::now().checked_sub(late).unwrap(), 100.0);
        let tally = Tally::default();
        let mut pacer = Pacer::new(schedule).unwrap();
        let due = pacer.next(&tally).await.unwrap();
        let failed = tally.counts().failed;
        assert!(failed >= 100, "{failed}");
        assert_eq!(due, schedule.at(failed));
        assert_eq!(tally.failures()[0].kind, "late");
    }

    #[test]
    fn moments_are_counted_from_the_first() {
        let began = Instant::now();
        let schedule = Schedule::new(began, 10.0);
        let after = |millis| schedule.due(began + Duration::from_millis(millis));
        assert_eq!([after(0), after(99), after(101), after(1001)], [1, 1, 2, 11]);
        assert_eq!(schedule.due(began.checked_sub(Duration::from_millis(1)).unwrap()), 0);
    }
}
