//! The three parts of a run.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Index;

/// A part of a run. A session belongs to the phase in which it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// All is well.
    Before,
    /// Something is wrong.
    Fault,
    /// All is well again.
    After,
}

impl Phase {
    pub(crate) const ALL: [Phase; 3] = [Phase::Before, Phase::Fault, Phase::After];
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Phase::Before => "before",
            Phase::Fault => "fault",
            Phase::After => "after",
        })
    }
}

/// One value for each phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ByPhase<T> {
    pub(crate) before: T,
    pub(crate) fault: T,
    pub(crate) after: T,
}

impl<T> ByPhase<T> {
    pub(crate) fn of(mut value: impl FnMut(Phase) -> T) -> ByPhase<T> {
        ByPhase {
            before: value(Phase::Before),
            fault: value(Phase::Fault),
            after: value(Phase::After),
        }
    }

    /// In the order of time.
    pub(crate) fn each(&self) -> [(Phase, &T); 3] {
        Phase::ALL.map(|phase| (phase, &self[phase]))
    }
}

impl<T> Index<Phase> for ByPhase<T> {
    type Output = T;

    fn index(&self, phase: Phase) -> &T {
        match phase {
            Phase::Before => &self.before,
            Phase::Fault => &self.fault,
            Phase::After => &self.after,
        }
    }
}
