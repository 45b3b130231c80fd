//! What an observer of the machine knows: what it was told, what it said, and when.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use nearpoint::routing::control::{
    AlarmChange, Cause, HealthChange, ProbeOutcome, ProbeReport, ProbeRequest,
};
use nearpoint::routing::{
    AccessPointId, AdminState, AlarmKind, ClientPrefix, ConnectFailure, DcId, Health, ProbeFailure,
    Snapshot, Topology,
};

/// Evidence of sessions that is older counts for nothing. The machine looks at ten seconds, and may
/// do so a little later than the evidence was left.
const EVIDENCE: Duration = Duration::from_millis(11_000);

/// The machine looks at evidence that is not announced so late.
pub(crate) const LATE: Duration = Duration::from_millis(1_100);

/// The observer's notes.
#[derive(Default)]
pub(crate) struct Ledger {
    access_points: BTreeMap<AccessPointId, Record>,
    dcs: BTreeMap<DcId, DcRecord>,
    /// Alarms that were told and are not over.
    pub(crate) alarms: BTreeMap<AccessPointId, AlarmKind>,
    /// Probes asked for and not reported.
    under_way: BTreeMap<AccessPointId, u64>,
    /// Identities that were out of the configuration since the last snapshot: they may be new ones.
    unsure: BTreeSet<AccessPointId>,
    /// The same of DCs.
    unsure_dcs: BTreeSet<DcId>,
    /// When a probe was last reported to which something came back, or sessions were looked at to
    /// which something had.
    pub(crate) last_answer: Option<Instant>,
    /// When something last came back to a session.
    pub(crate) last_session_answer: Option<Instant>,
}

/// Notes on one access point.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// As it was last told.
    pub(crate) health: Health,
    /// What the operator last wanted.
    pub(crate) admin: AdminState,
    /// Probes in a row that failed by its fault.
    pub(crate) failures: u32,
    /// Probes in a row that did not fail.
    pub(crate) successes: u32,
    /// When its last probe was asked for, or else when it became known.
    pub(crate) probed: Instant,
    /// When it last answered a probe.
    answered: Option<Instant>,
    /// When each client prefix last said something against it.
    pub(crate) accused: BTreeMap<ClientPrefix, Instant>,
    /// The last time it became Up, and whether it had been Down.
    pub(crate) up: Option<(Instant, bool)>,
    /// The last time it became Down, and for how long it was to be held.
    pub(crate) down: Option<(Instant, Duration)>,
    /// Its hold-down may have been taken back without a word: nobody probes it, and the edge was cut off when it
    /// went Down.
    pub(crate) is_excused: bool,
    /// All the times it became Up after it had been Down.
    pub(crate) recoveries: Vec<Instant>,
}

/// Notes on one DC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DcRecord {
    /// As it was last told.
    pub(crate) health: Health,
    /// What the operator last wanted.
    pub(crate) admin: AdminState,
}

impl Record {
    fn new(now: Instant) -> Self {
        Self {
            health: Health::Unknown,
            admin: AdminState::Ready,
            failures: 0,
            successes: 0,
            probed: now,
            answered: None,
            accused: BTreeMap::new(),
            up: None,
            down: None,
            is_excused: false,
            recoveries: Vec::new(),
        }
    }

    /// How many client prefixes have said something against it lately.
    pub(crate) fn accusers(&self, now: Instant) -> usize {
        self.accused.values().filter(|at| **at + EVIDENCE >= now).count()
    }

    /// Whether sessions have said something against it since it last answered a probe. The machine
    /// may have looked at that a little later.
    pub(crate) fn is_suspected(&self) -> bool {
        let last = self.accused.values().max();
        last.is_some_and(|at| self.answered.is_none_or(|answered| *at + LATE >= answered))
    }

    /// Until when it was to be held, the last time it became Down.
    pub(crate) fn held_until(&self) -> Option<Instant> {
        self.down.map(|(at, held_for)| at + held_for)
    }

    /// Takes note of a change.
    fn turn(&mut self, change: &HealthChange, now: Instant) {
        let HealthChange { transition, cause, held_for, .. } = change;
        self.health = transition.to;
        match (transition.to, cause) {
            // What is taken back has not happened.
            (_, Cause::Isolated) => self.down = None,
            (Health::Down, _) => (self.down, self.is_excused) = (Some((now, *held_for)), false),
            (Health::Up, _) => {
                // What others have come to is no turn of its own.
                let recovered = transition.from == Health::Down && *cause != Cause::TcpOfDc;
                if recovered {
                    self.recoveries.push(now);
                    self.up = Some((now, true));
                }
                if transition.from == Health::Unknown {
                    self.up = Some((now, false));
                }
            }
            (Health::Unknown | Health::Suspect, _) => {}
        }
    }
}

impl Ledger {
    /// What is known of an access point that the machine may speak of.
    pub(crate) fn access_point(&self, id: AccessPointId) -> Option<&Record> {
        self.access_points.get(&id)
    }

    /// All of them.
    pub(crate) fn access_points(&self) -> impl Iterator<Item = (AccessPointId, &Record)> {
        self.access_points.iter().map(|(id, record)| (*id, record))
    }

    /// What is known of a DC.
    pub(crate) fn dc(&self, id: DcId) -> Option<&DcRecord> {
        self.dcs.get(&id)
    }

    /// Whether it may have left and come back without a snapshot between.
    pub(crate) fn is_unsure(&self, id: AccessPointId) -> bool {
        self.unsure.contains(&id)
    }

    /// The same of a DC.
    pub(crate) fn is_unsure_dc(&self, id: DcId) -> bool {
        self.unsure_dcs.contains(&id)
    }

    /// How many probes are under way.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// A configuration is about to replace another.
    pub(crate) fn on_configuration(&mut self, before: &Topology, after: &Topology, now: Instant) {
        for id in self.access_points.keys() {
            let both = [before, after].iter().all(|it| it.find_access_point(*id).is_some());
            if !both {
                self.unsure.insert(*id);
            }
        }
        for id in self.dcs.keys() {
            let both = [before, after].iter().all(|it| it.find_dc(*id).is_some());
            if !both {
                self.unsure_dcs.insert(*id);
            }
        }
        for access_point in after.access_points() {
            let record = self.access_points.entry(access_point.id);
            let record = record.or_insert_with(|| Record::new(now));
            let was_probed = before.find_access_point(access_point.id);
            if was_probed.is_some_and(|at| !before.is_probed(before.access_point(at))) {
                record.probed = now;
            }
        }
        for dc in after.dcs() {
            self.dcs.entry(dc.id).or_insert_with(DcRecord::new);
        }
    }

    /// A probe was asked for; the number of another one of the same access point that has not been
    /// reported.
    pub(crate) fn on_request(&mut self, request: &ProbeRequest, now: Instant) -> Option<u64> {
        let record = self.access_points.entry(request.access_point);
        record.or_insert_with(|| Record::new(now)).probed = now;
        self.under_way.insert(request.access_point, request.number)
    }

    /// A probe is about to be reported.
    pub(crate) fn on_report(&mut self, report: &ProbeReport, now: Instant) {
        self.under_way.remove(&report.access_point);
        let Some(record) = self.access_points.get_mut(&report.access_point) else { return };
        match &report.outcome {
            Ok(_) => {
                record.successes += 1;
                record.failures = 0;
                record.answered = Some(now);
            }
            Err(failure) if failure.depth().is_some() => {
                record.failures += 1;
                record.successes = 0;
            }
            Err(_) => {}
        }
    }

    /// The operator wants this of an access point.
    pub(crate) fn on_admin(&mut self, id: AccessPointId, admin: AdminState) {
        if let Some(record) = self.access_points.get_mut(&id) {
            record.admin = admin;
        }
    }

    /// A session says something against an access point.
    pub(crate) fn on_accusation(&mut self, id: AccessPointId, by: ClientPrefix, now: Instant) {
        if let Some(record) = self.access_points.get_mut(&id) {
            record.accused.insert(by, now);
        }
    }

    /// The machine tells of a change of health; what was known before.
    pub(crate) fn on_change(&mut self, change: &HealthChange, now: Instant) -> Record {
        let record = self.access_points.entry(change.access_point);
        let record = record.or_insert_with(|| Record::new(now));
        let before = record.clone();
        record.turn(change, now);
        before
    }

    /// The machine says that the edge is cut off: those that nobody asks may have been held down for that.
    pub(crate) fn on_isolation(&mut self, is_unasked: impl Fn(AccessPointId) -> bool) {
        for (id, record) in &mut self.access_points {
            record.is_excused |= record.health == Health::Down && is_unasked(*id);
        }
    }

    /// The machine tells of an alarm. Returns the one that was raised before.
    pub(crate) fn on_alarm(&mut self, change: &AlarmChange) -> Option<AlarmKind> {
        match change.end {
            None => self.alarms.insert(change.access_point, change.alarm.kind()),
            Some(_) => self.alarms.remove(&change.access_point),
        }
    }

    /// The machine tells that a DC is of this health now; what was known before.
    pub(crate) fn on_dc_change(&mut self, dc: DcId, health: Health) -> Health {
        let record = self.dcs.entry(dc).or_insert_with(DcRecord::new);
        std::mem::replace(&mut record.health, health)
    }

    /// The operator wants this of a DC.
    pub(crate) fn on_dc_admin(&mut self, dc: DcId, admin: AdminState) {
        if let Some(record) = self.dcs.get_mut(&dc) {
            record.admin = admin;
        }
    }

    /// A snapshot says who there is. Who is new in it has no past.
    pub(crate) fn on_snapshot(&mut self, snapshot: &Snapshot, now: Instant) {
        let topology = &snapshot.topology;
        self.access_points.retain(|id, _| topology.find_access_point(*id).is_some());
        self.dcs.retain(|id, _| topology.find_dc(*id).is_some());
        for (access_point, state) in topology.access_points().iter().zip(&snapshot.access_points) {
            let record = self.access_points.entry(access_point.id);
            let record = record.or_insert_with(|| Record::new(now));
            if self.unsure.contains(&access_point.id) {
                if state.health == Health::Unknown {
                    *record = Record { probed: record.probed, ..Record::new(now) };
                }
                record.admin = state.admin;
            }
        }
        for (dc, state) in topology.dcs().iter().zip(&snapshot.dcs) {
            let record = self.dcs.entry(dc.id).or_insert_with(DcRecord::new);
            if self.unsure_dcs.contains(&dc.id) {
                *record = DcRecord { health: state.health, admin: state.admin };
            }
        }
        self.unsure.clear();
        self.unsure_dcs.clear();
    }
}

/// Whether something came back from the access point itself, and be it a refusal.
pub(crate) fn came_back(outcome: &ProbeOutcome) -> bool {
    match outcome {
        Ok(_) => true,
        Err(
            ProbeFailure::Closed
            | ProbeFailure::Silent
            | ProbeFailure::WrongAnswer
            | ProbeFailure::Foreign(_)
            | ProbeFailure::NoBackEnd
            | ProbeFailure::ErrorCode(_)
            | ProbeFailure::WrongDc,
        ) => true,
        Err(ProbeFailure::Connect(failure)) => match failure {
            ConnectFailure::Refused | ConnectFailure::Reset => true,
            ConnectFailure::Timeout | ConnectFailure::Unreachable | ConnectFailure::Local(_) => {
                false
            }
        },
    }
}

impl DcRecord {
    fn new() -> Self {
        Self { health: Health::Unknown, admin: AdminState::Ready }
    }
}
