//! `policy`, and `for` of access points: how DCs are compared, and who may go where.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::routing::policy::{Action, Overflow, Rule};
use crate::routing::{ClientMatch, DcId, Millis, Network, Policy};

use super::finding::Findings;
use super::key_path::KeyPath;
use super::node::Node;
use super::tree;
use super::value::{AsNumber, ClientNetwork, Continent, Country, Given, List, Many};

/// What is said of a match by autonomous system that nothing can answer.
pub(super) const NEEDS_ASNS: &str = "needs `geoip.asn_database`";

/// The policy, with the path of each rule.
#[derive(Clone)]
pub(super) struct PolicyDraft {
    pub(super) policy: Policy,
    /// Of the rules, in their order.
    pub(super) paths: Vec<KeyPath>,
}

impl PolicyDraft {
    /// `node` is what was written of the policy.
    pub(super) fn new(
        tree: &tree::Policy,
        node: Option<&Node>,
        (problems, notes): (&Findings, &Findings),
    ) -> Self {
        let rules = node.and_then(|node| node.entry("rules"));
        let base = KeyPath::default().key("policy").key("rules");
        let read = tree.rules.indexed().filter_map(|(index, rule)| {
            let node = rules.and_then(|rules| rules.element(index));
            let path = base.index(index);
            Some((read_rule(rule, &path, node, problems)?, path))
        });
        let (rules, paths): (Vec<Rule>, Vec<KeyPath>) = read.unzip();
        note_unreachable(&rules, &paths, notes);
        let policy = Policy {
            objective: tree.objective.into(),
            tie_margin: Millis::from(tree.tie_margin.get()),
            fail_open: tree.fail_open,
            bound_fail_open: tree.bound_fail_open,
            default: tree.default.into(),
            rules: rules.into(),
            enforce_on_bound: tree.enforce_on_bound.into(),
            overflow: Overflow::default(),
        };
        Self { policy, paths }
    }

    /// The DCs that rules name, each with where.
    pub(super) fn named_dcs(&self) -> impl Iterator<Item = (DcId, KeyPath)> {
        let rules = self.policy.rules.iter().zip(&self.paths);
        rules.flat_map(|(rule, path)| {
            let (key, dcs): (_, &[DcId]) = match &rule.action {
                Action::Restrict(dcs) => ("restrict", dcs),
                Action::Prefer(dcs) => ("prefer", dcs),
                Action::Deny | Action::Allow => ("", &[]),
            };
            dcs.iter().map(move |dc| (*dc, path.key(key)))
        })
    }

    /// Where rules ask for autonomous systems.
    pub(super) fn asn_matches(&self) -> impl Iterator<Item = KeyPath> {
        let rules = self.policy.rules.iter().zip(&self.paths);
        let asking = rules.filter(|(rule, _)| !rule.clients.asns.is_empty());
        asking.map(|(_, path)| path.key("match").key("asn"))
    }
}

/// The rule; `None` when what is wrong with it has been told.
fn read_rule(
    tree: &tree::Rule,
    path: &KeyPath,
    node: Option<&Node>,
    problems: &Findings,
) -> Option<Rule> {
    let clients = match tree.clients.get() {
        Some(clients) => {
            let node = node.and_then(|node| node.entry("match"));
            read_clients(clients, &path.key("match"), node, problems)
        }
        None => {
            problems.need(path, node, "match");
            None
        }
    };
    let given = |key: &str| node.is_some_and(|node| node.entry(key).is_some());
    let actions: Vec<&str> =
        ["deny", "restrict", "allow", "prefer"].into_iter().filter(|key| given(key)).collect();
    if let [first, second, ..] = actions[..] {
        problems.add(path, format!("has `{first}` and `{second}`; a rule does one thing"));
        return None;
    }
    if actions.is_empty() {
        problems.add(path, "needs one of `deny`, `restrict`, `allow` and `prefer`");
        return None;
    }
    let dcs = |key, list: &List<_>| read_dcs(list, &path.key(key), problems);
    let tree::Rule { clients: _, deny, restrict, allow, prefer } = tree;
    let action = match (deny.get(), restrict.get(), allow.get(), prefer.get()) {
        (Some(_), ..) => Action::Deny,
        (None, Some(list), ..) => Action::Restrict(dcs("restrict", list)?),
        (None, None, Some(_), _) => Action::Allow,
        (None, None, None, Some(list)) => Action::Prefer(dcs("prefer", list)?),
        (None, None, None, None) => return None,
    };
    Some(Rule { clients: clients?, action })
}

fn read_dcs(
    list: &List<super::value::DcNumber>,
    path: &KeyPath,
    problems: &Findings,
) -> Option<Arc<[DcId]>> {
    if list.is_empty() {
        problems.add(path, "names no DC");
        return None;
    }
    let mut dcs: Vec<DcId> = Vec::new();
    for id in list.iter().map(|id| id.get()) {
        if dcs.contains(&id) {
            problems.add(path, format!("names DC {id} twice"));
        } else {
            dcs.push(id);
        }
    }
    Some(dcs.into())
}

/// The clients; `None` when none are described, which is told.
pub(super) fn read_clients(
    tree: &tree::Clients,
    path: &KeyPath,
    node: Option<&Node>,
    problems: &Findings,
) -> Option<ClientMatch> {
    if tree.is_empty() {
        // Keys that were bad have been told.
        if node.is_none_or(Node::is_empty) {
            problems.add(path, "says nothing; everybody is `cidr: [0.0.0.0/0, \"::/0\"]`");
        }
        return None;
    }
    let tree::Clients { cidr, country, continent, eu, eea, asn, unknown } = tree;
    let network = |network: &ClientNetwork| {
        let network = network.get();
        Network::new(network.network(), network.prefix_len())
    };
    Some(ClientMatch {
        networks: all(cidr).filter_map(network).collect(),
        countries: all(country).map(|it: &Country| it.get()).collect(),
        continents: all(continent).map(|it: &Continent| it.get()).collect(),
        eu: eu.0,
        eea: eea.0,
        asns: all(asn).map(|it: &AsNumber| it.get()).collect(),
        unknown: unknown.0,
    })
}

fn all<T>(given: &Given<Many<T>>) -> impl Iterator<Item = &T> {
    given.get().into_iter().flat_map(Many::iter)
}

/// Within a kind of action the first rule that fits counts, so one whose match has been before never
/// does.
fn note_unreachable(rules: &[Rule], paths: &[KeyPath], notes: &Findings) {
    let mut first = BTreeMap::new();
    for (rule, path) in rules.iter().zip(paths) {
        let kind = match rule.action {
            Action::Deny => "deny",
            Action::Restrict(_) => "restrict",
            Action::Allow => "allow",
            Action::Prefer(_) => "prefer",
        };
        match first.get(&(kind, &rule.clients)) {
            None => {
                first.insert((kind, &rule.clients), path);
            }
            Some(before) => {
                notes.add(
                    path,
                    format!("never counts: {before} has the same match, and comes first"),
                );
            }
        }
    }
}
