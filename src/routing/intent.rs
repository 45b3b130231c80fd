//! What operators want of DCs and access points, whatever their health, for how long and why.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::health::AdminState;
use super::ids::{AccessPointId, DcId};

/// Intents that are kept at most. Those of a list's access points are many when a script sets each; more
/// than this are those of access points that have left for good.
pub const MOST: usize = 4096;

/// What an intent is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A whole DC.
    Dc(DcId),
    /// One access point.
    AccessPoint(AccessPointId),
}

impl Target {
    /// The DC that it is, or is in.
    #[must_use]
    pub fn dc(self) -> DcId {
        match self {
            Self::Dc(dc) => dc,
            Self::AccessPoint(id) => id.dc,
        }
    }
}

/// `DC 2`, or `access point 192.0.2.1:443 of DC 2`.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dc(dc) => write!(f, "DC {dc}"),
            Self::AccessPoint(id) => write!(f, "access point {} of DC {}", id.address, id.dc),
        }
    }
}

/// What an operator wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The state.
    pub state: AdminState,
    /// When it was said.
    pub since: Instant,
    /// When it ends and is Ready again; `None` for one that stays until somebody says otherwise.
    pub until: Option<Instant>,
    /// Who said it, and why.
    pub told: Arc<Told>,
}

/// Who wanted something, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Who, as the admin side knows them.
    pub by: String,
    /// Why; empty when they did not say.
    pub reason: String,
}

impl Intent {
    /// This state from `now` on, without an end and without a word.
    #[must_use]
    pub fn new(state: AdminState, now: Instant) -> Self {
        Self { state, since: now, until: None, told: Arc::default() }
    }

    fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// All intents but Ready, by what they are about. They outlive what they are about: a DC that leaves the
/// list and returns is as the operator wanted it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intents(BTreeMap<Target, Intent>);

impl Intents {
    /// What is wanted of this; `None` for Ready.
    #[must_use]
    pub fn get(&self, target: Target) -> Option<&Intent> {
        self.0.get(&target)
    }

    /// The state that is wanted of this.
    #[must_use]
    pub fn state(&self, target: Target) -> AdminState {
        self.get(target).map_or(AdminState::Ready, |intent| intent.state)
    }

    /// All of them, by what they are about: DCs first.
    pub fn iter(&self) -> impl Iterator<Item = (Target, &Intent)> {
        self.0.iter().map(|(target, intent)| (*target, intent))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether everything is Ready.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Somebody wants something else of this, or the same with another end or reason. An intent that is
    /// one too many is not taken; whether it was is returned.
    pub fn set(&mut self, target: Target, intent: Intent) -> bool {
        if intent.state == AdminState::Ready {
            self.0.remove(&target);
            return true;
        }
        let has_room = self.0.len() < MOST || self.0.contains_key(&target);
        if has_room {
            self.0.insert(target, intent);
        }
        has_room
    }

    /// When the next one ends.
    #[must_use]
    pub fn next_end(&self) -> Option<Instant> {
        self.0.values().filter_map(|intent| intent.until).min()
    }

    /// Takes out those that are over.
    pub fn take_over(&mut self, now: Instant) -> Vec<(Target, Intent)> {
        let ended: Vec<Target> =
            self.0.iter().filter(|(_, it)| it.is_over(now)).map(|(target, _)| *target).collect();
        ended.into_iter().filter_map(|target| self.0.remove_entry(&target)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn start() -> Instant {
        crate::routing::fixture::start()
    }

    #[test]
    fn ready_is_the_absence_of_an_intent() {
        let (mut intents, now) = (Intents::default(), start());
        let dc = Target::Dc(DcId(2));
        assert!(intents.set(dc, Intent::new(AdminState::Drain, now)));
        assert_eq!((intents.state(dc), intents.len()), (AdminState::Drain, 1));
        assert!(intents.set(dc, Intent::new(AdminState::Ready, now)));
        assert_eq!((intents.state(dc), intents.is_empty()), (AdminState::Ready, true));
    }

    #[test]
    fn an_intent_ends_with_its_time_and_no_other_does() {
        let (mut intents, now) = (Intents::default(), start());
        let later = |seconds| now + Duration::from_secs(seconds);
        for (dc, until) in [(1, None), (2, Some(later(5))), (3, Some(later(3)))] {
            let intent = Intent { until, ..Intent::new(AdminState::Maint, now) };
            intents.set(Target::Dc(DcId(dc)), intent);
        }
        assert_eq!(intents.next_end(), Some(later(3)));
        assert_eq!(intents.take_over(later(2)), []);
        let over = intents.take_over(later(4));
        assert_eq!(over.iter().map(|(it, _)| *it).collect::<Vec<_>>(), [Target::Dc(DcId(3))]);
        assert_eq!((intents.len(), intents.next_end()), (2, Some(later(5))));
    }

    #[test]
    fn there_are_no_more_of_them_than_the_most() {
        let (mut intents, now) = (Intents::default(), start());
        let drain = || Intent::new(AdminState::Drain, now);
        for dc in 1..=MOST as u16 {
            assert!(intents.set(Target::Dc(DcId(dc)), drain()));
        }
        assert!(!intents.set(Target::Dc(DcId(MOST as u16 + 1)), drain()));
        let known = Intent { until: Some(now), ..drain() };
        assert!(intents.set(Target::Dc(DcId(7)), known), "it is there already");
        assert_eq!(intents.len(), MOST);
    }
}
