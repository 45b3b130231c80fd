//! Checks a new configuration against the running one and puts it into force as a whole.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};

use super::look::{Looks, Shapes};
use super::settle::{Settled, settle};
use super::watcher;
use crate::admin::Facts;
use crate::admin::facts::{GeoipFact, ListenerFact, ReloadFact};
use crate::config::{Config, Geoip, GeoipDatabase, Loaded, ReloadPlan, Sources, guards};
use crate::control::CommandSender;
use crate::forward::DataPlane;
use crate::geoip::{Database, GeoDbError, Locator, Overrides};
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

/// What is in force.
pub struct Running {
    /// The main file.
    pub main: PathBuf,
    /// The configuration.
    pub config: Config,
    /// The files it was made of.
    pub sources: Sources,
    /// What they looked like before they were read.
    pub shapes: Shapes,
    /// The GeoIP database.
    pub database: Arc<Database>,
}

/// Owns what a reload changes.
pub struct Reloader {
    running: Running,
    /// The files as they were last read, in force or refused: only another change is news.
    seen: Shapes,
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
        let seen = running.shapes.clone();
        let reloader = Self { running, seen, plane, commands, metrics, facts };
        reloader.tell_facts();
        reloader
    }

    /// Reloads when a file changes or somebody asks, until nobody can ask any more; then returns the
    /// data plane, to be drained.
    pub async fn run(mut self, mut requests: mpsc::Receiver<Request>) -> DataPlane {
        loop {
            tokio::select! {
                biased;
                request = requests.recv() => match request {
                    None => return self.plane,
                    Some((source, done)) => {
                        let outcome = self.reload(source).await;
                        // Who asked may have left.
                        let _ = done.send(outcome);
                    }
                },
                () = watcher::changed(&self.seen) => drop(self.reload(Source::File).await),
            }
        }
    }

    async fn reload(&mut self, source: Source) -> Outcome {
        let outcome = match settle(&self.running.main, &self.running.sources).await {
            Ok(Settled { loaded, looks }) => {
                self.seen = looks.shapes();
                match loaded {
                    Ok(loaded) => self.accept(loaded, &looks).await,
                    Err(error) => {
                        Outcome::Refused(error.problems.iter().map(ToString::to_string).collect())
                    }
                }
            }
            Err(error) => {
                self.seen = Shapes::of(&self.running.sources);
                refused(&error)
            }
        };
        self.tell(source, &outcome);
        outcome
    }

    /// Everything that can fail comes first; what follows takes effect as one snapshot.
    async fn accept(&mut self, loaded: Loaded, looks: &Looks) -> Outcome {
        let Loaded { config, notes, sources } = loaded;
        let plan = ReloadPlan::new(&self.running.config, &config);
        let same_database = self.is_same_database(&config, &sources, looks);
        if same_database && self.running.config == config {
            return Outcome::Unchanged;
        }
        let (old, new) = (&self.running.config.topology, &config.topology);
        if let Err(refusal) = guards::check(old, new, &config.guards) {
            return refused(&refusal);
        }
        let database = match same_database {
            true => Arc::clone(&self.running.database),
            false => match open_database(&config.geoip) {
                Ok(database) => Arc::new(database),
                Err(error) => return refused(&error),
            },
        };
        let prepared = match self.plane.prepare(&config.listeners) {
            Ok(prepared) => prepared,
            Err(error) => return refused(&error),
        };
        let locate = Arc::new(locator(&config.geoip, Arc::clone(&database)));
        let topology = Arc::new(config.topology.clone());
        if let Err(error) = self.commands.configure(topology, locate).await {
            return refused(&error);
        }
        self.plane.apply(prepared);
        if plan.dc_options_changed {
            self.facts.set_dc_options_accepted(Instant::now());
        }
        for key in &plan.needs_restart {
            warn!(key, "the new value waits for a restart");
        }
        for note in &notes {
            info!(%note, "configuration");
        }
        info!(%plan, revision = %config.topology.revision(), "configuration in force");
        let main = self.running.main.clone();
        self.running = Running { main, config, sources, shapes: looks.shapes(), database };
        self.tell_facts();
        Outcome::Accepted
    }

    fn is_same_database(&self, config: &Config, sources: &Sources, looks: &Looks) -> bool {
        let same_file = sources
            .geoip
            .as_ref()
            .is_none_or(|path| self.running.shapes.shape(path) == looks.shapes().shape(path));
        same_file && self.running.config.geoip.database == config.geoip.database
    }

    fn tell(&self, source: Source, outcome: &Outcome) {
        let labels = [source.as_str(), outcome.as_str()];
        self.metrics.config_reloads_total.with_label_values(&labels).inc();
        let problems = match outcome {
            Outcome::Accepted => Vec::new(),
            Outcome::Unchanged => {
                info!(source = source.as_str(), "nothing has changed");
                return;
            }
            Outcome::Refused(problems) => {
                let problems = problems.clone();
                error!(
                    source = source.as_str(),
                    "reload refused, the last good configuration stays"
                );
                problems.iter().for_each(|problem| error!("{problem}"));
                problems
            }
        };
        self.facts.set_last_reload(ReloadFact {
            at: SystemTime::now(),
            source: source.as_str().to_owned(),
            accepted: problems.is_empty(),
            problems,
        });
    }

    fn tell_facts(&self) {
        let addresses = self.plane.addresses();
        let listeners = self.running.config.listeners.iter().map(|listener| ListenerFact {
            name: listener.name.to_string(),
            addresses: addresses.get(&listener.name).cloned().unwrap_or_default(),
        });
        self.facts.set_listeners(listeners.collect());
        let source = match &self.running.config.geoip.database {
            GeoipDatabase::Embedded => "embedded".to_owned(),
            GeoipDatabase::File(path) => path.display().to_string(),
        };
        let epoch = self.running.database.build_epoch();
        let built = SystemTime::UNIX_EPOCH.checked_add(std::time::Duration::from_secs(epoch));
        self.facts.set_geoip(Some(GeoipFact { source, built }));
        self.metrics.geoip_build_timestamp_seconds.set(epoch as f64);
    }
}

/// Opens the database that `geoip` names.
///
/// # Errors
/// When it cannot be read or is damaged.
pub fn open_database(geoip: &Geoip) -> Result<Database, GeoDbError> {
    match &geoip.database {
        GeoipDatabase::Embedded => Ok(Database::embedded()),
        GeoipDatabase::File(path) => Database::open(path),
    }
}

/// The locator that `geoip` describes, over this database.
#[must_use]
pub fn locator(geoip: &Geoip, database: Arc<Database>) -> Locator {
    Locator::new(database, Overrides::new(geoip.overrides.iter().copied()), geoip.default)
}

fn refused(why: &dyn fmt::Display) -> Outcome {
    Outcome::Refused(vec![why.to_string()])
}
