//! What probes measure of one access point, and what of it others have been shown.

use std::time::{Duration, Instant};

use super::event::ProbeTimes;
use crate::routing::excess::ExcessTracker;
use crate::routing::geo::Millis;
use crate::routing::round_trip::RoundTrip;
use crate::routing::settled::SettledRoundTrip;
use crate::routing::topology::HealthSettings;

/// A probe is given up after three usual round trips, but no sooner than this.
const LEAST_PROBE_TIMEOUT: Duration = Duration::from_millis(250);

/// Round trips that are apart by more than this, or by three intervals, tell nothing of the time
/// between them.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Round trips, answer times, and what they come to.
#[derive(Default)]
pub(super) struct Measured {
    round_trip: RoundTrip,
    answer_time: RoundTrip,
    excess: ExcessTracker,
    published_excess: Millis,
    settled: SettledRoundTrip,
    published_settled: Option<Duration>,
}

impl Measured {
    /// Takes the times of a good probe; those before do not count if it is the first after a while. Of
    /// an answer that was not the whole one only the round trip counts; how long a whole one takes after
    /// a while, nobody knows then.
    pub(super) fn on_times(
        &mut self,
        (times, is_whole): (ProbeTimes, bool),
        is_first: bool,
        settings: &HealthSettings,
        tie_margin: Millis,
        now: Instant,
    ) {
        let round_trip = take(&mut self.round_trip, times.round_trip(), is_first);
        let pause = LONGEST_PAUSE.max(3 * settings.interval);
        self.settled.on_round_trip(round_trip, tie_margin, pause, now);
        if !is_whole {
            if is_first {
                self.answer_time = RoundTrip::default();
            }
            return;
        }
        let answer_time = times.answer().map(|it| take(&mut self.answer_time, it, is_first));
        // A slow service is as far away as a slow way.
        self.excess.on_round_trip(answer_time.unwrap_or(round_trip), tie_margin, pause, now);
    }

    /// Probes do something else from now on: how long an answer took says nothing any more.
    pub(super) fn on_other_probe(&mut self) {
        self.answer_time = RoundTrip::default();
        self.excess = ExcessTracker::default();
    }

    /// How long a probe of an access point that answers may take to connect, and in all. Who is asked
    /// something over a connection has all the time for it until it is known what is usual: the connection,
    /// or an answer that only turns the question away, does not tell.
    pub(super) fn probe_timeouts(
        &self,
        settings: &HealthSettings,
        is_asked: bool,
    ) -> (Duration, Duration) {
        let limit = |usual: Duration| settings.timeout.min((3 * usual).max(LEAST_PROBE_TIMEOUT));
        let Some(round_trip) = self.round_trip.average() else {
            return (settings.timeout, settings.timeout);
        };
        let connect = limit(round_trip);
        match (is_asked, self.answer_time.average()) {
            (false, _) => (connect, connect),
            (true, Some(answer_time)) => (connect, limit(round_trip + answer_time)),
            (true, None) => (connect, settings.timeout),
        }
    }

    /// Whether something has moved a step away from what others see, or the round trip has settled
    /// elsewhere.
    pub(super) fn has_news(&self) -> bool {
        let (excess, published) = (self.excess.excess().0, self.published_excess.0);
        let moved = (excess - published).abs() >= (published / 10.0).max(1.0);
        let entered_or_left = (excess > 0.0) != (published > 0.0);
        let settled = self.settled.settled() != self.published_settled;
        let timed = self.round_trip.has_news() || self.answer_time.has_news();
        timed || moved || entered_or_left || settled
    }

    /// Shows others everything as it is.
    pub(super) fn publish(&mut self) {
        self.round_trip.publish();
        self.answer_time.publish();
        self.published_excess = self.excess.excess();
        self.published_settled = self.settled.settled();
    }

    /// The usual round trip published last.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.round_trip.published()
    }

    /// The usual answer time published last.
    pub(super) fn answer_time(&self) -> Option<Duration> {
        self.answer_time.published()
    }

    /// The settled round trip published last.
    pub(super) fn settled(&self) -> Option<Duration> {
        self.published_settled
    }

    /// The excess published last.
    pub(super) fn excess(&self) -> Millis {
        self.published_excess
    }
}

fn take(average: &mut RoundTrip, sample: Duration, is_first: bool) -> Duration {
    match is_first {
        true => average.restart_with(sample),
        false => average.on_sample(sample),
    }
    average.average().unwrap_or(sample)
}
