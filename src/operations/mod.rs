//! Does what operators ask for on the admin side: it knows the whole daemon.

mod clients;
mod drill;
pub mod history;
mod intents;
mod lists;
mod moves;
mod sessions;

use std::future::{Future, ready};
use std::sync::Arc;

use crate::admin::Facts;
use crate::admin::operations::{
    Answer, Author, DrillOrder, LiveList, OperationError, Operations, Push, Reload, Rollback, Wish,
};
use crate::admin::view::{
    ClientsView, DrillView, EndedView, HistoryEntryView, HistoryView, IntentView, PushView,
    SessionsView,
};
use crate::control::{CommandSender, SnapshotReader};
use crate::forward::RosterDesk;
use crate::sessions::Which;

pub use drill::Drills;
pub use intents::{IntentDesk, restore};
pub use lists::ListDesk;
pub use moves::Forecaster;

/// The desk of the operators.
pub struct Desk {
    /// The network as of now.
    pub reader: SnapshotReader,
    /// Where intents go.
    pub commands: CommandSender,
    /// Who is connected.
    pub roster: RosterDesk,
    /// Which list is in force.
    pub facts: Arc<Facts>,
    /// The lists that were in force, and who puts another one there.
    pub lists: ListDesk,
    /// What is wanted of DCs and access points.
    pub intents: Arc<IntentDesk>,
    /// Knows who would move.
    pub forecaster: Forecaster,
    /// Runs drills.
    pub drills: Drills,
}

impl Operations for Desk {
    fn list(&self) -> Option<LiveList> {
        self.facts.list().map(|fact| fact.list)
    }

    fn push(&self, push: Push) -> Answer<'_, PushView> {
        Box::pin(self.lists.order(push.into()))
    }

    fn roll_back(&self, rollback: Rollback) -> Answer<'_, PushView> {
        Box::pin(self.lists.order(rollback.into()))
    }

    fn reload(&self, reload: Reload) -> Answer<'_, PushView> {
        Box::pin(self.lists.order(reload.into()))
    }

    fn history(&self, limit: usize) -> Answer<'_, HistoryView> {
        Box::pin(ready(self.lists.history(limit, self.list())))
    }

    fn history_entry(&self, number: u64) -> Answer<'_, HistoryEntryView> {
        Box::pin(ready(self.lists.entry(number, self.list())))
    }

    fn intend(&self, wish: Wish) -> Answer<'_, IntentView> {
        let intents = Arc::clone(&self.intents);
        Box::pin(to_its_end(async move { intents.intend(wish).await }))
    }

    fn clients(&self, listener: Option<&str>, limit: usize) -> Answer<'_, ClientsView> {
        let listener = listener.map(str::to_owned);
        Box::pin(clients::seen(&self.forecaster, listener, limit))
    }

    fn sessions(&self, which: Which) -> Answer<'_, SessionsView> {
        Box::pin(sessions::show(&self.roster, which))
    }

    fn end_sessions(&self, which: Which, author: Author) -> Answer<'_, EndedView> {
        Box::pin(sessions::end(&self.roster, which, author))
    }

    fn drill(&self) -> Option<DrillView> {
        self.drills.last()
    }

    fn start_drill(&self, order: DrillOrder) -> Answer<'_, DrillView> {
        let drills = self.drills.clone();
        Box::pin(to_its_end(async move { drills.start(order).await }))
    }

    fn end_drill(&self, author: Author, reason: String) -> Answer<'_, DrillView> {
        let drills = self.drills.clone();
        Box::pin(to_its_end(async move { drills.end(author, reason).await }))
    }
}

/// Does work that is not left half done when who asked for it goes away.
async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, OperationError>> + Send + 'static,
) -> Result<T, OperationError> {
    let done = tokio::spawn(work).await;
    done.unwrap_or_else(|error| Err(OperationError::Unavailable(error.to_string())))
}

/// Bytes of a reason: it is kept, and shown in lines.
const LONGEST_REASON: usize = 1000;

/// Whether a reason can be kept.
fn check_reason(reason: &str) -> Result<(), OperationError> {
    if reason.len() <= LONGEST_REASON {
        return Ok(());
    }
    let text = format!("reason: {} bytes, and {LONGEST_REASON} are the most", reason.len());
    Err(OperationError::Invalid(vec![text]))
}

/// The desk that the admin side asks.
#[must_use]
pub fn desk(desk: Desk) -> Arc<dyn Operations> {
    Arc::new(desk)
}
