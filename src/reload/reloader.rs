//! Checks a new configuration against the running one and puts it into force as a whole.

use std::fmt;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};

use super::blocking;
use super::databases::{geoip_fact, locator};
use super::first::Running;
use super::look::Shapes;
use super::need::warn_of_need;
use super::settle::{Content, SettleError, Settled, settle};
use super::watcher;
use crate::admin::Facts;
use crate::admin::facts::{
    ConfigurationFact, DescriptorsFact, GeoipFact, ListenerFact, ReloadFact,
};
use crate::config::guards::{self, Listing};
use crate::config::{Config, Geoip, Loaded, ReloadPlan};
use crate::control::CommandSender;
use crate::drain::DrainWatch;
use crate::forward::{DataPlane, DescriptorNeed, UnusableEgress, unusable_egress};
use crate::geoip::{DatabaseKind, Databases};
use crate::metrics::Metrics;

/// What asked for a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// SIGHUP.
    Signal,
    /// A file has changed.
    File,
}

impl Source {
    /// A fixed word, the metric label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signal => "signal",
            Self::File => "file",
        }
    }
}

/// What became of a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The new configuration is in force.
    Accepted,
    /// The files say what is in force already.
    Unchanged,
    /// The last good one stays, for these reasons.
    Refused(Vec<String>),
}

impl Outcome {
    /// A fixed word, the metric label.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Unchanged => "unchanged",
            Self::Refused(_) => "refused",
        }
    }
}

/// Owns what a reload changes.
pub struct Reloader {
    /// What the daemon was started with: some keys wait for the next start.
    started: Arc<Config>,
    running: Running,
    /// The files as they were last read, in force or refused: only another change is news.
    seen: Shapes,
    /// What has been said of DCs that cannot be dialled as configured.
    told_of_egress: Vec<UnusableEgress>,
    plane: DataPlane,
    commands: CommandSender,
    metrics: Arc<Metrics>,
    facts: Arc<Facts>,
}

/// A request to reload, answered with its outcome.
pub type Request = (Source, oneshot::Sender<Outcome>);

impl Reloader {
    /// A reloader for what has just been started.
    #[must_use]
    pub fn new(
        running: Running,
        plane: DataPlane,
        commands: CommandSender,
        metrics: Arc<Metrics>,
        facts: Arc<Facts>,
    ) -> Self {
        let (started, seen) = (Arc::clone(&running.config), running.shapes.clone());
        let told_of_egress = unusable_egress(&started.topology);
        told_of_egress.iter().for_each(|it| warn!("{it}"));
        let reloader =
            Self { started, running, seen, told_of_egress, plane, commands, metrics, facts };
        let Running { config, databases, .. } = &reloader.running;
        warn_of_stale(&config.geoip, databases, None);
        reloader.tell_facts();
        reloader
    }

    /// Reloads when a file changes or somebody asks. Once the daemon drains, a reload that is under
    /// way is given up and nothing is put into force any more. Returns the data plane, to be
    /// drained, when nobody can ask any more.
    pub async fn run(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        mut draining: DrainWatch,
    ) -> DataPlane {
        loop {
            let (source, done) = tokio::select! {
                biased;
                () = draining.started() => break,
                request = requests.recv() => match request {
                    None => break,
                    Some((source, done)) => (source, Some(done)),
                },
                () = watcher::changed(&self.seen) => (Source::File, None),
            };
            let settled = tokio::select! {
                biased;
                () = draining.started() => break,
                settled = settle(self.running.in_use()) => settled,
            };
            let outcome = self.reload(settled).await;
            self.tell(source, &outcome);
            if let Some(done) = done {
                // Who asked may have left.
                let _ = done.send(outcome);
            }
        }
        // To drop what is asked is to say that the daemon ends.
        while requests.recv().await.is_some() {}
        self.plane
    }

    async fn reload(&mut self, settled: Result<Settled, SettleError>) -> Outcome {
        match settled {
            Ok(Settled { content, shapes }) => {
                self.seen = shapes.clone();
                match content {
                    Ok(content) => self.accept(content, shapes).await,
                    Err(error) => Outcome::Refused(error.problems()),
                }
            }
            Err(error) => {
                let outcome = refused(&error);
                self.seen = error.before;
                outcome
            }
        }
    }

    /// Everything that can fail comes first; what follows takes effect as one snapshot.
    async fn accept(&mut self, content: Content, shapes: Shapes) -> Outcome {
        let Content { loaded: Loaded { config, notes, sources }, databases } = content;
        if databases.are_same(&self.running.databases) && *self.running.config == config {
            return Outcome::Unchanged;
        }
        let mut plan = ReloadPlan::new(&self.running.config, &config);
        // A file may hold other addresses under its old name.
        plan.geoip_changed |= !databases.are_same(&self.running.databases);
        let before = Listing::of(&self.running.config.topology);
        let after = Listing::of(&config.topology);
        if let Err(refusal) = guards::check(&before, &after, &config.guards) {
            return refused(&refusal);
        }
        let prepared = match self.plane.prepare(&config.listeners) {
            Ok(prepared) => prepared,
            Err(error) => return refused(&error),
        };
        let locate = Arc::new(locator(&config.geoip, databases.clone()));
        let topology = Arc::new(config.topology.clone());
        let snapshot = match self.commands.configure(topology, locate).await {
            Ok(snapshot) => snapshot,
            Err(error) => return refused(&error),
        };
        let memory = self.plane.memory();
        let routes = snapshot.topology.routes().clone();
        blocking(move || memory.follow(&routes, SystemTime::now().into())).await;
        let before = self.plane.descriptor_need(&self.running.config);
        self.plane.divide_descriptors(&config);
        self.plane.apply(prepared);
        let now = Instant::now();
        // Nobody may scrape, and what has left must not stay for ever.
        self.metrics.observe(&snapshot, now);
        if plan.dc_options_changed {
            self.facts.set_dc_options_accepted(now);
        }
        for note in &notes {
            info!(%note, "configuration");
        }
        info!(%plan, revision = %config.topology.revision(), "configuration in force");
        // Of what has been lacking before it has been said.
        let need = self.plane.descriptor_need(&config);
        if need.terms != before.terms {
            warn_of_need(&need);
        }
        let unusable = unusable_egress(&config.topology);
        let is_news = |it: &&UnusableEgress| !self.told_of_egress.contains(it);
        unusable.iter().filter(is_news).for_each(|it| warn!("{it}"));
        self.told_of_egress = unusable;
        warn_of_stale(&config.geoip, &databases, Some(&self.running.databases));
        let (main, config) = (self.running.main.clone(), Arc::new(config));
        self.running = Running { main, config, sources, shapes, databases };
        self.tell_facts();
        Outcome::Accepted
    }

    fn tell(&self, source: Source, outcome: &Outcome) {
        let labels = [source.as_str(), outcome.as_str()];
        self.metrics.config_reloads_total.with_label_values(&labels).inc();
        let problems = match outcome {
            Outcome::Accepted => self.waiting(),
            Outcome::Unchanged => {
                info!(source = source.as_str(), "nothing has changed");
                self.waiting();
                return;
            }
            Outcome::Refused(problems) => {
                error!(
                    source = source.as_str(),
                    "reload refused, the last good configuration stays"
                );
                problems.iter().for_each(|problem| error!("{problem}"));
                problems.clone()
            }
        };
        self.facts.set_last_reload(ReloadFact {
            at: SystemTime::now(),
            source: source.as_str().to_owned(),
            accepted: *outcome == Outcome::Accepted,
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

    fn tell_facts(&self) {
        let addresses = self.plane.addresses();
        let listeners = self.running.config.listeners.iter().map(|listener| ListenerFact {
            name: listener.name.to_string(),
            addresses: addresses.get(&listener.name).cloned().unwrap_or_default(),
        });
        self.facts.set_listeners(listeners.collect());
        let Running { config, databases, .. } = &self.running;
        let need = self.plane.descriptor_need(config);
        let DescriptorNeed { limit, most_sessions, .. } = need;
        self.facts.set_descriptors(DescriptorsFact { limit, most_sessions });
        let (started, running) = (Arc::clone(&self.started), Arc::clone(config));
        self.facts.set_configuration(ConfigurationFact { started, running });
        self.facts.set_geoip(Some(geoip_fact(&config.geoip, databases)));
        let built = &self.metrics.geoip_build_timestamp_seconds;
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
fn warn_of_stale(geoip: &Geoip, databases: &Databases, before: Option<&Databases>) {
    let now = SystemTime::now();
    let GeoipFact { country, asn } = geoip_fact(geoip, databases);
    for (kind, fact) in [(DatabaseKind::Country, Some(country)), (DatabaseKind::Asn, asn)] {
        let is_news = !before.is_some_and(|before| before.is_same(databases, kind));
        if let Some(note) = fact.filter(|_| is_news).and_then(|fact| fact.stale_note(now)) {
            warn!("{note}");
        }
    }
}

fn refused(why: &dyn fmt::Display) -> Outcome {
    Outcome::Refused(vec![why.to_string()])
}
