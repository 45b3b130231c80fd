//! When each access point is probed next: at most one probe of each at a time, and a bound on all.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::routing::ids::AccessPointId;
use crate::routing::rendezvous::{access_point_key, scatter};

/// Probes under way at once.
const MAX_IN_FLIGHT: usize = 512;

/// The queue of probes.
#[derive(Default)]
pub(super) struct Schedule {
    turns: BTreeMap<AccessPointId, Turn>,
    queue: BTreeSet<(Instant, AccessPointId)>,
    in_flight: usize,
    last_number: u64,
}

#[derive(Clone, Copy)]
enum Turn {
    /// Waits in the queue until then.
    Due(Instant),
    /// Under way under this number since then; `hastened` when it should follow itself at once,
    /// `orphaned` when its access point has left meanwhile.
    InFlight { number: u64, since: Instant, hastened: bool, orphaned: bool },
}

impl Schedule {
    /// A new access point is probed at once. One that left and came back while its probe was under
    /// way takes that probe for its own.
    pub(super) fn add(&mut self, id: AccessPointId, now: Instant) {
        match self.turns.get_mut(&id) {
            Some(Turn::InFlight { orphaned, .. }) => *orphaned = false,
            Some(Turn::Due(_)) | None => self.enqueue(id, now),
        }
    }

    /// Forgets everybody else; their probes under way still count until they have ended.
    pub(super) fn retain(&mut self, keep: impl Fn(AccessPointId) -> bool) {
        self.queue.retain(|(_, id)| keep(*id));
        self.turns.retain(|id, turn| match turn {
            Turn::Due(_) => keep(*id),
            Turn::InFlight { orphaned, .. } => {
                *orphaned = !keep(*id);
                true
            }
        });
    }

    /// The next probe that is due, if another may start. It is under way from now on.
    pub(super) fn start_next(&mut self, now: Instant) -> Option<(AccessPointId, u64)> {
        let (due, id) = *self.queue.first()?;
        if due > now || self.in_flight >= MAX_IN_FLIGHT {
            return None;
        }
        self.queue.remove(&(due, id));
        self.last_number += 1;
        self.in_flight += 1;
        let number = self.last_number;
        let turn = Turn::InFlight { number, since: now, hastened: false, orphaned: false };
        self.turns.insert(id, turn);
        Some((id, number))
    }

    /// This probe has ended: when it began, or `None` if nobody waits for it.
    pub(super) fn finish(&mut self, id: AccessPointId, number: u64) -> Option<Started> {
        match *self.turns.get(&id)? {
            Turn::InFlight { number: current, since, hastened, orphaned } if current == number => {
                self.in_flight -= 1;
                if orphaned {
                    self.turns.remove(&id);
                }
                (!orphaned).then_some(Started { number, since, hastened })
            }
            Turn::InFlight { .. } | Turn::Due(_) => None,
        }
    }

    /// Queues the next probe a `pause` after the start of the last one; where in it is different for
    /// each access point and probe.
    pub(super) fn again(
        &mut self,
        id: AccessPointId,
        last: Started,
        pause: Range<Duration>,
        now: Instant,
    ) {
        let scattered = scatter(access_point_key(id), last.number) as f64 / u64::MAX as f64;
        let pause = pause.start + pause.end.saturating_sub(pause.start).mul_f64(scattered);
        let due = match last.hastened {
            true => now,
            false => (last.since + pause).max(now),
        };
        self.enqueue(id, due);
    }

    /// This access point is probed now, or again as soon as the probe under way has ended.
    pub(super) fn hasten(&mut self, id: AccessPointId, now: Instant) {
        match self.turns.get_mut(&id) {
            Some(Turn::Due(due)) => {
                let due = *due;
                self.queue.remove(&(due, id));
                self.enqueue(id, due.min(now));
            }
            Some(Turn::InFlight { hastened, .. }) => *hastened = true,
            None => {}
        }
    }

    /// When the next probe can start; `None` while as many as may are under way.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let (due, _) = self.queue.first()?;
        (self.in_flight < MAX_IN_FLIGHT).then_some(*due)
    }

    /// How long the probe that waits longest has been due.
    pub(super) fn lag(&self, now: Instant) -> Duration {
        self.queue.first().map_or(Duration::ZERO, |(due, _)| now.saturating_duration_since(*due))
    }

    fn enqueue(&mut self, id: AccessPointId, due: Instant) {
        self.turns.insert(id, Turn::Due(due));
        self.queue.insert((due, id));
    }
}

/// A probe that has ended.
#[derive(Clone, Copy)]
pub(super) struct Started {
    number: u64,
    since: Instant,
    hastened: bool,
}
