//! The memories of all listeners, as configuration wants them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::key::HashKey;
use super::listener::{ListenerMemory, MostRecent};
use super::time::EpochSeconds;
use crate::routing::topology::{ListenerRoute, Route};
use crate::routing::{ClientAddr, DcId, Sticky};

/// What all listeners remember.
pub struct StickyMemory {
    key: HashKey,
    listeners: Mutex<BTreeMap<Arc<str>, Arc<ListenerMemory>>>,
    changed: Arc<AtomicBool>,
}

impl StickyMemory {
    /// Remembers nothing yet, and for nobody until it is told to [`follow`](Self::follow).
    #[must_use]
    pub fn new(key: HashKey) -> Self {
        Self { key, listeners: Mutex::default(), changed: Arc::default() }
    }

    /// Remembers for the `nearest` listeners that are sticky, and for nobody else: what a listener
    /// remembered that left, or that is not sticky any more, is forgotten. One whose `clients` changed
    /// keeps its most recent clients. Takes a while where a million of them have to move: not for a
    /// thread that others wait for.
    pub fn follow(&self, routes: &BTreeMap<Arc<str>, ListenerRoute>, now: EpochSeconds) {
        let before = self.listeners();
        let sticky = routes.iter().filter_map(|(name, route)| {
            let sticky = remembers(route)?;
            Some((Arc::clone(name), self.successor(name, before.get(name), sticky, now)))
        });
        let after: BTreeMap<_, _> = sticky.collect();
        let is_other = |(name, memory)| {
            after.get(name).is_none_or(|after: &Arc<_>| !Arc::ptr_eq(memory, after))
        };
        let changed = before.iter().any(is_other);
        *self.lock() = after;
        // Afterwards: a save that took the mark before has written what was there before.
        if changed {
            self.set_changed();
        }
    }

    /// The memory of a listener, if it is sticky. Looked up once for its settings.
    #[must_use]
    pub fn of_listener(&self, name: &str) -> Option<Arc<ListenerMemory>> {
        self.lock().get(name).cloned()
    }

    /// What a listener remembers of a client; nothing is changed by asking.
    #[must_use]
    pub fn recall(&self, listener: &str, client: ClientAddr, now: EpochSeconds) -> Option<DcId> {
        self.of_listener(listener)?.recall(client, now)
    }

    /// How many clients each sticky listener remembers.
    #[must_use]
    pub fn clients(&self) -> BTreeMap<Arc<str>, usize> {
        let listeners = self.listeners().into_iter();
        listeners.map(|(name, memory)| (name, memory.clients())).collect()
    }

    /// Forgets everybody whose time is over.
    pub fn forget_expired(&self, now: EpochSeconds) {
        self.listeners().values().for_each(|memory| memory.forget_expired(now));
    }

    pub(super) fn key(&self) -> &HashKey {
        &self.key
    }

    pub(super) fn listeners(&self) -> BTreeMap<Arc<str>, Arc<ListenerMemory>> {
        self.lock().clone()
    }

    /// Whether anything has changed since this was last asked.
    pub(super) fn take_changed(&self) -> bool {
        self.changed.swap(false, Ordering::Relaxed)
    }

    pub(super) fn set_changed(&self) {
        self.changed.store(true, Ordering::Relaxed);
    }

    fn successor(
        &self,
        name: &str,
        before: Option<&Arc<ListenerMemory>>,
        sticky: &Sticky,
        now: EpochSeconds,
    ) -> Arc<ListenerMemory> {
        let new = || ListenerMemory::new(&self.key, name, sticky, Arc::clone(&self.changed));
        match before {
            None => Arc::new(new()),
            Some(same) if same.most() == sticky.clients => {
                same.set_ttl(sticky.ttl);
                Arc::clone(same)
            }
            Some(other) => {
                let mut recent = MostRecent::of(sticky.clients);
                let Ok(()) = other.visit(|chunk| {
                    chunk.iter().for_each(|memory| recent.push(*memory));
                    Ok::<_, Infallible>(())
                });
                let memory = new();
                memory.restore(recent, now);
                Arc::new(memory)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Arc<ListenerMemory>>> {
        // Whole maps are put in and taken out.
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A bound session has its DC from the listener.
fn remembers(route: &ListenerRoute) -> Option<&Sticky> {
    match route.route {
        Route::Nearest | Route::Mtproto(_) => route.sticky.as_ref(),
        Route::Dc(_) => None,
    }
}

#[cfg(test)]
mod tests;
