//! What the rules say about one client: whether it is served, by which DCs, and which come first.

use super::ids::DcId;
use super::policy::{Action, Admission, Policy};
use super::rank::Client;

/// What the rules say about one client. Rules are named by their index in [`Policy::rules`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is served, and who said so.
    pub decision: Decision,
    /// The rule that says which DCs come first.
    pub preferred_by: Option<usize>,
}

/// Whether a client is served, and who said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// This rule refuses it.
    Denied(usize),
    /// This rule says which DCs alone may serve it.
    Restricted(usize),
    /// This rule admits it.
    Allowed(usize),
    /// No rule refuses, restricts or admits it; the default counts.
    Default(Admission),
}

/// The DCs that a verdict leaves to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permitted<'a> {
    /// All of them.
    Every,
    /// These.
    Only(&'a [DcId]),
    /// The client is refused.
    Nobody,
}

impl Permitted<'_> {
    /// Whether the client may be sent to this DC.
    #[must_use]
    pub fn contains(self, dc: DcId) -> bool {
        match self {
            Self::Every => true,
            Self::Only(dcs) => dcs.contains(&dc),
            Self::Nobody => false,
        }
    }
}

impl Policy {
    /// Applies the rules to `client`: deny before restrict before allow, of each kind the first that
    /// fits; then the default. Prefer decides nothing about admission.
    #[must_use]
    pub fn judge(&self, client: &Client) -> Verdict {
        let (mut denied, mut restricted, mut allowed, mut preferred_by) = (None, None, None, None);
        for (index, rule) in self.rules.iter().enumerate() {
            let first = match rule.action {
                Action::Deny => &mut denied,
                Action::Restrict(_) => &mut restricted,
                Action::Allow => &mut allowed,
                Action::Prefer(_) => &mut preferred_by,
            };
            if first.is_none() && rule.clients.fits(client) {
                *first = Some(index);
            }
        }
        let decision = match (denied, restricted, allowed) {
            (Some(rule), _, _) => Decision::Denied(rule),
            (None, Some(rule), _) => Decision::Restricted(rule),
            (None, None, Some(rule)) => Decision::Allowed(rule),
            (None, None, None) => Decision::Default(self.default),
        };
        Verdict { decision, preferred_by }
    }

    /// The DCs that `verdict`, which this policy gave, leaves to its client.
    #[must_use]
    pub fn permitted(&self, verdict: &Verdict) -> Permitted<'_> {
        match verdict.decision {
            Decision::Allowed(_) | Decision::Default(Admission::Allow) => Permitted::Every,
            Decision::Denied(_) | Decision::Default(Admission::Deny) => Permitted::Nobody,
            Decision::Restricted(rule) => Permitted::Only(self.dcs_of(rule)),
        }
    }

    /// The DCs that come first by `verdict`, which this policy gave.
    #[must_use]
    pub fn preferred(&self, verdict: &Verdict) -> &[DcId] {
        verdict.preferred_by.map_or(&[], |rule| self.dcs_of(rule))
    }

    fn dcs_of(&self, rule: usize) -> &[DcId] {
        match &self.rules[rule].action {
            Action::Restrict(dcs) | Action::Prefer(dcs) => dcs,
            Action::Deny | Action::Allow => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::client_match::ClientMatch;
    use crate::routing::fixture::{client, rule};

    fn policy(rules: Vec<super::super::policy::Rule>) -> Policy {
        Policy { rules: rules.into(), ..Policy::default() }
    }

    fn dcs(ids: &[u16]) -> std::sync::Arc<[DcId]> {
        ids.iter().copied().map(DcId).collect()
    }

    #[test]
    fn the_strongest_kind_decides_whatever_the_order_of_the_file() {
        let everybody = ["0.0.0.0/0"];
        let all = [
            rule(&everybody, Action::Prefer(dcs(&[1]))),
            rule(&everybody, Action::Allow),
            rule(&everybody, Action::Restrict(dcs(&[2, 4]))),
            rule(&everybody, Action::Deny),
        ];
        let somebody = client("203.0.113.7", None);
        let decisions = (0..=4).rev().map(|kept| {
            let policy = policy(all[..kept].to_vec());
            let verdict = policy.judge(&somebody);
            (verdict.decision, verdict.preferred_by)
        });
        let expected = [
            (Decision::Denied(3), Some(0)),
            (Decision::Restricted(2), Some(0)),
            (Decision::Allowed(1), Some(0)),
            (Decision::Default(Admission::Allow), Some(0)),
            (Decision::Default(Admission::Allow), None),
        ];
        assert_eq!(decisions.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn within_a_kind_the_first_that_fits_decides() {
        let policy = policy(vec![
            rule(&["198.51.100.0/24"], Action::Restrict(dcs(&[1]))),
            rule(&["203.0.113.0/24"], Action::Restrict(dcs(&[2]))),
            rule(&["0.0.0.0/0"], Action::Restrict(dcs(&[5]))),
        ]);
        for (ip, rule, dc) in [("198.51.100.1", 0, 1), ("203.0.113.1", 1, 2), ("192.0.2.1", 2, 5)] {
            let verdict = policy.judge(&client(ip, None));
            assert_eq!(verdict.decision, Decision::Restricted(rule));
            assert_eq!(policy.permitted(&verdict), Permitted::Only(&[DcId(dc)]));
        }
    }

    #[test]
    fn a_default_of_deny_is_lifted_by_allow_and_restrict_and_not_by_prefer() {
        let mut policy = policy(vec![
            rule(&["198.51.100.0/24"], Action::Allow),
            rule(&["203.0.113.0/24"], Action::Restrict(dcs(&[2]))),
            rule(&["192.0.2.0/24"], Action::Prefer(dcs(&[2]))),
        ]);
        policy.default = Admission::Deny;
        let permitted = |ip| policy.permitted(&policy.judge(&client(ip, None)));
        assert_eq!(permitted("198.51.100.1"), Permitted::Every);
        assert_eq!(permitted("203.0.113.1"), Permitted::Only(&[DcId(2)]));
        assert_eq!(permitted("192.0.2.1"), Permitted::Nobody);
        assert_eq!(permitted("10.0.0.1"), Permitted::Nobody);
        let preferred = policy.judge(&client("192.0.2.1", None));
        assert_eq!(policy.preferred(&preferred), [DcId(2)]);
    }

    #[test]
    fn a_description_that_says_nothing_fits_everybody() {
        let policy = policy(vec![super::super::policy::Rule {
            clients: ClientMatch::default(),
            action: Action::Deny,
        }]);
        let verdict = policy.judge(&client("2001:db8::1", None));
        assert_eq!(policy.permitted(&verdict), Permitted::Nobody);
    }
}
