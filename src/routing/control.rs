//! The control machine: the one place where health, intent and topology change.
//!
//! Pure: events and the time go in, effects come out. The driver in `crate::control` carries the
//! effects out and never makes the machine wait for one.

mod cell;
mod dc;
mod event;
mod retire;
mod schedule;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::health::{AdminState, Health, Transition};
use super::ids::{AccessPointId, DcId, DcIndex};
use super::place::Locate;
use super::slot::DcSlot;
use super::snapshot::{DcState, Snapshot};
use super::topology::{HealthSettings, Topology};
use cell::AccessPointCell;
use dc::Members;
use retire::Retiring;
use schedule::Schedule;

pub use event::{
    Cause, Change, Effect, Event, HealthChange, ProbeReport, ProbeRequest, ProbeTimes,
};

/// Changes that follow each other closely are published together.
const COALESCE: Duration = Duration::from_millis(10);

/// Round trips alone are published no more often than this.
const ROUND_TRIP_PAUSE: Duration = Duration::from_secs(1);

/// Dials of an access point in a row that others have overtaken make it Suspect.
pub const OVERTAKEN: u32 = 3;

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
    /// Access points no probe of which has ended yet.
    unprobed: usize,
    warmed_up: bool,
    publish_at: Option<Instant>,
    published_at: Option<Instant>,
}

#[derive(Default)]
struct DcCell {
    admin: AdminState,
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
            unprobed: 0,
            warmed_up: false,
            publish_at: None,
            published_at: None,
        };
        state.warm_by += state.configured.startup_grace();
        state.adopt_identities(now);
        let first = state.publish(now);
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
                self.retire_finished(now);
                self.publish_soon(now);
            }
            Event::Probed(report) => self.on_probed(report, now, &mut effects),
            Event::Evidence => self.on_evidence(now, &mut effects),
            Event::Tick => {}
        }
        if self.retiring.next_deadline().is_some_and(|due| due <= now) {
            self.retire_finished(now);
        }
        self.warm_up(now);
        self.start_probes(now, &mut effects);
        if self.publish_at.is_some_and(|due| due <= now) {
            effects.push(Effect::Publish(self.publish(now)));
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

    /// How late the probe is that has been due for longest: above zero for long only when there are
    /// more to make than may be under way.
    #[must_use]
    pub fn probe_lag(&self, now: Instant) -> Duration {
        self.schedule.lag(now)
    }

    fn on_topology(&mut self, topology: Arc<Topology>, now: Instant) {
        let cells = &self.access_points;
        let usable = |id| cells.get(&id).is_some_and(|cell| cell.tracker.health().is_usable());
        self.retiring.start(&self.effective, &topology, usable, now);
        let changed: Vec<AccessPointId> = (topology.access_points().iter())
            .map(|new| new.id)
            .filter(|id| settings_of(&self.effective, *id) != settings_of(&topology, *id))
            .collect();
        for id in changed {
            if let Some(cell) = self.access_points.get_mut(&id) {
                cell.tracker.restart_counters();
                cell.in_step = true;
                self.schedule.hasten(id, now);
            }
        }
        self.configured = topology;
        self.apply_retiring();
        self.adopt_identities(now);
        self.retire_finished(now);
        self.publish_soon(now);
    }

    /// Brings `effective` and what is kept per identity in line with `configured` and `retiring`.
    fn apply_retiring(&mut self) {
        self.effective = match self.retiring.is_empty() {
            true => Arc::clone(&self.configured),
            false => Arc::new(self.configured.with_retiring(self.retiring.access_points())),
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
        self.unprobed = self.access_points.values().filter(|cell| !cell.probed).count();
    }

    fn on_probed(&mut self, report: ProbeReport, now: Instant, effects: &mut Vec<Effect>) {
        let id = report.access_point;
        let Some(started) = self.schedule.finish(id, report.number) else {
            return;
        };
        let Some(cell) = self.access_points.get_mut(&id) else {
            return;
        };
        let Some(settings) = settings_of(&self.effective, id).cloned() else {
            return;
        };
        if !cell.probed {
            self.unprobed -= 1;
        }
        let was_unreachable = cell.tracker.is_unreachable();
        let tie_margin = self.effective.policy().tie_margin;
        let (transition, cause) = cell.on_probed(report.outcome, &settings, tie_margin, now);
        self.schedule.again(id, started, cell.pause(&settings), now);
        let reachability_changed = cell.tracker.is_unreachable() != was_unreachable;
        let news = cell.has_news();
        self.change(id, transition, cause, now, effects);
        if reachability_changed {
            self.publish_soon(now);
        } else if news {
            self.publish_by(self.published_at.map_or(now, |at| (at + ROUND_TRIP_PAUSE).max(now)));
        }
    }

    /// Failed and overtaken connects make an access point Suspect and have it probed at once.
    fn on_evidence(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let suspects = self.access_points.iter_mut().filter_map(|(id, cell)| {
            let seen = cell.slot.take_seen();
            let cause = match seen.failed.is_empty() {
                false => Cause::FailedConnects,
                true if seen.overtaken >= OVERTAKEN => Cause::Overtaken,
                true => return None,
            };
            Some((*id, cell.tracker.on_failed_connects(), cause))
        });
        for (id, transition, cause) in suspects.collect::<Vec<_>>() {
            if transition.is_some() {
                self.schedule.hasten(id, now);
            }
            self.change(id, transition, cause, now, effects);
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
        let held_for = Duration::ZERO;
        let change = HealthChange { access_point, transition, cause, held_for };
        effects.push(Effect::Changed(Change::AccessPoint(change)));
        if transition.to == Health::Up {
            self.retire_finished(now);
        }
        self.publish_soon(now);
    }

    /// Lets go of retiring access points whose DC has a successor, or whose time is over. Asked only
    /// when something happened that could be the reason.
    fn retire_finished(&mut self, now: Instant) {
        let cells = &self.access_points;
        let proved = |id| cells.get(&id).is_some_and(AccessPointCell::is_proved);
        if self.retiring.finish(&self.configured, proved, now) {
            self.apply_retiring();
            self.adopt_identities(now);
            self.publish_soon(now);
        }
    }

    fn warm_up(&mut self, now: Instant) {
        if self.warmed_up {
            return;
        }
        if now >= self.warm_by || self.unprobed == 0 {
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
            let (probe, timeout) = (settings.probe.clone(), cell.probe_timeout(settings));
            effects.push(Effect::Probe(ProbeRequest { access_point, number, probe, timeout }));
        }
    }

    fn publish_soon(&mut self, now: Instant) {
        self.publish_by(self.published_at.map_or(now, |at| (at + COALESCE).max(now)));
    }

    fn publish_by(&mut self, due: Instant) {
        self.publish_at = Some(self.publish_at.map_or(due, |at| at.min(due)));
    }

    fn publish(&mut self, now: Instant) -> Arc<Snapshot> {
        for cell in self.access_points.values_mut() {
            cell.publish();
        }
        self.generation += 1;
        self.published_at = Some(now);
        self.publish_at = None;
        let dcs = (0..).zip(self.effective.dcs()).map(|(index, dc)| {
            let cell = &self.dcs[&dc.id];
            let main = self.effective.access_points_of(DcIndex(index));
            let main = main.filter(|(_, member)| member.flags.serves_main());
            let members = Members(main.map(|(_, it)| &self.access_points[&it.id]).collect());
            DcState {
                admin: cell.admin,
                health: members.health(),
                round_trip: members.round_trip(),
                settled_round_trip: members.settled_round_trip(),
                excess: members.excess(),
                slot: Arc::clone(&cell.slot),
            }
        });
        let access_points = self.effective.access_points().iter();
        let access_points = access_points.map(|it| self.access_points[&it.id].state());
        Arc::new(Snapshot {
            generation: self.generation,
            topology: Arc::clone(&self.effective),
            locate: Arc::clone(&self.locate),
            warmed_up: self.warmed_up,
            isolated: false,
            dcs: dcs.collect(),
            access_points: access_points.collect(),
        })
    }
}

fn settings_of(topology: &Topology, id: AccessPointId) -> Option<&HealthSettings> {
    topology.find_dc(id.dc).map(|dc| &topology.dc(dc).health)
}

#[cfg(test)]
mod tests;
