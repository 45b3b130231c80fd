//! The control machine under observation: every event goes through here, and everything that comes
//! out is held against the rules.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use nearpoint::routing::control::{
    Change, ControlState, Effect, Event, HealthChange, ProbeRequest,
};
use nearpoint::routing::topology::HealthSettings;
use nearpoint::routing::{
    AccessPointId, AccessPointSlot, DcId, Intents, Snapshot, Target, Topology,
};

use crate::clients::Cities;
use crate::ledger::{Ledger, came_back};
use crate::rules::{alarms, closing, health, isolation, probing, publishing, unasked};

/// The machine, what it published last, and what is known of it.
pub(crate) struct Machine {
    state: ControlState,
    /// The configuration last sent.
    configured: Arc<Topology>,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) ledger: Ledger,
    /// When each DC answered last: a probe, a connect, or with a byte.
    answers: BTreeMap<DcId, Instant>,
    /// Whether it says that the edge is cut off.
    pub(crate) isolated: bool,
    isolated_at: Option<Instant>,
    published_at: Instant,
    /// When the first command was sent that no snapshot has answered.
    commanded_at: Option<Instant>,
    /// Changes told since the last snapshot.
    changed: bool,
    /// Events so far.
    pub(crate) events: u64,
}

/// What came of an event.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) probes: Vec<ProbeRequest>,
    pub(crate) changes: Vec<Change>,
}

impl Machine {
    /// The machine at its start.
    pub(crate) fn new(topology: Arc<Topology>, now: Instant) -> Self {
        let configured = Arc::clone(&topology);
        let (state, snapshot) =
            ControlState::new(topology, Arc::new(Cities), Intents::default(), now);
        let mut ledger = Ledger::default();
        publishing::arrays_match_the_topology(&snapshot);
        ledger.on_snapshot(&snapshot, now);
        Self {
            state,
            configured,
            snapshot,
            ledger,
            answers: BTreeMap::new(),
            isolated: false,
            isolated_at: None,
            published_at: now,
            commanded_at: None,
            changed: false,
            events: 0,
        }
    }

    /// When the machine wants a tick.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.state.next_deadline()
    }

    /// Gives the machine an event and takes what comes out.
    pub(crate) fn on_event(&mut self, event: Event, now: Instant) -> Told {
        self.events += 1;
        let answered = self.take_note(&event, now);
        let configuration = match &event {
            Event::Configuration(topology, ..) => Some(topology.revision()),
            _ => None,
        };
        let before = self.isolated;
        let mut told = Told::default();
        for effect in self.state.on_event(event, now) {
            match effect {
                Effect::Probe(request) => {
                    let under_way = self.ledger.on_request(&request, now);
                    probing::one_probe_at_a_time(&request, under_way);
                    unasked::nobody_asks_them(&self.configured, &request);
                    told.probes.push(request);
                }
                Effect::Publish(snapshot) => self.on_published(snapshot, now),
                Effect::Changed(change) => {
                    self.on_changed(&change, now);
                    told.changes.push(change);
                }
            }
        }
        isolation::isolation_freezes_health(before, self.isolated, &told.changes);
        isolation::answers_end_isolation(answered, self.isolated);
        let session = self.ledger.last_session_answer;
        isolation::sessions_end_isolation(session, self.isolated_at, now);
        publishing::commands_are_published(self.commanded_at, now);
        let most = self.configured.max_probes();
        probing::probes_are_bounded(self.ledger.under_way(), most);
        let configurations = told.changes.iter().filter_map(|change| match change {
            Change::Configuration(change) => Some(change.revision),
            _ => None,
        });
        assert_eq!(configurations.collect::<Vec<_>>(), Vec::from_iter(configuration), "told once");
        told
    }

    /// How an access point is to be judged now.
    pub(crate) fn settings(&self, id: AccessPointId) -> &HealthSettings {
        let index = self.configured.find_dc(id.dc).expect("a DC of the configuration");
        &self.configured.dc(index).health
    }

    /// A session got something from an access point. One that has left the configuration has nobody
    /// who looks at its counters.
    pub(crate) fn on_session_answer(
        &mut self,
        id: AccessPointId,
        slot: &Arc<AccessPointSlot>,
        now: Instant,
    ) {
        let published = self.snapshot.topology.find_access_point(id);
        let current = published.map(|index| &self.snapshot.access_point(index).slot);
        let looked_at = current.is_some_and(|current| Arc::ptr_eq(current, slot));
        if looked_at {
            self.answers.insert(id.dc, now);
        }
        if looked_at && self.configured.find_access_point(id).is_some() {
            self.ledger.last_session_answer = Some(now);
        }
    }

    /// The rules that hold at any time, asked now and then.
    pub(crate) fn look_over(&self, now: Instant) {
        probing::nobody_is_forgotten(&self.ledger, &self.configured, now);
    }

    /// Writes down what the machine is about to be told, and says whether it is an answer of anybody.
    fn take_note(&mut self, event: &Event, now: Instant) -> bool {
        match event {
            Event::Configuration(topology, ..) => {
                let before = std::mem::replace(&mut self.configured, Arc::clone(topology));
                let after = &self.configured;
                self.ledger.on_configuration(&before, after, now);
                self.commanded_at.get_or_insert(now);
                false
            }
            Event::Intent(target, intent) => {
                match target {
                    Target::Dc(dc) => self.ledger.on_dc_admin(*dc, intent.state),
                    Target::AccessPoint(id) => self.ledger.on_admin(*id, intent.state),
                }
                self.commanded_at.get_or_insert(now);
                false
            }
            Event::Probed(report) => {
                // A report of one that is gone is nobody's answer.
                let known = self.configured.find_access_point(report.access_point).is_some();
                let answered = known && came_back(&report.outcome);
                self.ledger.on_report(report, now);
                if report.outcome.is_ok() {
                    self.answers.insert(report.access_point.dc, now);
                }
                if answered {
                    self.ledger.last_answer = Some(now);
                }
                answered
            }
            Event::Evidence => {
                let session = self.ledger.last_session_answer;
                self.ledger.last_answer = self.ledger.last_answer.max(session);
                self.isolated && session > self.isolated_at
            }
            Event::Tick => false,
        }
    }

    fn on_published(&mut self, snapshot: Arc<Snapshot>, now: Instant) {
        let (before, pause) = (&self.snapshot, now - self.published_at);
        publishing::generations_rise_by_one(before, &snapshot);
        publishing::snapshots_keep_apart(self.published_at, now);
        publishing::arrays_match_the_topology(&snapshot);
        publishing::identities_keep_their_slot(before, &snapshot, &self.ledger);
        if self.commanded_at.is_none() && !self.changed {
            publishing::round_trips_alone_wait(before, &snapshot, pause);
        }
        self.ledger.on_snapshot(&snapshot, now);
        health::health_agrees(&snapshot, &self.ledger, now);
        health::intents_agree(&snapshot, &self.ledger);
        health::dcs_agree(&snapshot, &self.ledger);
        alarms::alarms_agree(&snapshot, &self.ledger);
        unasked::they_follow_their_dc(&snapshot);
        assert_eq!(snapshot.isolated, self.isolated, "isolation as told and published");
        closing::sessions_of_the_dead_are_given_up(&snapshot, &self.answers, now);
        self.snapshot = snapshot;
        self.published_at = now;
        self.commanded_at = None;
        self.changed = false;
    }

    fn on_changed(&mut self, change: &Change, now: Instant) {
        self.changed = true;
        match *change {
            Change::AccessPoint(ref change) => self.on_health_changed(change, now),
            Change::Alarm(ref change) => {
                let before = self.ledger.on_alarm(change);
                alarms::alarms_begin_and_end_in_turn(change, before);
            }
            Change::Dc { dc, transition } => {
                let unsure = self.ledger.is_unsure_dc(dc);
                let told = self.ledger.on_dc_change(dc, transition.to);
                health::dc_changes_form_a_chain(dc, transition.from, told, unsure);
            }
            Change::Isolation { isolated } => {
                assert_ne!(isolated, self.isolated, "isolation is told once");
                self.isolated = isolated;
                self.isolated_at = isolated.then_some(now);
                if isolated {
                    isolation::isolation_takes_two_sites(&self.snapshot);
                    let configured = &self.configured;
                    let is_unasked = |id| unasked::is_asked(configured, id) == Some(false);
                    self.ledger.on_isolation(is_unasked);
                }
            }
            Change::Closing { .. }
            | Change::Intent(_)
            | Change::Drill(_)
            | Change::Configuration(_) => {}
        }
    }

    fn on_health_changed(&mut self, change: &HealthChange, now: Instant) {
        let unsure = self.ledger.is_unsure(change.access_point);
        let before = self.ledger.on_change(change, now);
        let settings = self.settings(change.access_point);
        health::changes_form_a_chain(change, &before, unsure);
        unasked::they_alone_follow(&self.configured, change);
        health::down_is_earned(change, &before, settings, now);
        health::recovery_is_earned(change, &before, settings, now);
        health::hold_downs_double_at_most(change, &before, settings);
        health::relapses_are_held_down(change, &before, settings, now);
    }
}
