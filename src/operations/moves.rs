//! Who would move, of the clients seen lately.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::admin::operations::OperationError;
use crate::blocking::blocking;
use crate::control::SnapshotReader;
use crate::memory::{ClientsSeen, EpochSeconds, Sample, SampledClient, StickyMemory};
use crate::routing::moves::{Crowd, Imagined, Moves, Subject, forecast, imagine};
use crate::routing::{AdminState, Client, Intent, Intents, Locate, Snapshot, Target, Topology};
use crate::sessions::Sessions;

/// How long one waits who only looks.
const PATIENCE: Duration = Duration::from_secs(5);

/// Knows who came lately, and what would become of them.
#[derive(Clone)]
pub struct Forecaster {
    reader: SnapshotReader,
    memory: Arc<StickyMemory>,
    seen: Arc<ClientsSeen>,
    sessions: Arc<Sessions>,
    /// A forecast takes a core for a while: one at a time for those who change something,
    turn: Arc<Semaphore>,
    /// and one for those who look.
    look_turn: Arc<Semaphore>,
}

/// Who came lately.
#[derive(Clone, Debug, Default)]
pub(super) struct Lately {
    /// When this was.
    pub(super) now: Option<EpochSeconds>,
    /// By listener.
    pub(super) samples: BTreeMap<Arc<str>, Sample>,
    /// Sessions and flows that are open, by listener.
    pub(super) open: BTreeMap<Arc<str>, u32>,
}

impl Forecaster {
    /// Clients are those of `seen`, and `memory` has the same key.
    #[must_use]
    pub fn new(
        reader: SnapshotReader,
        memory: Arc<StickyMemory>,
        seen: Arc<ClientsSeen>,
        sessions: Arc<Sessions>,
    ) -> Self {
        let one = || Arc::new(Semaphore::new(1));
        Self { reader, memory, seen, sessions, turn: one(), look_turn: one() }
    }

    /// Who would move with another configuration.
    pub async fn of_configuration(
        &self,
        topology: &Arc<Topology>,
        locate: Arc<dyn Locate>,
    ) -> Moves {
        let topology = Arc::clone(topology);
        self.of(|now| Imagined { topology, locate, intents: Arc::clone(&now.intents) }).await
    }

    /// Who would move if operators wanted this of these.
    pub async fn of_wish(&self, targets: &[Target], state: AdminState) -> Moves {
        self.of(|now| {
            let mut intents = Intents::clone(&now.intents);
            for target in targets {
                // When it was said matters to nobody here.
                intents.set(*target, Intent::new(state, Instant::now()));
            }
            Imagined { intents: Arc::new(intents), ..Imagined::of(now) }
        })
        .await
    }

    async fn of(&self, otherwise: impl FnOnce(&Snapshot) -> Imagined) -> Moves {
        let snapshot = self.reader.load_full();
        let imagined = otherwise(&snapshot);
        self.work(snapshot, move |before, lately| {
            let after = imagine(before, imagined);
            forecast(before, &after, &lately.crowds())
        })
        .await
    }

    /// Looks at the network as it is now, with room for everybody, and at who came lately. Who changes
    /// something does not wait for that.
    ///
    /// # Errors
    /// When too many look.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        snapshot: Arc<Snapshot>,
        look: impl FnOnce(&Snapshot, &Lately) -> T + Send + 'static,
    ) -> Result<T, OperationError> {
        let turn = Arc::clone(&self.look_turn).acquire_owned();
        let Ok(Ok(turn)) = timeout(PATIENCE, turn).await else {
            let text = "too many look at clients seen lately; ask later";
            return Err(OperationError::Unavailable(text.to_owned()));
        };
        Ok(self.with(turn, snapshot, look).await)
    }

    async fn work<T: Send + 'static>(
        &self,
        snapshot: Arc<Snapshot>,
        work: impl FnOnce(&Snapshot, &Lately) -> T + Send + 'static,
    ) -> T {
        let turn = Arc::clone(&self.turn).acquire_owned().await;
        self.with(turn.expect("it is never closed"), snapshot, work).await
    }

    async fn with<T: Send + 'static>(
        &self,
        turn: OwnedSemaphorePermit,
        snapshot: Arc<Snapshot>,
        work: impl FnOnce(&Snapshot, &Lately) -> T + Send + 'static,
    ) -> T {
        let it = self.clone();
        blocking(move || {
            let lately = it.lately();
            let done = work(&imagine(&snapshot, Imagined::of(&snapshot)), &lately);
            drop(turn);
            done
        })
        .await
    }

    /// The network as it is now.
    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        self.reader.load_full()
    }

    fn lately(&self) -> Lately {
        let now = SystemTime::now().into();
        let samples = self.seen.samples(&self.memory, now);
        Lately { now: Some(now), samples, open: self.sessions.open_by_listener() }
    }
}

impl Lately {
    /// Sessions and flows of a listener that are open.
    pub(super) fn open(&self, listener: &str) -> u64 {
        self.open.get(listener).copied().map_or(0, u64::from)
    }

    fn crowds(&self) -> Vec<Crowd> {
        let crowds = self.samples.iter().map(|(listener, sample)| Crowd {
            listener: Arc::clone(listener),
            clients: sample.clients.iter().map(subject).collect(),
            distinct: sample.distinct,
            open: self.open(listener),
        });
        crowds.collect()
    }
}

/// A client of a sample, to be ranked.
pub(super) fn subject(client: &SampledClient) -> Subject {
    let SampledClient { addr, location, remembered, .. } = *client;
    Subject {
        client: Client { remembered, ..Client::new(addr, location) },
        known_by_place_only: client.is_stand_in,
        destination: client.destination,
    }
}
