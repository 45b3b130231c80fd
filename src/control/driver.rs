//! The loop around the control machine.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot, watch};

use super::ControlState;
use super::handles::{Command, CommandSender, PassiveEvidence, SnapshotReader};
use super::journal::Journal;
use super::retired::Retired;
use crate::events::EventLog;
use crate::metrics::Metrics;
use crate::routing::control::{Effect, Event, ProbeReport, ProbeRequest};
use crate::routing::{Intents, Locate, Snapshot, Topology};

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
    /// Control over this topology, with nothing probed yet and what operators wanted before.
    #[must_use]
    pub fn new(topology: Arc<Topology>, locate: Arc<dyn Locate>, intents: Intents) -> Self {
        let (state, first) = ControlState::new(topology, locate, intents, Instant::now());
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

/// Where control says what it sees.
pub struct Audience {
    /// Changes of state.
    pub events: Arc<EventLog>,
    /// How late probes are.
    pub metrics: Arc<Metrics>,
}

/// Runs control until every [`CommandSender`] is gone. Probes are asked for on `requests`, which is
/// never full as long as at most one request per access point is under way there, and reported on
/// `reports`. Changes go to `audience` and, limited for each access point, into the log.
pub async fn run(
    control: Control,
    requests: mpsc::UnboundedSender<ProbeRequest>,
    mut reports: mpsc::UnboundedReceiver<ProbeReport>,
    audience: Audience,
) {
    let Control { reader, commands, evidence, mut state, mut queue, generations } = control;
    let Audience { events, metrics } = audience;
    drop(commands);
    let mut journal = Journal::new(events, &reader.load().topology);
    let mut folded_at = Instant::now();
    let mut waiting = Vec::new();
    let mut retired = Retired::default();
    loop {
        let deadline = [state.next_deadline(), journal.next_deadline()].into_iter().flatten().min();
        let event = tokio::select! {
            biased;
            command = queue.recv() => match command {
                None => return,
                Some((command, done)) => {
                    waiting.push(done);
                    let event = event_of(command);
                    if let Event::Configuration(topology, ..) = &event {
                        journal.on_topology(topology);
                    }
                    event
                }
            },
            Some(report) = reports.recv() => Event::Probed(report),
            () = fold_due(&evidence, folded_at) => {
                folded_at = Instant::now();
                Event::Evidence
            }
            () = sleep_until(deadline) => Event::Tick,
        };
        let now = Instant::now();
        journal.on_time(now);
        for effect in state.on_event(event, now) {
            match effect {
                // A prober that is gone means that the daemon is ending.
                Effect::Probe(request) => drop(requests.send(request)),
                Effect::Changed(change) => journal.on_change(change, now, SystemTime::now()),
                Effect::Publish(snapshot) => {
                    retired.add(reader.current.swap(Arc::clone(&snapshot)));
                    generations.send_replace(snapshot.generation);
                    for done in waiting.drain(..) {
                        // Who sent the command may have given up waiting.
                        let _ = oneshot::Sender::send(done, Arc::clone(&snapshot));
                    }
                }
            }
        }
        retired.release();
        metrics.probe_lag_seconds.set(state.probe_lag(now).as_secs_f64());
    }
}

fn event_of(command: Command) -> Event {
    match command {
        Command::Configure(topology, locate, brought) => {
            Event::Configuration(topology, locate, brought)
        }
        Command::Intend(target, intent) => Event::Intent(target, intent),
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
