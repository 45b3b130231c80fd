//! `policy`: how DCs are compared, and who may go where.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Clients;
use crate::config::value::{DcNumber, Given, List, NotYet, OnlyTrue, Time};
use crate::routing::policy;

/// How DCs are compared, and who may go where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Policy {
    /// What a DC costs a client.
    pub(crate) objective: Objective,
    /// DCs whose costs differ by no more than this share the clients.
    pub(crate) tie_margin: Time<0, 60_000>,
    /// How much dearer a DC may be that clients spill over to.
    #[serde(skip_serializing)]
    pub(crate) spill_margin: NotYet,
    /// Whether health is ignored when nothing is up; `nearest` listeners only.
    pub(crate) fail_open: bool,
    /// Whether a bound session whose DC and replicas are all down is given one dial at its DC: at the
    /// access point that has not failed for longest.
    pub(crate) bound_fail_open: bool,
    /// What happens to a client that no rule denies, restricts or allows.
    pub(crate) default: Verdict,
    /// Who may go where. Deny wins over restrict, restrict over allow, allow over prefer; within one
    /// of these the first rule that fits counts.
    pub(crate) rules: List<Rule>,
    /// Whether the rules hold for bound sessions too, whose DC the listener fixes.
    pub(crate) enforce_on_bound: EnforceOnBound,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            objective: Objective::Balanced,
            tie_margin: std::time::Duration::from_millis(5).into(),
            spill_margin: NotYet,
            fail_open: true,
            bound_fail_open: false,
            default: Verdict::Allow,
            rules: List::default(),
            enforce_on_bound: EnforceOnBound::Audit,
        }
    }
}

/// What a DC costs a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Objective {
    /// Light in fibre from the client.
    Distance,
    /// The measured round trip from this edge.
    Latency,
    /// Distance, plus what the measured round trip has in excess of its usual.
    Balanced,
}

impl From<Objective> for policy::Objective {
    fn from(objective: Objective) -> Self {
        match objective {
            Objective::Distance => Self::Distance,
            Objective::Latency => Self::Latency,
            Objective::Balanced => Self::Balanced,
        }
    }
}

/// Whether a client is served at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// It is.
    Allow,
    /// It is refused.
    Deny,
}

impl From<Verdict> for policy::Admission {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Allow => Self::Allow,
            Verdict::Deny => Self::Deny,
        }
    }
}

/// What the rules mean for a session whose DC is fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EnforceOnBound {
    /// Nothing.
    Off,
    /// What they would refuse is counted and served.
    Audit,
    /// What they refuse is refused.
    Enforce,
}

impl From<EnforceOnBound> for policy::EnforceOnBound {
    fn from(enforce: EnforceOnBound) -> Self {
        match enforce {
            EnforceOnBound::Off => Self::Off,
            EnforceOnBound::Audit => Self::Audit,
            EnforceOnBound::Enforce => Self::Enforce,
        }
    }
}

/// One rule: `match`, and one of `deny`, `restrict`, `allow` and `prefer`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend(
    "required" = ["match"],
    "oneOf" = [
        {"required": ["deny"]},
        {"required": ["restrict"]},
        {"required": ["allow"]},
        {"required": ["prefer"]},
    ],
))]
pub(crate) struct Rule {
    /// Which clients.
    #[serde(rename = "match", skip_serializing_if = "Given::is_absent")]
    pub(crate) clients: Given<Clients>,
    /// They are refused.
    #[serde(skip_serializing_if = "Given::is_absent")]
    pub(crate) deny: Given<OnlyTrue>,
    /// They are served by these DCs, by id, and never by another, whatever happens to these.
    #[serde(skip_serializing_if = "Given::is_absent")]
    #[schemars(extend("minItems" = 1, "uniqueItems" = true))]
    pub(crate) restrict: Given<List<DcNumber>>,
    /// They are served, whatever `policy.default` says.
    #[serde(skip_serializing_if = "Given::is_absent")]
    pub(crate) allow: Given<OnlyTrue>,
    /// These DCs, by id, come first for them, in this order, while they can be used. Admits nobody.
    #[serde(skip_serializing_if = "Given::is_absent")]
    #[schemars(extend("minItems" = 1, "uniqueItems" = true))]
    pub(crate) prefer: Given<List<DcNumber>>,
}
