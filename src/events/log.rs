//! The ring of events: written by one, read and waited for by many.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use super::record::{Record, dc_of};
use crate::routing::DcId;
use crate::routing::control::Change;

/// Events kept: the loss of 1,000 access points and their return, in up to four steps each. About
/// half a MiB.
const KEPT: usize = 4096;

/// The last state changes of one daemon.
pub struct EventLog {
    instance: String,
    ring: Mutex<Ring>,
    last: watch::Sender<u64>,
}

#[derive(Default)]
struct Ring {
    /// Ids without a gap, rising.
    records: VecDeque<Record>,
    /// Of the newest event; 0 before the first.
    last: u64,
    isolated_since: Option<SystemTime>,
}

/// Some of the events, as of one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Id of the oldest event that is kept; one above `last` while none is.
    pub first: u64,
    /// Id of the newest event; 0 before the first.
    pub last: u64,
    /// Events that were asked for and are no longer kept.
    pub lost: u64,
    /// Where to go on: the id after which nothing was looked at.
    pub next: u64,
    /// Oldest first.
    pub records: Vec<Record>,
}

impl EventLog {
    /// An empty log, of a process that started then.
    #[must_use]
    pub fn new(started: SystemTime) -> Self {
        let since = started.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            instance: format!("{:x}-{:x}", since.as_micros(), std::process::id()),
            ring: Mutex::default(),
            last: watch::Sender::new(0),
        }
    }

    /// Tells this process from earlier ones, whose ids mean other events.
    #[must_use]
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// Adds what changed at `at`. `name_of` knows the names of DCs as of then. Never waits for longer
    /// than a reader copies a page.
    pub fn push(
        &self,
        at: SystemTime,
        change: Change,
        name_of: impl FnOnce(DcId) -> Option<Arc<str>>,
    ) {
        let dc_name = dc_of(&change).and_then(name_of);
        let mut ring = self.ring();
        if let Change::Isolation { isolated } = change {
            ring.isolated_since = isolated.then_some(at);
        }
        if ring.records.len() == KEPT {
            ring.records.pop_front();
        }
        ring.last += 1;
        let id = ring.last;
        ring.records.push_back(Record { id, at, change, dc_name });
        self.last.send_replace(id);
    }

    /// The events after the one with the id `after` that are `wanted`, oldest first, `limit` at most.
    #[must_use]
    pub fn since(&self, after: u64, limit: usize, wanted: impl Fn(&Record) -> bool) -> Page {
        let ring = self.ring();
        let first = ring.last + 1 - ring.records.len() as u64;
        // An id that anybody may write: there is none after the largest.
        let wanted_from = after.saturating_add(1);
        let skipped = usize::try_from(wanted_from.saturating_sub(first)).unwrap_or(usize::MAX);
        let mut next = ring.last;
        let mut records = Vec::new();
        for record in ring.records.iter().skip(skipped).filter(|record| wanted(record)) {
            if records.len() == limit {
                next = records.last().map_or(after, |last: &Record| last.id);
                break;
            }
            records.push(record.clone());
        }
        let lost = first.saturating_sub(wanted_from);
        Page { first, last: ring.last, lost, next, records }
    }

    /// Waits until there is an event after the one with the id `after`.
    pub async fn beyond(&self, after: u64) {
        // The sender is alive as long as `self`.
        let _ = self.last.subscribe().wait_for(|last| *last > after).await;
    }

    /// Since when the edge is cut off, if it is.
    #[must_use]
    pub fn isolated_since(&self) -> Option<SystemTime> {
        self.ring().isolated_since
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // Nothing panics while it is held, and every state of it is a valid one.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::routing::Health;
    use crate::routing::health::Transition;

    fn log() -> EventLog {
        EventLog::new(UNIX_EPOCH)
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn push(log: &EventLog, dc: u16) {
        let transition = Transition { from: Health::Up, to: Health::Down };
        let change = Change::Dc { dc: DcId(dc), transition };
        log.push(at(0), change, |dc| Some(format!("name of {dc}").into()));
    }

    fn ids(page: &Page) -> Vec<u64> {
        page.records.iter().map(|record| record.id).collect()
    }

    #[test]
    fn events_have_rising_ids_and_the_names_of_their_time() {
        let log = log();
        let empty = log.since(0, 10, |_| true);
        assert_eq!((empty.first, empty.last, empty.lost, empty.next), (1, 0, 0, 0));
        (1..=3).for_each(|dc| push(&log, dc));
        let page = log.since(1, 10, |_| true);
        assert_eq!(ids(&page), [2, 3]);
        assert_eq!((page.first, page.last, page.lost, page.next), (1, 3, 0, 3));
        assert_eq!(page.records[0].dc_name.as_deref(), Some("name of 2"));
        assert_eq!(ids(&log.since(7, 10, |_| true)), [] as [u64; 0], "of another process");
    }

    #[test]
    fn pages_lead_through_all_events_that_are_wanted() {
        let log = log();
        (0..10).for_each(|n| push(&log, n % 2));
        let odd = |record: &Record| record.dc() == Some(DcId(1));
        let (mut after, mut seen) = (0, Vec::new());
        loop {
            let page = log.since(after, 2, odd);
            seen.extend(ids(&page));
            after = page.next;
            if page.next == page.last {
                break;
            }
        }
        assert_eq!(seen, [2, 4, 6, 8, 10]);
        let page = log.since(0, 5, odd);
        assert_eq!((page.next, page.records.len()), (10, 5), "a full page may be the last");
    }

    #[test]
    fn the_ring_keeps_the_newest_and_says_how_many_are_lost() {
        let log = log();
        (0..KEPT + 10).for_each(|_| push(&log, 1));
        let page = log.since(0, 3, |_| true);
        assert_eq!((page.first, page.lost), (11, 10));
        assert_eq!(ids(&page), [11, 12, 13]);
        assert_eq!(log.since(7, 1, |_| true).lost, 3);
        assert_eq!(log.since(10, 1, |_| true).lost, 0);
        let beyond_all = log.since(u64::MAX, 1, |_| true);
        assert_eq!((beyond_all.lost, ids(&beyond_all)), (0, vec![]));
    }

    #[test]
    fn how_long_the_edge_is_cut_off_outlives_the_ring() {
        let log = log();
        assert_eq!(log.isolated_since(), None);
        log.push(at(7), Change::Isolation { isolated: true }, |_| None);
        (0..=KEPT).for_each(|_| push(&log, 1));
        assert_eq!(log.isolated_since(), Some(at(7)));
        log.push(at(9), Change::Isolation { isolated: false }, |_| None);
        assert_eq!(log.isolated_since(), None);
    }

    #[tokio::test]
    async fn who_waits_is_woken_by_the_next_event_and_not_by_older_ones() {
        let log = Arc::new(log());
        push(&log, 1);
        log.beyond(0).await;
        let waits = tokio::spawn({
            let log = Arc::clone(&log);
            async move { log.beyond(1).await }
        });
        tokio::task::yield_now().await;
        assert!(!waits.is_finished());
        push(&log, 2);
        waits.await.expect("it is woken");
    }

    #[test]
    fn processes_are_told_apart() {
        let (one, other) = (EventLog::new(at(1)), EventLog::new(at(2)));
        assert_ne!(one.instance(), other.instance());
    }
}
