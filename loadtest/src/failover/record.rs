//! What one run through one peer has seen, before anybody judges it.
//!
//! Times count from the start of the load. Clients and faults are of one process and one clock; what
//! nearpoint tells has the time of day, of the same machine, to the millisecond.

use nearpoint::admin::view::DrillView;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// All of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Recording {
    /// When the fault began.
    pub(crate) fault_began: Duration,
    /// When it was over: the lab had undone all of it.
    pub(crate) fault_ended: Duration,
    /// When clients stopped to come.
    pub(crate) load_ended: Duration,
    /// New sessions, in the order in which they were begun.
    pub(crate) arrivals: Vec<Arrival>,
    /// How many sessions were held open throughout.
    pub(crate) held: usize,
    /// What those met.
    pub(crate) interruptions: Vec<Interruption>,
    /// What clients of UDP met; `None` where there were none.
    pub(crate) flows: Option<Flows>,
    /// New sessions of the crowd, in the order in which they were begun; `None` where there was none.
    pub(crate) crowd: Option<Vec<Arrival>>,
    /// When the lab broke something.
    pub(crate) strikes: Vec<Strike>,
    /// What was done, and what nearpoint told, in order of time.
    pub(crate) marks: Vec<Mark>,
    /// The report of the drill, if there was one.
    #[serde(default)]
    pub(crate) drill: Option<DrillView>,
}

/// What clients of UDP met. A flow that goes on elsewhere, or after a pause, is interrupted, and nothing has ended
/// it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Flows {
    /// New flows: from the first question to an answer, or until the client gave up.
    pub(crate) arrivals: Vec<Arrival>,
    /// How many went on throughout.
    pub(crate) held: usize,
    /// What those met.
    pub(crate) interruptions: Vec<Interruption>,
}

/// The lab breaks something. It is broken at some moment in between, and a busy machine takes long.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Strike {
    /// When it began to.
    pub(crate) from: Duration,
    /// When it had done so.
    pub(crate) to: Duration,
}

/// A client that comes: connects, says something, and waits for an answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Arrival {
    /// When it connected.
    pub(crate) began: Duration,
    /// From there to the end of the wait.
    pub(crate) took: Duration,
    /// The DC whose answer came, or why none did.
    pub(crate) outcome: Result<u16, Failure>,
}

/// Why there was no answer, as the client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Failure {
    /// The edge refused the connection, or could not be reached.
    Refused,
    /// The session was reset.
    Reset,
    /// It was closed in order, without an answer.
    Closed,
    /// Nothing came for as long as a client waits.
    Silent,
    /// Something came that no DC of the lab says.
    WrongAnswer,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Failure::Refused => "refused",
            Failure::Reset => "reset",
            Failure::Closed => "closed",
            Failure::Silent => "silent",
            Failure::WrongAnswer => "wrong answer",
        })
    }
}

/// A session that was held open, and was not answered for a while or any more.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Interruption {
    /// The last answer of this session.
    pub(crate) last_answer: Duration,
    /// When it had ended for its client: broken, or given up. Or when it was answered after all, or the run
    /// was over.
    pub(crate) ended: Duration,
    /// `None` if it was answered after all and goes on, or was still silent at the end of the run.
    pub(crate) why: Option<Failure>,
    /// The DC that it was with.
    pub(crate) from: u16,
    /// The first answer in it or in a session that took its place, and whose it was; `None` if there was none to
    /// the end.
    pub(crate) again: Option<(Duration, u16)>,
}

/// An entry of the timeline.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) at: Duration,
    pub(crate) whose: Teller,
    /// One line.
    pub(crate) text: String,
    /// A DC that nearpoint took out of use (`false`) or into use again (`true`).
    pub(crate) dc_in_use: Option<(u16, bool)>,
    /// nearpoint found that the edge is cut off (`true`) or that it is not any more (`false`).
    pub(crate) isolated: Option<bool>,
}

impl Mark {
    pub(crate) fn of_the_lab(at: Duration, text: String) -> Mark {
        Mark { at, whose: Teller::Lab, text, dc_in_use: None, isolated: None }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Teller {
    /// The lab did it.
    Lab,
    /// nearpoint said it, in its events.
    Edge,
}
