//! Clients of one listener: of all that came lately those with the smallest hashes, so many at most.
//! Hashes know nothing of clients, so each client is in the sample with the same chance, however often
//! it comes (a *bottom-k* sample; the k-th hash tells how many clients there are).

use std::collections::BTreeMap;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::memory::key::{ClientKey, HashKey, ListenerKey};
use crate::memory::time::EpochSeconds;
use crate::routing::topology::Destination;
use crate::routing::{ClientAddr, Location};

/// Clients of a listener that are kept at most. Some 3,600 of them count where there are many: a share of
/// these is right to within 1.7 in a hundred, 19 times out of 20.
pub const MOST: usize = 4096;

/// Clients are divided among so many locks, by bits of their hash that decide nothing else: while a listener
/// has few clients each of them passes one.
const SHARDS: usize = 16;

/// Clients of one shard.
const MOST_OF_SHARD: usize = MOST / SHARDS;

/// After this time a sample begins anew; the last one counts until the next one is as old.
const GENERATION: Duration = Duration::from_secs(30 * 60);

/// Who comes again within this time is not noted again.
const FRESH: Duration = Duration::from_secs(60);

/// Who came longer ago is forgotten.
const KEPT: Duration = Duration::from_secs(60 * 60);

/// Who came to one listener lately.
///
/// 100 bytes for each client in two generations, 0.8 MB of a listener with many.
pub struct ListenerSample {
    key: ListenerKey,
    shards: [Shard; SHARDS],
    /// Something is not on disk yet. Of all listeners.
    changed: Arc<AtomicBool>,
}

/// Those whose hashes have the same lowest bits.
struct Shard {
    /// The largest hash that the young generation takes.
    bar: AtomicU64,
    generations: Mutex<Generations>,
}

/// A client that came lately.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::memory) struct SeenClient {
    /// Its address, or the first of its /64; `None` of one who came before the daemon was started.
    pub(super) addr: Option<ClientAddr>,
    /// Where it was.
    pub(super) location: Location,
    /// Where it wanted to go.
    pub(super) destination: Destination,
    /// When it last came.
    pub(super) last: EpochSeconds,
}

/// A sample as it is at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::memory) struct Merged {
    /// By hash.
    pub(super) clients: BTreeMap<ClientKey, SeenClient>,
    /// Every client that came lately with a hash up to this is here.
    pub(super) bar: u64,
}

struct Generations {
    young: Generation,
    old: Generation,
    /// When the young one began.
    began: EpochSeconds,
}

struct Generation {
    clients: BTreeMap<ClientKey, SeenClient>,
    bar: u64,
}

impl Default for Generation {
    fn default() -> Self {
        Self { clients: BTreeMap::new(), bar: u64::MAX }
    }
}

impl ListenerSample {
    pub(super) fn new(
        key: &HashKey,
        name: &str,
        changed: Arc<AtomicBool>,
        now: EpochSeconds,
    ) -> Self {
        let shards = std::array::from_fn(|_| Shard::new(now));
        Self { key: key.of_listener(name), shards, changed }
    }

    /// This client came. Costs one hash and one look at a number, and a lock of a sixteenth of the clients only
    /// for those who are in the sample, which is all of them while they are few; the clock is asked only then.
    pub fn note(
        &self,
        client: ClientAddr,
        location: Location,
        destination: Destination,
        now: impl FnOnce() -> EpochSeconds,
    ) {
        let key = self.key.of_client(client);
        let shard = self.shard_of(key);
        if key.0 <= shard.bar.load(Ordering::Relaxed) {
            let (addr, last) = (Some(client.first()), now());
            let is_news = shard.enter(key, SeenClient { addr, location, destination, last });
            if is_news && !self.changed.load(Ordering::Relaxed) {
                self.changed.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Lets go of a generation whose time is over.
    pub(super) fn age(&self, now: EpochSeconds) {
        self.shards.iter().for_each(|shard| drop(shard.aged(now)));
    }

    /// Who came lately. One lock after the other is held, while a few hundred clients are copied.
    pub(super) fn merged(&self, now: EpochSeconds) -> Merged {
        let (mut clients, mut bar) = (BTreeMap::new(), u64::MAX);
        for shard in &self.shards {
            let generations = shard.aged(now);
            let Generations { young, old, began: _ } = &*generations;
            let copied: Vec<_> = old.clients.iter().chain(&young.clients).map(copy).collect();
            // All that is said is true up to the lowest of all bars only.
            bar = bar.min(young.bar).min(old.bar);
            drop(generations);
            clients.extend(copied);
        }
        clients.retain(|key, client| key.0 <= bar && client.last.age(now) < KEPT);
        while clients.len() > MOST {
            clients.pop_last();
            bar = clients.last_key_value().map_or(bar, |(key, _)| key.0);
        }
        Merged { clients, bar }
    }

    /// Takes in what was kept elsewhere; who came here since stays as it is.
    pub(super) fn restore(&self, kept: Merged, now: EpochSeconds) {
        let Merged { mut clients, bar } = kept;
        for client in clients.values_mut() {
            // What a clock that ran ahead has left would stay too long.
            client.last = client.last.min(now);
        }
        let mut shards: [BTreeMap<ClientKey, SeenClient>; SHARDS] = Default::default();
        for (key, client) in clients {
            shards[shard_of(key)].insert(key, client);
        }
        for (shard, clients) in self.shards.iter().zip(shards) {
            shard.lock().old = Generation { clients, bar };
        }
    }

    fn shard_of(&self, key: ClientKey) -> &Shard {
        &self.shards[shard_of(key)]
    }
}

fn shard_of(key: ClientKey) -> usize {
    key.0 as usize % SHARDS
}

fn copy((key, client): (&ClientKey, &SeenClient)) -> (ClientKey, SeenClient) {
    (*key, *client)
}

impl Shard {
    fn new(now: EpochSeconds) -> Self {
        let generations =
            Generations { young: Generation::default(), old: Generation::default(), began: now };
        Self { bar: AtomicU64::new(u64::MAX), generations: Mutex::new(generations) }
    }

    /// Whether that is news: somebody else, elsewhere, or a while later.
    fn enter(&self, key: ClientKey, client: SeenClient) -> bool {
        let mut generations = self.aged(client.last);
        let young = &mut generations.young;
        // It may have fallen while this waited.
        if key.0 > young.bar {
            return false;
        }
        let is_known = |known: &SeenClient| {
            let known_lately = SeenClient { last: client.last, ..*known } == client;
            known_lately && known.last.age(client.last) < FRESH
        };
        if young.clients.get(&key).is_some_and(is_known) {
            return false;
        }
        young.clients.insert(key, client);
        if young.clients.len() > MOST_OF_SHARD {
            young.clients.pop_last();
        }
        if young.clients.len() == MOST_OF_SHARD
            && let Some((last, _)) = young.clients.last_key_value()
        {
            young.bar = last.0;
            self.bar.store(last.0, Ordering::Relaxed);
        }
        true
    }

    fn aged(&self, now: EpochSeconds) -> MutexGuard<'_, Generations> {
        let mut generations = self.lock();
        // A clock that was set back.
        generations.began = generations.began.min(now);
        let age = generations.began.age(now);
        if age >= GENERATION {
            let young = mem::take(&mut generations.young);
            generations.old = if age < 2 * GENERATION { young } else { Generation::default() };
            generations.began = now;
            self.bar.store(u64::MAX, Ordering::Relaxed);
        }
        generations
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        // A panic of the daemon ends it; elsewhere a sample that is out of order is better than none.
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Merged {
    /// How many clients came lately: those that are here, or as many as it takes for so many small
    /// hashes.
    pub(super) fn distinct(&self) -> u64 {
        let here = self.clients.len();
        match self.bar {
            u64::MAX => here as u64,
            bar => {
                let share = (bar as f64 / u64::MAX as f64).max(f64::MIN_POSITIVE);
                ((here.saturating_sub(1)) as f64 / share).round().max(here as f64) as u64
            }
        }
    }
}
