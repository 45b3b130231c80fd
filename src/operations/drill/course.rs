//! One drill from its beginning to its report: what is known of it, and how it is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use humantime::format_rfc3339_seconds;

use crate::admin::operations::DrillOrder;
use crate::admin::view::{DrillView, HeldView, MomentView, MovedView, MovesView, SurvivorView};
use crate::routing::control::DrillStep;
use crate::routing::drill::{Judge, Strain};
use crate::routing::moves::Moves;

/// Moments of a timeline; there are some for each DC that changes.
const MOMENTS: usize = 200;

/// A drill that runs, or is over.
#[derive(Clone, Debug)]
pub(super) struct Course {
    pub(super) order: DrillOrder,
    name: Arc<str>,
    began: (Instant, SystemTime),
    ended: Option<Instant>,
    step: DrillStep,
    why: Option<String>,
    complete: bool,
    forecast: MovesView,
    judge: Judge,
    held: HeldView,
    /// By where they went: before it began, and by now.
    failovers: (BTreeMap<u16, u64>, BTreeMap<u16, u64>),
    back_after: Option<Duration>,
    timeline: Vec<MomentView>,
}

/// What a look at the DC itself sees.
pub(super) struct Drained {
    /// Sessions and flows that it still has.
    pub(super) placed: u32,
    /// Sessions that others were given in its stead since ever, by where they went.
    pub(super) failovers: BTreeMap<u16, u64>,
}

impl Course {
    pub(super) fn new(
        order: DrillOrder,
        name: Arc<str>,
        (forecast, judge): (&Moves, Judge),
        drained: Drained,
        now: (Instant, SystemTime),
    ) -> Self {
        let lasting = order.lasting;
        let placed = drained.placed;
        let mut course = Self {
            order,
            name,
            began: now,
            ended: None,
            step: DrillStep::Began(lasting),
            why: None,
            complete: false,
            forecast: MovesView::new(forecast),
            judge,
            held: HeldView { at_begin: placed, at_end: placed },
            failovers: (drained.failovers.clone(), drained.failovers),
            back_after: None,
            timeline: Vec::new(),
        };
        let open = format!("drained; {placed} sessions and flows stay open");
        course.note(now.0, open);
        course
    }

    /// Whether nothing new happens to it any more.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Whether it has ended.
    pub(super) fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    /// When it is over by itself.
    pub(super) fn due(&self) -> Instant {
        self.began.0 + self.order.lasting
    }

    /// The one who judges it.
    pub(super) fn judge(&mut self) -> &mut Judge {
        &mut self.judge
    }

    /// The DC has been looked at.
    pub(super) fn on_look(&mut self, drained: Drained) {
        self.held.at_end = drained.placed;
        self.failovers.1 = drained.failovers;
    }

    /// Something to be told happened.
    pub(super) fn note(&mut self, now: Instant, what: String) {
        if self.timeline.len() < MOMENTS {
            let at = now.saturating_duration_since(self.began.0);
            self.timeline.push(MomentView { at_seconds: seconds(at), what });
        }
    }

    /// It is over.
    pub(super) fn end(
        &mut self,
        step: DrillStep,
        why: Option<String>,
        is_ready: bool,
        now: Instant,
    ) {
        let left = if is_ready { "ready again" } else { "not made ready" };
        let told = match &why {
            None => format!("{}: {left}", step.as_str()),
            Some(why) => format!("{}: {left}: {why}", step.as_str()),
        };
        (self.step, self.why, self.ended) = (step, why, Some(now));
        self.note(now, told);
    }

    /// The DC has had a session again, so long after the end, or was waited for in vain.
    pub(super) fn on_back(&mut self, after: Option<Duration>, now: Instant) {
        self.back_after = after;
        self.complete = true;
        let told = match after {
            Some(_) => "the DC has new sessions again",
            None => "no new session of the DC was seen; that is not waited for any longer",
        };
        self.note(now, told.to_owned());
    }

    pub(super) fn view(&self, now: Instant) -> DrillView {
        let DrillOrder { dc, lasting, force, author, reason, dry_run: _ } = &self.order;
        let said = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let until = self.ended.unwrap_or(now);
        let (refused_for_room, refused) = self.judge.refused();
        let before = |to: &u16| self.failovers.0.get(to).copied().unwrap_or_default();
        let moved = self
            .failovers
            .1
            .iter()
            .map(|(to, count)| MovedView { to: *to, sessions: count.saturating_sub(before(to)) });
        DrillView {
            dc: dc.0,
            name: self.name.to_string(),
            state: self.step.as_str().to_owned(),
            complete: self.complete,
            why: self.why.clone(),
            by: said(&author.name),
            reason: said(reason),
            forced: *force,
            began: format_rfc3339_seconds(self.began.1).to_string(),
            for_seconds: lasting.as_secs(),
            lasted_seconds: seconds(until.saturating_duration_since(self.began.0)),
            forecast: Some(self.forecast.clone()),
            held: self.held,
            moved: moved.filter(|it| it.sessions > 0).collect(),
            refused_for_room,
            refused,
            survivors: self.judge.strains().iter().map(survivor).collect(),
            back_after_seconds: self.back_after.map(seconds),
            timeline: self.timeline.clone(),
        }
    }
}

fn survivor(strain: &Strain) -> SurvivorView {
    let millis = |it: Option<Duration>| it.map(|it| (it.as_secs_f64() * 1e6).round() / 1e3);
    SurvivorView {
        dc: strain.dc.0,
        sessions: strain.connected,
        failed: strain.failed,
        peak: strain.peak,
        max_sessions: strain.max_sessions,
        connect_before_ms: millis(strain.before),
        connect_during_ms: millis(strain.during),
    }
}

/// Tenths are enough.
fn seconds(of: Duration) -> f64 {
    (of.as_secs_f64() * 10.0).round() / 10.0
}
