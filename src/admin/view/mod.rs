//! The shapes of the API's answers, written by the daemon and read back by the command line.
//!
//! Additions are compatible, renames are not, and what is of another's making keeps its shape. Units are in the names: `_ms` milliseconds, `_km` kilometres, `_seconds` whole seconds. Times are RFC 3339 in UTC.

mod alarm;
mod answers;
mod clients;
mod dcs;
mod drill;
mod events;
pub(super) mod exclusions;
mod explain;
mod held;
mod history;
mod intents;
mod moves;
mod origin;
mod outlook;
mod push;
mod room;
mod sentence;
mod sessions;
mod sites;
mod standing;
mod status;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use alarm::{AccessPointAlarmView, AlarmView};
pub use answers::{ConfigView, DcOptionView, NearestDcView, SecretView, config, nearest_dc};
pub use clients::{ClientsView, SeenClientView, SeenListenerView};
pub use dcs::{AccessPointView, CoordinatesView, DcView, DcsView};
pub use drill::{DrillView, HeldView, MomentView, MovedView, SurvivorView};
pub use events::{EventView, EventsView};
pub use explain::{
    AttemptView, Basis, DEFAULT, ExplainError, ExplainView, LocationView, MemoryView, OfferView,
    Part, PolicyView, RankedView, RuleView, destination, destination_of, explain, rule_name,
    shortened, the_listener,
};
pub use held::HeldDownView;
pub use history::{HistoryEntryView, HistorySummaryView, HistoryView};
pub use intents::IntentView;
pub use moves::{ExpectedView, MovesView, OverloadView, WayView};
pub use origin::{OriginView, StandingPushView};
pub use push::PushView;
pub use room::RoomView;
pub use sessions::{EndedView, SessionView, SessionsView};
pub use sites::SiteStatusView;
pub use standing::{DcStatusView, Standing, StandingView};
pub use status::{DatabaseView, DescriptorsView, ListenerView, ReloadView, StatusView};

/// The body of every error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorView {
    /// What is wrong, for people.
    pub error: String,
    /// Each problem of what was to be put into force; empty for errors of another kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

/// `/livez`: whether the data plane moves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LiveView {
    /// False asks a supervisor for a restart.
    pub live: bool,
    /// Why not; empty while `live`.
    pub reasons: Vec<String>,
}

/// `/readyz`: whether this edge should be given clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReadyView {
    /// False asks a balancer to send nobody.
    pub ready: bool,
    /// Why not; empty while `ready`.
    pub reasons: Vec<String>,
}

/// A number as people read it: a thousandth is enough of milliseconds, kilometres and degrees.
/// `None` for what cannot be compared.
fn rounded(value: f64) -> Option<f64> {
    value.is_finite().then(|| (value * 1e3).round() / 1e3)
}
