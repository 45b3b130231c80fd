//! What the machine knows of one access point.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::event::{Cause, ProbeTimes};
use crate::routing::excess::ExcessTracker;
use crate::routing::failure::ProbeFailure;
use crate::routing::geo::Millis;
use crate::routing::health::{AdminState, Health, HealthTracker, Transition};
use crate::routing::round_trip::RoundTrip;
use crate::routing::settled::SettledRoundTrip;
use crate::routing::slot::AccessPointSlot;
use crate::routing::snapshot::AccessPointState;
use crate::routing::topology::HealthSettings;

/// A probe is given up after three usual round trips, but no sooner than this.
const LEAST_PROBE_TIMEOUT: Duration = Duration::from_millis(250);

/// Round trips that are apart by more than this, or by three intervals, tell nothing of the time
/// between them.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// One access point, kept by its identity over reloads.
pub(super) struct AccessPointCell {
    pub(super) tracker: HealthTracker,
    pub(super) admin: AdminState,
    pub(super) slot: Arc<AccessPointSlot>,
    /// Whether any probe of it has ended.
    pub(super) probed: bool,
    /// Its next probe goes out together with many others.
    pub(super) in_step: bool,
    round_trip: RoundTrip,
    excess: ExcessTracker,
    published_excess: Millis,
    settled: SettledRoundTrip,
    published_settled: Option<Duration>,
}

impl Default for AccessPointCell {
    fn default() -> Self {
        Self {
            tracker: HealthTracker::default(),
            admin: AdminState::Ready,
            slot: Arc::default(),
            probed: false,
            in_step: true,
            round_trip: RoundTrip::default(),
            excess: ExcessTracker::default(),
            published_excess: Millis(0.0),
            settled: SettledRoundTrip::default(),
            published_settled: None,
        }
    }
}

impl AccessPointCell {
    /// Takes what came of a probe.
    pub(super) fn on_probed(
        &mut self,
        outcome: Result<ProbeTimes, ProbeFailure>,
        settings: &HealthSettings,
        tie_margin: Millis,
        now: Instant,
    ) -> (Option<Transition>, Cause) {
        self.probed = true;
        match outcome {
            Ok(times) => {
                let sample = times.connect;
                match self.tracker.is_first_sign_of_life() {
                    true => self.round_trip.restart_with(sample),
                    false => self.round_trip.on_sample(sample),
                }
                let average = self.round_trip.average().unwrap_or(sample);
                let pause = LONGEST_PAUSE.max(3 * settings.interval);
                self.excess.on_round_trip(average, tie_margin, pause, now);
                self.settled.on_round_trip(average, tie_margin, pause, now);
                (self.tracker.on_probe_success(settings), Cause::ProbeAnswered)
            }
            Err(failure) if failure.depth().is_some() => {
                (self.tracker.on_probe_failure(settings), Cause::ProbeFailed(failure))
            }
            Err(failure) => {
                self.tracker.on_local_failure();
                (None, Cause::ProbeFailed(failure))
            }
        }
    }

    /// How long its next probe may take. The usual round trip cuts that short only while the access
    /// point answers: who is silent may have become slower.
    pub(super) fn probe_timeout(&self, settings: &HealthSettings) -> Duration {
        match self.round_trip.average() {
            Some(usual) if self.tracker.health().is_usable() => {
                settings.timeout.min((3 * usual).max(LEAST_PROBE_TIMEOUT))
            }
            Some(_) | None => settings.timeout,
        }
    }

    /// The least and the most from the start of the last probe to the next: the interval and its
    /// jitter, or, after a probe made together with many others, any part of the interval.
    pub(super) fn pause(&mut self, settings: &HealthSettings) -> Range<Duration> {
        let interval = self.tracker.interval(settings);
        let jitter = f64::from(settings.jitter_percent.min(100)) / 100.0;
        match std::mem::take(&mut self.in_step) {
            true => Duration::ZERO..interval,
            false => interval.mul_f64(1.0 - jitter)..interval.mul_f64(1.0 + jitter),
        }
    }

    /// Whether round trip or excess have moved a step away from what others see, or the round trip
    /// has settled elsewhere.
    pub(super) fn has_news(&self) -> bool {
        let (excess, published) = (self.excess.excess().0, self.published_excess.0);
        let moved = (excess - published).abs() >= (published / 10.0).max(1.0);
        let entered_or_left = (excess > 0.0) != (published > 0.0);
        let settled = self.settled.settled() != self.published_settled;
        self.round_trip.has_news() || moved || entered_or_left || settled
    }

    /// Shows others the round trip, where it has settled, and the excess, as they are.
    pub(super) fn publish(&mut self) {
        self.round_trip.publish();
        self.published_excess = self.excess.excess();
        self.published_settled = self.settled.settled();
    }

    /// What was published last.
    pub(super) fn state(&self) -> AccessPointState {
        AccessPointState {
            admin: self.admin,
            health: self.tracker.health(),
            unreachable: self.tracker.is_unreachable(),
            round_trip: self.round_trip.published(),
            settled_round_trip: self.published_settled,
            answer_time: None,
            held_until: None,
            slot: Arc::clone(&self.slot),
        }
    }

    /// The excess published last.
    pub(super) fn published_excess(&self) -> Millis {
        self.published_excess
    }

    /// Whether sessions may go to it, as far as is known and wanted.
    pub(super) fn is_in_use(&self) -> bool {
        self.admin == AdminState::Ready && self.tracker.health().is_usable()
    }

    /// Whether it may take the place of one that leaves: better than `Suspect`.
    pub(super) fn is_proved(&self) -> bool {
        self.admin == AdminState::Ready && self.tracker.health() == Health::Up
    }
}
