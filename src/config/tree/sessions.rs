//! `connect`, `on_down`, `failback`, `overflow`: how sessions find a DC, and what becomes of them when DCs
//! come and go.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::{Count, Factor, Later, NotYet, OrNone, Percent, Time};
use crate::routing::policy;
use crate::routing::topology::{self, ConnectLimits, Hedging};

/// How sessions are connected to a DC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Connect {
    /// One attempt.
    pub(crate) timeout: Time<10, 60_000>,
    /// All attempts of a session together; not shorter than `timeout`.
    pub(crate) deadline: Time<10, 300_000>,
    /// Dials of a session in all; at most two of them at a time.
    pub(crate) attempts: Count<1, 64>,
    /// When a second access point is dialled while the first is silent; `none` for never.
    pub(crate) hedge: OrHedge,
}

impl Default for Connect {
    fn default() -> Self {
        let ConnectLimits { timeout, deadline, attempts, hedging: _ } = ConnectLimits::default();
        Self {
            timeout: timeout.into(),
            deadline: deadline.into(),
            attempts: Count::of(attempts),
            hedge: OrHedge::default(),
        }
    }
}

/// On where nothing is said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "OrNone<Hedge>", into = "OrNone<Hedge>")]
#[schemars(with = "OrNone<Hedge>")]
pub(crate) struct OrHedge(pub(crate) OrNone<Hedge>);

impl Default for OrHedge {
    fn default() -> Self {
        Self(OrNone::Value(Hedge::default()))
    }
}

impl From<OrNone<Hedge>> for OrHedge {
    fn from(hedge: OrNone<Hedge>) -> Self {
        Self(hedge)
    }
}

impl From<OrHedge> for OrNone<Hedge> {
    fn from(hedge: OrHedge) -> Self {
        hedge.0
    }
}

/// When a second access point is dialled while the first is silent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Hedge {
    /// Silence before the second dial, at least.
    pub(crate) min: Time<10, 60_000>,
    /// The same in usual round trips of the access point that is silent; the longer one counts.
    pub(crate) factor: Factor<1, 100>,
    /// Second dials at most, as a share of the new sessions of the DC that is silent; beside it a
    /// burst of one second's sessions.
    pub(crate) budget: Percent,
}

impl Default for Hedge {
    fn default() -> Self {
        let Hedging { min, factor, budget_percent } = Hedging::default();
        Self { min: min.into(), factor: Factor::of(factor), budget: Percent::of(budget_percent) }
    }
}

/// What happens to the open sessions of an access point that goes down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct OnDown {
    /// Those that are open.
    pub(crate) sessions: DownSessions,
    /// Resets a second, of all sessions of the process.
    pub(crate) rate: Count<1, 100_000>,
}

impl Default for OnDown {
    fn default() -> Self {
        let rate = Count::of(topology::OnDown::USUAL_RATE);
        Self { sessions: DownSessions::default(), rate }
    }
}

/// What happens to the open sessions of an access point that goes down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", expecting = "`close` or `keep`")]
pub(crate) enum DownSessions {
    /// Those that have had no byte of it since it began to fail are reset, once another DC answers.
    #[default]
    Close,
    /// They go on until they end by themselves.
    Keep,
}

impl OnDown {
    /// What it says to routing.
    pub(crate) fn resolve(&self) -> topology::OnDown {
        match self.sessions {
            DownSessions::Close => topology::OnDown::Close { rate: self.rate.get() },
            DownSessions::Keep => topology::OnDown::Keep,
        }
    }
}

/// What happens to sessions when a nearer DC is back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Failback {
    /// Those that are open elsewhere.
    pub(crate) sessions: AwaySessions,
    /// Resets a second.
    #[serde(skip_serializing)]
    pub(crate) rate: NotYet,
}

/// What happens to sessions in another DC when a nearer one is back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", expecting = "`keep`")]
pub(crate) enum AwaySessions {
    /// They stay where they are.
    #[default]
    Keep,
    /// They are reset, so that their clients come back.
    Move(Later),
}

/// What happens to a client of a `nearest` listener when every DC that it could use has as many sessions as
/// `max_sessions` says. Bound ones are refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", expecting = "`refuse` or `nearest`")]
pub(crate) enum Overflow {
    /// It is refused.
    #[default]
    Refuse,
    /// It goes to the nearest of them all the same.
    Nearest,
}

impl From<Overflow> for policy::Overflow {
    fn from(overflow: Overflow) -> Self {
        match overflow {
            Overflow::Refuse => Self::Refuse,
            Overflow::Nearest => Self::Nearest,
        }
    }
}
