//! Where the list of access points in force comes from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::admin::facts::{ListFact, PushFact};
use crate::config::List;

/// The file of the operator, or a push that stands for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OriginView {
    /// `file` or `pushed`.
    pub origin: String,
    /// The push; `null` for the list of the file.
    pub push: Option<StandingPushView>,
}

/// The push that stands for the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StandingPushView {
    /// The number of its entry in the history.
    pub number: u64,
    /// When it came into force.
    pub at: String,
    /// Who pushed it; `null` when nobody knows.
    pub by: Option<String>,
    /// Why, if they said so.
    pub reason: Option<String>,
    /// SHA-256 of what the file held then: the push stands for it as long as it holds that. `null` when it
    /// could not be read.
    pub over: Option<String>,
    /// Whether it outlives the daemon: it does with `edge.state_dir`.
    pub survives_restart: bool,
}

impl OriginView {
    /// How the API calls a list that was pushed.
    pub const PUSHED: &str = "pushed";
}

impl StandingPushView {
    /// Whether it stands for a file that holds this list.
    #[must_use]
    pub fn stands_for(&self, list: &List) -> bool {
        self.over.as_deref().and_then(|over| over.parse().ok()) == list.file
    }
}

impl From<ListFact> for OriginView {
    fn from(fact: ListFact) -> Self {
        let said = |text: String| Some(text).filter(|text| !text.is_empty());
        Self {
            origin: if fact.list.is_pushed { Self::PUSHED } else { "file" }.to_owned(),
            push: fact.push.map(|PushFact { number, at, by, reason, over, is_kept }| {
                StandingPushView {
                    number,
                    at,
                    by: said(by),
                    reason: said(reason),
                    over: over.map(|hash| hash.to_string()),
                    survives_restart: is_kept,
                }
            }),
        }
    }
}
