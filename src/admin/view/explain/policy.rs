//! What the rules say about one client, and which of them counts.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::routing::policy::{Action, Admission, EnforceOnBound};
use crate::routing::topology::Destination;
use crate::routing::{Client, Decision, Policy, Ranking, Verdict};

/// What counts when no rule denies, restricts or allows.
pub const DEFAULT: &str = "policy.default";

/// A rule by its place in the configuration, as problems of the configuration name it.
#[must_use]
pub fn rule_name(index: usize) -> String {
    format!("policy.rules[{index}]")
}

/// Characters of a rule where people read it among other things: one may list a thousand networks.
const SHOWN: usize = 64;

/// The text of a rule, cut off where it is long.
#[must_use]
pub fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]).into(),
        None => text.into(),
    }
}

/// What the rules say about one client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyView {
    /// What that means for this listener, in words.
    pub says: String,
    /// How many rules there are.
    pub rules: usize,
    /// Those that fit the client, in the order of the file.
    pub fitting: Vec<RuleView>,
    /// What happens to a client that no rule denies, restricts or allows: `allow` or `deny`.
    pub default: String,
    /// Whether that decides about this one.
    pub default_decides: bool,
    /// What rules mean for bound listeners: `off`, `audit` or `enforce`.
    pub enforce_on_bound: String,
    /// The rules would refuse the client on this bound listener, which serves it and counts it.
    pub audited: bool,
}

/// A rule that fits a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleView {
    /// Such as `policy.rules[3]`.
    pub rule: String,
    /// Its place among the rules, 0 for the first.
    pub index: usize,
    /// What it says.
    pub text: String,
    /// Whether it is one of those that decide.
    pub decides: bool,
    /// The stronger or earlier rule, or `policy.default`, that decides instead.
    pub beaten_by: Option<String>,
}

impl PolicyView {
    pub(super) fn new(
        policy: &Policy,
        goes_to: Destination,
        client: &Client,
        ranking: &Ranking,
    ) -> Self {
        let verdict = ranking.verdict.as_ref();
        let rules = policy.rules.iter().enumerate();
        let fitting = rules.filter(|(_, rule)| rule.clients.fits(client));
        let decision = verdict.map(|verdict| verdict.decision);
        Self {
            says: says(policy, goes_to, ranking).to_owned(),
            rules: policy.rules.len(),
            fitting: fitting
                .map(|(index, rule)| {
                    let part = Part::of(policy, goes_to, verdict, index);
                    RuleView {
                        rule: rule_name(index),
                        index,
                        text: rule.to_string(),
                        decides: part == Part::Decides,
                        beaten_by: part.beaten_by(),
                    }
                })
                .collect(),
            default: policy.default.as_str().to_owned(),
            default_decides: matches!(decision, Some(Decision::Default(_))),
            enforce_on_bound: policy.enforce_on_bound.as_str().to_owned(),
            audited: ranking.audited,
        }
    }
}

/// The part that a rule has in what happens to a client whom it fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It decides: about admission, or about who comes first.
    Decides,
    /// This rule decides instead.
    Beaten(usize),
    /// It admits nobody, and the default refuses.
    BeatenByDefault,
    /// The listener does not ask it.
    NotAsked,
}

impl Part {
    /// The part of the rule at `index`, which fits, where `policy` has given `verdict`.
    #[must_use]
    pub fn of(
        policy: &Policy,
        goes_to: Destination,
        verdict: Option<&Verdict>,
        index: usize,
    ) -> Self {
        let Some(verdict) = verdict else {
            return Self::NotAsked;
        };
        match (&policy.rules[index].action, verdict.decision) {
            (Action::Prefer(_), Decision::Denied(by)) => Self::Beaten(by),
            (Action::Prefer(_), Decision::Default(Admission::Deny)) => Self::BeatenByDefault,
            (
                Action::Prefer(_),
                Decision::Restricted(_) | Decision::Allowed(_) | Decision::Default(_),
            ) => match (goes_to, verdict.preferred_by) {
                // A bound session has nothing to prefer.
                (Destination::Dc(..), _) => Self::NotAsked,
                (Destination::Nearest(_), Some(by)) if by != index => Self::Beaten(by),
                (Destination::Nearest(_), _) => Self::Decides,
            },
            (
                Action::Deny | Action::Restrict(_) | Action::Allow,
                Decision::Denied(by) | Decision::Restricted(by) | Decision::Allowed(by),
            ) if by != index => Self::Beaten(by),
            (Action::Deny | Action::Restrict(_) | Action::Allow, _) => Self::Decides,
        }
    }

    fn beaten_by(self) -> Option<String> {
        match self {
            Self::Beaten(by) => Some(rule_name(by)),
            Self::BeatenByDefault => Some(DEFAULT.to_owned()),
            Self::Decides | Self::NotAsked => None,
        }
    }
}

fn says(policy: &Policy, goes_to: Destination, ranking: &Ranking) -> &'static str {
    match (goes_to, policy.enforce_on_bound) {
        (Destination::Nearest(_), _) => "enforced",
        (Destination::Dc(..), EnforceOnBound::Off) => {
            "not asked: the session is bound, and enforce_on_bound is off"
        }
        (Destination::Dc(..), EnforceOnBound::Audit) if ranking.audited => {
            "would refuse; only counted: the session is bound, and enforce_on_bound is audit"
        }
        (Destination::Dc(..), EnforceOnBound::Audit) => {
            "would not refuse; the session is bound, and enforce_on_bound is audit"
        }
        (Destination::Dc(..), EnforceOnBound::Enforce) => {
            "enforced: the session is bound, and enforce_on_bound is enforce"
        }
    }
}
