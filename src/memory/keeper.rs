//! Looks after a memory from the start of a daemon to its end: recalls what was saved, forgets whose
//! time is over, saves what changed. The work is done on threads where nobody waits for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::{debug, info, warn};

use super::key::HashKey;
use super::seen::ClientsSeen;
use super::sticky::StickyMemory;
use super::store::Store;
use super::time::EpochSeconds;
use crate::blocking::blocking;
use crate::routing::topology::ListenerRoute;
use crate::state_dir::{StateDir, StateDirError};

/// What a crash may cost.
const EVERY: Duration = Duration::from_secs(5 * 60);

/// What is known of clients.
pub struct Memories {
    /// The DC that each was given.
    pub sticky: Arc<StickyMemory>,
    /// Who came lately.
    pub seen: Arc<ClientsSeen>,
    /// Where both are kept, if anywhere.
    pub store: Option<Store>,
}

/// The memories of a daemon that begins with these routes.
///
/// # Errors
/// When the directory has no key and cannot be given one. Files in it that cannot be read are no error.
pub async fn open(
    directory: Option<Arc<StateDir>>,
    routes: BTreeMap<Arc<str>, ListenerRoute>,
) -> Result<Memories, StateDirError> {
    blocking(move || {
        let now = SystemTime::now().into();
        let (store, key) = match directory {
            Some(directory) => Store::open(directory).map(|(store, key)| (Some(store), key))?,
            None => (None, HashKey::random().map_err(StateDirError::Random)?),
        };
        let (memory, seen) = (StickyMemory::new(key.clone()), ClientsSeen::new(key));
        memory.follow(&routes, now);
        seen.follow(&routes, now);
        match &store {
            Some(store) => {
                store.load(&memory, now);
                store.load_seen(&seen, now);
            }
            None if memory.clients().is_empty() => {}
            None => info!("without edge.state_dir, sticky listeners forget at the next start"),
        }
        Ok(Memories { sticky: Arc::new(memory), seen: Arc::new(seen), store })
    })
    .await
}

/// Looks after them every five minutes until `stop` is told or dropped, and saves them a last time
/// then.
pub async fn keep(memories: Memories, mut stop: oneshot::Receiver<()>) {
    let mut kept = Kept { memories, failing: false };
    while timeout(EVERY, &mut stop).await.is_err() {
        kept = kept.look_after().await;
    }
    kept.look_after().await;
}

struct Kept {
    memories: Memories,
    /// The last save failed, and that was said.
    failing: bool,
}

impl Kept {
    async fn look_after(mut self) -> Self {
        blocking(move || {
            let now = SystemTime::now().into();
            self.memories.sticky.forget_expired(now);
            self.memories.seen.forget_expired(now);
            self.save(now);
            self
        })
        .await
    }

    fn save(&mut self, now: EpochSeconds) {
        let Memories { sticky, seen, store: Some(store) } = &self.memories else { return };
        let (saved, of_seen) = (store.save(sticky), store.save_seen(seen, now));
        let saved = saved.and(of_seen);
        match (&saved, self.failing) {
            (Ok(_), false) => {}
            (Ok(_), true) => info!("what is remembered of clients is saved again"),
            (Err(error), false) => warn!(%error, "cannot save what is remembered of clients"),
            (Err(error), true) => debug!(%error, "still cannot save what is remembered of clients"),
        }
        self.failing = saved.is_err();
    }
}
