//! Ends sessions that hear nothing any more of an access point that is down, so that their clients come
//! back elsewhere.
//!
//! Control says whose, and since when ([`Snapshot::closing`]). While that is nobody's, a worker looks
//! four times a second whether it still is so, and sessions cost nothing. Else it goes through its sessions
//! about once a second, a few at a time and at irregular moments, and has those of them look that are
//! meant. One that is silent ends if the pace of the process has a place for it, and is asked again in
//! the next round if not. So resets keep to `on_down.rate`, the workers share it by asking equally often,
//! and clients do not come back in one beat.

mod pace;

use std::cell::{Cell, RefCell};
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::sleep;

use super::worker::Worker;
use crate::net;
use crate::routing::topology::OnDown;
use crate::routing::{AccessPointSlot, Snapshot};

pub(super) use pace::ResetPace;

/// How often a worker looks whether there is anybody to ask.
const LOOK: Duration = Duration::from_millis(250);

/// How often everybody is asked who is meant.
const ROUND: Duration = Duration::from_secs(1);

/// A round has so many parts.
const BEATS: usize = 40;

/// Less is no silence: who speaks that often hears something.
pub(super) const LEAST_SILENCE: Duration = Duration::from_secs(1);

/// The kernel may call a silence longer than it is by a tick of its own clock, of 100 Hz at worst.
const KERNEL_TICK: Duration = Duration::from_millis(10);

/// A session that began when the access point was failing already knew no better times: it is given
/// this long to hear a first byte.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a worker knows of the sessions that are to be closed.
pub(super) struct Closer {
    pace: Arc<ResetPace>,
    rate: Cell<u32>,
    /// Of the snapshot that this is taken from.
    generation: Cell<Option<u64>>,
    /// Whose sessions, and since when these are silent; by the address of the slot.
    closing: RefCell<Vec<(Arc<AccessPointSlot>, Instant)>>,
}

impl Closer {
    /// Nobody's sessions are to be closed.
    pub(super) fn new(pace: Arc<ResetPace>) -> Self {
        Self { pace, rate: Cell::new(0), generation: Cell::new(None), closing: RefCell::default() }
    }

    /// Goes by what `snapshot` says, of access points that have sessions. Returns whether there are any.
    pub(super) fn begin_round(&self, snapshot: &Snapshot) -> bool {
        self.generation.set(Some(snapshot.generation));
        self.rate.set(match snapshot.topology.on_down() {
            OnDown::Close { rate } => rate,
            OnDown::Keep => 0,
        });
        let now = snapshot.closing.iter().filter_map(|it| {
            let slot = &snapshot.access_point(it.access_point).slot;
            (slot.active() > 0).then(|| (Arc::clone(slot), it.silent_since))
        });
        let mut closing = self.closing.borrow_mut();
        closing.clear();
        closing.extend(now);
        closing.sort_unstable_by_key(|(slot, _)| Arc::as_ptr(slot));
        !closing.is_empty()
    }

    /// The same in the middle of a round, if it is another snapshot.
    fn go_on(&self, snapshot: &Snapshot) -> bool {
        match self.generation.get() == Some(snapshot.generation) {
            true => !self.closing.borrow().is_empty(),
            false => self.begin_round(snapshot),
        }
    }

    fn silent_since(&self, slot: *const AccessPointSlot) -> Option<Instant> {
        let closing = self.closing.borrow();
        let found = closing.binary_search_by_key(&slot, |(slot, _)| Arc::as_ptr(slot));
        found.ok().map(|at| closing[at].1)
    }
}

/// How a session knows that it is to end.
pub(super) struct Watch<'a> {
    /// Knows whose sessions are to.
    pub(super) closer: &'a Closer,
    /// Whose session it is.
    pub(super) access_point: &'a AccessPointSlot,
    /// When it was connected.
    pub(super) began: Instant,
}

impl Watch<'_> {
    /// Whether the session is to end now. `has_heard` tells that it has had a byte of its upstream, ever;
    /// when the last one came the kernel knows, and no message has to be noted for this.
    pub(super) fn is_given_up(&self, upstream: &TcpStream, has_heard: bool) -> bool {
        let Self { closer, access_point, began } = self;
        let Some(since) = closer.silent_since(*access_point) else { return false };
        let Some(silence) = net::silence(upstream) else { return false };
        let now = Instant::now();
        let is_silent = match has_heard || *began < since {
            true => {
                let outage = now.saturating_duration_since(since);
                silence >= LEAST_SILENCE && silence > outage + KERNEL_TICK
            }
            false => now.saturating_duration_since(*began) >= PATIENCE,
        };
        is_silent && closer.pace.take(closer.rate.get(), now)
    }
}

/// Has sessions of the worker look whenever there are some to close; for as long as the worker lives.
pub(super) async fn close_silent_sessions(worker: Rc<Worker>) {
    let jitter = Jitter::default();
    loop {
        sleep(jitter.about(LOOK)).await;
        while worker.closer.begin_round(&worker.shared.context.snapshots.load()) {
            ask_everybody(&worker, &jitter).await;
        }
    }
}

/// One round.
async fn ask_everybody(worker: &Worker, jitter: &Jitter) {
    let meant = |slot| worker.closer.silent_since(slot).is_some();
    let sessions = worker.wheel.borrow().count(meant);
    if sessions == 0 {
        return sleep(jitter.about(ROUND)).await;
    }
    let mut place = 0;
    for _ in 0..BEATS {
        place = worker.wheel.borrow_mut().ask(place, sessions.div_ceil(BEATS), meant);
        sleep(jitter.about(ROUND / BEATS as u32)).await;
        if !worker.closer.go_on(&worker.shared.context.snapshots.load()) {
            return;
        }
    }
}

/// Times that no other worker has.
#[derive(Default)]
struct Jitter {
    random: RandomState,
    drawn: Cell<u64>,
}

impl Jitter {
    /// Between half of this time and half as much again.
    fn about(&self, time: Duration) -> Duration {
        self.drawn.set(self.drawn.get().wrapping_add(1));
        let share = self.random.hash_one(self.drawn.get()) as f64 / u64::MAX as f64;
        time.mul_f64(0.5 + share)
    }
}

#[cfg(test)]
mod tests;
