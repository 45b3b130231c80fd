//! What a scenario asks of nearpoint.

use crate::failover::phase::ByPhase;
use crate::lab::layout::Dc;
use crate::lab::share::Share;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Outcomes: what must hold in every run, on every machine. What is `None` is not asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Expect {
    /// New sessions that failed, beside those that were caught by the fault.
    pub(crate) failed: ByPhase<Option<Bound>>,
    /// DCs that are taken out of use during the fault. No other one is, at any time.
    pub(crate) out_of_use: Option<BTreeSet<Dc>>,
    /// Whether all that were taken out of use are in use again at the end; or none of them.
    pub(crate) used_again: Option<bool>,
    /// No other DC answers sessions that begin in this phase.
    pub(crate) served_by: ByPhase<Option<BTreeSet<Dc>>>,
    /// Held sessions that are interrupted.
    pub(crate) held_interrupted: Option<Bound>,
    /// Held sessions are interrupted only if they are with one of these.
    pub(crate) held_interrupted_from: Option<BTreeSet<Dc>>,
    /// Whether nearpoint says that the edge is cut off.
    pub(crate) isolated: Option<bool>,
    /// Of clients of UDP.
    pub(crate) udp: UdpExpect,
    /// Of the crowd.
    pub(crate) crowd: CrowdExpect,
    /// Of the drill.
    pub(crate) drill: Option<DrillExpect>,
}

/// What the report of a drill has to say. Whatever it is, nobody was refused, and its DC was used again.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct DrillExpect {
    /// `done`, `aborted` or `ended`.
    pub(crate) state: String,
    /// Where clients went instead.
    pub(crate) moved_to: BTreeSet<Dc>,
}

/// Outcomes of the crowd.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct CrowdExpect {
    /// New sessions of it that failed, beside those that were caught by the fault.
    pub(crate) failed: ByPhase<Option<Bound>>,
    /// No other DC answers sessions of it that begin in this phase.
    pub(crate) served_by: ByPhase<Option<BTreeSet<Dc>>>,
}

/// Outcomes of clients of UDP.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct UdpExpect {
    /// New flows that nobody answered, however often they asked.
    pub(crate) failed: ByPhase<Option<Bound>>,
    /// No other DC answers flows that begin in this phase.
    pub(crate) served_by: ByPhase<Option<BTreeSet<Dc>>>,
    /// Held flows that are not answered any more at the end.
    pub(crate) held_lost: Option<Bound>,
}

/// Bars of clients of UDP.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct UdpBars {
    /// p99 of the time from the first question to an answer, of flows that begin during the fault.
    pub(crate) p99_during: Option<Duration>,
    /// The longest time without an answer in a held flow.
    pub(crate) held_outage: Option<Duration>,
}

/// Bars: times that a report compares with, and that no test asserts, since machines differ.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Bars {
    /// p99 of the time to the answer, of sessions that begin in the first five seconds of the fault.
    pub(crate) p99_at_first: Option<Duration>,
    /// The same of all that begin during the fault.
    pub(crate) p99_during: Option<Duration>,
    /// From the begin of the fault until clients notice nothing of it any more.
    pub(crate) back_to_normal_within: Option<Duration>,
    /// From the begin of the fault until nearpoint says of all of `out_of_use` that they are.
    pub(crate) out_of_use_within: Option<Duration>,
    /// From the end of the fault until nearpoint says of all of them that they are used again.
    pub(crate) used_again_within: Option<Duration>,
    /// The longest time without an answer in a held session, or in what took its place.
    pub(crate) held_outage: Option<Duration>,
    /// Of clients of UDP.
    pub(crate) udp: UdpBars,
}

/// At most so many: `0`, `at most 3`, `at most 2%`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    Count(usize),
    Share(Share),
}

impl Bound {
    /// Whether `count` of `all` are not too many.
    pub(crate) fn allows(self, count: usize, all: usize) -> bool {
        match self {
            Bound::Count(most) => count <= most,
            Bound::Share(most) => count <= most.of(all),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::Count(0) => f.write_str("0"),
            Bound::Count(most) => write!(f, "at most {most}"),
            Bound::Share(most) => write!(f, "at most {most}"),
        }
    }
}

impl FromStr for Bound {
    type Err = String;

    fn from_str(text: &str) -> Result<Bound, String> {
        let bad = || format!("{text:?} is no bound: write 0, at most 3, or at most 2%");
        let most = match text.strip_prefix("at most ") {
            Some(most) => most.trim(),
            None if text == "0" => "0",
            None => return Err(bad()),
        };
        if most.ends_with('%') {
            let share = most.parse::<Share>();
            return share.map(Bound::Share).map_err(|error| error.to_string());
        }
        most.parse().map(Bound::Count).map_err(|_| bad())
    }
}
