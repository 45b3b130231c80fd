//! The dials of one new session: which access point next, until when, and when to give up.
//!
//! Pure: the driver dials, waits and reports; the plan decides. A failed attempt is followed at
//! once by the next access point of the same DC, at most twice per DC and pass, then by the next DC.

use std::cmp::Ordering;
use std::time::Instant;

use super::ids::{AccessPointIndex, DcIndex};
use super::pick::pick_access_point;
use super::rank::{Client, Exclusion, Ranking};
use super::snapshot::Snapshot;
use super::topology::ConnectLimits;

/// Access points of one DC tried before the next DC has its turn.
const PER_DC: u32 = 2;

/// One dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// 1 for the first dial of the session.
    pub number: u32,
    /// The DC dialled.
    pub dc: DcIndex,
    /// The access point dialled.
    pub access_point: AccessPointIndex,
}

/// What the driver does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Start this dial. It is in flight until it is reported or abandoned.
    Dial(Attempt),
    /// Drop this dial: its time is up. The plan counts it as failed.
    Abandon {
        /// The dial.
        attempt: Attempt,
        /// Whether it had all of [`ConnectLimits::timeout`]. One that the deadline cut short says
        /// nothing about its access point.
        timed_out: bool,
    },
    /// Wait for a report, at most until then, and ask again.
    Wait(Instant),
    /// There is nothing left to try.
    GiveUp(GiveUp),
}

/// Why a session gets no upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GiveUp {
    /// No DC, or none with an access point, was a candidate.
    NoCandidate,
    /// Every DC that could be tried has as many connects in flight as it may have.
    Full,
    /// Everything tried has failed.
    Failed,
    /// The deadline over all attempts has passed.
    Deadline,
}

/// The plan of one session's attempts.
#[derive(Debug)]
pub struct AttemptPlan {
    client: Client,
    fail_open: bool,
    limits: ConnectLimits,
    deadline: Instant,
    /// Candidates in order; a DC leaves when it has nothing more to try.
    dcs: Vec<DcIndex>,
    /// Position in `dcs` of the DC whose turn it is, and its dials in this turn.
    turn: usize,
    dials_in_turn: u32,
    dials: u32,
    /// A DC was left out for want of room, by the ranking or by a dial.
    full: bool,
    tried: Vec<AccessPointIndex>,
    in_flight: Option<InFlight>,
}

#[derive(Clone, Copy, Debug)]
struct InFlight {
    attempt: Attempt,
    until: Instant,
    /// The deadline comes before the attempt's own timeout.
    cut: bool,
}

impl AttemptPlan {
    /// A plan over the candidates of `ranking`, starting now.
    #[must_use]
    pub fn new(ranking: &Ranking, client: &Client, limits: ConnectLimits, now: Instant) -> Self {
        Self {
            client: *client,
            fail_open: ranking.fail_open,
            limits,
            deadline: now + limits.deadline,
            dcs: ranking.candidates().collect(),
            turn: 0,
            dials_in_turn: 0,
            dials: 0,
            full: ranking.dcs.iter().any(|it| it.exclusion == Some(Exclusion::Capacity)),
            tried: Vec::new(),
            in_flight: None,
        }
    }

    /// What to do at this moment.
    pub fn next(&mut self, snapshot: &Snapshot, now: Instant) -> Step {
        if let Some(InFlight { attempt, until, cut }) = self.in_flight {
            return match now < until {
                true => Step::Wait(until),
                false => {
                    self.in_flight = None;
                    Step::Abandon { attempt, timed_out: !cut }
                }
            };
        }
        if now >= self.deadline {
            return Step::GiveUp(GiveUp::Deadline);
        }
        if self.dials >= self.limits.attempts {
            return Step::GiveUp(GiveUp::Failed);
        }
        match self.pick(snapshot) {
            Some((dc, access_point)) => self.dial(dc, access_point, now),
            None if self.dials > 0 => Step::GiveUp(GiveUp::Failed),
            None if self.full => Step::GiveUp(GiveUp::Full),
            None => Step::GiveUp(GiveUp::NoCandidate),
        }
    }

    /// This dial has failed, for whatever reason.
    pub fn on_failed(&mut self, attempt: Attempt) {
        self.land(attempt);
    }

    /// This dial was not made: the DC has as many connects in flight as it may have. It does not
    /// count as an attempt, and the DC is not asked again.
    pub fn on_full(&mut self, attempt: Attempt) {
        self.land(attempt);
        self.full = true;
        self.dials -= 1;
        self.drop_dc(attempt.dc);
    }

    fn land(&mut self, attempt: Attempt) {
        debug_assert_eq!(self.in_flight.map(|flying| flying.attempt), Some(attempt));
        self.in_flight = None;
    }

    fn dial(&mut self, dc: DcIndex, access_point: AccessPointIndex, now: Instant) -> Step {
        self.dials += 1;
        self.dials_in_turn += 1;
        self.tried.push(access_point);
        let attempt = Attempt { number: self.dials, dc, access_point };
        let timeout = now + self.limits.timeout;
        let (until, cut) = (timeout.min(self.deadline), self.deadline < timeout);
        self.in_flight = Some(InFlight { attempt, until, cut });
        Step::Dial(attempt)
    }

    /// The next access point not tried yet, DC by DC; round again while DCs have more.
    fn pick(&mut self, snapshot: &Snapshot) -> Option<(DcIndex, AccessPointIndex)> {
        if self.dials_in_turn >= PER_DC {
            self.turn += 1;
            self.dials_in_turn = 0;
        }
        while !self.dcs.is_empty() {
            if self.turn >= self.dcs.len() {
                self.turn = 0;
            }
            let dc = self.dcs[self.turn];
            match pick_access_point(snapshot, dc, &self.client, &self.tried, self.fail_open) {
                Some(access_point) => return Some((dc, access_point)),
                None => self.drop_dc(dc),
            }
        }
        None
    }

    /// Takes a DC out; the one behind it has its turn.
    fn drop_dc(&mut self, dc: DcIndex) {
        if let Some(at) = self.dcs.iter().position(|it| *it == dc) {
            self.dcs.remove(at);
            match at.cmp(&self.turn) {
                Ordering::Less => self.turn -= 1,
                Ordering::Equal => self.dials_in_turn = 0,
                Ordering::Greater => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
