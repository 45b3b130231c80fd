//! Says what came of a reload: to metrics, the log, and those who ask for status.

use std::sync::Arc;
use std::time::SystemTime;

use tracing::{error, info, warn};

use super::databases::geoip_fact;
use super::first::Running;
use super::order::{Done, Order, Outcome};
use super::pushed::StandingPush;
use super::reloader::Reloader;
use crate::admin::facts::{
    ConfigurationFact, DescriptorsFact, GeoipFact, ListFact, ListenerFact, PushFact, ReloadFact,
};
use crate::admin::operations::LiveList;
use crate::config::{Geoip, ReloadPlan};
use crate::forward::DescriptorNeed;
use crate::geoip::{DatabaseKind, Databases};

/// Problems of a refused push that are logged; who pushed has all of them.
const LOGGED: usize = 20;

impl Reloader {
    pub(super) fn tell(&self, order: &Order, done: &Done) {
        let (outcome, source) = (Outcome::from(done), order.source.as_str());
        self.with.metrics.config_reloads_total.with_label_values(&[source, outcome.as_str()]).inc();
        let problems = match &outcome {
            Outcome::Accepted => self.waiting(),
            Outcome::Unchanged => {
                info!(source, "nothing has changed");
                self.waiting();
                return;
            }
            // Who pushed knows it, and nothing has to be done here.
            Outcome::Refused(problems) if order.is_push() => {
                let (by, problems_in_all) = (&order.author.name, problems.len());
                info!(source, by, problems_in_all, "refused, the list in force stays");
                problems.iter().take(LOGGED).for_each(|problem| info!(source, "{problem}"));
                return;
            }
            Outcome::Refused(problems) => {
                error!(source, "reload refused, the last good configuration stays");
                problems.iter().for_each(|problem| error!("{problem}"));
                problems.clone()
            }
        };
        self.with.facts.set_last_reload(ReloadFact {
            at: SystemTime::now(),
            source: source.to_owned(),
            accepted: outcome == Outcome::Accepted,
            problems,
        });
    }

    /// Says of each key in force that waits for a restart, whichever reload brought it.
    fn waiting(&self) -> Vec<String> {
        let keys = ReloadPlan::restart_keys(&self.started, &self.running.config);
        let keys = keys.into_iter();
        keys.map(|key| {
            warn!(key, "the new value waits for a restart");
            format!("{key}: the new value waits for a restart")
        })
        .collect()
    }

    pub(super) fn tell_facts(&self) {
        let facts = &self.with.facts;
        let addresses = self.plane.addresses();
        let listeners = self.running.config.listeners.iter().map(|listener| ListenerFact {
            name: listener.name.to_string(),
            addresses: addresses.get(&listener.name).cloned().unwrap_or_default(),
        });
        facts.set_listeners(listeners.collect());
        let Running { config, databases, list, push, .. } = &self.running;
        let need = self.plane.descriptor_need(config);
        let DescriptorNeed { limit, most_sessions, .. } = need;
        facts.set_descriptors(DescriptorsFact { limit, most_sessions });
        let (started, running) = (Arc::clone(&self.started), Arc::clone(config));
        facts.set_configuration(ConfigurationFact { started, running });
        facts.set_list(ListFact {
            list: LiveList {
                bytes: Arc::clone(&list.bytes),
                revision: config.topology.revision(),
                is_pushed: list.is_pushed,
            },
            push: push.as_ref().map(|StandingPush { entry, list }| PushFact {
                number: entry.number,
                at: entry.at(),
                by: entry.by.clone(),
                reason: entry.reason.clone(),
                over: list.over,
                is_kept: self.with.directory.is_some(),
            }),
        });
        facts.set_geoip(Some(geoip_fact(&config.geoip, databases)));
        let built = &self.with.metrics.geoip_build_timestamp_seconds;
        for (kind, database) in databases.by_kind() {
            let labels = [kind.as_str()];
            match database {
                Some(database) => {
                    built.with_label_values(&labels).set(database.build_epoch() as f64);
                }
                // It may have been there before, or never.
                None => drop(built.remove_label_values(&labels)),
            }
        }
    }
}

/// Warns of databases that are stale by now; of those that were there `before` it has been said.
pub(super) fn warn_of_stale(geoip: &Geoip, databases: &Databases, before: Option<&Databases>) {
    let now = SystemTime::now();
    let GeoipFact { country, asn } = geoip_fact(geoip, databases);
    for (kind, fact) in [(DatabaseKind::Country, Some(country)), (DatabaseKind::Asn, asn)] {
        let is_news = !before.is_some_and(|before| before.is_same(databases, kind));
        if let Some(note) = fact.filter(|_| is_news).and_then(|fact| fact.stale_note(now)) {
            warn!("{note}");
        }
    }
}
