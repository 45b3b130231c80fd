//! A storm: the machine, the network it watches, the clients that come, and the clock of them all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nearpoint::routing::control::{Brought, Change, Event};
use nearpoint::routing::{AccessPointId, AdminState, DcId, Health, Intent, Target};

use crate::agenda::Agenda;
use crate::clients::{Cities, Stream};
use crate::fault::Fault;
use crate::flows::FlowStep;
use crate::journal::Journal;
use crate::layout::{FLOWS, Layout};
use crate::machine::Machine;
use crate::network::{FaultId, Network};
use crate::probes::{PendingProbe, ProbeStep};
use crate::random::Random;
use crate::rules::isolation;
use crate::sessions::{SessionStep, Sessions};

/// Evidence of sessions is looked at no more often than this.
const FOLD_PAUSE: Duration = Duration::from_millis(20);

/// Rules that hold at any time are asked after so many happenings.
const LOOK_OVER: u64 = 50;

/// One simulated network with its edge.
pub(crate) struct Storm {
    pub(crate) random: Random,
    pub(crate) now: Instant,
    pub(crate) began: Instant,
    pub(crate) network: Network,
    pub(crate) layout: Layout,
    pub(crate) machine: Machine,
    pub(crate) sessions: Sessions,
    pub(crate) probes: BTreeMap<AccessPointId, PendingProbe>,
    pub(crate) agenda: Agenda<Happening>,
    pub(crate) journal: Journal,
    /// All that the machine has told people, and when.
    pub(crate) told: Vec<(Instant, Change)>,
    streams: BTreeMap<StreamId, Stream>,
    last_stream: u32,
    folded_at: Instant,
    folding: bool,
    happened: u64,
}

/// Something that happens at its time.
pub(crate) enum Happening {
    Probe(AccessPointId, ProbeStep),
    Session(SessionStep),
    Flow(FlowStep),
    /// A client of this stream comes.
    Arrival(StreamId),
    /// The machine looks at what sessions have left.
    Fold,
    /// A fault ends.
    Lift(FaultId),
    /// A stream ends.
    Hush(StreamId),
}

/// Names a stream of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StreamId(u32);

impl Storm {
    /// A storm over this network that has just begun.
    pub(crate) fn new(
        mut layout: Layout,
        network: Network,
        random: Random,
        mut journal: Journal,
    ) -> Self {
        let now = journal.began();
        let topology = layout.topology();
        for dc in topology.dcs() {
            let place = network.place(dc.id);
            let members = topology.access_points().iter().filter(|it| it.id.dc == dc.id).count();
            journal.note(now, || {
                format!(
                    "DC {}: site {}, {:?}, {members} access points, probe {:?} every {:?}",
                    dc.id,
                    place.site,
                    place.round_trip,
                    dc.health.probe.depth(),
                    dc.health.interval
                )
            });
        }
        let mut storm = Self {
            random,
            now,
            began: now,
            network,
            layout,
            machine: Machine::new(topology, now),
            sessions: Sessions::default(),
            probes: BTreeMap::new(),
            agenda: Agenda::default(),
            journal,
            told: Vec::new(),
            streams: BTreeMap::new(),
            last_stream: 0,
            folded_at: now,
            folding: false,
            happened: 0,
        };
        storm.tell(Event::Tick);
        storm
    }

    /// Events so far: each call of the machine and each question to an attempt plan is one.
    pub(crate) fn events(&self) -> u64 {
        self.machine.events + self.sessions.steps
    }

    /// Since the beginning.
    pub(crate) fn elapsed(&self) -> Duration {
        self.now - self.began
    }

    /// Lets the next thing happen, if it does by `end`.
    pub(crate) fn step(&mut self, end: Instant) -> bool {
        let tick = self.machine.next_deadline().map(|at| at.max(self.now));
        let next = [self.agenda.next_at(), tick].into_iter().flatten().min();
        let Some(at) = next.filter(|at| *at <= end) else {
            self.now = end;
            return false;
        };
        self.now = at;
        self.happened += 1;
        match self.agenda.next_at() == Some(at) {
            true => self.happen(),
            false => self.tell(Event::Tick),
        }
        if self.happened.is_multiple_of(LOOK_OVER) {
            self.machine.look_over(self.now);
        }
        true
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
    }

    /// Lets time pass until `done` says so, at most so long; how long it took.
    pub(crate) fn run_until(
        &mut self,
        most: Duration,
        done: impl Fn(&Self) -> bool,
    ) -> Option<Duration> {
        let (from, end) = (self.now, self.now + most);
        loop {
            if done(self) {
                return Some(self.now - from);
            }
            if !self.step(end) {
                return None;
            }
        }
    }

    /// Something goes wrong.
    pub(crate) fn inject(&mut self, fault: Fault) -> FaultId {
        self.journal.note(self.now, || format!("fault: {fault}"));
        self.network.inject(fault, self.now)
    }

    /// Something goes wrong for a while.
    pub(crate) fn inject_for(&mut self, fault: Fault, time: Duration) {
        let id = self.inject(fault);
        self.agenda.enter(self.now + time, Happening::Lift(id));
    }

    /// It is well again.
    pub(crate) fn lift(&mut self, id: FaultId) {
        if let Some(fault) = self.network.lift(id, self.now) {
            self.journal.note(self.now, || format!("lifted: {fault}"));
        }
    }

    /// Clients begin to come.
    pub(crate) fn start_stream(&mut self, stream: Stream) -> StreamId {
        self.last_stream += 1;
        let id = StreamId(self.last_stream);
        self.journal.note(self.now, || format!("clients: {stream:?}"));
        self.streams.insert(id, stream);
        self.agenda.enter(self.now, Happening::Arrival(id));
        id
    }

    /// Clients come for a while.
    pub(crate) fn start_stream_for(&mut self, stream: Stream, time: Duration) {
        let id = self.start_stream(stream);
        self.agenda.enter(self.now + time, Happening::Hush(id));
    }

    /// Nobody comes any more.
    pub(crate) fn hush(&mut self) {
        self.streams.clear();
    }

    /// Operators change the configuration.
    pub(crate) fn reload(&mut self) {
        let change = self.layout.change(&mut self.network, &mut self.random);
        self.journal.note(self.now, || format!("reload: {change}"));
        let topology = self.layout.topology();
        self.tell(Event::Configuration(topology, Arc::new(Cities), Brought::default()));
    }

    /// Operators want this of a DC.
    pub(crate) fn set_dc(&mut self, dc: DcId, admin: AdminState) {
        self.journal.note(self.now, || format!("DC {dc}: {}", admin.as_str()));
        self.tell(Event::Intent(Target::Dc(dc), Intent::new(admin, self.now)));
    }

    /// Operators want this of an access point.
    pub(crate) fn set_access_point(&mut self, id: AccessPointId, admin: AdminState) {
        self.journal.note(self.now, || format!("access point {id}: {}", admin.as_str()));
        self.tell(Event::Intent(Target::AccessPoint(id), Intent::new(admin, self.now)));
    }

    /// Evidence that cannot wait has been left.
    pub(crate) fn notify(&mut self) {
        if !self.folding {
            self.folding = true;
            self.agenda.enter(self.now.max(self.folded_at + FOLD_PAUSE), Happening::Fold);
        }
    }

    /// The health of a DC as sessions see it.
    pub(crate) fn dc_health(&self, dc: DcId) -> Health {
        let snapshot = &self.machine.snapshot;
        snapshot.dc(snapshot.topology.find_dc(dc).expect("a DC of the snapshot")).health
    }

    /// Gives the machine an event and does what it says.
    pub(crate) fn tell(&mut self, event: Event) {
        let told = self.machine.on_event(event, self.now);
        for change in &told.changes {
            self.told.push((self.now, change.clone()));
            self.journal.note(self.now, || format!("told: {}", in_words(change)));
            if *change == (Change::Isolation { isolated: true }) {
                let last_answer = self.machine.ledger.last_answer;
                let snapshot = &self.machine.snapshot;
                isolation::isolation_is_of_everybody(
                    snapshot,
                    &self.network,
                    last_answer,
                    self.now,
                );
            }
        }
        for request in told.probes {
            self.begin_probe(request);
        }
    }

    fn happen(&mut self) {
        let Some(happening) = self.agenda.take() else { return };
        match happening {
            Happening::Probe(id, step) => self.on_probe_step(id, step),
            Happening::Session(step) => self.on_session_step(step),
            Happening::Flow(step) => self.on_flow_step(step),
            Happening::Arrival(id) => {
                let Some(stream) = self.streams.get(&id) else { return };
                let (client, pause) = stream.next(&mut self.random);
                let (listener, manner) = (stream.listener, stream.manner);
                self.agenda.enter(self.now + pause, Happening::Arrival(id));
                match listener {
                    FLOWS => self.begin_flow(client),
                    _ => self.begin_session(client, listener, manner),
                }
            }
            Happening::Fold => {
                self.folding = false;
                self.folded_at = self.now;
                self.tell(Event::Evidence);
            }
            Happening::Lift(id) => self.lift(id),
            Happening::Hush(id) => {
                self.journal.note(self.now, || "clients: fewer again".to_owned());
                self.streams.remove(&id);
            }
        }
    }
}

fn in_words(change: &Change) -> String {
    match change {
        Change::AccessPoint(change) => format!(
            "{} {} -> {} ({}), held {:?}",
            change.access_point,
            change.transition.from.as_str(),
            change.transition.to.as_str(),
            change.cause,
            change.held_for
        ),
        Change::Alarm(change) => {
            let over = change.end.map(|end| format!(", over: {}", end.as_str()));
            format!("{} {}{}", change.access_point, change.alarm, over.unwrap_or_default())
        }
        Change::Dc { dc, transition } => {
            format!("DC {dc} {} -> {}", transition.from.as_str(), transition.to.as_str())
        }
        Change::Closing { access_point, sessions } => {
            format!("{access_point} is given up by the silent ones of {sessions} sessions")
        }
        Change::Intent(change) => format!("{} is to be {}", change.target, change.to.as_str()),
        Change::Drill(change) => format!("drill of DC {} {}", change.dc, change.step.as_str()),
        Change::Isolation { isolated } => format!("isolated: {isolated}"),
        Change::Configuration(change) => format!("revision {}", change.revision),
    }
}
