//! How many sessions or flows of a listener may be new, over all workers.

use std::num::NonZeroU32;
use std::sync::Mutex;
use std::sync::{Arc, PoisonError};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// A rate with a burst (the generic cell rate algorithm).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// In a second, on average.
    pub per_second: NonZeroU32,
    /// At once, after a pause.
    pub burst: NonZeroU32,
}

/// The pace that all workers keep together.
#[derive(Debug)]
pub struct Pace {
    rate: Rate,
    limiter: DefaultDirectRateLimiter,
}

impl Pace {
    fn new(rate: Rate) -> Self {
        let quota = Quota::per_second(rate.per_second).allow_burst(rate.burst);
        Self { rate, limiter: RateLimiter::direct(quota) }
    }

    /// Whether one more may begin now.
    #[must_use]
    pub fn admits(&self) -> bool {
        self.limiter.check().is_ok()
    }
}

/// The pace of a listener, while it has one. What clients have used of it outlives a reload that leaves it
/// as it is.
#[derive(Debug, Default)]
pub(super) struct Paces(Mutex<Option<Arc<Pace>>>);

impl Paces {
    pub(super) fn at(&self, rate: Rate) -> Arc<Pace> {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*current {
            Some(pace) if pace.rate == rate => Arc::clone(pace),
            Some(_) | None => Arc::clone(current.insert(Arc::new(Pace::new(rate)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_admitted_and_what_is_beyond_is_not_whoever_asks() {
        let paces = Paces::default();
        let number = |n| NonZeroU32::new(n).expect("a number of the test");
        let rate = Rate { per_second: number(1), burst: number(3) };
        let admitted = (0..10).filter(|_| paces.at(rate).admits()).count();
        assert_eq!(admitted, 3);
        let other = Rate { burst: number(2), ..rate };
        assert!(paces.at(other).admits(), "another rate begins anew");
    }
}
