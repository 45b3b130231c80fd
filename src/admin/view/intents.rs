//! What operators want.

use std::time::{Duration, Instant, SystemTime};

use humantime::{format_duration, format_rfc3339_seconds};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::routing::{Intent, Snapshot, Target};

/// What an operator wants of a DC or an access point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IntentView {
    /// The DC.
    pub dc: u16,
    /// The access point; `null` for the whole DC.
    pub access_point: Option<String>,
    /// `ready`, `drain` or `maint`.
    pub state: String,
    /// Since when.
    pub since: String,
    /// Until when; `null` for one that stays until somebody says otherwise.
    pub until: Option<String>,
    /// How long that is from now.
    pub remaining_seconds: Option<u64>,
    /// Who wants it; `null` when nobody said so.
    pub by: Option<String>,
    /// Why; `null` when nobody said so.
    pub reason: Option<String>,
}

impl IntentView {
    /// All that are not ready.
    #[must_use]
    pub fn all(snapshot: &Snapshot, now: (Instant, SystemTime)) -> Vec<Self> {
        snapshot.intents.iter().map(|(target, intent)| Self::new(target, intent, now)).collect()
    }

    /// What is wanted of this, unless it is ready.
    pub(super) fn of(
        snapshot: &Snapshot,
        target: Target,
        now: (Instant, SystemTime),
    ) -> Option<Self> {
        snapshot.intents.get(target).map(|intent| Self::new(target, intent, now))
    }

    /// The intent as of `now`, by the process's clock and the calendar.
    #[must_use]
    pub fn new(target: Target, intent: &Intent, (now, today): (Instant, SystemTime)) -> Self {
        let access_point = match target {
            Target::Dc(_) => None,
            Target::AccessPoint(id) => Some(id.address.to_string()),
        };
        let said = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let remaining = intent.until.map(|until| until.saturating_duration_since(now));
        let since = today.checked_sub(now.saturating_duration_since(intent.since));
        let written = |at: SystemTime| format_rfc3339_seconds(at).to_string();
        Self {
            dc: target.dc().0,
            access_point,
            state: intent.state.as_str().to_owned(),
            since: written(since.unwrap_or(today)),
            until: remaining.and_then(|left| today.checked_add(left)).map(written),
            remaining_seconds: remaining.map(|left| left.as_secs()),
            by: said(&intent.told.by),
            reason: said(&intent.told.reason),
        }
    }
}

/// How long and why something is wanted of this, to follow what is: ` for another 59m (anna: new kernel)`, or
/// nothing where nobody said so.
pub(super) fn details(snapshot: &Snapshot, target: Target, now: Instant) -> String {
    let Some(intent) = snapshot.intents.get(target) else { return String::new() };
    let mut says = String::new();
    if let Some(until) = intent.until {
        let left = until.saturating_duration_since(now).as_secs_f64().ceil() as u64;
        says.push_str(&format!(" for another {}", format_duration(Duration::from_secs(left))));
    }
    match (intent.told.by.as_str(), intent.told.reason.as_str()) {
        ("", "") => {}
        (by, "") => says.push_str(&format!(" ({by})")),
        ("", reason) => says.push_str(&format!(" ({reason})")),
        (by, reason) => says.push_str(&format!(" ({by}: {reason})")),
    }
    says
}
