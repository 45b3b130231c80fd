//! What the machine does not do yet, in one place: each item goes when the machine does it.

use nearpoint::routing::{Attempt, AttemptPlan, DcIndex};

/// Whether the machine tells of DCs, of intents and of configurations, and counts probes by the
/// bound of the topology.
pub(crate) const TELLS_ALL: bool = false;

/// Whether plans hedge.
pub(crate) const HEDGES: bool = false;

/// The DC whose silence this dial makes up for.
pub(crate) fn hedge_of(_: &Attempt) -> Option<DcIndex> {
    None
}

/// The dial has won; those that were overtaken by it.
pub(crate) fn on_connected(_: &mut AttemptPlan, _: Attempt) -> Vec<Attempt> {
    Vec::new()
}

/// There is no budget for this hedge.
pub(crate) fn on_no_budget(plan: &mut AttemptPlan, attempt: Attempt) {
    plan.on_full(attempt);
}
