//! A hedge that was made or could have been, and what is counted of it.

use std::rc::Rc;

use crate::metrics::handles::DcMetrics;
use crate::routing::{Attempt, DcSlot, HedgeResult};

/// A hedge in flight. Counted when it is dropped, as failed unless something else was said of it.
pub(super) struct Hedge {
    /// The dial that is silent.
    of: Attempt,
    /// The counters of its DC.
    metrics: Rc<DcMetrics>,
    result: HedgeResult,
}

impl Hedge {
    /// Spends one hedge of the DC whose dial is silent; `None`, which is counted, when it has none
    /// left.
    pub(super) fn spend(of: Attempt, slot: &DcSlot, metrics: Rc<DcMetrics>) -> Option<Self> {
        let hedge = Self::free(of, metrics);
        match slot.take_hedge() {
            true => Some(hedge),
            false => {
                hedge.end(HedgeResult::NoBudget);
                None
            }
        }
    }

    /// One that costs nothing.
    pub(super) fn free(of: Attempt, metrics: Rc<DcMetrics>) -> Self {
        Self { of, metrics, result: HedgeResult::Failed }
    }

    /// It connected first.
    pub(super) fn won(self) {
        self.end(HedgeResult::Won);
    }

    /// Another dial connected first.
    pub(super) fn lost_to(self, winner: Attempt) {
        match winner == self.of {
            true => self.end(HedgeResult::Lost),
            false => self.end(HedgeResult::Failed),
        }
    }

    fn end(mut self, result: HedgeResult) {
        self.result = result;
    }
}

impl Drop for Hedge {
    fn drop(&mut self) {
        self.metrics.hedged(self.result).inc();
    }
}
