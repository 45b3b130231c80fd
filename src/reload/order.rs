//! What the reloader is asked for, and what comes of it.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::admin::operations::{Author, OperationError, Push, Reload, Rollback};
use crate::admin::view::PushView;
use crate::routing::topology::Revision;

/// What brings another configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// SIGHUP.
    Signal,
    /// A file has changed.
    File,
    /// An operator has the files read again.
    Reload,
    /// An operator pushes a list.
    Push,
    /// An operator goes back to a list.
    Rollback,
}

impl Source {
    /// A fixed word, the metric label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signal => "signal",
            Self::File => "file",
            Self::Reload => "reload",
            Self::Push => "push",
            Self::Rollback => "rollback",
        }
    }
}

/// What became of a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The new configuration is in force.
    Accepted,
    /// The files say what is in force already.
    Unchanged,
    /// The last good one stays, for these reasons.
    Refused(Vec<String>),
}

impl Outcome {
    /// A fixed word, the metric label.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Unchanged => "unchanged",
            Self::Refused(_) => "refused",
        }
    }
}

impl From<&Done> for Outcome {
    fn from(done: &Done) -> Self {
        match done {
            Ok(view) if view.outcome == Self::Unchanged.as_str() => Self::Unchanged,
            Ok(_) => Self::Accepted,
            Err(OperationError::Invalid(problems)) => Self::Refused(problems.clone()),
            Err(why) => Self::Refused(vec![why.to_string()]),
        }
    }
}

/// What is to be put into force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// What the files say.
    Files,
    /// This list, in place of that one.
    List(Arc<[u8]>, Option<Revision>),
    /// The list of this entry of the history, or the one before that in force; in place of that one.
    Entry(Option<u64>, Option<Revision>),
}

/// What is asked for, by whom and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// How it comes.
    pub source: Source,
    /// What.
    pub what: What,
    /// To be told what would happen, and no more.
    pub dry_run: bool,
    /// Whatever guards say.
    pub force: bool,
    /// Who; nobody for a file and a signal.
    pub author: Author,
    /// Why; may be empty.
    pub reason: String,
}

/// What came of it, or why nothing did.
pub type Done = Result<PushView, OperationError>;

/// An order, answered with what came of it.
pub type Request = (Order, oneshot::Sender<Done>);

impl Order {
    /// To read the files, as a signal asks for it, or a change of them.
    #[must_use]
    pub fn files(source: Source) -> Self {
        Self {
            source,
            what: What::Files,
            dry_run: false,
            force: false,
            author: Author::default(),
            reason: String::new(),
        }
    }

    /// Whether it is about a list of its own, whatever the files say.
    pub(super) fn is_push(&self) -> bool {
        match self.what {
            What::Files => false,
            What::List(..) | What::Entry(..) => true,
        }
    }
}

impl From<Push> for Order {
    fn from(push: Push) -> Self {
        let Push { bytes, over, dry_run, force, author, reason } = push;
        let what = What::List(bytes, over);
        Self { source: Source::Push, what, dry_run, force, author, reason }
    }
}

impl From<Rollback> for Order {
    fn from(rollback: Rollback) -> Self {
        let Rollback { to, over, dry_run, force, author, reason } = rollback;
        let what = What::Entry(to, over);
        Self { source: Source::Rollback, what, dry_run, force, author, reason }
    }
}

impl From<Reload> for Order {
    fn from(reload: Reload) -> Self {
        let Reload { force, author, reason } = reload;
        Self { force, author, reason, ..Self::files(Source::Reload) }
    }
}
