//! When each access point is probed next: at most one probe of each at a time, a bound on all, and
//! the urgent ones first.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::{Duration, Instant};

use super::pace::Pace;
use crate::routing::ids::AccessPointId;
use crate::routing::rendezvous::{access_point_key, scatter};

/// Every so many probes the one that waits longest has its turn, however little it matters: those
/// that are Down must come back even when those in use take all there is.
const FAIR_TURN: u64 = 8;

/// The queue of probes.
#[derive(Default)]
pub(super) struct Schedule {
    turns: BTreeMap<AccessPointId, Turn>,
    /// One for each [`Urgency`].
    queues: [BTreeSet<(Instant, AccessPointId)>; Urgency::ALL.len()],
    in_flight: usize,
    last_number: u64,
    /// Keeps a new list of thousands from being dialled all at once.
    pace_of_new: Pace,
}

/// How much a probe matters while not all can be made; the first comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    /// Sessions say that something is wrong.
    Suspect,
    /// Sessions go there.
    InUse,
    /// Nobody knows it.
    New,
    /// It is out of use.
    Rest,
}

impl Urgency {
    const ALL: [Self; 4] = [Self::Suspect, Self::InUse, Self::New, Self::Rest];
}

#[derive(Clone, Copy)]
enum Turn {
    /// Waits in the queue of its urgency until then.
    Due(Instant, Urgency),
    /// Under way under this number since then; `hastened` when it should follow itself at once,
    /// `orphaned` when its access point has left meanwhile.
    InFlight { number: u64, since: Instant, hastened: bool, orphaned: bool },
}

impl Schedule {
    /// A new access point is probed at once. Of one that left and came back while its probe was under
    /// way, that one has to end first; returns whether there is such a probe.
    pub(super) fn add(&mut self, id: AccessPointId, now: Instant) -> bool {
        match self.turns.get_mut(&id) {
            Some(Turn::InFlight { orphaned, hastened, .. }) => {
                (*orphaned, *hastened) = (false, true);
                true
            }
            Some(Turn::Due(..)) => false,
            None => {
                self.enqueue(id, now, Urgency::New);
                false
            }
        }
    }

    /// Forgets an access point; a probe of it that is under way still counts until it has ended.
    pub(super) fn forget(&mut self, id: AccessPointId) {
        match self.turns.get_mut(&id) {
            Some(Turn::InFlight { orphaned, .. }) => *orphaned = true,
            Some(Turn::Due(due, urgency)) => {
                self.queues[*urgency as usize].remove(&(*due, id));
                self.turns.remove(&id);
            }
            None => {}
        }
    }

    /// The next probe that is due, if another may start beside those under way, of which there may be
    /// `most`. It is under way from now on.
    pub(super) fn start_next(&mut self, most: usize, now: Instant) -> Option<(AccessPointId, u64)> {
        if self.in_flight >= most {
            return None;
        }
        let (due, id, urgency) = self.next(now)?;
        self.queues[urgency as usize].remove(&(due, id));
        if urgency == Urgency::New {
            self.pace_of_new.spend(now);
        }
        self.last_number += 1;
        self.in_flight += 1;
        let number = self.last_number;
        let turn = Turn::InFlight { number, since: now, hastened: false, orphaned: false };
        self.turns.insert(id, turn);
        Some((id, number))
    }

    /// This probe has ended; `None` if nobody waits for it.
    pub(super) fn finish(&mut self, id: AccessPointId, number: u64) -> Option<Started> {
        match *self.turns.get(&id)? {
            Turn::InFlight { number: current, since, hastened, orphaned } if current == number => {
                self.in_flight -= 1;
                if orphaned {
                    self.turns.remove(&id);
                }
                (!orphaned).then_some(Started { number, since, hastened })
            }
            Turn::InFlight { .. } | Turn::Due(..) => None,
        }
    }

    /// Queues the next probe a `pause` after the start of the last one; where in it is different for
    /// each access point and probe.
    pub(super) fn again(
        &mut self,
        id: AccessPointId,
        last: Started,
        pause: Range<Duration>,
        urgency: Urgency,
        now: Instant,
    ) {
        let scattered = scatter(access_point_key(id), last.number) as f64 / u64::MAX as f64;
        let pause = pause.start + pause.end.saturating_sub(pause.start).mul_f64(scattered);
        let due = match last.hastened {
            true => now,
            false => (last.since + pause).max(now),
        };
        self.enqueue(id, due, urgency);
    }

    /// This access point is probed now, or again as soon as the probe under way has ended.
    pub(super) fn hasten(&mut self, id: AccessPointId, urgency: Urgency, now: Instant) {
        match self.turns.get_mut(&id) {
            Some(Turn::Due(due, old)) => {
                let (due, old) = (*due, *old);
                self.queues[old as usize].remove(&(due, id));
                self.enqueue(id, due.min(now), urgency);
            }
            Some(Turn::InFlight { hastened, .. }) => *hastened = true,
            None => {}
        }
    }

    /// When the next probe can start; `None` while as many as may are under way.
    pub(super) fn next_due(&self, most: usize) -> Option<Instant> {
        let heads = self.heads().map(|(due, _, urgency)| self.startable(due, urgency));
        heads.min().filter(|_| self.in_flight < most)
    }

    /// How long the probe that waits longest has been due; new ones wait for their pace.
    pub(super) fn lag(&self, now: Instant) -> Duration {
        let due = self.heads().filter(|(_, _, urgency)| *urgency != Urgency::New);
        let longest = due.map(|(due, ..)| due).min();
        longest.map_or(Duration::ZERO, |due| now.saturating_duration_since(due))
    }

    fn next(&self, now: Instant) -> Option<(Instant, AccessPointId, Urgency)> {
        let startable = |it: &(Instant, _, Urgency)| self.startable(it.0, it.2) <= now;
        let mut due = self.heads().filter(startable);
        match self.last_number % FAIR_TURN {
            0 => due.min_by_key(|(due, ..)| *due),
            _ => due.next(),
        }
    }

    /// Of each queue the first, the most urgent queue first.
    fn heads(&self) -> impl Iterator<Item = (Instant, AccessPointId, Urgency)> {
        let queues = self.queues.iter().zip(Urgency::ALL);
        queues.filter_map(|(queue, urgency)| queue.first().map(|(due, id)| (*due, *id, urgency)))
    }

    fn startable(&self, due: Instant, urgency: Urgency) -> Instant {
        match urgency {
            Urgency::New => due.max(self.pace_of_new.next().unwrap_or(due)),
            Urgency::Suspect | Urgency::InUse | Urgency::Rest => due,
        }
    }

    fn enqueue(&mut self, id: AccessPointId, due: Instant, urgency: Urgency) {
        self.turns.insert(id, Turn::Due(due, urgency));
        self.queues[urgency as usize].insert((due, id));
    }
}

/// A probe that has ended.
#[derive(Clone, Copy)]
pub(super) struct Started {
    number: u64,
    /// When it began.
    pub(super) since: Instant,
    hastened: bool,
}

#[cfg(test)]
mod tests;
