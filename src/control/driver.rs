//! The loop around the control machine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{info, warn};

use super::ControlState;
use super::handles::{Command, CommandSender, PassiveEvidence, SnapshotReader};
use crate::routing::control::{Change, Effect, Event, HealthChange, ProbeReport, ProbeRequest};
use crate::routing::{Locate, Snapshot, Topology};

/// Evidence is folded no more often than this: a storm of failed connects costs one look.
const FOLD_PAUSE: Duration = Duration::from_millis(20);

/// Commands that wait; senders beyond wait with them.
const COMMANDS: usize = 16;

/// Control before it runs, with the handles that others need of it.
pub struct Control {
    /// Reads snapshots.
    pub reader: SnapshotReader,
    /// Sends commands.
    pub commands: CommandSender,
    /// Takes evidence.
    pub evidence: PassiveEvidence,
    state: ControlState,
    queue: mpsc::Receiver<(Command, oneshot::Sender<Arc<Snapshot>>)>,
    generations: watch::Sender<u64>,
}

impl Control {
    /// Control over this topology, with nothing probed yet.
    #[must_use]
    pub fn new(topology: Arc<Topology>, locate: Arc<dyn Locate>) -> Self {
        let (state, first) = ControlState::new(topology, locate, Instant::now());
        let (sender, queue) = mpsc::channel(COMMANDS);
        let (generations, seen) = watch::channel(first.generation);
        let current = Arc::new(ArcSwap::new(first));
        Self {
            reader: SnapshotReader { current, generations: seen },
            commands: CommandSender { queue: sender },
            evidence: PassiveEvidence::default(),
            state,
            queue,
            generations,
        }
    }
}

/// Runs control until every [`CommandSender`] is gone. Probes are asked for on `requests`, which is
/// never full as long as at most one request per access point is under way there, and reported on
/// `reports`.
pub async fn run(
    control: Control,
    requests: mpsc::UnboundedSender<ProbeRequest>,
    mut reports: mpsc::UnboundedReceiver<ProbeReport>,
) {
    let Control { reader, commands, evidence, mut state, mut queue, generations } = control;
    drop(commands);
    let mut folded_at = Instant::now();
    let mut waiting = Vec::new();
    loop {
        let deadline = state.next_deadline();
        let event = tokio::select! {
            biased;
            command = queue.recv() => match command {
                None => return,
                Some((command, done)) => {
                    waiting.push(done);
                    event_of(command)
                }
            },
            Some(report) = reports.recv() => Event::Probed(report),
            () = fold_due(&evidence, folded_at) => {
                folded_at = Instant::now();
                Event::Evidence
            }
            () = sleep_until(deadline) => Event::Tick,
        };
        for effect in state.on_event(event, Instant::now()) {
            match effect {
                // A prober that is gone means that the daemon is ending.
                Effect::Probe(request) => drop(requests.send(request)),
                Effect::Changed(change) => log_change(change),
                Effect::Publish(snapshot) => {
                    reader.current.store(Arc::clone(&snapshot));
                    generations.send_replace(snapshot.generation);
                    for done in waiting.drain(..) {
                        // Who sent the command may have given up waiting.
                        let _ = oneshot::Sender::send(done, Arc::clone(&snapshot));
                    }
                }
            }
        }
    }
}

fn event_of(command: Command) -> Event {
    match command {
        Command::Configure(topology, locate) => Event::Configuration(topology, locate),
        Command::AdminDc(dc, state) => Event::AdminDc(dc, state),
        Command::AdminAccessPoint(id, state) => Event::AdminAccessPoint(id, state),
    }
}

async fn fold_due(evidence: &PassiveEvidence, folded_at: Instant) {
    tokio::time::sleep_until((folded_at + FOLD_PAUSE).into()).await;
    evidence.left.notified().await;
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

fn log_change(change: Change) {
    match change {
        Change::AccessPoint(HealthChange { access_point, transition, cause, held_for }) => {
            info!(
                dc = %access_point.dc,
                access_point = %access_point.address,
                from = transition.from.as_str(),
                to = transition.to.as_str(),
                %cause,
                held_for_seconds = held_for.as_secs(),
                "access point changed"
            );
        }
        Change::Dc { dc, transition } => {
            let (from, to) = (transition.from.as_str(), transition.to.as_str());
            info!(%dc, from, to, "DC changed");
        }
        Change::AdminDc(dc, state) => info!(%dc, state = state.as_str(), "DC set"),
        Change::AdminAccessPoint(id, state) => {
            info!(dc = %id.dc, access_point = %id.address, state = state.as_str(), "access point set");
        }
        Change::Isolation { isolated: true } => {
            warn!("this edge is cut off from every site; health stays as it was");
        }
        Change::Isolation { isolated: false } => info!("this edge is connected again"),
        Change::Configuration(revision) => info!(%revision, "configuration in force"),
    }
}
