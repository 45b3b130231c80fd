//! How many sessions or flows of a listener may be new, over all workers.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// A rate with a burst (the generic cell rate algorithm).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// In a second, on average.
    pub per_second: NonZeroU32,
    /// At once, after a pause.
    pub burst: NonZeroU32,
}

impl From<Rate> for Quota {
    fn from(Rate { per_second, burst }: Rate) -> Self {
        Self::per_second(per_second).allow_burst(burst)
    }
}

/// The pace that all workers keep together.
#[derive(Debug)]
pub struct Pace(DefaultDirectRateLimiter);

impl From<Rate> for Pace {
    fn from(rate: Rate) -> Self {
        Self(RateLimiter::direct(rate.into()))
    }
}

impl Pace {
    /// Whether one more may begin now.
    #[must_use]
    pub fn admits(&self) -> bool {
        self.0.check().is_ok()
    }
}

/// What keeps the pace of a listener, while it has one. What was used of a rate outlives a reload that
/// leaves the rate as it is.
#[derive(Debug)]
pub(super) struct Kept<P>(Mutex<Option<(Rate, Arc<P>)>>);

impl<P> Default for Kept<P> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<P: From<Rate>> Kept<P> {
    pub(super) fn at(&self, rate: Rate) -> Arc<P> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some((its, pace)) if *its == rate => Arc::clone(pace),
            Some(_) | None => Arc::clone(&kept.insert((rate, Arc::new(rate.into()))).1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_admitted_and_what_is_beyond_is_not_whoever_asks() {
        let paces = Kept::<Pace>::default();
        let number = |n| NonZeroU32::new(n).expect("a number of the test");
        let rate = Rate { per_second: number(1), burst: number(3) };
        let admitted = (0..10).filter(|_| paces.at(rate).admits()).count();
        assert_eq!(admitted, 3);
        let other = Rate { burst: number(2), ..rate };
        assert!(paces.at(other).admits(), "another rate begins anew");
    }
}
