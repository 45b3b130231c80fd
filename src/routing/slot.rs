//! Live counters of one access point or DC, shared by every worker and handed from snapshot to
//! snapshot by identity.

use std::sync::atomic::{AtomicU32, Ordering};

/// The live counters of one DC.
#[derive(Debug, Default)]
pub struct DcSlot {
    active: AtomicU32,
    connecting: AtomicU32,
}

impl DcSlot {
    /// Sessions connected to this DC now.
    #[must_use]
    pub fn active(&self) -> u32 {
        self.active.load(Ordering::Relaxed)
    }

    /// Connects in flight to this DC now.
    #[must_use]
    pub fn connecting(&self) -> u32 {
        self.connecting.load(Ordering::Relaxed)
    }

    /// A session is connected.
    pub fn session_opened(&self) {
        self.active.fetch_add(1, Ordering::Relaxed);
    }

    /// A connected session has ended.
    pub fn session_closed(&self) {
        self.active.fetch_sub(1, Ordering::Relaxed);
    }

    /// Takes a place among the connects in flight. Reserves first and checks then, because two
    /// workers race; `false` leaves nothing behind.
    #[must_use]
    pub fn reserve_connect(&self, max: u32) -> bool {
        let before = self.connecting.fetch_add(1, Ordering::Relaxed);
        if before >= max {
            self.release_connect();
        }
        before < max
    }

    /// Gives the place back.
    pub fn release_connect(&self) {
        self.connecting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The live counters of one access point.
#[derive(Debug, Default)]
pub struct AccessPointSlot {
    active: AtomicU32,
    failed_connects: AtomicU32,
}

impl AccessPointSlot {
    /// Sessions connected to this access point now.
    #[must_use]
    pub fn active(&self) -> u32 {
        self.active.load(Ordering::Relaxed)
    }

    /// A session is connected.
    pub fn session_opened(&self) {
        self.active.fetch_add(1, Ordering::Relaxed);
    }

    /// A connected session has ended.
    pub fn session_closed(&self) {
        self.active.fetch_sub(1, Ordering::Relaxed);
    }

    /// A session failed to connect for a reason that is the access point's.
    pub fn record_failed_connect(&self) {
        self.failed_connects.fetch_add(1, Ordering::Relaxed);
    }

    /// Failed connects since the last call.
    #[must_use]
    pub fn take_failed_connects(&self) -> u32 {
        // A swap would dirty the cache line of every access point at every fold.
        match self.failed_connects.load(Ordering::Relaxed) {
            0 => 0,
            _ => self.failed_connects.swap(0, Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connects_in_flight_never_exceed_their_bound() {
        let slot = DcSlot::default();
        assert!(slot.reserve_connect(2) && slot.reserve_connect(2));
        assert!(!slot.reserve_connect(2));
        assert_eq!(slot.connecting(), 2);
        slot.release_connect();
        assert!(slot.reserve_connect(2));
    }

    #[test]
    fn failed_connects_are_taken_once() {
        let slot = AccessPointSlot::default();
        slot.record_failed_connect();
        slot.record_failed_connect();
        assert_eq!(slot.take_failed_connects(), 2);
        assert_eq!(slot.take_failed_connects(), 0);
    }
}
