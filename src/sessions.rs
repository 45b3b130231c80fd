//! The registry of live sessions and flows: `forward` registers, `admin` reads. And what bounds them over
//! all workers.

mod client_pace;
mod clients;
mod open;
mod pace;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub use client_pace::ClientPace;
pub use clients::{ClientCounts, ClientPermit};
pub use open::{OpenSession, Which};
pub use pace::{Pace, Rate};

use pace::Kept;

/// Looks of all sockets of a listener together, four a second of each, while which a place is kept for who
/// wanted it: time for a client to ask again.
const KEPT_FOR: u32 = 64;

/// Live sessions of the whole process, by listener.
#[derive(Debug, Default)]
pub struct Sessions {
    listeners: Mutex<BTreeMap<Arc<str>, Arc<ListenerSessions>>>,
}

/// Live sessions or flows of one listener, over all workers.
#[derive(Debug, Default)]
pub struct ListenerSessions {
    open: AtomicU32,
    /// A newcomer is without a place where there is nobody to evict.
    wanted: AtomicBool,
    /// How many looks a place that was made for such a newcomer is still kept.
    handed: AtomicU32,
    /// By client.
    pub clients: Arc<ClientCounts>,
    pace: Kept<Pace>,
    client_pace: Kept<ClientPace>,
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
        self.pace.at(rate)
    }

    /// How fast new ones of each client may come, shared by all who ask for this rate.
    #[must_use]
    pub fn client_pace(&self, rate: Rate) -> Arc<ClientPace> {
        self.client_pace.at(rate)
    }

    /// A place for one more session, if there are fewer than `most`. Reserves first and checks
    /// then, because workers race.
    #[must_use]
    pub fn admit(self: &Arc<Self>, most: u32) -> Option<SessionPermit> {
        let handed = u32::from(self.handed.load(Ordering::Relaxed) > 0);
        let before = self.open.fetch_add(1, Ordering::Relaxed);
        let permit = SessionPermit { of: Arc::clone(self) };
        (before.saturating_add(handed) < most).then_some(permit)
    }

    /// Asks whoever has somebody to evict for a place. Places are shared by all sockets of a listener, and
    /// each evicts its own: a socket that has none must not be shut out by those that have all.
    pub fn want_place(&self) {
        self.wanted.store(true, Ordering::Relaxed);
    }

    /// Whether a place is wanted, asked by one who can make it: it is, from now on, theirs to
    /// [hand over](Self::hand_place).
    #[must_use]
    pub fn take_wish(&self) -> bool {
        self.wanted.swap(false, Ordering::Relaxed)
    }

    /// One who was open makes room, and nobody else gets that place for a while.
    pub fn hand_place(&self) {
        self.handed.store(KEPT_FOR, Ordering::Relaxed);
    }

    /// Somebody looks whether places are wanted: one that is not fetched is everybody's after a while.
    pub fn look(&self) {
        let less = |looks: u32| looks.checked_sub(1);
        // Nothing is kept: that is as well.
        let _ = self.handed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// The place that was handed over, if there is one.
    #[must_use]
    pub fn take_handed(self: &Arc<Self>) -> Option<SessionPermit> {
        (self.handed.swap(0, Ordering::Relaxed) > 0).then(|| {
            self.open.fetch_add(1, Ordering::Relaxed);
            SessionPermit { of: Arc::clone(self) }
        })
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
    fn a_place_that_is_handed_over_is_for_who_wanted_it() {
        let clients = Sessions::default().of_listener(&"clients".into());
        let first = clients.admit(1).expect("room");
        assert!(!clients.take_wish() && clients.take_handed().is_none());
        clients.want_place();
        assert!(clients.take_wish() && !clients.take_wish());
        clients.hand_place();
        drop(first);
        assert!(clients.admit(1).is_none(), "it is kept");
        let wanted = clients.take_handed().expect("handed over");
        assert_eq!(clients.open(), 1);
        assert!(clients.take_handed().is_none() && clients.admit(1).is_none());
        drop(wanted);
        clients.hand_place();
        assert!(clients.admit(1).is_none());
        (0..KEPT_FOR).for_each(|_| clients.look());
        assert!(clients.take_handed().is_none() && clients.admit(1).is_some(), "nobody came");
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
