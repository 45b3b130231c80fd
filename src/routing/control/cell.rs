//! What the machine knows of one access point.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::OVERTAKEN;
use super::event::{Cause, ProbeAnswer, Remark};
use super::measured::Measured;
use super::outage::Outage;
use super::schedule::Urgency;
use super::unasked::Lead;
use super::watch::Watch;
use crate::routing::alarm::Alarm;
use crate::routing::damping::Damping;
use crate::routing::failure::{Depth, ProbeFailure, Way};
use crate::routing::geo::Millis;
use crate::routing::health::{AdminState, Health, HealthTracker, Transition};
use crate::routing::ids::Protocol;
use crate::routing::isolation::Contact;
use crate::routing::passive::{Opinion, PassiveWindow};
use crate::routing::slot::AccessPointSlot;
use crate::routing::snapshot::AccessPointState;
use crate::routing::topology::HealthSettings;

/// One access point, kept by its identity over reloads.
pub(super) struct AccessPointCell {
    pub(super) admin: AdminState,
    pub(super) slot: Arc<AccessPointSlot>,
    pub(super) measured: Measured,
    /// What it has shown of the way to it.
    pub(super) contact: Contact,
    /// What probes say of it beside its health.
    pub(super) watch: Watch,
    /// Whether any probe of it has ended.
    pub(super) probed: bool,
    /// Probes of it that have begun.
    pub(super) probes: u64,
    /// When the probe under way began, another DC had answered since this one began to fail.
    pub(super) is_probe_telling: bool,
    /// Its next probe goes out together with many others.
    pub(super) in_step: bool,
    /// While it is Down.
    pub(super) outage: Option<Outage>,
    /// What others make of it, if nobody probes it.
    pub(super) lead: Option<Lead>,
    pub(super) tracker: HealthTracker,
    pub(super) damping: Damping,
    /// What sessions have seen lately.
    pub(super) sessions: PassiveWindow,
    /// When it went Down last, by what probes or sessions have shown.
    pub(super) down_since: Option<Instant>,
    /// The probe under way began under other settings, or before the access point left and came
    /// back.
    pub(super) probe_is_void: bool,
    protocol: Protocol,
    /// When the first of the failures in a row was seen that `tracker` has counted.
    failing_since: Option<Instant>,
    /// How deep sessions have got since the last probe began.
    reached: Option<Depth>,
    /// What sessions have complained of since they were last listened to.
    complaint: Option<Cause>,
    /// When it, or the way to it, came back.
    back_since: Option<Instant>,
}

/// A change of an access point, what showed it, and how long it is held Down.
pub(super) struct Turn {
    pub(super) transition: Transition,
    pub(super) cause: Cause,
    pub(super) held_for: Duration,
}

impl AccessPointCell {
    /// One that nobody knows, and nobody probes yet.
    pub(super) fn new(protocol: Protocol) -> Self {
        Self {
            admin: AdminState::Ready,
            slot: Arc::default(),
            measured: Measured::default(),
            contact: Contact::default(),
            watch: Watch::default(),
            probed: false,
            probes: 0,
            is_probe_telling: false,
            in_step: true,
            outage: None,
            lead: Some(Lead::default()),
            tracker: HealthTracker::default(),
            damping: Damping::default(),
            sessions: PassiveWindow::default(),
            down_since: None,
            probe_is_void: false,
            protocol,
            failing_since: None,
            reached: None,
            complaint: None,
            back_since: None,
        }
    }

    /// As probes and sessions have shown.
    pub(super) fn health(&self) -> Health {
        self.tracker.health()
    }

    /// It never answered, and the last probe could not even leave this edge.
    pub(super) fn is_unreachable(&self) -> bool {
        self.tracker.is_unreachable()
    }

    /// A probe begins: what sessions reach from now on speaks against its failure.
    pub(super) fn on_probe_begins(&mut self) {
        self.reached = None;
        self.probe_is_void = false;
        self.probes += 1;
    }

    /// Since when it fails without a break, if it does.
    pub(super) fn failing_since(&self) -> Option<Instant> {
        self.outage.map(|it| it.began).or(self.failing_since)
    }

    /// Whether the probe under way says nothing, whatever comes of it: it was made for what
    /// the access point was before.
    pub(super) fn is_probe_void(&self) -> bool {
        self.probe_is_void
    }

    /// A probe was answered.
    pub(super) fn on_answer(
        &mut self,
        answer: &ProbeAnswer,
        settings: &HealthSettings,
        tie_margin: Millis,
        now: Instant,
    ) -> Option<Turn> {
        self.probed = true;
        let is_first = self.tracker.is_first_sign_of_life();
        let times = answer.times;
        // Who turns a question away takes another time than who answers it.
        let is_whole = answer.remark != Some(Remark::RateLimited);
        self.measured.on_times((times, is_whole), is_first, settings, tie_margin, now);
        self.slot.forget_overtaken();
        self.complaint = self.complaint.filter(|cause| *cause != Cause::Overtaken);
        let depth = times.depth();
        if !self.sessions.suspects_below(depth, now) {
            self.tracker.forget_suspicion();
        }
        let held = self.damping.held_until(now).is_some();
        let transition = self.tracker.on_probe_success(depth, settings, held);
        self.follow_failures(now);
        self.turn(transition, Cause::ProbeAnswered, settings, now)
    }

    /// A probe failed.
    pub(super) fn on_failure(
        &mut self,
        failure: ProbeFailure,
        settings: &HealthSettings,
        now: Instant,
    ) -> Option<Turn> {
        self.probed = true;
        let Some(depth) = failure.depth() else {
            match failure.way() {
                Way::Open => self.tracker.on_way_found(),
                Way::Silent | Way::Untried => self.tracker.on_local_failure(),
            }
            return None;
        };
        if let Some(reached) = self.reached {
            self.tracker.on_session_success(reached);
            self.follow_failures(now);
        }
        let transition = self.tracker.on_probe_failure(depth, settings);
        self.follow_failures(now);
        self.turn(transition, Cause::ProbeFailed(failure), settings, now)
    }

    /// A probe ended that says nothing but that it was made: it was for what the access point was
    /// before, or it failed and began while the edge was cut off.
    pub(super) fn on_void_probe(&mut self) {
        self.probed = true;
    }

    /// Takes what sessions have seen, without judging by it yet. Returns whether they got anything
    /// from it. Dials that failed may have begun `longest_dial` ago: while it was not back, they say
    /// nothing of it now.
    pub(super) fn take_seen(&mut self, longest_dial: Duration, now: Instant) -> bool {
        let mut seen = self.slot.take_seen();
        // A refusal of UDP follows its datagram at once.
        let is_lengthy = self.protocol == Protocol::Tcp;
        if is_lengthy && self.back_since.is_some_and(|at| now < at + longest_dial) {
            seen.failed.clear();
        }
        let reached = match (seen.answered, seen.connected) {
            (0, 0) => None,
            (0, _) => Some(Depth::Connect),
            (_, _) => Some(Depth::FirstByte),
        };
        self.reached = self.reached.max(reached);
        // Who is not probed is no witness: that it has fallen silent could not be found out.
        if reached.is_some() && self.is_probed() {
            self.contact.on_answer(now);
        }
        self.sessions.on_seen(&seen, now);
        let complaint = match (seen.mute.is_empty(), seen.failed.is_empty()) {
            (false, _) => Some(Cause::Mute),
            (true, false) => Some(Cause::FailedConnects),
            (true, true) if seen.overtaken >= OVERTAKEN => Some(Cause::Overtaken),
            (true, true) => None,
        };
        self.complaint = self.complaint.or(complaint);
        reached.is_some()
    }

    /// What sessions have complained of since it was judged.
    pub(super) fn complaint(&self) -> Option<Cause> {
        self.complaint
    }

    /// Whatever sessions have complained of was not its fault.
    pub(super) fn dismiss_complaints(&mut self) {
        self.complaint = None;
        self.sessions.clear();
    }

    /// Judges by what sessions complain of.
    pub(super) fn judge(&mut self, settings: &HealthSettings, now: Instant) -> Option<Turn> {
        let complaint = self.complaint.take()?;
        let (transition, cause) = match self.sessions.opinion(now) {
            Opinion::Failing(depth) => {
                let first = self.first_complaint(depth, now);
                self.failing_since = Some(self.failing_since.map_or(first, |at| at.min(first)));
                (self.tracker.condemn(), Cause::of_sessions(depth))
            }
            Opinion::Suspect(depth) => (self.tracker.suspect(depth), Cause::of_sessions(depth)),
            Opinion::Well if complaint == Cause::Overtaken => {
                (self.tracker.suspect(Depth::Connect), complaint)
            }
            Opinion::Well => return None,
        };
        let turn = self.turn(transition, cause, settings, now);
        self.follow_failures(now);
        turn
    }

    /// When sessions that condemn it found it failing first. A connection shows that it was well until
    /// then, but says nothing of what is behind it.
    fn first_complaint(&self, depth: Depth, now: Instant) -> Instant {
        let first = self.sessions.first_complaint(depth, now).unwrap_or(now);
        match depth {
            Depth::Connect => self.contact.heard().map_or(first, |at| at.max(first)),
            Depth::FirstByte | Depth::Answer => first,
        }
    }

    /// `tracker` has counted.
    fn follow_failures(&mut self, now: Instant) {
        self.failing_since = match self.tracker.failures() {
            0 => None,
            _ => self.failing_since.or(Some(now)),
        };
    }

    /// The edge was cut off since `silence` began: what was concluded since says nothing.
    pub(super) fn exonerate(
        &mut self,
        silence: Option<Instant>,
        settings: &HealthSettings,
        now: Instant,
    ) -> Option<Turn> {
        if !self.is_probed() {
            return self.exonerate_unasked(silence, now);
        }
        self.dismiss_complaints();
        // One that refuses has answered when it went Down: the last answer may be its own.
        if self.down_since <= silence {
            self.tracker.restart_counters();
            self.follow_failures(now);
            return None;
        }
        self.damping.forgive();
        let transition = self.tracker.exonerate();
        self.follow_failures(now);
        self.turn(transition, Cause::Isolated, settings, now)
    }

    /// The settings changed: what was counted under the old ones says nothing under the new ones.
    pub(super) fn on_settings(&mut self) {
        self.probe_is_void = true;
        self.is_probe_telling = false;
        self.tracker.restart_counters();
        self.failing_since = None;
        self.in_step = true;
    }

    /// Its probes do something else from now on. Returns the alarm that ends with that.
    pub(super) fn on_other_probe(&mut self) -> Option<Alarm> {
        self.measured.on_other_probe();
        self.watch.restart()
    }

    /// It, or the way to it, is back.
    pub(super) fn on_return(&mut self, now: Instant) {
        self.back_since = Some(now);
    }

    fn turn(
        &mut self,
        transition: Option<Transition>,
        cause: Cause,
        settings: &HealthSettings,
        now: Instant,
    ) -> Option<Turn> {
        let transition = transition?;
        let mut held_for = Duration::ZERO;
        self.outage = None;
        match (transition.from, transition.to) {
            (_, Health::Down) => {
                let unseen = cause.is_unseen(self.probes_dial_there(settings));
                held_for = self.damping.on_down(self.hold_down(settings), unseen, now);
                self.down_since = Some(now);
                let began = self.failing_since.unwrap_or(now);
                // Flows need none: they choose again by themselves.
                let has_sessions = self.protocol == Protocol::Tcp;
                self.outage = has_sessions.then_some(Outage { began, unseen, confirmed: false });
                self.sessions.clear();
            }
            (Health::Down, Health::Up) => {
                self.damping.on_back(now);
                self.on_return(now);
                self.sessions.clear();
            }
            // What sessions reached before they complained does not speak against that.
            (_, Health::Suspect) => self.reached = None,
            (_, Health::Up | Health::Unknown) => {}
        }
        Some(Turn { transition, cause, held_for })
    }

    /// Whether probes dial where sessions do.
    fn probes_dial_there(&self, settings: &HealthSettings) -> bool {
        match self.protocol {
            Protocol::Tcp => settings.probe.dials_access_point(),
            Protocol::Udp => self.is_probed(),
        }
    }

    /// How long its next probe may take to connect, and in all. What is usual cuts that short only while
    /// the access point answers: who is silent may have become slower.
    pub(super) fn probe_timeouts(
        &self,
        settings: &HealthSettings,
        is_asked: bool,
    ) -> (Duration, Duration) {
        match self.health().is_usable() {
            true => self.measured.probe_timeouts(settings, is_asked),
            false => (settings.timeout, settings.timeout),
        }
    }

    /// The least and the most from the start of the last probe to the next: the interval and its
    /// jitter, or, after a probe made together with many others, any part of the interval.
    pub(super) fn pause(
        &mut self,
        settings: &HealthSettings,
        isolated: bool,
        now: Instant,
    ) -> Range<Duration> {
        let interval = match isolated {
            true => settings.fast_interval,
            false => self.interval(settings, now),
        };
        let jitter = f64::from(settings.jitter_percent.min(100)) / 100.0;
        match std::mem::take(&mut self.in_step) {
            true => Duration::ZERO..interval,
            false => interval.mul_f64(1.0 - jitter)..interval.mul_f64(1.0 + jitter),
        }
    }

    fn interval(&self, settings: &HealthSettings, now: Instant) -> Duration {
        self.watch.interval(self.usual_interval(settings, now), settings)
    }

    fn usual_interval(&self, settings: &HealthSettings, now: Instant) -> Duration {
        let proved = self.health() == Health::Down && self.tracker.successes() >= settings.rise;
        match self.damping.held_until(now) {
            // It is back as far as probes go: no hurry until it may be.
            Some(until) if proved => {
                settings.interval.min((until - now).max(settings.fast_interval))
            }
            Some(_) | None => self.tracker.interval(settings),
        }
    }

    /// How it stands among those that wait for a probe.
    pub(super) fn urgency(&self) -> Urgency {
        match self.health() {
            Health::Suspect => Urgency::Suspect,
            Health::Up => Urgency::InUse,
            Health::Unknown | Health::Down if self.slot.active() > 0 => Urgency::InUse,
            Health::Unknown if !self.probed => Urgency::New,
            Health::Unknown | Health::Down => Urgency::Rest,
        }
    }

    /// What was published last, and what is true at once.
    pub(super) fn state(&self, now: Instant) -> AccessPointState {
        let is_down = self.health() == Health::Down;
        AccessPointState {
            admin: self.admin,
            health: self.health(),
            unreachable: self.is_unreachable(),
            round_trip: self.measured.round_trip(),
            settled_round_trip: self.measured.settled(),
            answer_time: self.measured.answer_time(),
            held_until: self.damping.held_until(now).filter(|_| is_down),
            alarm: self.watch.alarm().cloned(),
            slot: Arc::clone(&self.slot),
        }
    }

    /// Whether sessions may go to it, as far as is known and wanted.
    pub(super) fn is_in_use(&self) -> bool {
        self.admin == AdminState::Ready && self.health().is_usable()
    }

    /// Whether it may take the place of one that leaves: better than `Suspect`.
    pub(super) fn is_proved(&self) -> bool {
        self.admin == AdminState::Ready && self.health() == Health::Up
    }
}
