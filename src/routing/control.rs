//! The control machine: the one place where health, intent and topology change.
//!
//! Pure: events and the time go in, effects come out. The driver in `crate::control` carries the
//! effects out and never makes the machine wait for one.

mod cell;
mod dc;
mod event;
mod hedges;
mod intents;
mod judge;
mod measured;
mod outage;
mod pace;
mod publish;
mod retire;
mod schedule;
mod unasked;
mod unsteady;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ids::{AccessPointId, DcId};
use super::intent::{Intents, Target};
use super::isolation::Isolation;
use super::place::Locate;
use super::snapshot::Snapshot;
use super::topology::{AccessPoint, HealthSettings, Topology};
use cell::AccessPointCell;
use dc::DcCell;
use retire::Retiring;
use schedule::Schedule;
use unsteady::Unsteady;

pub use event::{
    AlarmChange, AlarmEnd, Brought, Cause, Change, ConfigurationChange, DrillChange, DrillStep,
    Effect, Event, HealthChange, IntentChange, ProbeAnswer, ProbeOutcome, ProbeReport,
    ProbeRequest, ProbeTimes, Remark,
};

/// Dials of an access point in a row that others have overtaken make it Suspect.
pub const OVERTAKEN: u32 = 3;

/// Changes that follow each other closely are published together.
const COALESCE: Duration = Duration::from_millis(10);

/// Round trips alone are published no more often than this.
const ROUND_TRIP_PAUSE: Duration = Duration::from_secs(1);

/// What sessions leave in the slots is looked at so often at least: it says how exactly the time of their
/// last answer is known.
const LOOK: Duration = Duration::from_millis(250);

/// Hedges are earned so often.
const EARN: Duration = Duration::from_secs(1);

/// The state of control.
pub struct ControlState {
    /// What configuration says, without the access points that are about to leave.
    configured: Arc<Topology>,
    /// The same, with them.
    effective: Arc<Topology>,
    locate: Arc<dyn Locate>,
    access_points: BTreeMap<AccessPointId, AccessPointCell>,
    dcs: BTreeMap<DcId, DcCell>,
    intents: Arc<Intents>,
    schedule: Schedule,
    retiring: Retiring,
    isolation: Isolation,
    unsteady: Unsteady,
    looked_at: Instant,
    earned_at: Instant,
    generation: u64,
    warm_by: Instant,
    /// Access points that are probed and no probe of which has ended yet.
    unprobed: usize,
    /// Access points that nobody probes.
    unasked: usize,
    /// Somebody has come Up since it was last asked who may leave.
    has_successors: bool,
    warmed_up: bool,
    publish_at: Option<Instant>,
    published_at: Option<Instant>,
}

impl ControlState {
    /// The machine with nothing probed yet, what operators wanted before, and its first snapshot.
    #[must_use]
    pub fn new(
        topology: Arc<Topology>,
        locate: Arc<dyn Locate>,
        intents: Intents,
        now: Instant,
    ) -> (Self, Arc<Snapshot>) {
        let mut state = Self {
            configured: Arc::clone(&topology),
            effective: topology,
            locate,
            access_points: BTreeMap::new(),
            dcs: BTreeMap::new(),
            intents: Arc::new(intents),
            schedule: Schedule::default(),
            retiring: Retiring::default(),
            isolation: Isolation::default(),
            unsteady: Unsteady::default(),
            looked_at: now,
            earned_at: now,
            generation: 0,
            warm_by: now,
            unprobed: 0,
            unasked: 0,
            has_successors: false,
            warmed_up: false,
            publish_at: None,
            published_at: None,
        };
        state.warm_by += state.configured.startup_grace();
        state.adopt_identities(now, &mut Vec::new());
        let first = state.publish(now, &mut Vec::new());
        if state.unprobed == 0 {
            // Nothing has to be waited for.
            state.publish_soon(now);
        }
        (state, first)
    }

    /// Takes one event and says what is to be done. Every command is followed by a snapshot, even one
    /// that names nobody known: who sent it waits for that.
    pub fn on_event(&mut self, event: Event, now: Instant) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Configuration(topology, locate, brought) => {
                let revision = topology.revision();
                let change = ConfigurationChange { revision, brought };
                effects.push(Effect::Changed(Change::Configuration(change)));
                self.locate = locate;
                self.on_topology(topology, now, &mut effects);
            }
            Event::Intent(target, intent) => {
                self.on_intent(target, intent, now, &mut effects);
            }
            Event::Probed(report) => self.on_probed(report, now, &mut effects),
            Event::Evidence => self.look_at_sessions(now, &mut effects),
            Event::Tick => {}
        }
        if now >= self.earned_at + EARN {
            self.earn_hedges(now);
        }
        if now >= self.looked_at + LOOK {
            self.look_at_sessions(now, &mut effects);
        }
        self.look_for_isolation(now, &mut effects);
        if self.retiring.next_deadline().is_some_and(|due| due <= now) {
            self.retire_finished(now, &mut effects);
        }
        self.end_intents(now, &mut effects);
        self.warm_up(now);
        let publishes = self.publish_at.is_some_and(|due| due <= now);
        let is_isolated = self.isolation.is_isolated();
        if publishes {
            // Who leaves leads nobody.
            self.retire_succeeded(now, &mut effects);
        }
        if publishes && !is_isolated {
            self.follow(now, &mut effects);
            self.retire_succeeded(now, &mut effects);
        }
        self.start_probes(now, &mut effects);
        // If sessions have just shown that the edge is not cut off, those that others lead follow first.
        if publishes && self.isolation.is_isolated() == is_isolated {
            let snapshot = self.publish(now, &mut effects);
            effects.push(Effect::Publish(snapshot));
        }
        effects
    }

    /// When the machine wants its next [`Event::Tick`], if nothing happens before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let warm_by = (!self.warmed_up).then_some(self.warm_by);
        let due = [
            self.schedule.next_due(self.effective.max_probes()),
            self.publish_at,
            warm_by,
            self.retiring.next_deadline(),
            self.isolation.next_look(),
            Some(self.earned_at + EARN),
            Some(self.looked_at + LOOK),
            self.intents.next_end(),
        ];
        due.into_iter().flatten().min()
    }

    /// How late the probe is that has been due for longest: above zero for long only when there are
    /// more to make than may be under way.
    #[must_use]
    pub fn probe_lag(&self, now: Instant) -> Duration {
        self.schedule.lag(now)
    }

    fn on_topology(&mut self, topology: Arc<Topology>, now: Instant, effects: &mut Vec<Effect>) {
        let cells = &self.access_points;
        let usable = |id| cells.get(&id).is_some_and(|cell| cell.health().is_usable());
        self.retiring.start(&self.effective, &topology, usable, now);
        let before = Arc::clone(&self.effective);
        self.configured = topology;
        self.finish_retiring(now);
        self.apply_retiring();
        // Who leaves is judged and probed as its DC wants it until then.
        let after = Arc::clone(&self.effective);
        for (new, found) in after.found_in(&before) {
            if let Some(old) = found {
                let old = before.access_point(old);
                self.on_settings((&before, old), (&after, new), now, effects);
            }
        }
        self.adopt_identities(now, effects);
        self.publish_soon(now);
    }

    /// What becomes of an access point that stays, if it is to be judged or probed in another way than
    /// before.
    fn on_settings(
        &mut self,
        (before, old): (&Topology, &AccessPoint),
        (topology, new): (&Topology, &AccessPoint),
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let is_asked_otherwise = before.conversation(old) != topology.conversation(new);
        let is_judged_otherwise = before.dc(old.dc).health != topology.dc(new.dc).health;
        if !is_asked_otherwise && !is_judged_otherwise {
            return;
        }
        let Some(cell) = self.access_points.get_mut(&new.id) else { return };
        cell.on_settings();
        self.schedule.hasten(new.id, cell.urgency(), now);
        if is_asked_otherwise && let Some(alarm) = cell.on_other_probe() {
            let end = Some(AlarmEnd::Reconfigured);
            self.change_alarm(new.id, vec![(alarm, end)], now, effects);
        }
    }

    /// Brings `effective` and what is kept per identity in line with `configured` and `retiring`.
    fn apply_retiring(&mut self) {
        self.effective = match self.retiring.is_empty() {
            true => Arc::clone(&self.configured),
            false => Arc::new(self.configured.with_retiring(self.retiring.access_points())),
        };
    }

    fn adopt_identities(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let effective = &self.effective;
        // Both are in the order of the identities: one walk tells who came and who left.
        let mut listed = effective.access_points().iter().map(|it| it.id).peekable();
        let (mut came, mut left) = (Vec::new(), Vec::new());
        self.access_points.retain(|id, cell| {
            while let Some(new) = listed.next_if(|listed| listed < id) {
                came.push(new);
            }
            let stays = listed.next_if_eq(id).is_some();
            if !stays {
                cell.end_alarm(*id, effects);
                left.push(*id);
            }
            stays
        });
        came.extend(listed);
        left.into_iter().for_each(|id| self.schedule.forget(id));
        let new = came.into_iter().map(|id| (id, AccessPointCell::new(id.address.protocol)));
        self.access_points.extend(new);
        self.dcs.retain(|id, _| effective.find_dc(*id).is_some());
        for dc in effective.dcs() {
            let cell = self.dcs.entry(dc.id).or_default();
            cell.admin = self.intents.state(Target::Dc(dc.id));
        }
        (self.unprobed, self.unasked) = (0, 0);
        let cells = self.access_points.values_mut();
        for (access_point, cell) in effective.access_points().iter().zip(cells) {
            let id = access_point.id;
            cell.admin = self.intents.state(Target::AccessPoint(id));
            match (cell.is_probed(), effective.is_probed(access_point)) {
                (false, true) => cell.begin_asking(self.schedule.add(id, now)),
                (true, false) => {
                    cell.stop_asking();
                    self.schedule.forget(id);
                }
                (true, true) | (false, false) => {}
            }
            self.unprobed += usize::from(cell.is_probed() && !cell.probed);
            self.unasked += usize::from(!cell.is_probed());
        }
    }

    /// Lets go of retiring access points whose DC has a successor, or whose time is over. Asked only
    /// when something happened that could be the reason.
    fn retire_finished(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if self.finish_retiring(now) {
            self.apply_retiring();
            self.adopt_identities(now, effects);
            self.publish_soon(now);
        }
    }

    /// Lets go of those whose successors came Up since the last snapshot. For all of them one other topology is
    /// made.
    fn retire_succeeded(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if std::mem::take(&mut self.has_successors) {
            self.retire_finished(now, effects);
        }
    }

    /// Whether there were any of those.
    fn finish_retiring(&mut self, now: Instant) -> bool {
        let cells = &self.access_points;
        let proved = |id| cells.get(&id).is_some_and(AccessPointCell::is_proved);
        self.retiring.finish(&self.configured, proved, now)
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
        let most = self.effective.max_probes();
        while let Some((access_point, number)) = self.schedule.start_next(most, now) {
            let Some(cell) = self.access_points.get_mut(&access_point) else { continue };
            let Some(index) = self.effective.find_access_point(access_point) else { continue };
            let conversation = self.effective.conversation(self.effective.access_point(index));
            let Some(conversation) = conversation else { continue };
            let Some(settings) = settings_of(&self.effective, access_point) else { continue };
            let lived = cell.take_seen(self.effective.connect().timeout, now);
            let failing_since = cell.failing_since();
            let is_asked = conversation.asks_over_connection();
            let (connect_timeout, timeout) = cell.probe_timeouts(settings, is_asked);
            let dc = self.effective.dc(self.effective.access_point(index).dc);
            let sources = dc.sources(access_point.address.socket.ip(), cell.probes).collect();
            let request = ProbeRequest {
                access_point,
                number,
                conversation,
                sources,
                egress: dc.egress.clone(),
                send_proxy: dc.send_proxy,
                connect_timeout,
                timeout,
            };
            cell.on_probe_begins();
            effects.push(Effect::Probe(request));
            if lived {
                self.on_lived(access_point.dc, now, effects);
            }
            let is_telling =
                failing_since.is_some_and(|at| self.another_has_answered(access_point.dc, at));
            if let Some(cell) = self.access_points.get_mut(&access_point) {
                cell.is_probe_telling = is_telling;
            }
        }
    }
}

fn settings_of(topology: &Topology, id: AccessPointId) -> Option<&HealthSettings> {
    topology.find_dc(id.dc).map(|dc| &topology.dc(dc).health)
}

#[cfg(test)]
mod tests;
