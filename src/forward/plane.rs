//! The data plane as a whole: its threads, and how configuration reaches them.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use prometheus::IntCounter;
use tokio::sync::{mpsc, oneshot};
use tracing::error;

use super::bind_set::{self, BindKey, NewBind, OpenBind, OpenError, listen_options};
use super::closing::ResetPace;
use super::descriptors::{DescriptorBudget, DescriptorNeed, Descriptors};
use super::pipes::PipeBudget;
use super::roster::RosterDesk;
use super::unique_id::UniqueIds;
use super::worker::{self, BoundSocket, Command};
use crate::config::{self, Config, Memory};
use crate::control::{PassiveEvidence, SnapshotReader};
use crate::memory::{ClientsSeen, StickyMemory};
use crate::metrics::Metrics;
use crate::net;
use crate::routing::Origin;
use crate::sessions::Sessions;

/// What the data plane needs of the rest of the daemon.
pub struct Context {
    /// What the edge is called, as it tells DCs.
    pub edge: Arc<str>,
    /// Decides.
    pub snapshots: SnapshotReader,
    /// Learns of failed connects and of mute upstreams.
    pub evidence: PassiveEvidence,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Knows who is here.
    pub sessions: Arc<Sessions>,
    /// Knows who was here.
    pub memory: Arc<StickyMemory>,
    /// Knows some of those who were here lately.
    pub seen: Arc<ClientsSeen>,
}

/// What the workers share.
pub(super) struct Shared {
    pub(super) context: Context,
    pub(super) pipes: Arc<PipeBudget>,
    pub(super) descriptors: Arc<DescriptorBudget>,
    pub(super) pending_limit: u64,
    pub(super) heartbeats: Heartbeats,
    pub(super) resets: Arc<ResetPace>,
    pub(super) unique_ids: UniqueIds,
    lookups: [IntCounter; Origin::ALL.len()],
}

impl Shared {
    /// A client was looked up.
    pub(super) fn located(&self, origin: Origin) {
        self.lookups[origin as usize].inc();
    }
}

/// When each worker last turned its wheel.
pub(super) struct Heartbeats {
    began: Instant,
    /// Milliseconds since `began`.
    beats: Box<[AtomicU64]>,
}

impl Heartbeats {
    fn new(workers: usize) -> Self {
        let beats = (0..workers).map(|_| AtomicU64::new(0)).collect();
        Self { began: Instant::now(), beats }
    }

    /// The worker of this number lives.
    pub(super) fn beat(&self, worker: usize) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.beats[worker].store(now, Ordering::Relaxed);
    }
}

/// Tells whether the workers turn.
#[derive(Clone)]
pub struct Liveness {
    shared: Arc<Shared>,
}

impl Liveness {
    /// For each worker, how long ago it last showed that it lives.
    #[must_use]
    pub fn silence(&self) -> Vec<Duration> {
        let Heartbeats { began, beats } = &self.shared.heartbeats;
        let now = began.elapsed();
        let silence = |beat: &AtomicU64| {
            now.saturating_sub(Duration::from_millis(beat.load(Ordering::Relaxed)))
        };
        beats.iter().map(silence).collect()
    }
}

/// The running data plane.
pub struct DataPlane {
    shared: Arc<Shared>,
    workers: Vec<mpsc::UnboundedSender<Command>>,
    memory: Memory,
    descriptor_limit: u64,
    open: BTreeMap<BindKey, OpenBind>,
}

/// Sockets for a configuration that is about to hold. Dropping it closes them.
pub struct Prepared {
    wanted: BTreeMap<BindKey, Arc<config::Listener>>,
    new: BTreeMap<BindKey, NewBind>,
}

impl DataPlane {
    /// Starts `workers` threads with nothing to accept yet. `descriptors` bound how many sessions there
    /// can be.
    ///
    /// # Errors
    /// When a thread cannot be had, or a random number.
    pub fn start(
        workers: usize,
        memory: Memory,
        descriptors: Descriptors,
        context: Context,
    ) -> io::Result<Self> {
        let pipes = Arc::new(PipeBudget::new(memory.pipes, memory.pipe_size, workers));
        let lookups = Origin::ALL
            .map(|origin| context.metrics.geo_lookups_total.with_label_values(&[origin.as_str()]));
        let shared = Arc::new(Shared {
            descriptors: Arc::new(DescriptorBudget::new(descriptors)),
            pipes,
            pending_limit: memory.pending,
            heartbeats: Heartbeats::new(workers),
            resets: Arc::default(),
            unique_ids: UniqueIds::draw()?,
            lookups,
            context,
        });
        let start = |number| {
            let (commands, receiver) = mpsc::unbounded_channel();
            let (started, told) = std::sync::mpsc::channel();
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn(move || worker::run(number, shared, receiver, &started))?;
            told.recv().unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()))?;
            Ok(commands)
        };
        let workers = (0..workers).map(start).collect::<io::Result<_>>()?;
        Ok(Self {
            shared,
            workers,
            memory,
            descriptor_limit: descriptors.limit,
            open: BTreeMap::new(),
        })
    }

    /// What `config` could need of descriptors, and what there is: the limit, the threads and the pipes are
    /// those of the start.
    #[must_use]
    pub fn descriptor_need(&self, config: &Config) -> DescriptorNeed {
        DescriptorNeed::new(config, self.descriptors(config), self.workers.len())
    }

    /// Descriptors are divided as `config` has it from now on: what is kept for probes and listening sockets
    /// is no session's.
    pub fn divide_descriptors(&self, config: &Config) {
        self.shared.descriptors.divide(self.descriptors(config));
    }

    fn descriptors(&self, config: &Config) -> Descriptors {
        Descriptors::new(self.descriptor_limit, config, self.memory, self.workers.len())
    }

    /// Binds the sockets that `listeners` want and that are not open yet. Clients are refused there,
    /// and nothing that is open changes, until [`DataPlane::apply`].
    ///
    /// # Errors
    /// When a socket cannot be had; then none is left.
    pub fn prepare(&self, listeners: &[config::Listener]) -> Result<Prepared, OpenError> {
        let listeners: Vec<_> = listeners.iter().cloned().map(Arc::new).collect();
        let wanted = bind_set::wanted(&listeners);
        let missing = wanted.iter().filter(|(key, _)| !self.open.contains_key(key));
        let new = missing
            .map(|(key, it)| Ok((*key, bind_set::open(*key, it, self.workers.len())?)))
            .collect::<Result<_, OpenError>>()?;
        Ok(Prepared { wanted, new })
    }

    /// Listens at and accepts from what was prepared, adjusts what stays, closes what is not wanted
    /// any more.
    pub fn apply(&mut self, prepared: Prepared) {
        let Prepared { wanted, mut new } = prepared;
        let gone: Vec<BindKey> =
            self.open.keys().filter(|key| !wanted.contains_key(key)).copied().collect();
        for key in gone {
            self.open.remove(&key);
            self.tell(|| Command::Close(key));
        }
        for (key, listener) in wanted {
            if let Some(NewBind { open, sockets }) = new.remove(&key) {
                self.open.insert(key, open);
                let listening = sockets.iter().filter_map(|socket| match socket {
                    BoundSocket::Tcp(socket) => Some(socket),
                    BoundSocket::Udp(_) => None,
                });
                for socket in listening {
                    if let Err(error) = net::listen(socket, &listen_options(&listener)) {
                        error!(bind = %key, %error, "cannot listen");
                    }
                }
                // A worker that is gone has aborted the process.
                for (worker, socket) in self.workers.iter().zip(sockets) {
                    let _ = worker.send(Command::Open(key, socket, Arc::clone(&listener)));
                }
            } else if let Some(open) = self.open.get_mut(&key) {
                open.listener = Arc::clone(&listener.name);
                self.tell(|| Command::Adjust(key, Arc::clone(&listener)));
            }
        }
    }

    /// Where each listener is reached, port 0 resolved.
    #[must_use]
    pub fn addresses(&self) -> BTreeMap<Arc<str>, Vec<SocketAddr>> {
        let mut addresses: BTreeMap<Arc<str>, Vec<SocketAddr>> = BTreeMap::new();
        for open in self.open.values() {
            addresses.entry(Arc::clone(&open.listener)).or_default().push(open.bound);
        }
        addresses
    }

    /// What listeners remember. It has to follow a new configuration before that is applied:
    /// listeners look up once what is theirs.
    #[must_use]
    pub fn memory(&self) -> Arc<StickyMemory> {
        Arc::clone(&self.shared.context.memory)
    }

    /// Knows who is connected.
    #[must_use]
    pub fn roster(&self) -> RosterDesk {
        RosterDesk { workers: self.workers.clone() }
    }

    /// Who was here lately; it has to follow as memory has.
    #[must_use]
    pub fn seen(&self) -> Arc<ClientsSeen> {
        Arc::clone(&self.shared.context.seen)
    }

    /// Tells whether the workers turn.
    #[must_use]
    pub fn liveness(&self) -> Liveness {
        Liveness { shared: Arc::clone(&self.shared) }
    }

    /// Closes every listener, lets sessions end until `deadline`, and resets the others.
    pub async fn drain(self, deadline: Instant) {
        let mut drained = Vec::new();
        for worker in &self.workers {
            let (done, told) = oneshot::channel();
            if worker.send(Command::Drain(deadline.into(), done)).is_ok() {
                drained.push(told);
            }
        }
        for told in drained {
            // A worker that ended without a word has ended all the same.
            let _ = told.await;
        }
    }

    fn tell(&self, command: impl Fn() -> Command) {
        for worker in &self.workers {
            // A worker that is gone has aborted the process.
            let _ = worker.send(command());
        }
    }
}
