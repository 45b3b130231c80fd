//! When the lab does what.

use super::fault::{Fault, What};
use super::{Phases, Scenario};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Something that the lab does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Step<'a> {
    /// Since the begin of the phase `fault`; at its end at the latest.
    pub(crate) at: Duration,
    /// Which of `faults`: two of them may be alike, at the same place, and overlap.
    pub(crate) fault: usize,
    pub(crate) what: &'a What,
    pub(crate) act: Act,
}

/// A time in which something is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) from: Duration,
    pub(crate) to: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Act {
    /// All is well again.
    End,
    Begin,
    /// Of a wrong service: it comes to the address of the one that was killed.
    Usurp,
}

/// As `blackhole dc1` and `end of blackhole dc1`.
impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.act {
            Act::Begin => write!(f, "{}", self.what),
            Act::End => write!(f, "end of {}", self.what),
            Act::Usurp => write!(f, "{} comes up", self.what),
        }
    }
}

impl Step<'_> {
    /// Whether something is broken from then on that was well. What is under way nobody can save.
    pub(crate) fn breaks(&self) -> bool {
        self.act == Act::Begin && self.what.is_undone()
    }
}

impl Scenario {
    /// What the lab does in a run of these phases, in the order in which it does it; of what is to be
    /// done at the same time, ends come first. Faults begin and end as they were declared, and a
    /// list that was replaced stays.
    pub(crate) fn schedule(&self, phases: &Phases) -> Vec<Step<'_>> {
        let scale = Scale { long: self.long.fault, run: phases.fault };
        let mut steps: Vec<Step> = (0..)
            .zip(&self.faults)
            .flat_map(|(number, fault)| {
                acts(fault, &scale).into_iter().map(move |(at, act)| Step {
                    at,
                    fault: number,
                    what: &fault.what,
                    act,
                })
            })
            .collect();
        steps.sort_by_key(|step| (step.at, step.act, step.fault));
        steps
    }

    /// From when to when something is broken, since the begin of the phase `fault`, by begin.
    pub(crate) fn broken(&self, phases: &Phases) -> Vec<Broken> {
        let mut broken: Vec<Broken> = Vec::new();
        // Which of them is the last of each fault.
        let mut last: BTreeMap<usize, usize> = BTreeMap::new();
        for step in self.schedule(phases) {
            if step.breaks() {
                last.insert(step.fault, broken.len());
                broken.push(Broken { from: step.at, to: phases.fault });
            } else if step.act == Act::End
                && let Some(&number) = last.get(&step.fault)
            {
                broken[number].to = step.at;
            }
        }
        broken
    }
}

/// Times are written for the long run. In a shorter one all of them are shorter by as much as the
/// phase is.
struct Scale {
    long: Duration,
    run: Duration,
}

impl Scale {
    fn of(&self, at: Duration) -> Duration {
        if at >= self.long {
            return self.run;
        }
        at.mul_f64(self.run.as_secs_f64() / self.long.as_secs_f64()).min(self.run)
    }
}

fn acts(fault: &Fault, scale: &Scale) -> Vec<(Duration, Act)> {
    let (from, until) = (fault.times.from, fault.times.until);
    match &fault.what {
        What::Replace(_) | What::Drill { .. } => vec![(scale.of(from), Act::Begin)],
        What::WrongService { back, .. } => vec![
            (scale.of(from), Act::Begin),
            (scale.of(*back), Act::Usurp),
            (scale.of(until), Act::End),
        ],
        What::Path(..) | What::Slow { .. } | What::Process(..) | What::Service(..) => {
            let every = fault.times.every.unwrap_or(until - from);
            let mut acts = Vec::new();
            let mut on = from;
            while on < until {
                let off = (on + every).min(until);
                acts.extend([(scale.of(on), Act::Begin), (scale.of(off), Act::End)]);
                on = off + every;
            }
            acts
        }
    }
}
