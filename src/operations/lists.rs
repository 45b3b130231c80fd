//! Pushes, rollbacks and reloads, handed to the reloader; and what was in force before.

use std::sync::{Arc, Weak};

use tokio::sync::{mpsc, oneshot};

use super::check_reason;
use super::history::{Entry, History};
use crate::admin::operations::{LiveList, OperationError};
use crate::admin::view::{HistoryEntryView, HistoryView, PushView};
use crate::reload::{Order, Request};

/// Takes orders about lists.
pub struct ListDesk {
    /// Weak: a reloader ends when the daemon does not ask any more, whoever else could.
    reloads: mpsc::WeakSender<Request>,
    /// The reloader's, and gone with it: what is on disk may be another daemon's then.
    history: Weak<History>,
}

impl ListDesk {
    /// Of this reloader, with what it enters into the history.
    #[must_use]
    pub fn new(reloads: mpsc::WeakSender<Request>, history: &Arc<History>) -> Self {
        Self { reloads, history: Arc::downgrade(history) }
    }

    /// Has it done, and says what came of it. It is done even if nobody waits for that.
    ///
    /// # Errors
    /// When it was not done; also when the daemon is about to end.
    pub async fn order(&self, order: Order) -> Result<PushView, OperationError> {
        check_reason(&order.reason)?;
        let (done, told) = oneshot::channel();
        let reloads = self.reloads.upgrade().ok_or_else(ending)?;
        reloads.send((order, done)).await.map_err(|_| ending())?;
        drop(reloads);
        told.await.map_err(|_| ending())?
    }

    /// The newest entries.
    ///
    /// # Errors
    /// When the daemon is about to end.
    pub fn history(
        &self,
        limit: usize,
        live: Option<LiveList>,
    ) -> Result<HistoryView, OperationError> {
        let history = self.history.upgrade().ok_or_else(ending)?;
        let live = number_of(&history, live);
        let newest = history.newest(limit);
        let entries = newest.iter().map(|entry| entry.summary(live == Some(entry.number)));
        Ok(HistoryView { entries: entries.collect() })
    }

    /// One of them.
    ///
    /// # Errors
    /// When there is no such entry, or the daemon is about to end.
    pub fn entry(
        &self,
        number: u64,
        live: Option<LiveList>,
    ) -> Result<HistoryEntryView, OperationError> {
        let history = self.history.upgrade().ok_or_else(ending)?;
        let entry = history.entry(number).ok_or_else(|| {
            OperationError::NotFound(format!("the history has no entry {number}"))
        })?;
        let Entry { difference, .. } = &*entry;
        Ok(HistoryEntryView {
            summary: entry.summary(number_of(&history, live) == Some(number)),
            diff: difference.lines.clone(),
        })
    }
}

/// The number of the entry in force: the newest one, unless that is about to be.
fn number_of(history: &History, live: Option<LiveList>) -> Option<u64> {
    let revision = live?.revision.to_string();
    let newest = history.newest(2);
    newest.iter().find(|entry| entry.revision == revision).map(|entry| entry.number)
}

fn ending() -> OperationError {
    OperationError::Unavailable("the daemon is ending".to_owned())
}
