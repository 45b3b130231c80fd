//! What a push, a rollback or a reload does, or would do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::MovesView;
use crate::config::ReloadPlan;

/// What came of another configuration, or would come of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PushView {
    /// Whether it was only asked.
    pub dry_run: bool,
    /// `accepted`, `unchanged`, or of what was only asked `refused` as well.
    pub outcome: String,
    /// The number of the list in the history; `null` of what was only asked, and where the list stays.
    pub number: Option<u64>,
    /// The revision of the list before.
    pub before: String,
    /// The revision of the list after.
    pub after: String,
    /// What changes.
    pub plan: ReloadPlan,
    /// Who moves, as far as clients have been seen lately.
    pub moves: Option<MovesView>,
    /// Why guards forbid it; empty when they do not. What was done was forced.
    pub guards: Vec<String>,
    /// What there is to know of the list.
    pub notes: Vec<String>,
}
