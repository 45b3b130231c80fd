//! Looks after a memory from the start of a daemon to its end: recalls what was saved, forgets whose
//! time is over, saves what changed. The work is done on threads where nobody waits for it.

use std::collections::BTreeMap;
use std::future;
use std::panic;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tracing::{debug, info, warn};

use super::key::HashKey;
use super::state_dir::StateDirError;
use super::sticky::StickyMemory;
use super::store::Store;
use crate::routing::topology::ListenerRoute;

/// What a crash may cost.
const EVERY: Duration = Duration::from_secs(5 * 60);

/// The memory of a daemon that begins with these routes, and where it is kept, if anywhere.
///
/// # Errors
/// When the directory cannot be used. Files in it that cannot be read are no error.
pub async fn open(
    state_dir: Option<PathBuf>,
    routes: BTreeMap<Arc<str>, ListenerRoute>,
) -> Result<(Arc<StickyMemory>, Option<Store>), StateDirError> {
    blocking(move || {
        let now = SystemTime::now().into();
        let (store, key) = match state_dir {
            Some(path) => Store::open(&path).map(|(store, key)| (Some(store), key))?,
            None => (None, HashKey::random().map_err(StateDirError::Random)?),
        };
        let memory = StickyMemory::new(key);
        memory.follow(&routes, now);
        match &store {
            Some(store) => store.load(&memory, now),
            None if memory.clients().is_empty() => {}
            None => info!("without edge.state_dir, sticky listeners forget at the next start"),
        }
        Ok((Arc::new(memory), store))
    })
    .await
}

/// Looks after `memory` every five minutes until `stop` is told or dropped, and saves it a last time
/// then.
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
        blocking(move || {
            self.memory.forget_expired(SystemTime::now().into());
            self.save();
            self
        })
        .await
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

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(reason) => panic::resume_unwind(reason),
            // Cancelled: the runtime ends, and whoever waits here with it.
            Err(_) => future::pending().await,
        },
    }
}
