//! From a recording to figures.
//!
//! **Caught.** A session that was under way while something broke, for no longer than sessions take, cannot
//! be saved by a layer-4 proxy: its bytes went to a DC that is gone. Such sessions are counted as *caught*,
//! for every peer alike, and are neither failed nor part of the times. All others are the proxy's
//! business.
//!
//! **Times** are from the connect to the first byte of the answer. A session that failed waited for ever:
//! in percentiles it counts as slower than any that was answered, so that nobody looks fast by failing.
//! Percentiles are exact (nearest rank).

mod held;
mod news;

pub(crate) use held::Held;
pub(crate) use news::News;

use super::phase::{ByPhase, Phase};
use super::record::{Arrival, Failure, Recording, Strike};
use super::time::Time;
use super::ways::LONGEST_ROUND_TRIP;
use crate::lab::layout::Dc;
use nearpoint::admin::view::DrillView;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What a run through one peer comes to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Outcome {
    pub(crate) new: ByPhase<Sessions>,
    /// Of those that began in the first five seconds of the fault.
    pub(crate) at_first: Sessions,
    pub(crate) back_to_normal: BackToNormal,
    /// From the end of the fault to the begin of the first session that a DC answered to which the
    /// fault happened; the latest of those of them that had clients before it. `None` if one of them
    /// answered none, or none had any.
    pub(crate) answers_again: Option<Time>,
    pub(crate) held: Held,
    /// Of UDP; `None` where the run had no clients of it.
    pub(crate) flows: Option<Flows>,
    /// Of the crowd; `None` where there was none.
    pub(crate) crowd: Option<ByPhase<Sessions>>,
    /// By nearpoint's own word; nothing from other peers.
    pub(crate) news: News,
    /// The report of the drill, if there was one.
    pub(crate) drill: Option<DrillView>,
}

/// What clients of UDP met. The times of new flows are from their first question to an answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Flows {
    pub(crate) new: ByPhase<Sessions>,
    /// Flows that go on: those that were silent for a while, or are answered by another DC, are stalled.
    pub(crate) held: Held,
}

/// New sessions of a time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Sessions {
    pub(crate) tried: usize,
    /// Without those that were caught.
    pub(crate) failed: usize,
    pub(crate) failed_how: BTreeMap<Failure, usize>,
    pub(crate) caught: usize,
    /// `None` if that one failed, or there was no session.
    pub(crate) p50: Option<Time>,
    pub(crate) p99: Option<Time>,
    /// The longest of those that were answered.
    pub(crate) max: Option<Time>,
    /// Which part of the answered ones each DC answered, 0 to 1.
    pub(crate) share_by_dc: BTreeMap<u16, f64>,
    /// The same of those that began a while after the begin of the phase: what was on its way at that
    /// moment belongs to the phase before.
    pub(crate) settled_by_dc: BTreeMap<u16, usize>,
}

/// From the begin of the fault until clients noticed nothing of it any more.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BackToNormal {
    /// They never noticed anything.
    Undisturbed,
    /// The last session that was disturbed began then.
    After(Time),
    /// Sessions were disturbed until the fault ended.
    NotWithinTheFault,
}

/// A session is disturbed if it failed, or took longer than this: what the farthest DC takes (a round trip
/// for the connect and one for the answer), and 100 ms.
pub(crate) const DISTURBED: Duration =
    LONGEST_ROUND_TRIP.saturating_mul(2).saturating_add(Duration::from_millis(100));

/// So long without a disturbed session, at the end of the fault, is back to normal.
const QUIET: Duration = Duration::from_millis(500);

/// What began so soon after the begin of a phase may have gone where those before it went.
const SETTLING: Duration = Duration::from_millis(250);

/// What `at_first` is.
const AT_FIRST: Duration = Duration::from_secs(5);

impl Outcome {
    /// `faulty` are the DCs that the fault happens to.
    pub(crate) fn of(recording: &Recording, faulty: &BTreeSet<Dc>) -> Outcome {
        let run = Run { recording, faulty, arrivals: &recording.arrivals };
        let flows = recording.flows.as_ref().map(|flows| {
            let run = Run { arrivals: &flows.arrivals, ..run };
            Flows {
                new: ByPhase::of(|phase| run.sessions(run.span(phase))),
                held: Held::of(flows.held, &flows.interruptions),
            }
        });
        let crowd = recording.crowd.as_ref().map(|arrivals| {
            let run = Run { arrivals, ..run };
            ByPhase::of(|phase| run.sessions(run.span(phase)))
        });
        Outcome {
            new: ByPhase::of(|phase| run.sessions(run.span(phase))),
            at_first: run.sessions(run.at_first()),
            back_to_normal: run.back_to_normal(),
            answers_again: run.answers_again(),
            held: Held::of(recording.held, &recording.interruptions),
            flows,
            crowd,
            news: News::of(recording),
            drill: recording.drill.clone(),
        }
    }

    /// New sessions that failed in any phase.
    pub(crate) fn failed(&self) -> usize {
        self.new.each().iter().map(|(_, sessions)| sessions.failed).sum()
    }
}

/// Whether an arrival failed that was under way while something broke.
pub(crate) fn is_caught(arrival: &Arrival, strikes: &[Strike]) -> bool {
    let ended = arrival.began + arrival.took;
    arrival.outcome.is_err()
        && strikes.iter().any(|&Strike { from, to }| {
            // One that had waited for longer had failed already, and not because of this.
            let fresh = arrival.began + DISTURBED >= from;
            fresh && arrival.began <= to && ended >= from
        })
}

/// From (inclusive) and to (exclusive).
type Span = (Duration, Duration);

#[derive(Clone, Copy)]
struct Run<'a> {
    recording: &'a Recording,
    faulty: &'a BTreeSet<Dc>,
    arrivals: &'a [Arrival],
}

impl Run<'_> {
    fn span(&self, phase: Phase) -> Span {
        let Recording { fault_began, fault_ended, .. } = *self.recording;
        match phase {
            Phase::Before => (Duration::ZERO, fault_began),
            Phase::Fault => (fault_began, fault_ended),
            Phase::After => (fault_ended, Duration::MAX),
        }
    }

    fn at_first(&self) -> Span {
        let Recording { fault_began, fault_ended, .. } = *self.recording;
        (fault_began, fault_ended.min(fault_began + AT_FIRST))
    }

    fn arrivals(&self, (from, to): Span) -> impl Iterator<Item = &Arrival> {
        let arrivals = self.arrivals.iter();
        arrivals.filter(move |arrival| (from..to).contains(&arrival.began))
    }

    fn is_caught(&self, arrival: &Arrival) -> bool {
        is_caught(arrival, &self.recording.strikes)
    }

    fn sessions(&self, span: Span) -> Sessions {
        let mut sessions = Sessions::default();
        let mut answered: Vec<Duration> = Vec::new();
        let mut by_dc: BTreeMap<u16, usize> = BTreeMap::new();
        for arrival in self.arrivals(span) {
            sessions.tried += 1;
            match arrival.outcome {
                Ok(dc) => {
                    answered.push(arrival.took);
                    *by_dc.entry(dc).or_default() += 1;
                    if arrival.began >= span.0 + SETTLING {
                        *sessions.settled_by_dc.entry(dc).or_default() += 1;
                    }
                }
                Err(_) if self.is_caught(arrival) => sessions.caught += 1,
                Err(how) => {
                    sessions.failed += 1;
                    *sessions.failed_how.entry(how).or_default() += 1;
                }
            }
        }
        answered.sort_unstable();
        sessions.p50 = percentile(&answered, sessions.failed, 50);
        sessions.p99 = percentile(&answered, sessions.failed, 99);
        sessions.max = answered.last().copied().map(Time);
        let share = |count| count as f64 / answered.len() as f64;
        sessions.share_by_dc = by_dc.into_iter().map(|(dc, count)| (dc, share(count))).collect();
        sessions
    }

    fn back_to_normal(&self) -> BackToNormal {
        let is_disturbed = |arrival: &&Arrival| match arrival.outcome {
            Ok(_) => arrival.took > DISTURBED,
            Err(_) => !self.is_caught(arrival),
        };
        let during = self.arrivals(self.span(Phase::Fault));
        let Recording { fault_began, fault_ended, .. } = *self.recording;
        match during.filter(is_disturbed).map(|arrival| arrival.began).max() {
            None => BackToNormal::Undisturbed,
            Some(last) if last + QUIET > fault_ended => BackToNormal::NotWithinTheFault,
            Some(last) => BackToNormal::After(Time(last - fault_began)),
        }
    }

    fn answers_again(&self) -> Option<Time> {
        let after = |dc: &Dc| {
            let answered = |arrival: &&Arrival| arrival.outcome == Ok(dc.id());
            let begun = self.arrivals(self.span(Phase::After)).filter(answered);
            begun.map(|arrival| Time(arrival.began - self.recording.fault_ended)).min()
        };
        let before = self.sessions(self.span(Phase::Before)).share_by_dc;
        let had_clients = self.faulty.iter().filter(|dc| before.contains_key(&dc.id()));
        let times: Option<Vec<Time>> = had_clients.map(after).collect();
        times?.into_iter().max()
    }
}

/// The nearest rank among `answered`, sorted, and `failed` ones that are slower than all of them.
fn percentile(answered: &[Duration], failed: usize, percent: usize) -> Option<Time> {
    let rank = ((answered.len() + failed) * percent).div_ceil(100);
    answered.get(rank.checked_sub(1)?).copied().map(Time)
}

#[cfg(test)]
mod tests;
