//! What one listener remembers: shards of clients, each behind a lock of its own.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::key::{ClientKey, HashKey, ListenerKey};
use super::recency::{Memory, Recency};
use super::time::EpochSeconds;
use crate::routing::{ClientAddr, DcId, Sticky};

/// Shards at most: workers seldom meet in one, and a shard of a default listener is 0.6 MB.
const SHARDS: u32 = 64;

/// Clients that make a shard worth having. Below, the order of forgetting is exact over all clients;
/// above, within a shard, which clients fill evenly by their hash.
const CLIENTS_PER_SHARD: u32 = 1024;

/// Clients looked at under one lock by who has time.
pub(super) const CHUNK: usize = 4096;

/// What one listener remembers of its clients. 36 bytes for each in a full memory of a million
/// (`benches/memory.rs`), up to 45 where tables have just grown; nothing is allocated for clients who have not come yet.
pub struct ListenerMemory {
    key: ListenerKey,
    clients: u32,
    ttl_seconds: AtomicU64,
    /// As many as a power of two.
    shards: Box<[Mutex<Recency>]>,
    /// Something is not on disk yet. Of all listeners.
    changed: Arc<AtomicBool>,
}

/// How there was room for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// There was room, or the client was known.
    Found,
    /// The client that came longest ago was forgotten, before its time.
    Made,
}

impl ListenerMemory {
    pub(super) fn new(
        key: &HashKey,
        name: &str,
        sticky: &Sticky,
        changed: Arc<AtomicBool>,
    ) -> Self {
        let shards = (sticky.clients / CLIENTS_PER_SHARD).next_power_of_two().clamp(1, SHARDS);
        Self {
            key: key.of_listener(name),
            clients: sticky.clients,
            ttl_seconds: AtomicU64::new(sticky.ttl.as_secs()),
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            changed,
        }
    }

    /// The DC that this client was given when it last came, unless that is too long ago. Being asked
    /// is no use: it changes nothing.
    #[must_use]
    pub fn recall(&self, client: ClientAddr, now: EpochSeconds) -> Option<DcId> {
        self.recall_hashed(self.key.of_client(client), now)
    }

    /// The same, of somebody of whom the hash is all that is known.
    pub(super) fn recall_hashed(&self, client: ClientKey, now: EpochSeconds) -> Option<DcId> {
        let found = lock(self.shard_of(client).1).find(client)?;
        (found.used.age(now) < self.ttl()).then_some(found.dc)
    }

    /// This client was given this DC. Where there is no room, the client that came longest ago is
    /// forgotten.
    pub fn remember(&self, client: ClientAddr, dc: DcId, now: EpochSeconds) -> Room {
        let room = self.put(Memory { client: self.key.of_client(client), dc, used: now }, now);
        // Afterwards: a save that took the mark before has either seen the client under the lock of
        // its shard, or finds the mark again. Written once between two saves: workers share its line.
        if !self.changed.load(Ordering::Relaxed) {
            self.changed.store(true, Ordering::Relaxed);
        }
        room
    }

    /// The clients that are kept, those included whose time is over and who were not looked at since.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    /// `sticky.clients` as it was made for.
    pub(super) fn most(&self) -> u32 {
        self.clients
    }

    pub(super) fn set_ttl(&self, ttl: Duration) {
        self.ttl_seconds.store(ttl.as_secs(), Ordering::Relaxed);
    }

    /// Takes in what was kept elsewhere, whatever time it is.
    pub(super) fn restore(&self, memories: MostRecent, now: EpochSeconds) {
        for memory in memories.oldest_first() {
            // What a clock that ran ahead has left would stay too long.
            self.put(Memory { used: memory.used.min(now), ..memory }, now);
        }
    }

    /// Shows all that is remembered to `visit`, in chunks that are copied under a lock each.
    ///
    /// # Errors
    /// Those of `visit`.
    pub(super) fn visit<E>(
        &self,
        mut visit: impl FnMut(&[Memory]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut chunk = Vec::with_capacity(CHUNK);
        for shard in &self.shards {
            let mut end = usize::MAX;
            while end > 0 {
                end = lock(shard).chunk(end, CHUNK, &mut chunk);
                if !chunk.is_empty() {
                    visit(&chunk)?;
                }
            }
        }
        Ok(())
    }

    /// Forgets everybody whose time is over.
    pub(super) fn forget_expired(&self, now: EpochSeconds) {
        let ttl = self.ttl();
        for shard in &self.shards {
            while lock(shard).expire(now, ttl, CHUNK) == CHUNK {}
        }
    }

    fn put(&self, memory: Memory, now: EpochSeconds) -> Room {
        let (number, shard) = self.shard_of(memory.client);
        let mut shard = lock(shard);
        shard.put(memory);
        if shard.len() <= self.room_of(number) {
            return Room::Found;
        }
        match shard.pop_oldest() {
            Some(gone) if gone.used.age(now) < self.ttl() => Room::Made,
            Some(_) | None => Room::Found,
        }
    }

    /// `clients` is shared out evenly.
    fn room_of(&self, shard: usize) -> usize {
        let (clients, shards) = (self.clients as usize, self.shards.len());
        clients / shards + usize::from(shard < clients % shards)
    }

    /// Tables use the lowest and the highest bits of a hash.
    fn shard_of(&self, client: ClientKey) -> (usize, &Mutex<Recency>) {
        let number = (client.0 >> 32) as usize & (self.shards.len() - 1);
        (number, &self.shards[number])
    }

    fn ttl(&self) -> Duration {
        Duration::from_secs(self.ttl_seconds.load(Ordering::Relaxed))
    }
}

/// Of many memories the most recent ones, so many at most.
#[derive(Debug)]
pub(super) struct MostRecent {
    most: usize,
    /// The oldest on top.
    heap: BinaryHeap<Reverse<(EpochSeconds, ClientKey, DcId)>>,
}

impl MostRecent {
    pub(super) fn of(most: u32) -> Self {
        Self { most: most as usize, heap: BinaryHeap::new() }
    }

    pub(super) fn push(&mut self, memory: Memory) {
        self.heap.push(Reverse((memory.used, memory.client, memory.dc)));
        if self.heap.len() > self.most {
            self.heap.pop();
        }
    }

    fn oldest_first(self) -> impl Iterator<Item = Memory> {
        let newest_first = self.heap.into_sorted_vec().into_iter();
        newest_first.rev().map(|Reverse((used, client, dc))| Memory { client, dc, used })
    }
}

fn lock(shard: &Mutex<Recency>) -> MutexGuard<'_, Recency> {
    // A panic of the daemon ends it; elsewhere a memory that is out of order is better than none.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// A save takes the mark, then reads the shards. Whoever is put into a shard behind its back
    /// must leave the mark for the next save.
    #[test]
    fn who_is_remembered_while_a_save_begins_is_saved_by_the_next() {
        let changed = Arc::new(AtomicBool::new(true));
        let sticky = Sticky { clients: 10, ..Sticky::default() };
        let key = HashKey::new([7; HashKey::BYTES]);
        let memory = ListenerMemory::new(&key, "clients", &sticky, Arc::clone(&changed));
        let client = ClientAddr::new([192, 0, 2, 1].into());
        thread::scope(|scope| {
            let shard = lock(&memory.shards[0]);
            let session = scope.spawn(|| memory.remember(client, DcId(2), EpochSeconds(9)));
            // As far as it gets without the lock.
            (0..1000).for_each(|_| thread::yield_now());
            changed.store(false, Ordering::Relaxed);
            assert_eq!(shard.len(), 0, "what the save reads");
            drop(shard);
            session.join().expect("remembered");
        });
        assert_eq!(memory.clients(), 1);
        assert!(changed.load(Ordering::Relaxed), "the next save would miss it");
    }
}
