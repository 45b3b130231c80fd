//! The lists that were in force.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Some of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HistoryView {
    /// The newest first.
    pub entries: Vec<HistorySummaryView>,
}

/// One of them, without the list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HistorySummaryView {
    /// Rises by one with every entry, over restarts too.
    pub number: u64,
    /// When it came into force.
    pub at: String,
    /// `start`, `file`, `signal`, `reload`, `push` or `rollback`.
    pub source: String,
    /// Who brought it; `null` for a file.
    pub by: Option<String>,
    /// From where; `null` for a file.
    pub from: Option<String>,
    /// Why, if they said so.
    pub reason: Option<String>,
    /// Whether guards had forbidden it.
    pub forced: bool,
    /// The hash of the list.
    pub revision: String,
    /// Bytes of the list.
    pub bytes: u64,
    /// How it differs from the one before: access points that came.
    pub added: usize,
    /// Access points that left.
    pub removed: usize,
    /// Access points that are listed in another way.
    pub changed: usize,
    /// Whether it is in force.
    pub live: bool,
}

/// One of them, with how it differs from the one before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HistoryEntryView {
    /// What there is to say of it.
    #[serde(flatten)]
    pub summary: HistorySummaryView,
    /// A line for each access point that differs, of which `+` came, `-` left and `~` changed. Secrets
    /// are `redacted:` and the beginning of their hash.
    pub diff: Vec<String>,
}
