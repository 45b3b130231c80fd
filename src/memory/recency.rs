//! The clients of one shard, in the order of their last use.
//!
//! Entries lie in one vector and are linked by their positions; a table of positions finds them.
//! The well-known crates (`lru`, `hashlink`) allocate a node for each entry: 66 bytes and more of a
//! client, with what the allocator adds, where this takes 36. The order is theirs: exact, by use.

use std::time::Duration;

use hashbrown::HashTable;

use super::key::ClientKey;
use super::time::EpochSeconds;
use crate::routing::DcId;

/// No entry.
const NOBODY: u32 = u32::MAX;

/// What is known of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Memory {
    pub(super) client: ClientKey,
    pub(super) dc: DcId,
    /// When it last came.
    pub(super) used: EpochSeconds,
}

/// Clients in the order of their last use.
#[derive(Debug)]
pub(super) struct Recency {
    entries: Vec<Entry>,
    /// Positions in `entries`.
    index: HashTable<u32>,
    newest: u32,
    oldest: u32,
}

#[derive(Debug)]
struct Entry {
    client: ClientKey,
    used: EpochSeconds,
    newer: u32,
    older: u32,
    dc: DcId,
}

impl Default for Recency {
    fn default() -> Self {
        Self { entries: Vec::new(), index: HashTable::new(), newest: NOBODY, oldest: NOBODY }
    }
}

impl Recency {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// What is known of a client; finding it is no use of it.
    pub(super) fn find(&self, client: ClientKey) -> Option<Memory> {
        self.position(client).map(|at| self.entries[at as usize].memory())
    }

    /// Notes a client as the one that came last.
    pub(super) fn put(&mut self, memory: Memory) {
        let Memory { client, dc, used } = memory;
        match self.position(client) {
            Some(at) => {
                self.unlink(at);
                let entry = &mut self.entries[at as usize];
                (entry.dc, entry.used) = (dc, used);
                self.link_newest(at);
            }
            None => {
                self.make_room();
                let at = self.entries.len() as u32;
                self.entries.push(Entry { client, used, newer: NOBODY, older: NOBODY, dc });
                let entries = &self.entries;
                self.index.insert_unique(client.0, at, |at| entries[*at as usize].client.0);
                self.link_newest(at);
            }
        }
    }

    /// The client that came longest ago.
    pub(super) fn oldest(&self) -> Option<Memory> {
        self.entries.get(self.oldest as usize).map(Entry::memory)
    }

    /// Forgets the client that came longest ago.
    pub(super) fn pop_oldest(&mut self) -> Option<Memory> {
        let memory = self.oldest()?;
        self.remove(self.oldest);
        Some(memory)
    }

    /// Forgets clients that came `ttl` ago or more, so many at most; returns how many. Memory that
    /// nobody needs any more is given back.
    pub(super) fn expire(&mut self, now: EpochSeconds, ttl: Duration, most: usize) -> usize {
        let mut gone = 0;
        while gone < most && self.oldest().is_some_and(|it| it.used.age(now) >= ttl) {
            self.pop_oldest();
            gone += 1;
        }
        if self.entries.len() < self.entries.capacity() / 4 {
            self.entries.shrink_to(2 * self.entries.len());
            let entries = &self.entries;
            self.index.shrink_to(2 * entries.len(), |at| entries[*at as usize].client.0);
        }
        gone
    }

    /// Copies the entries below position `end`, so many at most, into `chunk`; returns where the
    /// next chunk ends, 0 after the last one. Asked from the end on, nobody is left out who was
    /// there from the beginning, whatever happens in between: an entry only ever moves down.
    pub(super) fn chunk(&self, end: usize, most: usize, chunk: &mut Vec<Memory>) -> usize {
        let end = end.min(self.entries.len());
        let start = end.saturating_sub(most);
        chunk.clear();
        chunk.extend(self.entries[start..end].iter().map(Entry::memory));
        start
    }

    fn position(&self, client: ClientKey) -> Option<u32> {
        let is_it = |at: &u32| self.entries[*at as usize].client == client;
        self.index.find(client.0, is_it).copied()
    }

    /// A vector that doubles would stand half empty for long.
    fn make_room(&mut self) {
        if self.entries.len() == self.entries.capacity() {
            self.entries.reserve_exact((self.entries.len() / 8).max(4));
        }
    }

    /// Takes an entry out; the last one moves into its place.
    fn remove(&mut self, at: u32) {
        self.unlink(at);
        let gone = self.entries[at as usize].client;
        if let Ok(found) = self.index.find_entry(gone.0, |it| *it == at) {
            found.remove();
        }
        let last = self.entries.len() as u32 - 1;
        let moved = &self.entries[last as usize];
        let (client, newer, older) = (moved.client, moved.newer, moved.older);
        self.entries.swap_remove(at as usize);
        if at == last {
            return;
        }
        if let Some(position) = self.index.find_mut(client.0, |it| *it == last) {
            *position = at;
        }
        *self.newer_end_of(older) = at;
        *self.older_end_of(newer) = at;
    }

    fn unlink(&mut self, at: u32) {
        let Entry { newer, older, .. } = self.entries[at as usize];
        *self.newer_end_of(older) = newer;
        *self.older_end_of(newer) = older;
    }

    fn link_newest(&mut self, at: u32) {
        let before = self.newest;
        let entry = &mut self.entries[at as usize];
        (entry.newer, entry.older) = (NOBODY, before);
        *self.newer_end_of(before) = at;
        self.newest = at;
    }

    /// The link of `at` towards newer entries; behind the oldest there is the end of the list.
    fn newer_end_of(&mut self, at: u32) -> &mut u32 {
        match at {
            NOBODY => &mut self.oldest,
            at => &mut self.entries[at as usize].newer,
        }
    }

    /// The link of `at` towards older entries; before the newest there is its beginning.
    fn older_end_of(&mut self, at: u32) -> &mut u32 {
        match at {
            NOBODY => &mut self.newest,
            at => &mut self.entries[at as usize].older,
        }
    }
}

impl Entry {
    fn memory(&self) -> Memory {
        Memory { client: self.client, dc: self.dc, used: self.used }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn memory(client: u64, dc: u16, used: u32) -> Memory {
        Memory { client: ClientKey(client), dc: DcId(dc), used: EpochSeconds(used) }
    }

    fn drained(mut recency: Recency) -> Vec<Memory> {
        std::iter::from_fn(|| recency.pop_oldest()).collect()
    }

    #[derive(Clone, Debug)]
    enum Act {
        Put(u64, u16),
        PopOldest,
        Expire(u32),
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let act = prop_oneof![
            6 => (0_u64..40, 1_u16..5).prop_map(|(client, dc)| Act::Put(client, dc)),
            2 => Just(Act::PopOldest),
            1 => (1_u32..60).prop_map(Act::Expire),
        ];
        proptest::collection::vec(act, 0..300)
    }

    proptest! {
        /// The model is a plain list, oldest first.
        #[test]
        fn it_is_a_list_in_the_order_of_use(acts in acts()) {
            let (mut recency, mut model) = (Recency::default(), Vec::<Memory>::new());
            for (now, act) in (0..).zip(acts) {
                match act {
                    Act::Put(client, dc) => {
                        let memory = memory(client, dc, now);
                        recency.put(memory);
                        model.retain(|it| it.client != memory.client);
                        model.push(memory);
                    }
                    Act::PopOldest => {
                        let oldest = (!model.is_empty()).then(|| model.remove(0));
                        prop_assert_eq!(recency.pop_oldest(), oldest);
                    }
                    Act::Expire(ttl) => {
                        let before = model.len();
                        model.retain(|it| now - it.used.0 < ttl);
                        let ttl = Duration::from_secs(u64::from(ttl));
                        let gone = recency.expire(EpochSeconds(now), ttl, usize::MAX);
                        prop_assert_eq!(gone, before - model.len());
                    }
                }
                prop_assert_eq!(recency.len(), model.len());
                for client in 0..40 {
                    let known = model.iter().find(|it| it.client.0 == client).copied();
                    prop_assert_eq!(recency.find(ClientKey(client)), known);
                }
            }
            prop_assert_eq!(drained(recency), model);
        }
    }

    #[test]
    fn chunks_leave_nobody_out_while_others_come_and_go() {
        let mut recency = Recency::default();
        (0..100).for_each(|client| recency.put(memory(client, 1, 0)));
        let (mut seen, mut chunk, mut end) = (Vec::new(), Vec::new(), usize::MAX);
        let mut next = 100;
        while end > 0 {
            end = recency.chunk(end, 7, &mut chunk);
            seen.extend(chunk.iter().map(|it| it.client.0));
            recency.pop_oldest();
            (0..2).for_each(|_| {
                recency.put(memory(next, 1, 1));
                next += 1;
            });
        }
        for client in 0..100 {
            let stayed = recency.find(ClientKey(client)).is_some();
            assert!(!stayed || seen.contains(&client), "{client} was left out");
        }
    }

    #[test]
    fn an_entry_is_24_bytes_and_memory_is_given_back() {
        assert_eq!(size_of::<Entry>(), 24);
        let mut recency = Recency::default();
        (0..10_000).for_each(|client| recency.put(memory(client, 1, 0)));
        assert!(recency.entries.capacity() < 12_000);
        recency.expire(EpochSeconds(9), Duration::from_secs(9), 9_990);
        assert_eq!(recency.len(), 10);
        assert!(recency.entries.capacity() <= 20 && recency.index.capacity() < 100);
        assert!((0..10_000).filter(|it| recency.find(ClientKey(*it)).is_some()).count() == 10);
    }
}
