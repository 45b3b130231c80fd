//! What others hold of control: a reader, a sender, and a way to leave evidence.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::routing::control::{Brought, OVERTAKEN};
use crate::routing::{AccessPointSlot, ClientPrefix, Intent, Locate, Snapshot, Target, Topology};

/// Reads the current snapshot. Cheap to clone; a load takes no lock.
#[derive(Clone)]
pub struct SnapshotReader {
    pub(super) current: Arc<ArcSwap<Snapshot>>,
    pub(super) generations: watch::Receiver<u64>,
}

impl SnapshotReader {
    /// The snapshot as of now, borrowed for a short while.
    #[must_use]
    pub fn load(&self) -> Guard<Arc<Snapshot>> {
        self.current.load()
    }

    /// The snapshot as of now, to keep.
    #[must_use]
    pub fn load_full(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Waits until a snapshot fulfils `condition`, and returns it. Never returns when control has
    /// ended.
    pub async fn wait_for(&self, condition: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        let mut generations = self.generations.clone();
        loop {
            generations.mark_unchanged();
            let snapshot = self.load_full();
            if condition(&snapshot) {
                return snapshot;
            }
            if generations.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// Where sessions leave evidence about access points. Never waits.
#[derive(Clone, Default)]
pub struct PassiveEvidence {
    pub(super) left: Arc<Notify>,
}

impl PassiveEvidence {
    /// A session of this client failed to connect for a reason that is the access point's.
    pub fn failed_connect(&self, slot: &AccessPointSlot, client: ClientPrefix) {
        slot.record_failed_connect(client);
        self.left.notify_one();
    }

    /// A dial was still silent when one that had started later, elsewhere, connected.
    pub fn overtaken(&self, slot: &AccessPointSlot) {
        if slot.record_overtaken() >= OVERTAKEN {
            self.left.notify_one();
        }
    }

    /// A session of this client was connected, sent a byte and never got one.
    pub fn mute(&self, slot: &AccessPointSlot, client: ClientPrefix) {
        slot.record_mute(client);
        self.left.notify_one();
    }
}

/// Control has ended; the daemon is about to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandError;

impl std::fmt::Display for CommandError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("control has ended")
    }
}

impl std::error::Error for CommandError {}

pub(super) enum Command {
    Configure(Arc<Topology>, Arc<dyn Locate>, Brought),
    Intend(Target, Intent),
}

/// Sends commands to control. Senders wait while its queue is full, and until the command has taken
/// effect in the published snapshot.
#[derive(Clone)]
pub struct CommandSender {
    pub(super) queue: mpsc::Sender<(Command, oneshot::Sender<Arc<Snapshot>>)>,
}

impl CommandSender {
    /// Puts an accepted topology and its way to locate clients into force, in one snapshot.
    ///
    /// # Errors
    /// When control has ended.
    pub async fn configure(
        &self,
        topology: Arc<Topology>,
        locate: Arc<dyn Locate>,
        brought: Brought,
    ) -> Result<Arc<Snapshot>, CommandError> {
        self.send(Command::Configure(topology, locate, brought)).await
    }

    /// Sets what an operator wants of a DC or an access point.
    ///
    /// # Errors
    /// When control has ended.
    pub async fn intend(
        &self,
        target: Target,
        intent: Intent,
    ) -> Result<Arc<Snapshot>, CommandError> {
        self.send(Command::Intend(target, intent)).await
    }

    async fn send(&self, command: Command) -> Result<Arc<Snapshot>, CommandError> {
        let (done, published) = oneshot::channel();
        self.queue.send((command, done)).await.map_err(|_| CommandError)?;
        published.await.map_err(|_| CommandError)
    }
}
