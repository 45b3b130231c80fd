//! Whether it is this edge that is cut off, rather than everybody else at once.
//!
//! The sign of it: sites that have answered until lately have all fallen silent together. It takes
//! two of them; the death of one site, while others are dead already or not, is that site's. Only
//! an access point that used to answer can be missed: an address that this edge has no route to,
//! or that has been dead for long, says nothing of the way to its site. What has not been tried
//! since the others fell silent is asked first, so that seldom probes do as well.

use std::collections::{BTreeMap, BTreeSet};
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

    /// When it answered last.
    #[must_use]
    pub fn heard(self) -> Option<Instant> {
        self.heard
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
    /// The last answer of a session is known to have come between two looks; this is the first one.
    silent_since: Option<Instant>,
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
    /// That is known when these have been tried: the last ones that answered in their sites.
    Untried(Vec<AccessPointId>),
    /// It is cut off.
    Complete,
}

/// The access points of one family of addresses in one site: an edge can lose its way to one family.
/// Who was heard last speaks for all.
struct Witness {
    id: AccessPointId,
    heard: Instant,
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

    /// When anybody may have answered last, at the earliest.
    #[must_use]
    pub fn silent_since(&self) -> Option<Instant> {
        self.silent_since
    }

    /// Somebody answered, at some time between `since` and now. Returns whether that ends the isolation.
    pub fn on_answer(&mut self, since: Instant, now: Instant) -> bool {
        self.last_answer = Some(now);
        self.silent_since = self.silent_since.max(Some(since));
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
        contacts: impl Iterator<Item = (&'a str, AccessPointId, Contact)>,
        now: Instant,
    ) -> Signs {
        self.asked = false;
        self.looked_at = Some(now);
        let Some(last_answer) = self.last_answer else { return Signs::Absent };
        let witnesses = witnesses(contacts);
        let missed = |(_, it): &(_, &Witness)| it.lost.is_none_or(|at| last_answer <= at + MEMORY);
        let missed: Vec<_> = witnesses.iter().filter(missed).collect();
        let sites: BTreeSet<_> = missed.iter().map(|((site, _), _)| site).collect();
        let untried = missed.iter().filter(|(_, it)| it.lost.is_none()).map(|(_, it)| it.id);
        let untried: Vec<_> = untried.collect();
        match untried.len() {
            _ if sites.len() < 2 => Signs::Absent,
            0 => Signs::Complete,
            all if all == missed.len() => Signs::Absent,
            _ => Signs::Untried(untried),
        }
    }

    /// From now on, and until anybody answers.
    pub fn begin(&mut self) {
        self.isolated = true;
    }
}

/// Of each site and family of addresses that has ever answered, by whether that is IPv6.
fn witnesses<'a>(
    contacts: impl Iterator<Item = (&'a str, AccessPointId, Contact)>,
) -> BTreeMap<(&'a str, bool), Witness> {
    let mut witnesses: BTreeMap<_, Witness> = BTreeMap::new();
    for (site, id, Contact { heard, lost }) in contacts {
        let Some(heard) = heard else { continue };
        let key = (site, id.address.socket.is_ipv6());
        let later = |known: &Witness| (heard, lost.is_none()) > (known.heard, known.lost.is_none());
        if witnesses.get(&key).is_none_or(later) {
            witnesses.insert(key, Witness { id, heard, lost });
        }
    }
    witnesses
}

#[cfg(test)]
mod tests;
