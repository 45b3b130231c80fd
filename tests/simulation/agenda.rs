//! What is going to happen, in the order of time; at the same time, in the order in which it was
//! put down.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::Instant;

/// A queue of what happens when.
pub(crate) struct Agenda<T> {
    entries: BinaryHeap<Entry<T>>,
    entered: u64,
}

struct Entry<T> {
    at: Instant,
    number: u64,
    what: T,
}

impl<T> Default for Agenda<T> {
    fn default() -> Self {
        Self { entries: BinaryHeap::new(), entered: 0 }
    }
}

impl<T> Agenda<T> {
    /// Puts something down for then.
    pub(crate) fn enter(&mut self, at: Instant, what: T) {
        self.entered += 1;
        self.entries.push(Entry { at, number: self.entered, what });
    }

    /// When the next thing happens.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.entries.peek().map(|entry| entry.at)
    }

    /// Takes the next thing out.
    pub(crate) fn take(&mut self) -> Option<T> {
        self.entries.pop().map(|entry| entry.what)
    }
}

impl<T> Entry<T> {
    fn key(&self) -> (Instant, u64) {
        (self.at, self.number)
    }
}

/// The heap gives the greatest first: the earliest is the greatest.
impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().cmp(&self.key())
    }
}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for Entry<T> {}
