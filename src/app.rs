//! The composition root: puts the parts together, starts them in order, and ends them in order.

use std::collections::BTreeMap;
use std::fmt;
use std::future::ready;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tracing::info;

use crate::admin::{
    self, AdminContext, Asked, Credentials, CredentialsError, Doorway, EventsApi, Facts, Gate,
    Operations, ScrapeContext,
};
use crate::config::{AdminBind, Bind, Config, ConfigError, Shutdown};
use crate::control::{self, Audience, Control, SnapshotReader};
use crate::drain::{self, DrainTrigger, DrainWatch};
use crate::events::EventLog;
use crate::forward::{Context, DataPlane, Descriptors, OpenError};
use crate::memory::{self, ClientsSeen, Memories, StickyMemory};
use crate::metrics::Metrics;
use crate::net;
use crate::operations::{self, Desk, Drills, Forecaster, IntentDesk, ListDesk};
use crate::probe;
use crate::reload::{
    self, ContentError, DatabaseErrors, First, FirstError, Handles, Order, Outcome, Reloader,
    Source,
};
use crate::sessions::Sessions;
use crate::state_dir::StateDirError;

/// Reloads that wait; who asks beyond waits too.
const RELOADS: usize = 16;

/// Between looks at the snapshot that let go of series nobody needs, whether anybody scrapes or not.
const OBSERVE_EVERY: Duration = Duration::from_secs(60);

/// The cores that this process may use.
#[must_use]
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Why a daemon did not start.
#[derive(Debug)]
pub enum StartError {
    /// The configuration has problems.
    Config(ConfigError),
    /// GeoIP databases cannot be used.
    Geoip(DatabaseErrors),
    /// The files by which the admin side knows who asks cannot be used.
    Credentials(CredentialsError),
    /// The admin or the metrics listener cannot be had: where it is to be.
    SideDoor(String, io::Error),
    /// A listener cannot be had.
    Listener(OpenError),
    /// What is remembered of clients cannot be kept.
    StateDir(StateDirError),
    /// A thread cannot be had.
    Thread(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Geoip(error) => error.fmt(f),
            Self::Credentials(error) => error.fmt(f),
            Self::SideDoor(address, error) => write!(f, "cannot listen on {address}: {error}"),
            Self::Listener(error) => error.fmt(f),
            Self::StateDir(error) => error.fmt(f),
            Self::Thread(error) => write!(f, "cannot start a thread: {error}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Config(error) => Some(error),
            Self::Geoip(error) => Some(error),
            Self::Credentials(error) => Some(error),
            Self::SideDoor(_, error) | Self::Thread(error) => Some(error),
            Self::Listener(error) => Some(error),
            Self::StateDir(error) => Some(error),
        }
    }
}

impl From<FirstError> for StartError {
    fn from(error: FirstError) -> Self {
        match error {
            FirstError::Content(ContentError::Config(error)) => Self::Config(error),
            FirstError::Content(ContentError::Geoip(error)) => Self::Geoip(error),
            FirstError::StateDir(error) => Self::StateDir(error),
        }
    }
}

/// A running daemon.
pub struct App {
    /// What the daemon decides by.
    pub reader: SnapshotReader,
    /// What it counts.
    pub metrics: Arc<Metrics>,
    /// Where clients are served, by listener; port 0 resolved.
    pub listeners: BTreeMap<Arc<str>, Vec<SocketAddr>>,
    /// Where the admin API is, if at an address.
    pub admin: Option<SocketAddr>,
    /// Where Prometheus scrapes, if anywhere.
    pub scrape: Option<SocketAddr>,
    reloads: mpsc::Sender<reload::Request>,
    reloader: JoinHandle<DataPlane>,
    drain: DrainTrigger,
    shutdown: Shutdown,
    side_doors: Vec<JoinHandle<()>>,
    observer: JoinHandle<()>,
    keeper: JoinHandle<()>,
    stop_keeper: oneshot::Sender<()>,
}

impl App {
    /// Starts the daemon that the file describes, and returns once it accepts clients: after the
    /// first round of probes, or `health.startup_grace`. Must be called within a tokio runtime,
    /// which then carries everything but the data plane.
    ///
    /// # Errors
    /// When anything of it cannot be had. Then nothing is left running.
    pub async fn start(main: &Path) -> Result<Self, StartError> {
        let First { running, notes, directory, history } = reload::first(main).await?;
        let config = &running.config;
        for note in &notes {
            info!(%note, "configuration");
        }
        let routes = config.topology.routes().clone();
        let opened = memory::open(directory.clone(), routes).await;
        let memories = opened.map_err(StartError::StateDir)?;
        let parts = Parts::new(config, &memories);
        let locator = reload::locator(&config.geoip, running.databases.clone());
        let topology = Arc::new(config.topology.clone());
        let now = (Instant::now(), SystemTime::now());
        let intents = directory.as_deref().map(|it| operations::restore(it, now));
        let intents = intents.unwrap_or_default();
        let control = Control::new(topology, Arc::new(locator), intents);
        let mut plane = parts.data_plane(config, &control)?;
        let prepared = plane.prepare(&config.listeners).map_err(StartError::Listener)?;
        let (drain, draining) = drain::channel();
        let (reader, commands) = (control.reader.clone(), control.commands.clone());
        let beats = plane.liveness();
        let (reloads, requests) = mpsc::channel(RELOADS);
        let forecaster = parts.forecaster(&reader);
        let intents = Arc::new(IntentDesk::new(
            reader.clone(),
            commands.clone(),
            Arc::clone(&parts.metrics),
            directory.as_ref(),
        ));
        let desk = operations::desk(Desk {
            reader: reader.clone(),
            commands: commands.clone(),
            facts: Arc::clone(&parts.facts),
            roster: plane.roster(),
            lists: ListDesk::new(reloads.downgrade(), &history),
            intents: Arc::clone(&intents),
            drills: Drills::new(
                intents,
                forecaster.clone(),
                Arc::clone(&parts.metrics),
                Arc::clone(&parts.events),
            ),
            forecaster: forecaster.clone(),
        });
        let credentials = Credentials::load(&config.admin).map_err(StartError::Credentials)?;
        let credentials = Arc::new(credentials);
        let admin_door = SideDoor::admin(config, &credentials).await?;
        let scrape_door = SideDoor::metrics(config.metrics.bind).await?;
        let gate =
            Gate::new(Arc::clone(&credentials), parts.metrics.admin_logins_failed_total.clone());
        let admin = Arc::new(parts.admin_context(config, &reader, &draining, (beats, gate, desk)));
        let scrape = parts.scrape_context(&reader);
        let socket = match &config.admin.bind {
            AdminBind::Unix(path) => Some(Arc::clone(path)),
            AdminBind::Tcp(_) | AdminBind::Off => None,
        };
        let mut side_doors = SideDoors {
            admin: admin_door.as_ref().and_then(|door| door.address),
            scrape: scrape_door.as_ref().and_then(|door| door.address),
            tasks: vec![tokio::spawn(credentials.watch())],
        };
        side_doors.tasks.extend(admin_door.map(|door| {
            door.serve(move |request| {
                let admin = Arc::clone(&admin);
                async move { admin.respond(request).await }
            })
        }));
        side_doors
            .tasks
            .extend(scrape_door.map(|door| {
                door.serve(move |request: Asked| ready(scrape.respond(&request.head)))
            }));
        parts.start_control(control);
        reader.wait_for(|snapshot| snapshot.warmed_up).await;
        plane.apply(prepared);
        let listeners = plane.addresses();
        let shutdown = config.shutdown;
        let metrics = Arc::clone(&parts.metrics);
        let Parts { metrics: counts, facts, .. } = parts;
        let with = Handles { commands, metrics: counts, facts, history, directory, forecaster };
        let reloader = Reloader::new(running, plane, with);
        let reloader = tokio::spawn(reloader.run(requests, draining));
        let observer = tokio::spawn(observe(reader.clone(), Arc::clone(&metrics)));
        let (stop_keeper, stopped) = oneshot::channel();
        let keeper = tokio::spawn(memory::keep(memories, stopped));
        let (admin, scrape) = (side_doors.admin, side_doors.scrape);
        info!(?listeners, ?admin, ?socket, metrics = ?scrape, "serving");
        Ok(Self {
            reader,
            metrics,
            listeners,
            admin,
            scrape,
            reloads,
            reloader,
            drain,
            shutdown,
            side_doors: side_doors.tasks,
            observer,
            keeper,
            stop_keeper,
        })
    }

    /// Reads the configuration again, as SIGHUP does, and says what came of it.
    pub async fn reload(&self) -> Outcome {
        let (done, told) = oneshot::channel();
        let ending = || Outcome::Refused(vec!["the daemon is ending".to_owned()]);
        match self.reloads.send((Order::files(Source::Signal), done)).await {
            Ok(()) => told.await.map_or_else(|_| ending(), |done| Outcome::from(&done)),
            Err(_) => ending(),
        }
    }

    /// Drains and ends: readiness first, listeners after `shutdown.grace`, sessions until
    /// `shutdown.deadline`.
    pub async fn shut_down(self) {
        let deadline = Instant::now() + self.shutdown.deadline;
        self.drain.start();
        sleep(self.shutdown.grace).await;
        drop(self.reloads);
        // A reloader that panicked has aborted the process.
        if let Ok(plane) = self.reloader.await {
            plane.drain(deadline).await;
        }
        // What the last sessions left is saved with all else. A keeper that panicked has aborted the
        // process.
        drop(self.stop_keeper);
        let _ = self.keeper.await;
        self.observer.abort();
        for task in self.side_doors {
            task.abort();
            // Until it is gone, and its socket with it.
            let _ = task.await;
        }
    }
}

/// What exists before anything runs.
struct Parts {
    metrics: Arc<Metrics>,
    facts: Arc<Facts>,
    sessions: Arc<Sessions>,
    memory: Arc<StickyMemory>,
    seen: Arc<ClientsSeen>,
    events: Arc<EventLog>,
    workers: usize,
}

impl Parts {
    fn new(config: &Config, memories: &Memories) -> Self {
        let workers = config.edge.workers.count(cores());
        Self {
            metrics: Arc::new(Metrics::new(&config.edge.name)),
            facts: Arc::new(Facts::new(&config.edge.name, workers, Instant::now())),
            sessions: Arc::default(),
            memory: Arc::clone(&memories.sticky),
            seen: Arc::clone(&memories.seen),
            events: Arc::new(EventLog::new(SystemTime::now())),
            workers,
        }
    }

    fn data_plane(&self, config: &Config, control: &Control) -> Result<DataPlane, StartError> {
        let limit = net::raise_descriptor_limit();
        let descriptors = Descriptors::new(limit, config, config.memory, self.workers);
        let context = Context {
            edge: Arc::clone(&config.edge.name),
            snapshots: control.reader.clone(),
            evidence: control.evidence.clone(),
            metrics: Arc::clone(&self.metrics),
            sessions: Arc::clone(&self.sessions),
            memory: Arc::clone(&self.memory),
            seen: Arc::clone(&self.seen),
        };
        let plane = DataPlane::start(self.workers, config.memory, descriptors, context)
            .map_err(StartError::Thread)?;
        reload::warn_of_need(&plane.descriptor_need(config));
        Ok(plane)
    }

    fn admin_context(
        &self,
        config: &Config,
        reader: &SnapshotReader,
        draining: &DrainWatch,
        (beats, gate, operations): (crate::forward::Liveness, Gate, Arc<dyn Operations>),
    ) -> AdminContext {
        AdminContext {
            reader: reader.clone(),
            memory: Arc::clone(&self.memory),
            sessions: Arc::clone(&self.sessions),
            metrics: Arc::clone(&self.metrics),
            facts: Arc::clone(&self.facts),
            allowed_hosts: config.admin.allowed_hosts.iter().map(ToString::to_string).collect(),
            gate,
            draining: draining.clone(),
            events: EventsApi::new(Arc::clone(&self.events)),
            beat_ages: Arc::new(move || beats.silence()),
            operations,
        }
    }

    fn forecaster(&self, reader: &SnapshotReader) -> Forecaster {
        let (memory, seen) = (Arc::clone(&self.memory), Arc::clone(&self.seen));
        Forecaster::new(reader.clone(), memory, seen, Arc::clone(&self.sessions))
    }

    fn start_control(&self, control: Control) {
        let (requests, asked) = mpsc::unbounded_channel();
        let (reports, reported) = mpsc::unbounded_channel();
        let (events, metrics) = (Arc::clone(&self.events), Arc::clone(&self.metrics));
        tokio::spawn(probe::run(asked, reports, Arc::clone(&metrics)));
        tokio::spawn(control::run(control, requests, reported, Audience { events, metrics }));
    }

    fn scrape_context(&self, reader: &SnapshotReader) -> ScrapeContext {
        ScrapeContext {
            reader: reader.clone(),
            memory: Arc::clone(&self.memory),
            metrics: Arc::clone(&self.metrics),
            facts: Arc::clone(&self.facts),
        }
    }
}

/// The HTTP listeners. They outlive the drain: who watches it must not go blind.
struct SideDoors {
    admin: Option<SocketAddr>,
    scrape: Option<SocketAddr>,
    tasks: Vec<JoinHandle<()>>,
}

/// A bound HTTP listener.
struct SideDoor {
    doorway: Doorway,
    /// Where, if at an address.
    address: Option<SocketAddr>,
}

impl SideDoor {
    async fn admin(config: &Config, credentials: &Credentials) -> Result<Option<Self>, StartError> {
        match &config.admin.bind {
            AdminBind::Tcp(address) => {
                let doorway = Doorway::bind(*address, credentials.tls()).await;
                Self::of(doorway, address).map(Some)
            }
            AdminBind::Unix(path) => Self::of(Doorway::bind_unix(path), path.display()).map(Some),
            AdminBind::Off => Ok(None),
        }
    }

    async fn metrics(bind: Bind) -> Result<Option<Self>, StartError> {
        match bind {
            Bind::Tcp(address) => Self::of(Doorway::bind(address, None).await, address).map(Some),
            Bind::Off => Ok(None),
        }
    }

    fn of(doorway: io::Result<Doorway>, at: impl fmt::Display) -> Result<Self, StartError> {
        let failed = |error| StartError::SideDoor(at.to_string(), error);
        let doorway = doorway.map_err(failed)?;
        let address = doorway.local_addr().map_err(failed)?;
        Ok(Self { doorway, address })
    }

    fn serve<S, A>(self, service: S) -> JoinHandle<()>
    where
        S: Fn(Asked) -> A + Send + Sync + 'static,
        A: Future<Output = admin::Reply> + Send + 'static,
    {
        tokio::spawn(admin::serve(self.doorway, service, std::future::pending()))
    }
}

async fn observe(reader: SnapshotReader, metrics: Arc<Metrics>) {
    loop {
        sleep(OBSERVE_EVERY).await;
        metrics.observe(&reader.load(), Instant::now());
    }
}
