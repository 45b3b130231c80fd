//! Whether this edge loses its way now and then, for less time than isolation takes to show.
//!
//! The sign of it: two sites fall silent, and nobody has answered in between. A site that dies alone does
//! not do that, whatever packets get lost elsewhere, since the others answer all the time. Two that die
//! together do, once: it costs them [`MEMORY`] until they are believed.

use std::sync::Arc;
use std::time::{Duration, Instant};

/// A way that was lost so long ago has been steady since.
const MEMORY: Duration = Duration::from_secs(10);

/// What probes in vain show of the edge's own way.
#[derive(Debug, Default)]
pub(super) struct Unsteady {
    /// The last one in vain.
    last: Option<InVain>,
    seen_at: Option<Instant>,
}

#[derive(Debug)]
struct InVain {
    site: Arc<str>,
    at: Instant,
    is_news: bool,
}

impl Unsteady {
    /// Nothing came back from this site. `is_news` tells that it was of one that had answered until now;
    /// `last_answer` is that of anybody.
    pub(super) fn on_silence(
        &mut self,
        site: &Arc<str>,
        is_news: bool,
        last_answer: Option<Instant>,
        now: Instant,
    ) {
        let last = self.last.replace(InVain { site: Arc::clone(site), at: now, is_news });
        let Some(last) = last.filter(|last| last_answer < Some(last.at)) else { return };
        if last.site != *site && (last.is_news || is_news) {
            self.seen_at = Some(now);
        }
    }

    /// Whether that was lately.
    pub(super) fn is_unsteady(&self, now: Instant) -> bool {
        self.seen_at.is_some_and(|at| now < at + MEMORY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::fixture::start;

    const MS: Duration = Duration::from_millis(1);

    /// Whether it takes the edge for unsteady after these came to nothing, each with the time, the site
    /// and whether it was news, where the last answer was at `last_answer`.
    fn is_unsteady(in_vain: &[(u32, &str, bool)], last_answer: u32) -> bool {
        let began = start();
        let at = |ms: u32| began + MS * ms;
        let mut edge = Unsteady::default();
        for (ms, site, is_news) in in_vain {
            let answer = at(last_answer.min(*ms));
            edge.on_silence(&Arc::from(*site), *is_news, Some(answer), at(*ms));
        }
        edge.is_unsteady(at(10_000))
    }

    #[test]
    fn two_sites_that_fall_silent_together_show_it_and_one_alone_does_not() {
        assert!(is_unsteady(&[(10, "a", true), (20, "b", true)], 0));
        assert!(is_unsteady(&[(10, "a", true), (20, "a", false), (30, "b", true)], 0));
        assert!(is_unsteady(&[(10, "b", true), (20, "a", false)], 0));
        assert!(!is_unsteady(&[(10, "a", true), (20, "a", true)], 0));
        assert!(!is_unsteady(&[(10, "a", true), (20, "b", true)], 15), "somebody answered");
        assert!(!is_unsteady(&[(10, "a", false), (20, "b", false)], 0), "long dead, both");
    }

    #[test]
    fn what_has_been_steady_for_a_while_is_trusted() {
        let now = start();
        let mut edge = Unsteady::default();
        for site in ["a", "b"] {
            edge.on_silence(&Arc::from(site), true, None, now);
        }
        assert!(edge.is_unsteady(now + MEMORY - MS));
        assert!(!edge.is_unsteady(now + MEMORY));
    }
}
