//! The registry of live sessions and flows: `forward` registers, `admin` reads. And what bounds them over
//! all workers.

mod clients;
mod pace;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub use clients::{ClientCounts, ClientPermit};
pub use pace::{Pace, Rate};

/// Live sessions of the whole process, by listener.
#[derive(Debug, Default)]
pub struct Sessions {
    listeners: Mutex<BTreeMap<Arc<str>, Arc<ListenerSessions>>>,
}

/// Live sessions or flows of one listener, over all workers.
#[derive(Debug, Default)]
pub struct ListenerSessions {
    open: AtomicU32,
    /// By client.
    pub clients: Arc<ClientCounts>,
    paces: pace::Paces,
}

/// The place of one session; given up when dropped.
#[derive(Debug)]
pub struct SessionPermit {
    of: Arc<ListenerSessions>,
}

impl Sessions {
    /// The sessions of the listener of this name. Looked up once per listener and worker.
    #[must_use]
    pub fn of_listener(&self, name: &Arc<str>) -> Arc<ListenerSessions> {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        // A listener that is gone keeps its entry while sessions, or workers, hold it.
        listeners.retain(|known, sessions| known == name || Arc::strong_count(sessions) > 1);
        Arc::clone(listeners.entry(Arc::clone(name)).or_default())
    }

    /// Sessions open now, connecting ones included, by listener.
    #[must_use]
    pub fn open_by_listener(&self) -> BTreeMap<Arc<str>, u32> {
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.iter().map(|(name, sessions)| (Arc::clone(name), sessions.open())).collect()
    }
}

impl ListenerSessions {
    /// Sessions open now, connecting ones included.
    #[must_use]
    pub fn open(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }

    /// How fast new ones may come, shared by all who ask for this rate.
    #[must_use]
    pub fn pace(&self, rate: Rate) -> Arc<Pace> {
        self.paces.at(rate)
    }

    /// A place for one more session, if there are fewer than `most`. Reserves first and checks
    /// then, because workers race.
    #[must_use]
    pub fn admit(self: &Arc<Self>, most: u32) -> Option<SessionPermit> {
        let before = self.open.fetch_add(1, Ordering::Relaxed);
        let permit = SessionPermit { of: Arc::clone(self) };
        (before < most).then_some(permit)
    }
}

impl Drop for SessionPermit {
    fn drop(&mut self) {
        self.of.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_sessions_than_the_limit_and_places_come_back() {
        let sessions = Sessions::default();
        let clients = sessions.of_listener(&"clients".into());
        let first = clients.admit(2).expect("room");
        let _second = clients.admit(2).expect("room");
        assert!(clients.admit(2).is_none());
        assert_eq!(clients.open(), 2);
        drop(first);
        assert!(clients.admit(2).is_some());
    }

    #[test]
    fn a_listener_that_is_gone_is_forgotten_with_its_last_session() {
        let sessions = Sessions::default();
        let permit = sessions.of_listener(&"old".into()).admit(9).expect("room");
        let _new = sessions.of_listener(&"new".into());
        assert_eq!(sessions.open_by_listener().get("old"), Some(&1));
        drop(permit);
        let _new = sessions.of_listener(&"new".into());
        assert_eq!(sessions.open_by_listener().get("old"), None);
    }
}
