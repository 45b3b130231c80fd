//! What is known of an access point: Unknown, Up, Suspect or Down, and how it gets there.

use std::time::Duration;

use super::topology::HealthSettings;

/// Whether an access point can be used, as far as probes and sessions have shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Health {
    /// The last probes were good.
    Up,
    /// Not probed yet: neither well nor ill.
    Unknown,
    /// Was Up until sessions failed to connect; probed at once, used last.
    Suspect,
    /// Failed often enough in a row.
    Down,
}

impl Health {
    /// A fixed word for status and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Unknown => "unknown",
            Self::Suspect => "suspect",
            Self::Down => "down",
        }
    }

    /// What the access points of a DC make of it: Up while one is usable, Unknown while one may yet
    /// prove to be, else Down. Each comes with whether this edge has no way to it: such a one says
    /// nothing while there are others.
    #[must_use]
    pub fn of_members(members: impl Iterator<Item = (Self, bool)>) -> Self {
        let votes = members.map(|(health, unreachable)| match (health, unreachable) {
            (Self::Up | Self::Suspect, _) => (0, Self::Up),
            (Self::Unknown, false) => (1, Self::Unknown),
            (Self::Down, _) => (2, Self::Down),
            (Self::Unknown, true) => (3, Self::Unknown),
        });
        votes.min().map_or(Self::Down, |(_, health)| health)
    }

    /// Whether the access point has answered and not yet proved dead.
    #[must_use]
    pub fn is_usable(self) -> bool {
        matches!(self, Self::Up | Self::Suspect)
    }
}

/// The operator's intent, separate from health.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AdminState {
    /// Serve.
    #[default]
    Ready,
    /// No new sessions.
    Drain,
    /// As if absent.
    Maint,
}

impl AdminState {
    /// A fixed word for status and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Drain => "drain",
            Self::Maint => "maint",
        }
    }
}

/// A change of health, with what caused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Before.
    pub from: Health,
    /// After.
    pub to: Health,
}

/// Counts what probes and sessions show of one access point and judges it.
#[derive(Clone, Debug)]
pub struct HealthTracker {
    health: Health,
    failures: u32,
    successes: u32,
    /// The last probe could not leave this edge.
    local_failure: bool,
}

impl Default for HealthTracker {
    fn default() -> Self {
        Self { health: Health::Unknown, failures: 0, successes: 0, local_failure: false }
    }
}

impl HealthTracker {
    /// The judgement so far.
    #[must_use]
    pub fn health(&self) -> Health {
        self.health
    }

    /// Failed probes since the last good one.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether this edge seems to have no way to an access point that never answered: the last probe
    /// was a failure of the edge itself.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        self.local_failure && self.health == Health::Unknown
    }

    /// Whether a good probe now would be the first since the access point went Down.
    #[must_use]
    pub fn is_first_sign_of_life(&self) -> bool {
        self.health == Health::Down && self.successes == 0
    }

    /// A probe was answered. The first one settles an access point that nobody knew; a Down one
    /// needs `rise` in a row.
    pub fn on_probe_success(&mut self, settings: &HealthSettings) -> Option<Transition> {
        self.local_failure = false;
        self.failures = 0;
        self.successes = self.successes.saturating_add(1);
        match self.health {
            Health::Up => None,
            Health::Unknown | Health::Suspect => self.turn(Health::Up),
            Health::Down if self.successes >= settings.rise => self.turn(Health::Up),
            Health::Down => None,
        }
    }

    /// A probe failed. The `fall`th in a row makes the access point Down.
    pub fn on_probe_failure(&mut self, settings: &HealthSettings) -> Option<Transition> {
        self.local_failure = false;
        self.successes = 0;
        self.failures = self.failures.saturating_add(1);
        match self.health {
            Health::Down => None,
            Health::Up | Health::Unknown | Health::Suspect if self.failures >= settings.fall => {
                self.turn(Health::Down)
            }
            Health::Up | Health::Unknown | Health::Suspect => None,
        }
    }

    /// A probe failed because of this edge: no evidence, and no reason to hurry.
    pub fn on_local_failure(&mut self) {
        self.local_failure = true;
    }

    /// Sessions failed to connect. That alone makes an access point Suspect and never Down: a probe
    /// decides.
    pub fn on_failed_connects(&mut self) -> Option<Transition> {
        match self.health {
            Health::Up => self.turn(Health::Suspect),
            Health::Unknown | Health::Suspect | Health::Down => None,
        }
    }

    /// The settings changed: what was counted under the old ones says nothing under the new ones.
    pub fn restart_counters(&mut self) {
        self.failures = 0;
        self.successes = 0;
    }

    /// The pause between the start of the last probe and the next.
    #[must_use]
    pub fn interval(&self, settings: &HealthSettings) -> Duration {
        match self.health {
            Health::Up if self.failures == 0 => settings.interval,
            Health::Down if self.successes == 0 => settings.down_interval,
            _ if self.local_failure => settings.interval,
            Health::Up | Health::Unknown | Health::Suspect | Health::Down => settings.fast_interval,
        }
    }

    fn turn(&mut self, to: Health) -> Option<Transition> {
        let from = std::mem::replace(&mut self.health, to);
        Some(Transition { from, to })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::topology::{HoldDown, Probe};
    use proptest::prelude::*;

    const SETTINGS: HealthSettings = HealthSettings {
        interval: Duration::from_secs(2),
        fast_interval: Duration::from_millis(300),
        down_interval: Duration::from_secs(5),
        timeout: Duration::from_secs(1),
        fall: 3,
        rise: 2,
        jitter_percent: 0,
        probe: Probe::Tcp,
        hold_down: HoldDown { first: Duration::from_secs(30), max: Duration::from_secs(300) },
    };

    fn tracker_in(health: Health) -> HealthTracker {
        HealthTracker { health, ..HealthTracker::default() }
    }

    #[test]
    fn first_good_probe_settles_an_unknown_access_point() {
        let mut tracker = HealthTracker::default();
        assert_eq!(tracker.interval(&SETTINGS), SETTINGS.fast_interval);
        let transition = tracker.on_probe_success(&SETTINGS);
        assert_eq!(transition, Some(Transition { from: Health::Unknown, to: Health::Up }));
        assert_eq!(tracker.interval(&SETTINGS), SETTINGS.interval);
    }

    #[test]
    fn fall_failures_in_a_row_are_down_and_a_success_between_starts_over() {
        let mut tracker = tracker_in(Health::Up);
        for _ in 0..2 {
            assert_eq!(tracker.on_probe_failure(&SETTINGS), None);
            assert_eq!(tracker.interval(&SETTINGS), SETTINGS.fast_interval);
        }
        assert_eq!(tracker.on_probe_success(&SETTINGS), None);
        for _ in 0..2 {
            assert_eq!(tracker.on_probe_failure(&SETTINGS), None);
        }
        let transition = tracker.on_probe_failure(&SETTINGS);
        assert_eq!(transition, Some(Transition { from: Health::Up, to: Health::Down }));
        assert_eq!(tracker.interval(&SETTINGS), SETTINGS.down_interval);
    }

    #[test]
    fn a_down_access_point_needs_rise_successes_probed_fast() {
        let mut tracker = tracker_in(Health::Down);
        assert_eq!(tracker.on_probe_success(&SETTINGS), None);
        assert_eq!(tracker.interval(&SETTINGS), SETTINGS.fast_interval);
        assert_eq!(tracker.on_probe_failure(&SETTINGS), None);
        assert_eq!(tracker.interval(&SETTINGS), SETTINGS.down_interval);
        assert_eq!(tracker.on_probe_success(&SETTINGS), None);
        let transition = tracker.on_probe_success(&SETTINGS);
        assert_eq!(transition, Some(Transition { from: Health::Down, to: Health::Up }));
    }

    #[test]
    fn failed_connects_make_suspect_and_a_good_probe_clears_it() {
        let mut tracker = tracker_in(Health::Up);
        let transition = tracker.on_failed_connects();
        assert_eq!(transition, Some(Transition { from: Health::Up, to: Health::Suspect }));
        assert_eq!(tracker.interval(&SETTINGS), SETTINGS.fast_interval);
        let transition = tracker.on_probe_success(&SETTINGS);
        assert_eq!(transition, Some(Transition { from: Health::Suspect, to: Health::Up }));
    }

    #[derive(Clone, Copy, Debug)]
    enum Seen {
        Good,
        Bad,
        FailedConnects,
    }

    fn seen() -> impl Strategy<Value = Seen> {
        prop_oneof![Just(Seen::Good), Just(Seen::Bad), Just(Seen::FailedConnects)]
    }

    proptest! {
        /// Down needs `fall` bad probes in a row just before, Up a good one, whatever else happens.
        #[test]
        fn every_judgement_has_its_probes(events in prop::collection::vec(seen(), 0..200)) {
            let mut tracker = HealthTracker::default();
            let (mut good, mut bad) = (0, 0);
            for event in events {
                let transition = match event {
                    Seen::Good => {
                        (good, bad) = (good + 1, 0);
                        tracker.on_probe_success(&SETTINGS)
                    }
                    Seen::Bad => {
                        (good, bad) = (0, bad + 1);
                        tracker.on_probe_failure(&SETTINGS)
                    }
                    Seen::FailedConnects => tracker.on_failed_connects(),
                };
                let Some(Transition { from, to }) = transition else { continue };
                prop_assert_ne!(from, to);
                match to {
                    Health::Down => prop_assert!(bad >= SETTINGS.fall),
                    Health::Up => {
                        let needed = if from == Health::Down { SETTINGS.rise } else { 1 };
                        prop_assert!(good >= needed);
                    }
                    Health::Suspect => prop_assert!(matches!(event, Seen::FailedConnects)),
                    Health::Unknown => prop_assert!(false, "nothing is forgotten"),
                }
            }
        }
    }
}
