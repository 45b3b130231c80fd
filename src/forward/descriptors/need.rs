//! What a configuration could need of descriptors at most, term by term, beside what there is. Told by
//! `nearpoint check`, at the start and by a reload: who reads it knows which number to change.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Descriptors, PER_FLOW, PER_PIPE, PER_SESSION, PER_WORKER};
use crate::config::Config;
use crate::routing::Protocol;

/// What a configuration could need, if every limit in it was reached at the same time, and what there is. Second
/// dials of sessions are not in it: each takes one more while it is in flight, of the places of sessions, and is
/// not made where there is none left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescriptorNeed {
    /// Descriptors that the process may open (`RLIMIT_NOFILE`).
    pub limit: u64,
    /// The sum of the terms.
    pub needed: u64,
    /// Whether there are as many.
    pub suffices: bool,
    /// What needs them.
    pub terms: Vec<NeedTerm>,
    /// Sessions at a time, of all listeners, at which accepting pauses until one ends; flows take half of
    /// one each.
    pub most_sessions: u64,
    /// Kept for probes: fewer than may be under way at a time where the limit is small.
    pub kept_for_probes: u64,
}

/// One thing that needs descriptors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeedTerm {
    /// `listener clients: sessions`, with the key that bounds it where there is one.
    pub what: String,
    /// How many there may be.
    pub count: u64,
    /// What each of them takes.
    pub each: u64,
    /// All of them.
    pub descriptors: u64,
}

impl DescriptorNeed {
    /// What `config` could need of what is divided like this, with so many threads.
    #[must_use]
    pub fn new(config: &Config, descriptors: Descriptors, workers: usize) -> Self {
        let clients = config.listeners.iter().map(|listener| {
            let name = &listener.name;
            match listener.protocol {
                Protocol::Tcp => {
                    let what = format!("listener {name}: sessions (limits.sessions)");
                    NeedTerm::new(what, listener.limits.sessions.into(), PER_SESSION)
                }
                Protocol::Udp => {
                    let what = format!("listener {name}: flows (udp.flows)");
                    NeedTerm::new(what, listener.udp.flows.into(), PER_FLOW)
                }
            }
        });
        let addresses = config.listeners.iter().map(|it| it.bind.len() as u64).sum();
        let rest = [
            ("pipes (memory.pipes / memory.pipe_size)", descriptors.pipes as u64, PER_PIPE),
            ("probes under way (health.max_in_flight)", descriptors.probes as u64, 1),
            ("addresses of listeners, each a socket per worker and a lock", addresses, workers + 1),
            ("workers (edge.workers)", workers as u64, PER_WORKER),
            ("kept for the admin API, files and logs", descriptors.reserve() as u64, 1),
        ];
        let rest = rest.map(|(what, count, each)| NeedTerm::new(what.to_owned(), count, each));
        let terms: Vec<NeedTerm> = clients.chain(rest).filter(|term| term.count > 0).collect();
        let sum = |sum: u64, term: &NeedTerm| sum.saturating_add(term.descriptors);
        let needed = terms.iter().fold(0, sum);
        Self {
            limit: descriptors.limit,
            needed,
            suffices: needed <= descriptors.limit,
            terms,
            most_sessions: descriptors.most_sessions() as u64,
            kept_for_probes: descriptors.probes.min(descriptors.kept_for_probes()) as u64,
        }
    }

    /// In a sentence, what there is and what happens when it is used up.
    #[must_use]
    pub fn says(&self) -> String {
        let Self { limit, needed, most_sessions, kept_for_probes, .. } = self;
        let limit = match *limit {
            u64::MAX => "any number of".to_owned(),
            limit => limit.to_string(),
        };
        match self.suffices {
            true => format!(
                "with every limit reached, {needed} descriptors are needed, and {limit} may be open"
            ),
            false => format!(
                "with every limit reached, {needed} descriptors would be needed, and {limit} may be \
                 open: accepting pauses at {most_sessions} sessions until one ends, and \
                 {kept_for_probes} are kept for probes"
            ),
        }
    }
}

impl NeedTerm {
    fn new(what: String, count: u64, each: usize) -> Self {
        let each = each as u64;
        Self { what, count, each, descriptors: count.saturating_mul(each) }
    }
}

impl fmt::Display for NeedTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, count, each, descriptors } = self;
        match each {
            1 => write!(f, "{descriptors} = {what}"),
            _ => write!(f, "{descriptors} = {count} x {each}, {what}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    /// A configuration of one DC with these further keys.
    fn config(keys: &str) -> Config {
        let folder = tempfile::tempdir().expect("a directory");
        let main = folder.path().join("nearpoint.yaml");
        let list = "[{id: 2, ip: 192.0.2.1, port: 443}]";
        std::fs::write(folder.path().join("dc_options.yaml"), list).expect("written");
        std::fs::write(&main, keys).expect("written");
        config::load(&main).expect("a good one").config
    }

    fn need(config: &Config, limit: u64, workers: usize) -> DescriptorNeed {
        let descriptors = Descriptors::new(limit, config, config.memory, workers);
        DescriptorNeed::new(config, descriptors, workers)
    }

    #[test]
    fn every_term_has_its_line_and_the_sum_is_theirs() {
        let config = config(
            "listeners:
  - {name: clients, bind: ['127.0.0.1:443', '[::1]:443'], limits: {sessions: 5000}}
  - {name: calls, bind: ['127.0.0.1:3478'], protocol: udp, udp: {flows: 700}}
memory: {pipes: 16MiB, pipe_size: 256KiB}
health: {max_in_flight: 100}",
        );
        let need = need(&config, 11_000, 4);
        let lines: Vec<String> = need.terms.iter().map(ToString::to_string).collect();
        let expected = [
            "10000 = 5000 x 2, listener clients: sessions (limits.sessions)",
            "700 = listener calls: flows (udp.flows)",
            "128 = 64 x 2, pipes (memory.pipes / memory.pipe_size)",
            "100 = probes under way (health.max_in_flight)",
            "15 = 3 x 5, addresses of listeners, each a socket per worker and a lock",
            "16 = 4 x 4, workers (edge.workers)",
            "97 = kept for the admin API, files and logs",
        ];
        assert_eq!(lines, expected);
        assert_eq!(need.needed, 11_056);
        let most = (11_000 - 128 - 100 - 15 - 16 - 97) / 2;
        assert_eq!((need.suffices, need.most_sessions, need.kept_for_probes), (false, most, 100));
        let says = "with every limit reached, 11056 descriptors would be needed, and 11000 may be \
                    open: accepting pauses at 5322 sessions until one ends, and 100 are kept for \
                    probes";
        assert_eq!(need.says(), says);
    }

    #[test]
    fn as_many_as_are_needed_suffice_and_leave_room_for_every_session() {
        let config = config("listeners: [{name: a, bind: ['127.0.0.1:443']}]");
        let needed = need(&config, 1, 2).needed;
        let exact = need(&config, needed, 2);
        assert!(exact.suffices && !need(&config, needed - 1, 2).suffices);
        assert_eq!(exact.most_sessions, u64::from(config.listeners[0].limits.sessions));
        let unlimited = need(&config, u64::MAX, 2).says();
        assert!(unlimited.ends_with("and any number of may be open"), "{unlimited}");
    }

    #[test]
    fn the_example_of_the_document_is_what_is_told() {
        const DOCUMENT: &str = include_str!("../../../docs/capacity.md");
        let block = |kind: &str| {
            let (_, rest) = DOCUMENT.split_once(&format!("```{kind}\n")).expect("it is there");
            rest.split_once("```").expect("it ends").0
        };
        let example = config(block("yaml"));
        let [need, more] = [65_536, 131_072].map(|limit| need(&example, limit, 8));
        let terms = need.terms.iter().map(|term| format!("{term}\n"));
        assert_eq!(block("text"), format!("{}\n{}", need.says(), terms.collect::<String>()));
        // What is said of it in words: flows take half of a session each.
        let (most, sessions, flows) = (need.most_sessions, 30_000, 10_000);
        assert!(DOCUMENT.contains("leave room for 4,384 flows"), "{}", 2 * (most - sessions));
        assert_eq!((2 * (most - sessions), most - flows / 2), (4_384, 27_192));
        assert!(more.suffices);
    }

    #[test]
    fn a_small_process_says_that_it_keeps_fewer_for_probes() {
        let config = config("listeners: [{name: a, bind: ['127.0.0.1:443']}]");
        let need = need(&config, 1024, 1);
        assert_eq!((config.topology.max_probes(), need.kept_for_probes), (512, 128));
    }
}
