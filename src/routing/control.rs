//! The control machine: the one place where health, intent and topology change.
//!
//! Pure: events and the time go in, effects come out. The driver in `crate::control` carries the
//! effects out and never makes the machine wait for one.

mod event;
mod retire;
mod schedule;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::excess::ExcessTracker;
use super::geo::Millis;
use super::health::{AdminState, Health, HealthTracker, Transition};
use super::ids::{AccessPointId, DcId, DcIndex};
use super::outcome::ConnectFailure;
use super::place::Locate;
use super::round_trip::RoundTrip;
use super::slot::{AccessPointSlot, DcSlot};
use super::snapshot::{AccessPointState, DcState, Snapshot};
use super::topology::{HealthSettings, Topology};
use retire::Retiring;
use schedule::Schedule;

pub use event::{Cause, Effect, Event, HealthChange, ProbeReport, ProbeRequest};

/// Changes that follow each other closely are published together.
const COALESCE: Duration = Duration::from_millis(10);

/// Round trips alone are published no more often than this.
const ROUND_TRIP_PAUSE: Duration = Duration::from_secs(1);

/// A probe is given up after three usual round trips, but no sooner than this.
const LEAST_PROBE_TIMEOUT: Duration = Duration::from_millis(250);

/// The state of control.
pub struct ControlState {
    /// What configuration says, without the access points that are about to leave.
    configured: Arc<Topology>,
    /// The same, with them.
    effective: Arc<Topology>,
    locate: Arc<dyn Locate>,
    access_points: BTreeMap<AccessPointId, AccessPointCell>,
    dcs: BTreeMap<DcId, DcCell>,
    schedule: Schedule,
    retiring: Retiring,
    generation: u64,
    warm_by: Instant,
    warmed_up: bool,
    publish_at: Option<Instant>,
    published_at: Option<Instant>,
}

#[derive(Default)]
struct AccessPointCell {
    tracker: HealthTracker,
    round_trip: RoundTrip,
    admin: AdminState,
    slot: Arc<AccessPointSlot>,
    probed: bool,
}

#[derive(Default)]
struct DcCell {
    admin: AdminState,
    excess: ExcessTracker,
    published_excess: f64,
    slot: Arc<DcSlot>,
}

impl ControlState {
    /// The machine with nothing probed yet, and its first snapshot.
    #[must_use]
    pub fn new(
        topology: Arc<Topology>,
        locate: Arc<dyn Locate>,
        now: Instant,
    ) -> (Self, Arc<Snapshot>) {
        let mut state = Self {
            configured: Arc::clone(&topology),
            effective: topology,
            locate,
            access_points: BTreeMap::new(),
            dcs: BTreeMap::new(),
            schedule: Schedule::default(),
            retiring: Retiring::default(),
            generation: 0,
            warm_by: now,
            warmed_up: false,
            publish_at: None,
            published_at: None,
        };
        state.warm_by += state.configured.startup_grace();
        state.adopt_identities(now);
        let first = state.snapshot(now);
        (state, first)
    }

    /// Takes one event and says what is to be done. Every command is followed by a snapshot, even one
    /// that names nobody known: who sent it waits for that.
    pub fn on_event(&mut self, event: Event, now: Instant) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Configuration(topology, locate) => {
                self.locate = locate;
                self.on_topology(topology, now);
            }
            Event::AdminDc(dc, admin) => {
                if let Some(cell) = self.dcs.get_mut(&dc) {
                    cell.admin = admin;
                }
                self.publish_soon(now);
            }
            Event::AdminAccessPoint(id, admin) => {
                if let Some(cell) = self.access_points.get_mut(&id) {
                    cell.admin = admin;
                }
                self.publish_soon(now);
            }
            Event::Probed(report) => self.on_probed(report, now, &mut effects),
            Event::Evidence => self.on_evidence(now, &mut effects),
            Event::Tick => {}
        }
        self.retire_finished(now);
        self.warm_up(now);
        self.start_probes(now, &mut effects);
        if self.publish_at.is_some_and(|due| due <= now) {
            effects.push(Effect::Publish(self.snapshot(now)));
        }
        effects
    }

    /// When the machine wants its next [`Event::Tick`], if nothing happens before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let warm_by = (!self.warmed_up).then_some(self.warm_by);
        let retired = self.retiring.next_deadline();
        [self.schedule.next_due(), self.publish_at, warm_by, retired].into_iter().flatten().min()
    }

    fn on_topology(&mut self, topology: Arc<Topology>, now: Instant) {
        let gone = self.effective.access_points().iter().filter(|old| {
            topology.find_dc(old.id.dc).is_some() && topology.find_access_point(old.id).is_none()
        });
        let usable = gone.filter(|old| {
            self.access_points.get(&old.id).is_some_and(|cell| cell.tracker.health().is_usable())
        });
        self.retiring.start(usable.cloned(), now);
        let changed: Vec<AccessPointId> = (topology.access_points().iter())
            .map(|new| new.id)
            .filter(|id| settings_of(&self.effective, *id) != settings_of(&topology, *id))
            .collect();
        for id in changed {
            if let Some(cell) = self.access_points.get_mut(&id) {
                cell.tracker.restart_counters();
            }
        }
        self.configured = topology;
        self.apply_retiring();
        self.adopt_identities(now);
        self.publish_soon(now);
    }

    /// Brings `effective` and what is kept per identity in line with `configured` and `retiring`.
    fn apply_retiring(&mut self) {
        self.effective = match self.retiring.access_points() {
            [] => Arc::clone(&self.configured),
            retiring => Arc::new(self.configured.with_retiring(retiring)),
        };
    }

    fn adopt_identities(&mut self, now: Instant) {
        let effective = &self.effective;
        self.access_points.retain(|id, _| effective.find_access_point(*id).is_some());
        self.dcs.retain(|id, _| effective.find_dc(*id).is_some());
        self.schedule.retain(|id| effective.find_access_point(id).is_some());
        for dc in effective.dcs() {
            self.dcs.entry(dc.id).or_default();
        }
        for access_point in effective.access_points() {
            self.access_points.entry(access_point.id).or_insert_with(|| {
                self.schedule.add(access_point.id, now);
                AccessPointCell::default()
            });
        }
    }

    fn on_probed(&mut self, report: ProbeReport, now: Instant, effects: &mut Vec<Effect>) {
        let id = report.access_point;
        let Some(started) = self.schedule.finish(id, report.number) else {
            return;
        };
        let Some(cell) = self.access_points.get_mut(&id) else {
            return;
        };
        let Some(settings) = settings_of(&self.effective, id) else {
            return;
        };
        let first = !std::mem::replace(&mut cell.probed, true);
        let (transition, cause) = match report.outcome {
            Ok(round_trip) => {
                cell.round_trip.on_sample(round_trip);
                (cell.tracker.on_probe_success(&settings), Cause::ProbeAnswered)
            }
            Err(ConnectFailure::Local) => (None, Cause::ProbeFailed(ConnectFailure::Local)),
            Err(failure) => (cell.tracker.on_probe_failure(&settings), Cause::ProbeFailed(failure)),
        };
        let interval = cell.tracker.interval(&settings);
        self.schedule.again(id, started, interval, settings.jitter_percent, first, now);
        self.change(id, transition, cause, now, effects);
        if report.outcome.is_ok() {
            self.follow_round_trip(id.dc, now);
        }
    }

    /// Failed connects make an access point Suspect and have it probed at once.
    fn on_evidence(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let suspects = self.access_points.iter_mut().filter_map(|(id, cell)| {
            (cell.slot.take_failed_connects() > 0).then(|| (*id, cell.tracker.on_failed_connects()))
        });
        for (id, transition) in suspects.collect::<Vec<_>>() {
            if transition.is_some() {
                self.schedule.hasten(id, now);
            }
            self.change(id, transition, Cause::FailedConnects, now, effects);
        }
    }

    fn change(
        &mut self,
        access_point: AccessPointId,
        transition: Option<Transition>,
        cause: Cause,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let Some(transition) = transition else { return };
        effects.push(Effect::Changed(HealthChange { access_point, transition, cause }));
        self.publish_soon(now);
    }

    fn follow_round_trip(&mut self, dc: DcId, now: Instant) {
        let Some(index) = self.effective.find_dc(dc) else {
            return;
        };
        let tie_margin = self.effective.policy().tie_margin;
        let fastest = self.fastest(index, RoundTrip::average);
        let Some(cell) = self.dcs.get_mut(&dc) else {
            return;
        };
        if let Some(round_trip) = fastest {
            cell.excess.on_round_trip(round_trip, tie_margin, now);
        }
        let excess = cell.excess.excess().0;
        let moved =
            (excess - cell.published_excess).abs() >= (cell.published_excess / 10.0).max(1.0);
        let entered_or_left = (excess > 0.0) != (cell.published_excess > 0.0);
        let members = self.effective.access_points_of(index);
        let news = members
            .filter_map(|(_, member)| self.access_points.get(&member.id))
            .any(|cell| cell.round_trip.has_news());
        if news || entered_or_left || moved {
            let due = self.published_at.map_or(now, |at| (at + ROUND_TRIP_PAUSE).max(now));
            self.publish_by(due);
        }
    }

    /// The least round trip among the usable access points of a DC. While none is usable, the least
    /// that was measured last: losing a DC must not re-form groups.
    fn fastest(
        &self,
        dc: DcIndex,
        of: impl Fn(&RoundTrip) -> Option<Duration>,
    ) -> Option<Duration> {
        let members = self.effective.access_points_of(dc);
        let cells = members.filter_map(|(_, member)| self.access_points.get(&member.id));
        let measured = cells.filter_map(|cell| {
            let round_trip = of(&cell.round_trip)?;
            Some((!cell.tracker.health().is_usable(), round_trip))
        });
        measured.min().map(|(_, round_trip)| round_trip)
    }

    /// Lets go of retiring access points whose DC has a successor that is Up, or whose time is over.
    fn retire_finished(&mut self, now: Instant) {
        let (configured, cells) = (&self.configured, &self.access_points);
        let succeeded = |dc: DcId| {
            let Some(index) = configured.find_dc(dc) else {
                return true;
            };
            configured.access_points_of(index).any(|(_, member)| {
                cells.get(&member.id).is_some_and(|cell| cell.tracker.health() == Health::Up)
            })
        };
        if self.retiring.finish(succeeded, now) {
            self.apply_retiring();
            self.adopt_identities(now);
            self.publish_soon(now);
        }
    }

    fn warm_up(&mut self, now: Instant) {
        if self.warmed_up {
            return;
        }
        if now >= self.warm_by || self.access_points.values().all(|cell| cell.probed) {
            self.warmed_up = true;
            self.publish_soon(now);
        }
    }

    fn start_probes(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        while let Some((access_point, number)) = self.schedule.start_next(now) {
            let Some(cell) = self.access_points.get(&access_point) else {
                continue;
            };
            let Some(settings) = settings_of(&self.effective, access_point) else {
                continue;
            };
            let timeout = match cell.round_trip.average() {
                None => settings.timeout,
                Some(usual) => settings.timeout.min((3 * usual).max(LEAST_PROBE_TIMEOUT)),
            };
            effects.push(Effect::Probe(ProbeRequest { access_point, number, timeout }));
        }
    }

    fn publish_soon(&mut self, now: Instant) {
        self.publish_by(self.published_at.map_or(now, |at| (at + COALESCE).max(now)));
    }

    fn publish_by(&mut self, due: Instant) {
        self.publish_at = Some(self.publish_at.map_or(due, |at| at.min(due)));
    }

    fn snapshot(&mut self, now: Instant) -> Arc<Snapshot> {
        for cell in self.access_points.values_mut() {
            cell.round_trip.publish();
        }
        for cell in self.dcs.values_mut() {
            cell.published_excess = cell.excess.excess().0;
        }
        self.generation += 1;
        self.published_at = Some(now);
        self.publish_at = None;
        let dcs = (0..).zip(self.effective.dcs()).map(|(index, dc)| {
            let cell = &self.dcs[&dc.id];
            DcState {
                admin: cell.admin,
                health: self.dc_health(DcIndex(index)),
                round_trip: self.fastest(DcIndex(index), RoundTrip::published),
                excess: Millis(cell.published_excess),
                slot: Arc::clone(&cell.slot),
            }
        });
        let access_points = self.effective.access_points().iter().map(|access_point| {
            let cell = &self.access_points[&access_point.id];
            AccessPointState {
                admin: cell.admin,
                health: cell.tracker.health(),
                round_trip: cell.round_trip.published(),
                slot: Arc::clone(&cell.slot),
            }
        });
        Arc::new(Snapshot {
            generation: self.generation,
            topology: Arc::clone(&self.effective),
            locate: Arc::clone(&self.locate),
            warmed_up: self.warmed_up,
            dcs: dcs.collect(),
            access_points: access_points.collect(),
        })
    }

    /// Up while an access point for ordinary sessions is usable, Unknown while one may yet prove to
    /// be, else Down.
    fn dc_health(&self, dc: DcIndex) -> Health {
        let members = self.effective.access_points_of(dc);
        let main = members.filter(|(_, member)| member.flags.serves_main());
        let cells = main.filter_map(|(_, member)| self.access_points.get(&member.id));
        let ready = cells.filter(|cell| cell.admin == AdminState::Ready);
        ready.fold(Health::Down, |dc, cell| match cell.tracker.health() {
            Health::Up | Health::Suspect => Health::Up,
            Health::Unknown => dc.min(Health::Unknown),
            Health::Down => dc,
        })
    }
}

fn settings_of(topology: &Topology, id: AccessPointId) -> Option<HealthSettings> {
    topology.find_dc(id.dc).map(|dc| topology.dc(dc).health)
}

#[cfg(test)]
mod tests;
