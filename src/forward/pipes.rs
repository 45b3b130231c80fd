//! The pool of splice pipes: capped over the whole process, one free list per worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::net::Pipe;

/// Requests that are turned down unasked after the kernel has refused a pipe: asking costs more than
/// the copy that a pipe would save.
const TURN_DOWN: u32 = 1000;

/// Pipes are scarce when no more than one of so many is left.
const LAST_FEW: usize = 4;

/// As many pipes of `pipe_size` bytes as fit into `bytes`, of the sizes that the kernel makes: powers of two.
pub(super) fn most(bytes: u64, pipe_size: u64) -> usize {
    let granted = pipe_size.checked_next_power_of_two().unwrap_or(u64::MAX);
    usize::try_from(bytes / granted).unwrap_or(usize::MAX)
}

/// How many pipes the process may have.
pub(super) struct PipeBudget {
    free: AtomicUsize,
    pipe_size: usize,
    workers: usize,
    most: usize,
}

impl PipeBudget {
    /// Room for as many pipes of `pipe_size` bytes as fit into `bytes`.
    pub(super) fn new(bytes: u64, pipe_size: u64, workers: usize) -> Self {
        let most = most(bytes, pipe_size);
        let pipe_size = usize::try_from(pipe_size).unwrap_or(usize::MAX);
        Self { free: AtomicUsize::new(most), pipe_size, workers: workers.max(1), most }
    }

    fn reserve(&self) -> bool {
        let take = |free: usize| free.checked_sub(1);
        self.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    fn free(&self) -> usize {
        self.free.load(Ordering::Relaxed)
    }

    fn release(&self) {
        self.free.fetch_add(1, Ordering::Relaxed);
    }
}

/// The pipes of one worker that nobody uses now; all of them empty.
pub(super) struct PipePool {
    budget: Arc<PipeBudget>,
    idle: Vec<Pipe>,
    /// Requests still to be turned down since the kernel last refused a pipe.
    turn_down: u32,
}

impl PipePool {
    /// An empty pool within the process's budget.
    pub(super) fn new(budget: Arc<PipeBudget>) -> Self {
        Self { budget, idle: Vec::new(), turn_down: 0 }
    }

    /// A pipe, or `None` while the budget is used up or the kernel grants none worth having: then
    /// bytes are copied.
    pub(super) fn take(&mut self) -> Option<Pipe> {
        if let Some(pipe) = self.idle.pop() {
            return Some(pipe);
        }
        if self.turn_down > 0 || !self.budget.reserve() {
            self.turn_down = self.turn_down.saturating_sub(1);
            return None;
        }
        let pipe = Pipe::new(self.budget.pipe_size).ok();
        if pipe.is_none() {
            self.budget.release();
            self.turn_down = TURN_DOWN;
        }
        pipe
    }

    /// Whether this worker can have only the last few of them: then nobody who waits is to keep one.
    pub(super) fn is_scarce(&self) -> bool {
        let most = self.budget.most;
        most > 0 && self.idle.len() + self.budget.free() <= most.div_ceil(LAST_FEW)
    }

    /// Gives a pipe back. One with bytes in it is another session's secret: it is closed, as are
    /// those beyond this worker's share.
    pub(super) fn give_back(&mut self, pipe: Pipe) {
        let share = self.budget.most.div_ceil(self.budget.workers);
        match pipe.is_empty() && self.idle.len() < share {
            true => self.idle.push(pipe),
            false => self.budget.release(),
        }
    }
}

impl Drop for PipePool {
    fn drop(&mut self) {
        self.idle.drain(..).for_each(|_| self.budget.release());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_holds_over_all_pools() {
        let budget = Arc::new(PipeBudget::new(3 * 65536, 65536, 2));
        let mut pools = [0, 1].map(|_| PipePool::new(Arc::clone(&budget)));
        let first = pools[0].take().expect("a pipe");
        let second = pools[1].take().expect("a pipe");
        let third = pools[0].take().expect("a pipe");
        assert!(pools[1].take().is_none());
        pools[0].give_back(first);
        pools[0].give_back(second);
        pools[0].give_back(third);
        assert!(pools[1].take().is_some(), "the third is beyond the share of one worker");
        assert!(pools[1].take().is_none());
        let [one, mut other] = pools;
        drop(one);
        assert!(other.take().is_some());
    }

    #[test]
    fn the_last_few_are_scarce() {
        let mut pool = PipePool::new(Arc::new(PipeBudget::new(5 * 65536, 65536, 1)));
        let mut taken = Vec::new();
        while !pool.is_scarce() {
            taken.extend(pool.take());
        }
        assert_eq!(taken.len(), 3);
        let _scarcer = pool.take().expect("a pipe");
        assert!(pool.is_scarce());
        taken.into_iter().for_each(|pipe| pool.give_back(pipe));
        assert!(!pool.is_scarce());
    }

    #[test]
    fn a_pipe_counts_as_large_as_the_kernel_makes_it() {
        assert_eq!(most(1 << 20, 1 << 16), 16);
        assert_eq!(most(1 << 20, (1 << 16) + 1), 8);
        assert_eq!(most(1 << 20, 0), 1 << 20);
        assert_eq!(most(u64::MAX, u64::MAX), 1);
    }

    #[test]
    fn no_budget_means_no_splice() {
        let mut pool = PipePool::new(Arc::new(PipeBudget::new(0, 65536, 1)));
        assert!(!pool.is_scarce());
        assert!(pool.take().is_none());
    }
}
