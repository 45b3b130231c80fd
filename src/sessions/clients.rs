//! How many sessions or flows each client of a listener has, over all workers.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Parts that are locked one by one: workers seldom meet.
const SHARDS: usize = 64;

/// What clients of one listener have open. Clients that have nothing are not known.
#[derive(Debug)]
pub struct ClientCounts {
    shards: [Mutex<HashMap<u64, u32>>; SHARDS],
    hasher: RandomState,
}

/// The place of one session or flow of a client; given up when dropped.
#[derive(Debug)]
pub struct ClientPermit {
    of: Arc<ClientCounts>,
    client: u64,
}

impl Default for ClientCounts {
    fn default() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()), hasher: RandomState::new() }
    }
}

impl ClientCounts {
    /// One more of this client, an IPv4 address or an IPv6 /64 as a number, if it has fewer than `most`.
    #[must_use]
    pub fn admit(self: &Arc<Self>, client: u64, most: u32) -> Option<ClientPermit> {
        let mut shard = self.shard(client);
        let open = shard.get(&client).copied().unwrap_or(0);
        (open < most).then(|| {
            shard.insert(client, open + 1);
            ClientPermit { of: Arc::clone(self), client }
        })
    }

    fn shard(&self, client: u64) -> MutexGuard<'_, HashMap<u64, u32>> {
        let at = self.hasher.hash_one(client) as usize % SHARDS;
        self.shards[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ClientPermit {
    fn drop(&mut self) {
        let mut shard = self.of.shard(self.client);
        if let Entry::Occupied(mut open) = shard.entry(self.client) {
            match open.get().checked_sub(1) {
                Some(left) if left > 0 => drop(open.insert(left)),
                Some(_) | None => drop(open.remove()),
            }
        }
        if shard.is_empty() {
            // What a crowd has made it grow to.
            shard.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_no_more_than_it_may_and_others_have_theirs() {
        let counts = Arc::new(ClientCounts::default());
        let first = counts.admit(7, 2).expect("room");
        let _second = counts.admit(7, 2).expect("room");
        assert!(counts.admit(7, 2).is_none());
        let _other = counts.admit(8, 2).expect("another client");
        drop(first);
        assert!(counts.admit(7, 2).is_some());
    }

    #[test]
    fn who_has_nothing_is_not_known() {
        let counts = Arc::new(ClientCounts::default());
        let permits: Vec<_> = (0..1000).filter_map(|client| counts.admit(client, 1)).collect();
        assert_eq!(permits.len(), 1000);
        drop(permits);
        let known = counts.shards.iter().map(|it| it.lock().expect("not poisoned").len());
        assert_eq!(known.sum::<usize>(), 0);
    }
}
