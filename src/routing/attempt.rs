//! The dials of one new session: which access point next, until when, and when to give up.
//!
//! Pure: the driver dials, waits and reports; the plan decides. A failed attempt is followed at
//! once by the next access point of the same DC, at most twice per DC and turn, then by the next DC.
//! One that is silent for longer than is usual gets a *hedge*: a second dial beside it, elsewhere.

mod candidates;

use std::time::Instant;

use super::ids::{AccessPointIndex, DcIndex};
use super::rank::{Client, Exclusion, Ranking};
use super::slot::Full;
use super::snapshot::Snapshot;
use super::topology::ConnectLimits;
use candidates::{Candidates, Place};

/// Dials of one session at a time.
pub const IN_FLIGHT: usize = 2;

/// One dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// 1 for the first dial of the session.
    pub number: u32,
    /// The DC dialled.
    pub dc: DcIndex,
    /// The access point dialled.
    pub access_point: AccessPointIndex,
    /// The DC whose silence it hedges; `None` for a dial that is made because there is none, or
    /// because one has failed.
    pub hedge_of: Option<DcIndex>,
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
    /// There is nothing left to try, and nothing in flight.
    GiveUp(GiveUp),
}

/// Why a session gets no upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GiveUp {
    /// No DC, or none with an access point, was a candidate.
    NoCandidate,
    /// Every DC that could be tried has as many sessions, or connects in flight, as it may have.
    Full,
    /// Everything tried has failed.
    Failed,
    /// The deadline over all attempts has passed.
    Deadline,
}

/// The plan of one session's attempts. After each report it wants to be asked again.
#[derive(Debug)]
pub struct AttemptPlan {
    limits: ConnectLimits,
    deadline: Instant,
    candidates: Candidates,
    /// A dial is to be made because there is none or one has failed, and from where to look for it.
    owed: Option<Place>,
    dials: u32,
    /// A DC was left out for want of room, by the ranking or by a dial.
    full: bool,
    /// At most [`IN_FLIGHT`], in the order in which they were started.
    in_flight: Vec<InFlight>,
}

#[derive(Clone, Copy, Debug)]
struct InFlight {
    attempt: Attempt,
    began: Instant,
    until: Instant,
    /// The deadline comes before the attempt's own timeout.
    cut: bool,
    /// From when on it is silent for longer than is usual; `None` without hedging.
    overdue_at: Option<Instant>,
    /// When it is to get a hedge; `None` once it had it.
    hedge_at: Option<Instant>,
}

impl AttemptPlan {
    /// A plan over the candidates of `ranking`, starting now.
    #[must_use]
    pub fn new(ranking: &Ranking, client: &Client, limits: ConnectLimits, now: Instant) -> Self {
        let limits = match ranking.is_last_resort() {
            true => ConnectLimits { attempts: 1, hedging: None, ..limits },
            false => limits,
        };
        Self {
            limits,
            deadline: now + limits.deadline,
            candidates: Candidates::new(ranking, client),
            owed: Some(Place::FIRST),
            dials: 0,
            full: ranking.dcs.iter().any(|it| it.exclusion == Some(Exclusion::Capacity)),
            in_flight: Vec::new(),
        }
    }

    /// What to do at this moment.
    pub fn next(&mut self, snapshot: &Snapshot, now: Instant) -> Step {
        let may_dial = now < self.deadline && self.dials < self.limits.attempts;
        if may_dial
            && let Some(from) = self.owed.take()
            && let Some((dc, access_point)) = self.candidates.next(snapshot, from)
        {
            return self.dial(snapshot, dc, access_point, None, now);
        }
        if let Some(at) = self.in_flight.iter().position(|flying| flying.until <= now) {
            let InFlight { attempt, cut, .. } = self.in_flight.remove(at);
            self.owed = Some(self.candidates.place(attempt.dc));
            return Step::Abandon { attempt, timed_out: !cut };
        }
        if may_dial
            && let [alone] = &mut self.in_flight[..]
            && alone.hedge_at.is_some_and(|due| due <= now)
        {
            alone.hedge_at = None;
            let silent = alone.attempt.dc;
            if let Some((dc, access_point)) = self.candidates.hedge(snapshot, silent) {
                return self.dial(snapshot, dc, access_point, Some(silent), now);
            }
        }
        let hedge_at = match &self.in_flight[..] {
            [alone] if may_dial => alone.hedge_at,
            _ => None,
        };
        let until = self.in_flight.iter().map(|flying| flying.until).chain(hedge_at).min();
        until.map_or_else(|| Step::GiveUp(self.why(now)), Step::Wait)
    }

    /// This dial has failed, for whatever reason.
    pub fn on_failed(&mut self, attempt: Attempt) {
        self.land(attempt);
        self.owed = Some(self.candidates.place(attempt.dc));
    }

    /// This dial was not made: there is no room. It does not count as an attempt. A DC without room is
    /// not asked again; as the target of a hedge it is not, and may have room when its turn comes. An
    /// access point without room is passed over, for the next of its DC.
    pub fn on_full(&mut self, attempt: Attempt, full: Full) {
        self.undo(attempt);
        self.full = true;
        match (full, attempt.hedge_of) {
            (Full::Dc, None) => self.candidates.close(attempt.dc),
            (Full::Dc, Some(_)) => self.candidates.close_to_hedges(attempt.dc),
            (Full::AccessPoint, _) => self.candidates.pass_over(attempt.access_point),
        }
        match attempt.hedge_of {
            None => self.owed = Some(self.candidates.place(attempt.dc)),
            // Another one may have room for it.
            Some(_) => {
                self.in_flight.iter_mut().for_each(|silent| silent.hedge_at = silent.overdue_at);
            }
        }
    }

    /// This hedge was not made: the DC that is silent has no budget left. It does not count as an
    /// attempt. The dial that is silent asks for one again after as long a time: there may be budget
    /// then, or its access point may have been found dead.
    pub fn on_no_budget(&mut self, attempt: Attempt, now: Instant) {
        debug_assert!(attempt.hedge_of.is_some(), "only hedges have a budget");
        self.undo(attempt);
        for silent in &mut self.in_flight {
            let patience = silent.overdue_at.map(|at| at.saturating_duration_since(silent.began));
            silent.hedge_at = patience.map(|patience| now + patience);
        }
    }

    /// This dial has connected, and the session has its upstream. Returns the dials that it has
    /// overtaken: they were silent for longer than is usual before it even started, elsewhere. What
    /// else is in flight has lost, which says nothing about its access point.
    pub fn on_connected(&mut self, attempt: Attempt) -> Vec<Attempt> {
        let flying = std::mem::take(&mut self.in_flight);
        let winner = flying.iter().find(|it| it.attempt == attempt);
        debug_assert!(winner.is_some(), "{attempt:?} is not in flight");
        let Some(InFlight { began, .. }) = winner.copied() else {
            return Vec::new();
        };
        let overdue = |it: &&InFlight| it.overdue_at.is_some_and(|at| at <= began);
        let others = flying.iter().filter(|it| it.attempt != attempt);
        others.filter(overdue).map(|it| it.attempt).collect()
    }

    fn dial(
        &mut self,
        snapshot: &Snapshot,
        dc: DcIndex,
        access_point: AccessPointIndex,
        hedge_of: Option<DcIndex>,
        now: Instant,
    ) -> Step {
        debug_assert!(self.in_flight.len() < IN_FLIGHT, "{self:?}");
        self.dials += 1;
        let attempt = Attempt { number: self.dials, dc, access_point, hedge_of };
        let usual = snapshot.access_point(access_point).round_trip;
        let timeout = now + self.limits.timeout;
        let overdue_at = self.limits.hedging.map(|hedging| now + hedging.patience(usual));
        self.in_flight.push(InFlight {
            attempt,
            began: now,
            until: timeout.min(self.deadline),
            cut: self.deadline < timeout,
            overdue_at,
            hedge_at: overdue_at,
        });
        Step::Dial(attempt)
    }

    fn land(&mut self, attempt: Attempt) {
        debug_assert!(self.in_flight.iter().any(|it| it.attempt == attempt), "{attempt:?}");
        self.in_flight.retain(|flying| flying.attempt != attempt);
    }

    /// The last step is as if it had not been said.
    fn undo(&mut self, attempt: Attempt) {
        debug_assert_eq!(attempt.number, self.dials, "only the last dial can not have been made");
        self.land(attempt);
        self.dials -= 1;
        self.candidates.put_back(attempt.dc, attempt.access_point);
    }

    fn why(&self, now: Instant) -> GiveUp {
        match self.dials {
            _ if now >= self.deadline => GiveUp::Deadline,
            0 if self.full => GiveUp::Full,
            0 => GiveUp::NoCandidate,
            _ => GiveUp::Failed,
        }
    }
}

#[cfg(test)]
mod tests;
