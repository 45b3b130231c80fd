//! Counts where many clients go: whom rules hit, how many go to each DC and why, who is refused.
//! Its size is that of the configuration, however many clients are counted.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::admin::view::{DEFAULT, rule_name};
use crate::routing::CountryCode;

/// What happens to one client, in as few words as counting needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// As policy knows it.
    pub(super) country: Option<CountryCode>,
    /// Where it goes.
    pub(super) fate: Fate,
    /// The rules that fit it, and whether each is one of those that decide.
    pub(super) fitting: Vec<(usize, bool)>,
    /// `policy.default` decides whether it is served.
    pub(super) default_decides: bool,
    /// Policy would refuse it, and only counts it.
    pub(super) audited: bool,
}

/// Where a client goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// To this DC, for this reason: a label `why` of `routed_total`.
    Served(u16, Cow<'static, str>),
    /// Nowhere, for this reason: a label `reason` of `refused_total`.
    Refused(Cow<'static, str>),
}

impl Answer {
    /// What in the policy decides, as the configuration names it: rules, or the default.
    pub(super) fn decided_by(&self) -> Vec<String> {
        let deciding = self.fitting.iter().filter(|(_, decides)| *decides);
        let default = self.default_decides.then(|| DEFAULT.to_owned());
        default.into_iter().chain(deciding.map(|(index, _)| rule_name(*index))).collect()
    }
}

/// Counts of clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    addresses: u64,
    bad_lines: u64,
    rules: BTreeMap<usize, RuleCount>,
    default_decides: u64,
    dcs: BTreeMap<u16, BTreeMap<String, u64>>,
    refused: BTreeMap<String, u64>,
    audited: u64,
    unknown_location: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct RuleCount {
    hit: u64,
    decided: u64,
}

impl Tally {
    /// Counts one client.
    pub(super) fn count(&mut self, answer: &Answer) {
        self.addresses += 1;
        for (index, decides) in &answer.fitting {
            let rule = self.rules.entry(*index).or_default();
            rule.hit += 1;
            rule.decided += u64::from(*decides);
        }
        self.default_decides += u64::from(answer.default_decides);
        match &answer.fate {
            Fate::Served(dc, why) => add(self.dcs.entry(*dc).or_default(), why),
            Fate::Refused(reason) => add(&mut self.refused, reason),
        }
        self.audited += u64::from(answer.audited);
        self.unknown_location += u64::from(answer.country.is_none());
    }

    /// Counts a line that could not be read.
    pub(super) fn count_bad_line(&mut self) {
        self.bad_lines += 1;
    }

    /// Addresses counted so far.
    pub(super) fn addresses(&self) -> u64 {
        self.addresses
    }

    /// Lines counted so far that could not be read.
    pub(super) fn bad_lines(&self) -> u64 {
        self.bad_lines
    }

    /// The counts with names. Every rule and DC that `names` knows has its line, hit or not.
    pub(super) fn summary(&self, names: &Names) -> SummaryView {
        let known = names.rules.keys().chain(self.rules.keys()).max();
        let rules = (0..known.map_or(0, |last| last + 1)).map(|index| {
            let RuleCount { hit, decided } = self.rules.get(&index).copied().unwrap_or_default();
            RuleSummary {
                rule: rule_name(index),
                text: names.rules.get(&index).cloned().flatten(),
                addresses: hit,
                share: self.share(hit),
                decided,
            }
        });
        let mut dcs: BTreeMap<u16, DcSummary> = BTreeMap::new();
        for id in names.dcs.keys().chain(self.dcs.keys()) {
            let why = self.dcs.get(id).cloned().unwrap_or_default();
            let addresses = why.values().sum();
            let name = names.dcs.get(id).cloned().unwrap_or_default();
            let share = self.share(addresses);
            dcs.insert(*id, DcSummary { id: *id, name, addresses, share, why });
        }
        SummaryView {
            listener: names.listener.clone(),
            basis: names.basis.clone(),
            addresses: self.addresses,
            bad_lines: self.bad_lines,
            rules: rules.collect(),
            default: names.default.clone(),
            default_decided: self.default_decides,
            dcs: dcs.into_values().collect(),
            refused: self.refused.clone(),
            audited: self.audited,
            unknown_location: self.unknown_location,
        }
    }

    fn share(&self, part: u64) -> Option<f64> {
        (self.addresses > 0).then(|| part as f64 / self.addresses as f64)
    }
}

fn add(counts: &mut BTreeMap<String, u64>, word: &str) {
    match counts.get_mut(word) {
        Some(count) => *count += 1,
        None => {
            counts.insert(word.to_owned(), 1);
        }
    }
}

/// What the counted things are called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// The listener that all clients come to.
    pub(super) listener: String,
    /// `live` or `presumed`.
    pub(super) basis: String,
    /// Rules by index, with their text where that has been told.
    pub(super) rules: BTreeMap<usize, Option<String>>,
    /// `allow` or `deny`.
    pub(super) default: String,
    /// DCs by id.
    pub(super) dcs: BTreeMap<u16, String>,
}

/// Where the clients of a file go. Shares are of 1, and `null` where nothing was counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::cli) struct SummaryView {
    /// The listener that all of them come to.
    pub(in crate::cli) listener: String,
    /// `live`, or `presumed` where no daemon was asked.
    pub(in crate::cli) basis: String,
    /// Addresses counted; one that is there twice counts twice.
    pub(in crate::cli) addresses: u64,
    /// Lines that are no address.
    pub(in crate::cli) bad_lines: u64,
    /// In the order of the file.
    pub(in crate::cli) rules: Vec<RuleSummary>,
    /// What happens to clients that no rule denies, restricts or allows: `allow` or `deny`.
    pub(in crate::cli) default: String,
    /// How many those are.
    pub(in crate::cli) default_decided: u64,
    /// By id.
    pub(in crate::cli) dcs: Vec<DcSummary>,
    /// How many get no DC, by label `reason` of `refused_total`.
    pub(in crate::cli) refused: BTreeMap<String, u64>,
    /// How many policy would refuse on a bound listener, which only counts them.
    pub(in crate::cli) audited: u64,
    /// How many of which policy knows no country.
    pub(in crate::cli) unknown_location: u64,
}

/// Whom one rule hits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::cli) struct RuleSummary {
    /// Such as `policy.rules[3]`.
    pub(in crate::cli) rule: String,
    /// What it says; `null` for a rule of a daemon that fits no address of the file.
    pub(in crate::cli) text: Option<String>,
    /// Addresses that it fits.
    pub(in crate::cli) addresses: u64,
    /// Of all addresses.
    pub(in crate::cli) share: Option<f64>,
    /// Those among them about which it decides.
    pub(in crate::cli) decided: u64,
}

/// Who goes to one DC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::cli) struct DcSummary {
    /// Its number.
    pub(in crate::cli) id: u16,
    /// Its name.
    pub(in crate::cli) name: String,
    /// Addresses that go there.
    pub(in crate::cli) addresses: u64,
    /// Of all addresses.
    pub(in crate::cli) share: Option<f64>,
    /// The same by label `why` of `routed_total`.
    pub(in crate::cli) why: BTreeMap<String, u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(fate: Fate, fitting: &[(usize, bool)]) -> Answer {
        Answer {
            country: CountryCode::new("DE"),
            fate,
            fitting: fitting.to_vec(),
            default_decides: !fitting.iter().any(|(_, decides)| *decides),
            audited: false,
        }
    }

    fn served(dc: u16, why: &'static str) -> Fate {
        Fate::Served(dc, why.into())
    }

    fn names() -> Names {
        Names {
            listener: "clients".into(),
            basis: "presumed".into(),
            rules: (0..2).map(|index| (index, Some(format!("text {index}")))).collect(),
            default: "allow".into(),
            dcs: [(2, "ams".to_owned()), (5, "sin".to_owned())].into(),
        }
    }

    #[test]
    fn rules_and_dcs_have_their_share_and_those_that_hit_nobody_are_told_too() {
        let mut tally = Tally::default();
        tally.count(&answer(served(2, "nearest"), &[(1, true)]));
        tally.count(&answer(served(2, "nearest"), &[]));
        tally.count(&answer(served(2, "tie"), &[(1, false)]));
        tally.count(&answer(Fate::Refused("policy".into()), &[(1, true)]));
        let view = tally.summary(&names());
        let rules = view.rules.iter().map(|it| (&*it.rule, it.addresses, it.share, it.decided));
        let expected =
            [("policy.rules[0]", 0, Some(0.0), 0), ("policy.rules[1]", 3, Some(0.75), 2)];
        assert_eq!(rules.collect::<Vec<_>>(), expected);
        assert_eq!(view.default_decided, 2);
        let dcs = view.dcs.iter().map(|it| (it.id, &*it.name, it.addresses, it.share));
        assert_eq!(dcs.collect::<Vec<_>>(), [(2, "ams", 3, Some(0.75)), (5, "sin", 0, Some(0.0))]);
        assert_eq!(view.dcs[0].why, [("nearest".to_owned(), 2), ("tie".to_owned(), 1)].into());
        assert_eq!(view.refused, [("policy".to_owned(), 1)].into());
    }

    #[test]
    fn everybody_is_somewhere() {
        let mut tally = Tally::default();
        for n in 0..100u16 {
            let fate = match n % 3 {
                0 => Fate::Refused("no_dc".into()),
                dc => served(dc, "nearest"),
            };
            tally.count(&answer(fate, &[]));
        }
        tally.count_bad_line();
        let view = tally.summary(&Names::default());
        let placed: u64 = view.dcs.iter().map(|dc| dc.addresses).sum();
        assert_eq!(placed + view.refused.values().sum::<u64>(), view.addresses);
        assert_eq!((view.addresses, view.bad_lines), (100, 1));
    }

    #[test]
    fn clients_that_are_audited_or_of_no_country_are_counted_beside_their_dc() {
        let mut tally = Tally::default();
        let audited = Answer { audited: true, ..answer(served(2, "pinned"), &[(0, true)]) };
        let unknown = Answer { country: None, ..answer(served(2, "nearest"), &[]) };
        tally.count(&audited);
        tally.count(&unknown);
        let view = tally.summary(&names());
        assert_eq!((view.audited, view.unknown_location), (1, 1));
        assert_eq!(view.dcs[0].addresses, 2);
    }

    #[test]
    fn nothing_has_no_share() {
        let view = Tally::default().summary(&names());
        assert!(view.rules.iter().all(|rule| rule.share.is_none()));
        assert!(view.dcs.iter().all(|dc| dc.share.is_none()));
    }

    #[test]
    fn what_decides_is_named_as_in_the_configuration() {
        let restricted = answer(served(2, "nearest"), &[(0, true), (1, false), (3, true)]);
        assert_eq!(restricted.decided_by(), ["policy.rules[0]", "policy.rules[3]"]);
        assert_eq!(answer(served(2, "nearest"), &[]).decided_by(), ["policy.default"]);
    }
}
