//! Clients seen lately, by listener: who would move, if something changed, is asked of them.
//!
//! In memory a client of the sample is its address (IPv6: its /64), its place and where it wanted to go.
//! On disk nobody's address is kept: a hash, a place and where it wanted to go. Who is recalled from there
//! is a *stand-in* until the client comes again: it is ranked by its place, with a prefix made of its hash,
//! so that shares of DCs that are equally near are as they should be. Rules about networks, and another
//! database, mean nothing to it.

pub(super) mod file;
mod sample;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::key::HashKey;
use super::sticky::StickyMemory;
use super::time::EpochSeconds;
use crate::routing::topology::{Destination, ListenerRoute};
use crate::routing::{ClientAddr, DcId, Location};

use file::Restored;
use sample::Merged;
pub use sample::{ListenerSample, MOST};

/// Who came to each listener lately.
pub struct ClientsSeen {
    key: HashKey,
    listeners: Mutex<BTreeMap<Arc<str>, Arc<ListenerSample>>>,
    changed: Arc<AtomicBool>,
}

/// Some of those who came to one listener lately.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// Each of all with the same chance; at most [`MOST`].
    pub clients: Vec<SampledClient>,
    /// How many there are in all; an estimate where not all are here.
    pub distinct: u64,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampledClient {
    /// Its address or the first of its /64; of a stand-in a [pseudonym](ClientAddr::pseudonym).
    pub addr: ClientAddr,
    /// Whether this is a stand-in, of whom the place is all that is known.
    pub is_stand_in: bool,
    /// Where it was when it last came.
    pub location: Location,
    /// Where it wanted to go.
    pub destination: Destination,
    /// The DC that the listener remembers of it.
    pub remembered: Option<DcId>,
    /// When it last came.
    pub last: EpochSeconds,
}

impl ClientsSeen {
    /// Nobody, of no listener until it is told to [`follow`](Self::follow).
    #[must_use]
    pub fn new(key: HashKey) -> Self {
        Self { key, listeners: Mutex::default(), changed: Arc::default() }
    }

    /// Watches these listeners and no others.
    pub fn follow(&self, routes: &BTreeMap<Arc<str>, ListenerRoute>, now: EpochSeconds) {
        let mut listeners = self.lock();
        listeners.retain(|name, _| routes.contains_key(name));
        for name in routes.keys() {
            let new = || ListenerSample::new(&self.key, name, Arc::clone(&self.changed), now);
            listeners.entry(Arc::clone(name)).or_insert_with(|| Arc::new(new()));
        }
    }

    /// Who came to one listener. Looked up once for its settings.
    #[must_use]
    pub fn of_listener(&self, name: &str) -> Option<Arc<ListenerSample>> {
        self.lock().get(name).cloned()
    }

    /// Who came lately, with what `memory` recalls of them. `memory` hashes with the same key.
    #[must_use]
    pub fn samples(&self, memory: &StickyMemory, now: EpochSeconds) -> BTreeMap<Arc<str>, Sample> {
        let merged = self.merged(now).into_iter().map(|(name, merged)| {
            let sticky = memory.of_listener(&name);
            let clients = merged.clients.iter().map(|(key, client)| SampledClient {
                addr: client.addr.unwrap_or_else(|| ClientAddr::pseudonym(key.0)),
                is_stand_in: client.addr.is_none(),
                location: client.location,
                destination: client.destination,
                remembered: sticky.as_ref().and_then(|sticky| sticky.recall_hashed(*key, now)),
                last: client.last,
            });
            let sample = Sample { clients: clients.collect(), distinct: merged.distinct() };
            (name, sample)
        });
        merged.collect()
    }

    /// Lets go of those whose time is over.
    pub fn forget_expired(&self, now: EpochSeconds) {
        self.listeners().values().for_each(|sample| sample.age(now));
    }

    pub(super) fn key(&self) -> &HashKey {
        &self.key
    }

    pub(super) fn merged(&self, now: EpochSeconds) -> BTreeMap<Arc<str>, Merged> {
        let listeners = self.listeners().into_iter();
        listeners.map(|(name, sample)| (name, sample.merged(now))).collect()
    }

    pub(super) fn restore(&self, restored: Restored, now: EpochSeconds) {
        let listeners = self.listeners();
        for (name, merged) in restored {
            if let Some(sample) = listeners.get(&name) {
                sample.restore(merged, now);
            }
        }
    }

    /// Whether anything has changed since this was last asked.
    pub(super) fn take_changed(&self) -> bool {
        self.changed.swap(false, Ordering::Relaxed)
    }

    pub(super) fn set_changed(&self) {
        self.changed.store(true, Ordering::Relaxed);
    }

    fn listeners(&self) -> BTreeMap<Arc<str>, Arc<ListenerSample>> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Arc<ListenerSample>>> {
        // Whole entries are put in and taken out.
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
