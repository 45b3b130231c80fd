//! What operators change, as the admin side asks for it: somebody who knows the whole daemon does it.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::view::{
    ClientsView, DrillView, EndedView, HistoryEntryView, HistoryView, IntentView, PushView,
    SessionsView,
};
use crate::routing::topology::Revision;
use crate::routing::{AdminState, DcId, Target};
use crate::sessions::Which;

/// What comes of something that takes its time.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, OperationError>> + Send + 'a>>;

/// Does what operators ask for. What is dropped before it has answered may be done all the same.
pub trait Operations: Send + Sync + 'static {
    /// The list of access points in force.
    fn list(&self) -> Option<LiveList>;
    /// Puts another list into force, or says what that would do.
    fn push(&self, push: Push) -> Answer<'_, PushView>;
    /// Puts a list into force that was there before, or says what that would do.
    fn roll_back(&self, rollback: Rollback) -> Answer<'_, PushView>;
    /// Reads the files again.
    fn reload(&self, reload: Reload) -> Answer<'_, PushView>;
    /// The lists that were in force, the newest first, so many at most.
    fn history(&self, limit: usize) -> Answer<'_, HistoryView>;
    /// One of them.
    fn history_entry(&self, number: u64) -> Answer<'_, HistoryEntryView>;
    /// Wants something of DCs or access points.
    fn intend(&self, wish: Wish) -> Answer<'_, IntentView>;
    /// Clients seen lately, of one listener or all.
    fn clients(&self, listener: Option<&str>, limit: usize) -> Answer<'_, ClientsView>;
    /// Sessions and flows that are open.
    fn sessions(&self, which: Which) -> Answer<'_, SessionsView>;
    /// Ends sessions and flows.
    fn end_sessions(&self, which: Which, author: Author) -> Answer<'_, EndedView>;
    /// The drill that runs, or ran last.
    fn drill(&self) -> Option<DrillView>;
    /// Begins a drill.
    fn start_drill(&self, order: DrillOrder) -> Answer<'_, DrillView>;
    /// Ends the drill that runs.
    fn end_drill(&self, author: Author, reason: String) -> Answer<'_, DrillView>;
}

/// Who asks for something, for the record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Author {
    /// The name of the token, or of the user of the Unix socket.
    pub name: String,
    /// The address of the peer, or its process.
    pub from: String,
}

/// The list of access points in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveList {
    /// As it was pushed or stands in the file.
    pub bytes: Arc<[u8]>,
    /// Its hash.
    pub revision: Revision,
    /// Whether it was pushed.
    pub is_pushed: bool,
}

/// Another list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// YAML or JSON.
    pub bytes: Arc<[u8]>,
    /// The list that it is to replace; any if `None`.
    pub over: Option<Revision>,
    /// To be told what would happen, and no more.
    pub dry_run: bool,
    /// Whatever guards say.
    pub force: bool,
    /// Who.
    pub author: Author,
    /// Why; may be empty.
    pub reason: String,
}

/// A list that was there before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollback {
    /// The number of its entry in the history; the one before the present one if `None`.
    pub to: Option<u64>,
    /// The list that it is to replace; any if `None`.
    pub over: Option<Revision>,
    /// To be told what would happen, and no more.
    pub dry_run: bool,
    /// Whatever guards say.
    pub force: bool,
    /// Who.
    pub author: Author,
    /// Why; may be empty.
    pub reason: String,
}

/// The files, read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reload {
    /// Whatever guards say.
    pub force: bool,
    /// Who.
    pub author: Author,
    /// Why; may be empty.
    pub reason: String,
}

/// What somebody wants of DCs or access points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Of all these, which are known.
    pub targets: Vec<Target>,
    /// What.
    pub state: AdminState,
    /// For how long; until somebody says otherwise if `None`.
    pub lasting: Option<Duration>,
    /// Even if clients that are bound to the DC would be refused.
    pub force: bool,
    /// Who.
    pub author: Author,
    /// Why; may be empty.
    pub reason: String,
}

/// A drill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrillOrder {
    /// The DC that is to be without.
    pub dc: DcId,
    /// For how long.
    pub lasting: Duration,
    /// Even if clients would be refused, or a DC would be too full.
    pub force: bool,
    /// To be told what would happen, and no more.
    pub dry_run: bool,
    /// Who.
    pub author: Author,
    /// Why; may be empty.
    pub reason: String,
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperationError {
    /// There is no such thing.
    NotFound(String),
    /// What it was to replace is not there any more, but this.
    Stale(Revision),
    /// What is to be put into force has these problems.
    Invalid(Vec<String>),
    /// Guards forbid it, for this reason; it may be forced.
    Guarded(String),
    /// It does not fit what goes on, and cannot be forced.
    Conflict(String),
    /// It cannot be done now.
    Unavailable(String),
}

impl fmt::Display for OperationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(what) => f.write_str(what),
            Self::Stale(now) => {
                write!(f, "another list is in force by now: {now}; look at it and try again")
            }
            Self::Invalid(problems) => f.write_str(&problems.join("\n")),
            Self::Guarded(why) | Self::Conflict(why) | Self::Unavailable(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for OperationError {}
