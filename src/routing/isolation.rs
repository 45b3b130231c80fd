//! Whether it is this edge that is cut off, rather than everybody else at once.
//!
//! The sign of it: sites that have answered until lately have all fallen silent together. It takes
//! two of them; the death of one site, while others are dead already or not, is that site's. Only
//! an access point that used to answer can be missed: an address that this edge has no route to,
//! or that has been dead for long, says nothing of the way to its site.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::ids::AccessPointId;

/// So long nobody must have answered.
pub const SILENCE: Duration = Duration::from_secs(3);

/// A site that fell silent longer than this before the last answer of all is dead by itself.
pub const MEMORY: Duration = Duration::from_secs(10);

/// Between two looks at everybody, who may be thousands.
const LOOK_PAUSE: Duration = Duration::from_millis(100);

/// What one access point has shown of the way to it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Contact {
    heard: Option<Instant>,
    /// When it was first tried in vain since.
    lost: Option<Instant>,
}

impl Contact {
    /// It answered a probe, a connect or a byte.
    pub fn on_answer(&mut self, now: Instant) {
        *self = Self { heard: Some(now), lost: None };
    }

    /// It was tried in vain, for a reason that lies on the way or beyond. Returns whether that is
    /// news: it is of one that has answered until now.
    pub fn on_failure(&mut self, now: Instant) -> bool {
        let is_news = self.heard.is_some() && self.lost.is_none();
        if is_news {
            self.lost = Some(now);
        }
        is_news
    }
}

/// What this edge has heard, and whether it is cut off.
#[derive(Clone, Copy, Debug, Default)]
pub struct Isolation {
    last_answer: Option<Instant>,
    /// One that used to answer was tried in vain since the last look.
    asked: bool,
    looked_at: Option<Instant>,
    isolated: bool,
    ended: Option<Instant>,
}

/// What a look at everybody comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signs {
    /// This edge is not cut off.
    Absent,
    /// That is known when these have been tried: of each site that has answered until lately, and
    /// was not tried since, one.
    Untried(Vec<AccessPointId>),
    /// It is cut off.
    Complete,
}

struct Site {
    heard: Instant,
    /// Who was heard then.
    witness: AccessPointId,
    /// When somebody here was first tried in vain since.
    lost: Option<Instant>,
}

impl Isolation {
    /// Whether this edge is cut off.
    #[must_use]
    pub fn is_isolated(&self) -> bool {
        self.isolated
    }

    /// Whether this edge was cut off at any time since then.
    #[must_use]
    pub fn covers(&self, since: Instant) -> bool {
        self.isolated || self.ended.is_some_and(|at| since < at)
    }

    /// When anybody answered last.
    #[must_use]
    pub fn last_answer(&self) -> Option<Instant> {
        self.last_answer
    }

    /// Somebody answered. Returns whether that ends the isolation.
    pub fn on_answer(&mut self, now: Instant) -> bool {
        self.last_answer = Some(now);
        let ends = std::mem::take(&mut self.isolated);
        if ends {
            self.ended = Some(now);
        }
        ends
    }

    /// One that has answered until now was tried in vain.
    pub fn on_failure(&mut self) {
        self.asked = true;
    }

    /// When to [`look`](Self::look) next; `None` while nothing points to it.
    #[must_use]
    pub fn next_look(&self) -> Option<Instant> {
        let silent_at = self.last_answer.filter(|_| self.asked && !self.isolated)? + SILENCE;
        Some(self.looked_at.map_or(silent_at, |at| silent_at.max(at + LOOK_PAUSE)))
    }

    /// Whether the signs have come together now, of all access points, each with its site.
    pub fn look<'a>(
        &mut self,
        contacts: impl Iterator<Item = (&'a str, AccessPointId, Contact)> + Clone,
        now: Instant,
    ) -> Signs {
        self.asked = false;
        self.looked_at = Some(now);
        let Some(last_answer) = self.last_answer else { return Signs::Absent };
        let sites = sites(contacts);
        let missed = |site: &&Site| site.lost.is_none_or(|at| last_answer <= at + MEMORY);
        let missed = sites.values().filter(missed);
        if missed.clone().count() < 2 || missed.clone().all(|site| site.lost.is_none()) {
            return Signs::Absent;
        }
        let untried = missed.filter(|site| site.lost.is_none()).map(|site| site.witness);
        let untried: Vec<_> = untried.collect();
        if untried.is_empty() { Signs::Complete } else { Signs::Untried(untried) }
    }

    /// From now on, and until anybody answers.
    pub fn begin(&mut self) {
        self.isolated = true;
    }
}

/// The sites that have ever answered.
fn sites<'a>(
    contacts: impl Iterator<Item = (&'a str, AccessPointId, Contact)> + Clone,
) -> BTreeMap<&'a str, Site> {
    let mut sites: BTreeMap<&str, Site> = BTreeMap::new();
    for (name, witness, contact) in contacts.clone() {
        let Some(heard) = contact.heard else { continue };
        let site = sites.entry(name).or_insert(Site { heard, witness, lost: None });
        if heard > site.heard {
            (site.heard, site.witness) = (heard, witness);
        }
    }
    for (name, _, contact) in contacts {
        let (Some(lost), Some(site)) = (contact.lost, sites.get_mut(name)) else { continue };
        if lost > site.heard {
            site.lost = Some(site.lost.map_or(lost, |first| first.min(lost)));
        }
    }
    sites
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::fixture::start;
    use crate::routing::ids::DcId;

    const SECOND: Duration = Duration::from_secs(1);
    const SITES: [&str; 3] = ["ams", "mia", "sin"];

    /// Three sites of two access points each.
    #[derive(Default)]
    struct Edge {
        isolation: Isolation,
        contacts: [[Contact; 2]; 3],
    }

    fn id(site: usize, n: usize) -> AccessPointId {
        AccessPointId { dc: DcId(site as u16), address: ([192, 0, 2, 1], n as u16).into() }
    }

    impl Edge {
        fn at_work() -> Self {
            let mut edge = Self::default();
            (0..3).for_each(|site| _ = edge.hear(site, start()));
            edge
        }

        fn hear(&mut self, site: usize, now: Instant) -> bool {
            self.contacts[site].iter_mut().for_each(|it| it.on_answer(now));
            self.isolation.on_answer(now)
        }

        fn lose(&mut self, site: usize, n: usize, now: Instant) {
            if self.contacts[site][n].on_failure(now) {
                self.isolation.on_failure();
            }
        }

        fn look(&mut self, now: Instant) -> Signs {
            let contacts = SITES.iter().zip(&self.contacts).enumerate();
            let contacts = contacts.flat_map(|(site, (name, members))| {
                let members = members.iter().enumerate();
                members.map(move |(n, contact)| (*name, id(site, n), *contact))
            });
            self.isolation.look(contacts, now)
        }
    }

    #[test]
    fn all_sites_silent_together_are_isolation_and_one_answer_ends_it() {
        let mut edge = Edge::at_work();
        (0..3).for_each(|site| edge.lose(site, 0, start() + SECOND));
        assert_eq!(edge.isolation.next_look(), Some(start() + SILENCE));
        assert_eq!(edge.look(start() + SILENCE), Signs::Complete);
        edge.isolation.begin();
        assert_eq!(edge.isolation.next_look(), None);
        assert!(edge.isolation.covers(start() + 9 * SECOND));
        assert!(edge.hear(2, start() + 4 * SECOND));
        assert!(!edge.isolation.is_isolated());
        assert!(edge.isolation.covers(start() + 3 * SECOND));
        assert!(!edge.isolation.covers(start() + 4 * SECOND));
    }

    #[test]
    fn a_site_that_was_not_tried_has_to_be() {
        let mut edge = Edge::at_work();
        edge.lose(0, 0, start() + SECOND);
        edge.lose(1, 1, start() + SECOND);
        assert_eq!(edge.look(start() + SILENCE), Signs::Untried(vec![id(2, 0)]));
        assert_eq!(edge.isolation.next_look(), None, "not before somebody else fails");
        edge.lose(2, 0, start() + 30 * SECOND);
        assert_eq!(edge.look(start() + 30 * SECOND), Signs::Complete);
    }

    #[test]
    fn a_site_that_has_been_dead_for_long_is_not_missed() {
        let mut edge = Edge::at_work();
        edge.lose(0, 0, start() + SECOND);
        edge.lose(1, 0, start() + SECOND);
        let last = start() + SECOND + MEMORY;
        edge.hear(2, last);
        edge.lose(2, 0, last + SECOND);
        assert_eq!(edge.look(last + SILENCE), Signs::Complete, "fell silent within ten seconds");
        edge.hear(2, last + SECOND);
        edge.lose(2, 0, last + 2 * SECOND);
        assert_eq!(edge.look(last + 9 * SECOND), Signs::Absent);
    }

    #[test]
    fn one_that_never_answered_or_is_dead_already_says_nothing() {
        let mut edge = Edge::at_work();
        edge.contacts[0][1] = Contact::default();
        edge.lose(0, 1, start() + SECOND);
        assert_eq!(edge.isolation.next_look(), None);
        for site in 1..3 {
            edge.lose(site, 1, start() + SECOND);
            edge.contacts[site][0].on_answer(start() + 2 * SECOND);
            edge.lose(site, 1, start() + 3 * SECOND);
        }
        assert_eq!(edge.look(start() + 9 * SECOND), Signs::Absent, "nobody is missed");
    }

    #[test]
    fn looks_keep_their_distance() {
        let mut edge = Edge::at_work();
        edge.lose(0, 0, start() + SECOND);
        edge.look(start() + SILENCE);
        edge.lose(0, 1, start() + SILENCE);
        assert_eq!(edge.isolation.next_look(), Some(start() + SILENCE + LOOK_PAUSE));
    }

    #[test]
    fn a_network_of_one_site_is_never_isolated() {
        let mut edge = Edge::default();
        edge.hear(0, start());
        edge.lose(0, 0, start() + SECOND);
        assert_eq!(edge.look(start() + SILENCE), Signs::Absent);
    }
}
