//! Live counters of one access point or DC, shared by every worker and handed from snapshot to
//! snapshot by identity. Sessions write, control reads and takes; nobody waits.

mod permit;
mod prefixes;

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::client::ClientPrefix;
pub use permit::{Capacity, Full, SlotPermit};
use prefixes::Prefixes;

/// Sessions that have to be answered until an access point is known to answer.
const KNOWN_AFTER: u32 = 10;

/// The live counters of one DC.
#[derive(Debug, Default)]
pub struct DcSlot {
    /// Sessions and flows, dials included.
    placed: AtomicU32,
    active: AtomicU32,
    connecting: AtomicU32,
    began: AtomicU32,
    hedges: AtomicU32,
    failures: AtomicU64,
    source_turns: AtomicU64,
}

impl DcSlot {
    /// A probe, a dial or a session of this member has failed: it is the one now that failed last.
    pub fn member_failed(&self, member: &AccessPointSlot) {
        let number = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        member.last_failure.fetch_max(number, Ordering::Relaxed);
    }

    /// Whose turn it is among the addresses that the DC is dialled from, see
    /// [`Dc::sources`](super::topology::Dc::sources); another one's each time.
    #[must_use]
    pub fn next_source(&self) -> u64 {
        self.source_turns.fetch_add(1, Ordering::Relaxed)
    }

    /// Sessions and flows that have a place in this DC now: each has a socket towards it, also while that
    /// connects.
    #[must_use]
    pub fn placed(&self) -> u32 {
        self.placed.load(Ordering::Relaxed)
    }

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

    /// A session dials this DC first: it earns the DC a part of a hedge.
    pub fn session_began(&self) {
        self.began.fetch_add(1, Ordering::Relaxed);
    }

    /// Sessions that began here since the last call.
    #[must_use]
    pub fn take_began(&self) -> u32 {
        take(&self.began)
    }

    /// Spends one hedge of a session that this DC leaves waiting; `false` when none is left.
    #[must_use]
    pub fn take_hedge(&self) -> bool {
        let spend = |left: u32| left.checked_sub(1);
        self.hedges.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend).is_ok()
    }

    /// Hedges left.
    #[must_use]
    pub fn hedges_left(&self) -> u32 {
        self.hedges.load(Ordering::Relaxed)
    }

    /// Adds hedges, up to `most` in all.
    pub fn refill_hedges(&self, earned: u32, most: u32) {
        let refill = |left: u32| Some(left.saturating_add(earned).min(most));
        // The closure never says no.
        let _ = self.hedges.fetch_update(Ordering::Relaxed, Ordering::Relaxed, refill);
    }
}

/// The live counters of one access point, and what sessions have seen of it since control last
/// looked.
#[derive(Debug, Default)]
pub struct AccessPointSlot {
    placed: AtomicU32,
    active: AtomicU32,
    connected: AtomicU32,
    answered: AtomicU32,
    /// Answered sessions since ever, as far as [`KNOWN_AFTER`].
    ever_answered: AtomicU32,
    overtaken: AtomicU32,
    last_failure: AtomicU64,
    failed: Prefixes,
    mute: Prefixes,
}

/// What sessions have seen of an access point.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Dials that connected.
    pub connected: u32,
    /// Sessions whose upstream sent a first byte.
    pub answered: u32,
    /// Dials in a row, without one that connected between, that another one elsewhere has overtaken;
    /// counts on until one connects.
    pub overtaken: u32,
    /// Whose dials failed, each once.
    pub failed: Vec<ClientPrefix>,
    /// Whose sessions were connected, sent a byte and never got one, each once.
    pub mute: Vec<ClientPrefix>,
}

impl AccessPointSlot {
    /// The number of its last failure among those of its DC, see [`DcSlot::member_failed`]; 0 when it
    /// never failed.
    #[must_use]
    pub fn last_failure(&self) -> u64 {
        self.last_failure.load(Ordering::Relaxed)
    }

    /// Sessions and flows that have a place here now, dials included.
    #[must_use]
    pub fn placed(&self) -> u32 {
        self.placed.load(Ordering::Relaxed)
    }

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

    /// A dial of a session connected.
    pub fn record_connected(&self) {
        self.connected.fetch_add(1, Ordering::Relaxed);
        self.forget_overtaken();
    }

    /// It answered: the row of overtaken dials is over.
    pub fn forget_overtaken(&self) {
        // A store would dirty the line once more for every session.
        if self.overtaken.load(Ordering::Relaxed) > 0 {
            self.overtaken.store(0, Ordering::Relaxed);
        }
    }

    /// The upstream of a session sent its first byte.
    pub fn record_answered(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        if !self.has_answered() {
            self.ever_answered.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether ten of its sessions have ever got a first byte: its service speaks, and its silence
    /// would say something.
    #[must_use]
    pub fn has_answered(&self) -> bool {
        self.ever_answered.load(Ordering::Relaxed) >= KNOWN_AFTER
    }

    /// A dial was still silent when one that had started later, elsewhere, connected. Returns how many
    /// in a row that makes.
    pub fn record_overtaken(&self) -> u32 {
        self.overtaken.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// A dial of this client failed for a reason that is the access point's.
    pub fn record_failed_connect(&self, client: ClientPrefix) {
        self.failed.insert(client);
    }

    /// This client was connected, sent a byte and never got one.
    pub fn record_mute(&self, client: ClientPrefix) {
        self.mute.insert(client);
    }

    /// What was seen since the last call.
    #[must_use]
    pub fn take_seen(&self) -> Seen {
        Seen {
            connected: take(&self.connected),
            answered: take(&self.answered),
            overtaken: self.overtaken.load(Ordering::Relaxed),
            failed: self.failed.take(),
            mute: self.mute.take(),
        }
    }
}

/// A swap would dirty the cache line of every slot at every look.
fn take(counter: &AtomicU32) -> u32 {
    match counter.load(Ordering::Relaxed) {
        0 => 0,
        _ => counter.swap(0, Ordering::Relaxed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::fixture::client;

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
    fn hedges_are_spent_once_and_refilled_up_to_a_bound() {
        let slot = DcSlot::default();
        assert!(!slot.take_hedge());
        slot.refill_hedges(3, 2);
        assert!(slot.take_hedge() && slot.take_hedge());
        assert!(!slot.take_hedge());
    }

    #[test]
    fn what_was_seen_is_taken_once_and_a_connect_ends_the_row_of_overtaken_dials() {
        let slot = AccessPointSlot::default();
        let prefix = client("203.0.113.7", None).addr.network();
        assert_eq!((slot.record_overtaken(), slot.record_overtaken()), (1, 2));
        slot.record_failed_connect(prefix);
        slot.record_failed_connect(prefix);
        slot.record_mute(prefix);
        slot.record_answered();
        let seen = slot.take_seen();
        let once = vec![prefix];
        let expected =
            Seen { connected: 0, answered: 1, overtaken: 2, failed: once.clone(), mute: once };
        assert_eq!(seen, expected);
        slot.record_connected();
        assert_eq!(slot.take_seen(), Seen { connected: 1, ..Seen::default() });
    }

    #[test]
    fn an_access_point_is_known_to_answer_after_ten_sessions_and_stays_known() {
        let slot = AccessPointSlot::default();
        for _ in 0..9 {
            slot.record_answered();
            assert!(!slot.has_answered());
        }
        assert_eq!(slot.take_seen().answered, 9);
        slot.record_answered();
        assert!(slot.has_answered());
        assert_eq!(slot.take_seen().answered, 1);
        assert!(slot.has_answered(), "whoever looks takes nothing of it");
    }
}
