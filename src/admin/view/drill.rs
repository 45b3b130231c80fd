//! A drill: how the others do without a DC.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::MovesView;

/// A drill that runs, or is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DrillView {
    /// The DC that is to be without.
    pub dc: u16,
    /// Its name.
    pub name: String,
    /// `planned` of one that is only asked about, with what speaks against it in `why`; `running`, `done`, `aborted` or `ended`: by itself, by a guard, by somebody.
    pub state: String,
    /// Whether all is told: it is over, and the DC has had a session again, or was waited for long enough.
    pub complete: bool,
    /// Why it was aborted or ended before its time.
    pub why: Option<String>,
    /// Who wanted it.
    pub by: Option<String>,
    /// Why, if they said so.
    pub reason: Option<String>,
    /// Whether it was begun although that might refuse clients, or fill a DC.
    pub forced: bool,
    /// When it began.
    pub began: String,
    /// How long it was to last.
    pub for_seconds: u64,
    /// How long it has lasted.
    pub lasted_seconds: f64,
    /// Who was to move, before it began.
    pub forecast: Option<MovesView>,
    /// Sessions and flows of the DC when it began, and when it ended; none of them was closed.
    pub held: HeldView,
    /// Sessions that went elsewhere because this was not their DC's time, by where they went.
    pub moved: Vec<MovedView>,
    /// Clients that were refused because no DC had room.
    pub refused_for_room: u64,
    /// Clients that were refused because no DC could be used.
    pub refused: u64,
    /// What became of the others.
    pub survivors: Vec<SurvivorView>,
    /// From the end to the first new session of the DC; `null` while there is none.
    pub back_after_seconds: Option<f64>,
    /// What happened when.
    pub timeline: Vec<MomentView>,
}

/// What a DC has that gets nothing new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeldView {
    /// When the drill began.
    pub at_begin: u32,
    /// When it ended; now, while it runs.
    pub at_end: u32,
}

/// Sessions that were not given the first DC of their ranking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MovedView {
    /// Where they went instead.
    pub to: u16,
    /// How many.
    pub sessions: u64,
}

/// What a drill did to a DC that stayed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SurvivorView {
    /// Its number.
    pub dc: u16,
    /// Sessions that were connected to it.
    pub sessions: u64,
    /// Dials to it that failed.
    pub failed: u64,
    /// The most sessions and flows that it had at a time.
    pub peak: u32,
    /// Those that it may have; `null` without a bound.
    pub max_sessions: Option<u32>,
    /// How long a connect took before, on average since the start of the daemon.
    pub connect_before_ms: Option<f64>,
    /// How long it took during the drill.
    pub connect_during_ms: Option<f64>,
}

/// Something that happened in a drill.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MomentView {
    /// Since it began.
    pub at_seconds: f64,
    /// What.
    pub what: String,
}
