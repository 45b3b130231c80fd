//! Whether it is this edge that is cut off, rather than everybody else at once.
//!
//! The sign of it: sites that answered within the last ten seconds have all fallen silent together.
//! It takes two of them; the death of one site, while others are dead already or not, is that
//! site's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// So long nobody must have answered.
pub const SILENCE: Duration = Duration::from_secs(3);

/// So long before that a site must have answered to be missed.
pub const MEMORY: Duration = Duration::from_secs(10);

/// What the sites have shown, and what that makes of this edge.
#[derive(Clone, Debug, Default)]
pub struct Isolation {
    sites: BTreeMap<Arc<str>, Site>,
    last_answer: Option<Instant>,
    /// A site was tried in vain since the last look.
    asked: bool,
    isolated: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Site {
    answered: Option<Instant>,
    /// It was tried since, in vain.
    failed: bool,
}

impl Isolation {
    /// Whether this edge is cut off.
    #[must_use]
    pub fn is_isolated(&self) -> bool {
        self.isolated
    }

    /// When anybody answered last.
    #[must_use]
    pub fn last_answer(&self) -> Option<Instant> {
        self.last_answer
    }

    /// Forgets sites that are gone.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.sites.retain(|site, _| keep(site));
    }

    /// An access point of this site answered a probe, a connect or a byte. Returns whether that ends
    /// the isolation.
    pub fn on_answer(&mut self, site: &Arc<str>, now: Instant) -> bool {
        let seen = Site { answered: Some(now), failed: false };
        match self.sites.get_mut(site) {
            Some(known) => *known = seen,
            None => drop(self.sites.insert(Arc::clone(site), seen)),
        }
        self.last_answer = Some(now);
        std::mem::take(&mut self.isolated)
    }

    /// An access point of this site was tried in vain, for a reason that lies on the way or beyond.
    pub fn on_failure(&mut self, site: &str) {
        if let Some(known) = self.sites.get_mut(site) {
            known.failed = true;
            self.asked = true;
        }
    }

    /// When to [`look`](Self::look) next; `None` while nothing points to it.
    #[must_use]
    pub fn next_look(&self) -> Option<Instant> {
        match self.asked && !self.isolated {
            true => self.last_answer.map(|at| at + SILENCE),
            false => None,
        }
    }

    /// Whether the signs have come together now.
    pub fn look(&mut self, now: Instant) -> bool {
        if self.next_look().is_none_or(|due| now < due) {
            return false;
        }
        self.asked = false;
        let missed = |site: &&Site| site.answered.is_some_and(|at| now <= at + SILENCE + MEMORY);
        let mut missed = self.sites.values().filter(missed);
        missed.clone().count() >= 2 && missed.all(|site| site.failed)
    }

    /// From now on, and until anybody answers.
    pub fn begin(&mut self) {
        self.isolated = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::fixture::start;

    const SECOND: Duration = Duration::from_secs(1);

    fn sites() -> [Arc<str>; 3] {
        ["ams".into(), "mia".into(), "sin".into()]
    }

    fn all_answer(isolation: &mut Isolation, now: Instant) {
        sites().iter().for_each(|site| _ = isolation.on_answer(site, now));
    }

    #[test]
    fn all_sites_silent_together_are_isolation_and_one_answer_ends_it() {
        let mut isolation = Isolation::default();
        all_answer(&mut isolation, start());
        sites().iter().for_each(|site| isolation.on_failure(site));
        assert_eq!(isolation.next_look(), Some(start() + SILENCE));
        assert!(!isolation.look(start() + 2 * SECOND));
        assert!(isolation.look(start() + SILENCE));
        isolation.begin();
        assert!(isolation.on_answer(&sites()[2], start() + 4 * SECOND));
        assert!(!isolation.is_isolated());
    }

    #[test]
    fn one_site_is_never_isolation() {
        let mut isolation = Isolation::default();
        all_answer(&mut isolation, start());
        for second in 1..60 {
            let now = start() + SECOND * second;
            isolation.on_failure("ams");
            isolation.on_answer(&sites()[1], now);
            assert!(!isolation.look(now + SILENCE), "Singapore was not even tried");
        }
        let dead_for_long = start() + 60 * SECOND;
        isolation.on_failure("mia");
        isolation.on_failure("sin");
        assert!(!isolation.look(dead_for_long + 3 * SECOND), "only Miami had answered lately");
    }

    #[test]
    fn a_silence_that_nobody_broke_in_ten_seconds_before_is_no_news() {
        let mut isolation = Isolation::default();
        all_answer(&mut isolation, start());
        sites().iter().for_each(|site| isolation.on_failure(site));
        assert!(isolation.clone().look(start() + SILENCE + MEMORY));
        assert!(!isolation.look(start() + SILENCE + MEMORY + SECOND));
    }

    #[test]
    fn a_network_of_one_site_is_never_isolated() {
        let mut isolation = Isolation::default();
        isolation.on_answer(&sites()[0], start());
        isolation.on_failure("ams");
        assert!(!isolation.look(start() + SILENCE));
    }
}
