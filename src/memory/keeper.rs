//! Looks after a memory while a daemon runs: forgets whose time is over, and saves what changed.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tracing::{debug, info, warn};

use super::sticky::StickyMemory;
use super::store::Store;

/// What a crash may cost.
const EVERY: Duration = Duration::from_secs(5 * 60);

/// Looks after `memory` every five minutes until `stop` is told or dropped, and saves it a last time
/// then. The work is done on threads of its own.
pub async fn keep(
    memory: Arc<StickyMemory>,
    store: Option<Store>,
    mut stop: oneshot::Receiver<()>,
) {
    let mut kept = Kept { memory, store, failing: false };
    while timeout(EVERY, &mut stop).await.is_err() {
        kept = kept.look_after().await;
    }
    kept.look_after().await;
}

struct Kept {
    memory: Arc<StickyMemory>,
    store: Option<Store>,
    /// The last save failed, and that was said.
    failing: bool,
}

impl Kept {
    async fn look_after(mut self) -> Self {
        let looked_after = spawn_blocking(move || {
            self.memory.forget_expired(SystemTime::now().into());
            self.save();
            self
        });
        // It is never cancelled, so it can only have panicked.
        looked_after.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    fn save(&mut self) {
        let Some(store) = &self.store else { return };
        let saved = store.save(&self.memory);
        match (&saved, self.failing) {
            (Ok(_), false) => {}
            (Ok(_), true) => info!("what is remembered of clients is saved again"),
            (Err(error), false) => warn!(%error, "cannot save what is remembered of clients"),
            (Err(error), true) => debug!(%error, "still cannot save what is remembered of clients"),
        }
        self.failing = saved.is_err();
    }
}
