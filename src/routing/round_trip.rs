//! The usual round trip of an access point: a moving average, published in steps.

use std::time::Duration;

/// Weight of a new sample: 1/8, as TCP smooths its own round trip (RFC 6298).
const SHARE: u32 = 8;

/// Published values move in steps of at least this much, or 10%: small tremor is not news.
const STEP: Duration = Duration::from_millis(1);

/// A moving average of round trips and the value last shown to others.
#[derive(Clone, Copy, Debug, Default)]
pub struct RoundTrip {
    average: Option<Duration>,
    published: Option<Duration>,
}

impl RoundTrip {
    /// Takes a sample.
    pub fn on_sample(&mut self, sample: Duration) {
        self.average = Some(match self.average {
            None => sample,
            Some(average) => (average * (SHARE - 1) + sample) / SHARE,
        });
    }

    /// Forgets the average: what was usual before the access point was gone for a while says nothing.
    pub fn restart_with(&mut self, sample: Duration) {
        self.average = Some(sample);
    }

    /// The average as it is.
    #[must_use]
    pub fn average(&self) -> Option<Duration> {
        self.average
    }

    /// The value to show others.
    #[must_use]
    pub fn published(&self) -> Option<Duration> {
        self.published
    }

    /// Whether the average has moved a step away from what others see.
    #[must_use]
    pub fn has_news(&self) -> bool {
        match (self.average, self.published) {
            (Some(average), Some(published)) => {
                average.abs_diff(published) >= STEP.max(published / 10)
            }
            (average, published) => average != published,
        }
    }

    /// Shows the average to others, if it has moved a step.
    pub fn publish(&mut self) {
        if self.has_news() {
            self.published = self.average;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn average_follows_slowly_and_ends_where_the_samples_are() {
        let mut round_trip = RoundTrip::default();
        round_trip.on_sample(100 * MS);
        assert_eq!(round_trip.average(), Some(100 * MS));
        round_trip.on_sample(20 * MS);
        assert_eq!(round_trip.average(), Some(90 * MS));
        for _ in 0..100 {
            round_trip.on_sample(20 * MS);
        }
        assert!(round_trip.average().is_some_and(|average| average < 21 * MS));
    }

    #[test]
    fn tremor_below_a_step_is_not_published() {
        let mut round_trip = RoundTrip::default();
        round_trip.on_sample(40 * MS);
        assert!(round_trip.has_news());
        round_trip.publish();
        round_trip.on_sample(60 * MS);
        assert!(!round_trip.has_news(), "2.5 ms are less than 10% of 40");
        round_trip.publish();
        assert_eq!(round_trip.published(), Some(40 * MS));
        round_trip.on_sample(70 * MS);
        round_trip.publish();
        assert!(round_trip.published().is_some_and(|published| published > 44 * MS));
    }
}
