//! The last few seconds of new sessions, by DC.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::routing::DcId;

/// Whole seconds looked back at: long enough to be calm, short enough to show a move.
const SECONDS: u64 = 3;

/// A ring of seconds; one more than is looked at, for the second that is not over yet.
#[derive(Default)]
pub(super) struct Recent {
    seconds: [Second; SECONDS as usize + 1],
}

#[derive(Default)]
struct Second {
    number: u64,
    sessions: BTreeMap<DcId, u32>,
}

impl Recent {
    pub(super) fn add(&mut self, at: Duration, dc: DcId) {
        let number = at.as_secs();
        let slot = &mut self.seconds[(number % (SECONDS + 1)) as usize];
        if slot.number != number {
            *slot = Second { number, sessions: BTreeMap::new() };
        }
        *slot.sessions.entry(dc).or_default() += 1;
    }

    pub(super) fn rate(&self, now: Duration) -> f64 {
        // The present second counts for as much of it as has passed.
        let back = Duration::from_secs(SECONDS) + Duration::from_nanos(now.subsec_nanos().into());
        let span = back.min(now).as_secs_f64();
        match span > 0.0 {
            true => f64::from(self.sum(now, |_| true)) / span,
            false => 0.0,
        }
    }

    pub(super) fn share(&self, dc: DcId, now: Duration) -> f64 {
        match self.sum(now, |_| true) {
            0 => 0.0,
            all => f64::from(self.sum(now, |it| it == dc)) / f64::from(all),
        }
    }

    fn sum(&self, now: Duration, of: impl Fn(DcId) -> bool) -> u32 {
        let fresh = |second: &&Second| second.number + SECONDS >= now.as_secs();
        let sessions = self.seconds.iter().filter(fresh).flat_map(|second| &second.sessions);
        sessions.filter(|(dc, _)| of(**dc)).map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: DcId = DcId(1);
    const B: DcId = DcId(2);

    #[test]
    fn shares_follow_the_last_seconds_and_forget_older_ones() {
        let mut recent = Recent::default();
        let second = Duration::from_secs;
        assert_eq!(recent.share(A, second(0)), 0.0);
        assert_eq!(recent.rate(second(0)), 0.0);
        for at in 0..8 {
            recent.add(second(at), if at < 4 { A } else { B });
            if at == 4 {
                assert_eq!(recent.share(B, second(4)), 0.25);
            }
        }
        assert_eq!(recent.share(B, second(7)), 1.0);
        assert_eq!(recent.rate(second(20)), 0.0, "all of it is long ago");
    }

    #[test]
    fn the_rate_is_by_the_second_from_the_first_moment_on() {
        let mut recent = Recent::default();
        for tenth in 0..100 {
            let now = Duration::from_millis(tenth * 100);
            recent.add(now, A);
            let rate = recent.rate(now + Duration::from_millis(100));
            assert!((8.0..=13.0).contains(&rate), "{rate} after {tenth} tenths");
        }
    }
}
