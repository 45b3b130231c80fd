//! How many sessions and flows the descriptors of this process allow. Accepting pauses before they are used
//! up: a client accepted with the last descriptor could not be connected.
//!
//! Of the descriptors, [`RESERVED`] are kept for listening sockets, threads and all that there is one of (more
//! where there are many sockets), two for each pipe of the pool, and one for each probe that may be under way;
//! two of what is left make a session, and one a flow, which gets none of the last quarter. Probes get an eighth
//! at most, so that many of them do not leave a small process without clients, and [`LEAST_PROBES`] in any
//! case, so that a process full of clients still knows who is well.
//!
//! What a configuration could need, and whether there is as much, is told by `need`.

mod need;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::pipes;
use crate::config::{Config, Memory};
pub use need::{DescriptorNeed, NeedTerm};

/// Kept for the admin API, listening sockets, runtimes, configuration files and logs.
const RESERVED: usize = 128;

/// Of those, kept for what is neither a listening socket nor a thread's, however many of these there are.
const LEAST_RESERVED: usize = 64;

/// The runtime of a worker, and what it waits for flows with: epoll instances, an eventfd, a signal pipe.
const PER_WORKER: usize = 4;

/// A pipe has two ends.
const PER_PIPE: usize = 2;

/// Kept for probes, however few there may be and however small the limit is.
const LEAST_PROBES: usize = 64;

/// The largest part of all descriptors that is kept for probes is one of so many.
const PROBES_PART: usize = 8;

/// One for the client, one for the upstream.
const PER_SESSION: usize = 2;

/// One for the upstream: all clients share the socket of the listener.
const PER_FLOW: usize = 1;

/// What there is to divide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptors {
    /// That the process may open.
    pub limit: u64,
    /// Probes that may be under way at a time.
    pub probes: usize,
    /// Pipes that there may be.
    pub pipes: usize,
    /// Listening sockets, and what keeps other daemons from their addresses.
    pub listening: usize,
    /// Of the threads that carry sessions.
    pub threads: usize,
}

impl Descriptors {
    /// What `config` divides of `limit`, with so many threads and the pipes that were set up at the start.
    #[must_use]
    pub fn new(limit: u64, config: &Config, memory: Memory, workers: usize) -> Self {
        let addresses: usize = config.listeners.iter().map(|listener| listener.bind.len()).sum();
        Self {
            limit,
            probes: config.topology.max_probes(),
            pipes: pipes::most(memory.pipes, memory.pipe_size),
            // One for each worker, and one that holds the right to the address.
            listening: addresses.saturating_mul(workers.saturating_add(1)),
            threads: workers.saturating_mul(PER_WORKER),
        }
    }

    /// The most sessions at a time, while there are no flows; at least one.
    #[must_use]
    pub fn most_sessions(self) -> usize {
        let kept = [self.kept_for_pipes(), self.kept_for_probes(), self.listening, self.threads];
        let kept = kept.into_iter().fold(self.reserve(), usize::saturating_add);
        (self.limit().saturating_sub(kept) / PER_SESSION).max(1)
    }

    /// How many are kept for probes.
    #[must_use]
    pub fn kept_for_probes(self) -> usize {
        let part = self.limit() / PROBES_PART;
        self.probes.min(part).max(LEAST_PROBES)
    }

    fn kept_for_pipes(self) -> usize {
        self.pipes.saturating_mul(PER_PIPE)
    }

    /// Kept for all that there is one of.
    fn reserve(self) -> usize {
        let counted = self.listening.saturating_add(self.threads);
        RESERVED.saturating_sub(counted).max(LEAST_RESERVED)
    }

    fn limit(self) -> usize {
        usize::try_from(self.limit).unwrap_or(usize::MAX)
    }
}

/// Descriptors for sessions and flows, over all workers.
#[derive(Debug)]
pub(super) struct DescriptorBudget {
    taken: AtomicUsize,
    /// Sessions.
    most: AtomicUsize,
    /// A flow is without a descriptor, or a port, where there is nobody to evict.
    flow_wanted: AtomicBool,
}

/// So many descriptors; given back when dropped.
#[derive(Debug)]
pub(super) struct Place<const DESCRIPTORS: usize> {
    of: Arc<DescriptorBudget>,
}

/// The descriptors of one session.
pub(super) type DescriptorPlace = Place<PER_SESSION>;

/// The descriptor of one flow, or of a second dial.
pub(super) type SinglePlace = Place<PER_FLOW>;

impl DescriptorBudget {
    /// What `descriptors` allow.
    pub(super) fn new(descriptors: Descriptors) -> Self {
        Self {
            taken: AtomicUsize::new(0),
            most: AtomicUsize::new(descriptors.most_sessions()),
            flow_wanted: AtomicBool::new(false),
        }
    }

    /// They are divided like this from now on. Sessions that are open keep their places.
    pub(super) fn divide(&self, descriptors: Descriptors) {
        self.most.store(descriptors.most_sessions(), Ordering::Relaxed);
    }

    /// The most sessions at a time.
    pub(super) fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    /// A place for a session, if there is one.
    pub(super) fn reserve(self: &Arc<Self>) -> Option<DescriptorPlace> {
        self.take(self.most() * PER_SESSION)
    }

    /// A place for a flow, if there is one. The last quarter is for sessions alone: flows begin with a
    /// forged datagram, and a flood of them must not keep clients of TCP out.
    pub(super) fn reserve_flow(self: &Arc<Self>) -> Option<SinglePlace> {
        self.take((self.most() * PER_SESSION * 3 / 4).max(1))
    }

    /// A place for a dial beside another one of the same session, if there is one.
    pub(super) fn reserve_hedge(self: &Arc<Self>) -> Option<SinglePlace> {
        self.take(self.most() * PER_SESSION)
    }

    /// Asks whoever has a flow to evict for what it has.
    pub(super) fn want_flow(&self) {
        self.flow_wanted.store(true, Ordering::Relaxed);
    }

    /// Whether somebody has asked, of those who can evict one.
    pub(super) fn take_wish(&self) -> bool {
        self.flow_wanted.swap(false, Ordering::Relaxed)
    }

    fn take<const DESCRIPTORS: usize>(self: &Arc<Self>, most: usize) -> Option<Place<DESCRIPTORS>> {
        let before = self.taken.fetch_add(DESCRIPTORS, Ordering::Relaxed);
        let place = Place { of: Arc::clone(self) };
        (before + DESCRIPTORS <= most).then_some(place)
    }
}

impl<const DESCRIPTORS: usize> Drop for Place<DESCRIPTORS> {
    fn drop(&mut self) {
        self.of.taken.fetch_sub(DESCRIPTORS, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptors(limit: u64, probes: usize) -> Descriptors {
        Descriptors { limit, probes, pipes: 0, listening: 2, threads: 8 }
    }

    fn budget(descriptors: Descriptors) -> Arc<DescriptorBudget> {
        Arc::new(DescriptorBudget::new(descriptors))
    }

    #[test]
    fn descriptors_bound_sessions_and_come_back() {
        let budget = budget(Descriptors { pipes: 10, ..descriptors(128 + 64 + 2 * 10 + 4, 1) });
        assert_eq!(budget.most(), 2);
        let first = budget.reserve().expect("room");
        let _second = budget.reserve().expect("room");
        assert!(budget.reserve().is_none());
        drop(first);
        assert!(budget.reserve().is_some());
    }

    #[test]
    fn two_flows_take_as_much_as_one_session() {
        let budget = budget(descriptors(128 + 64 + 8, 1));
        let sessions = [(); 2].map(|()| budget.reserve().expect("room"));
        let flows = [(); 2].map(|()| budget.reserve_flow().expect("room"));
        assert!(budget.reserve_flow().is_none(), "the last quarter is not for flows");
        let last = budget.reserve().expect("but for sessions");
        assert!(budget.reserve().is_none());
        drop((sessions, last));
        let more = [(); 4].map(|()| budget.reserve_flow().expect("room"));
        assert!(budget.reserve_flow().is_none());
        drop((flows, more));
        assert!(budget.reserve_flow().is_some());
    }

    #[test]
    fn probes_have_what_they_may_use_within_bounds() {
        let kept = |limit, probes| descriptors(limit, probes).kept_for_probes();
        assert_eq!(kept(20_000, 512), 512);
        assert_eq!(kept(20_000, 100_000), 2_500);
        assert_eq!(kept(20_000, 1), 64);
        assert_eq!(kept(100, 512), 64);
        let little = Descriptors { pipes: 1_000, ..descriptors(1, 512) };
        assert_eq!(little.most_sessions(), 1);
    }

    #[test]
    fn many_listening_sockets_take_nothing_of_the_admin_api() {
        let most = |listening| Descriptors { listening, ..descriptors(2048, 64) }.most_sessions();
        let few = most(2);
        assert_eq!(most(56), few, "there is room for them in what is kept anyway");
        assert_eq!(most(256), few - 100);
    }

    #[test]
    fn fewer_probes_leave_room_for_sessions_at_once() {
        let budget = budget(descriptors(2048, 256));
        let before = budget.most();
        budget.divide(descriptors(2048, 100));
        assert_eq!(budget.most(), before + 78);
    }
}
