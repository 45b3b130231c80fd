//! What is known of an access point: Unknown, Up, Suspect or Down, and how it gets there.

use std::time::Duration;

use super::failure::Depth;
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
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ready, Self::Drain, Self::Maint];

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
///
/// What showed itself at one depth is cleared by a success there or deeper and by nothing else: good
/// connects must not hide probes that get no answer.
#[derive(Clone, Debug)]
pub struct HealthTracker {
    health: Health,
    /// Failures in a row, by depth.
    failures: [u32; 3],
    successes: u32,
    /// How deep sessions found it failing, while it is Suspect for that.
    suspicion: Option<Depth>,
    /// The last probe could not leave this edge.
    local_failure: bool,
}

impl Default for HealthTracker {
    fn default() -> Self {
        Self {
            health: Health::Unknown,
            failures: [0; 3],
            successes: 0,
            suspicion: None,
            local_failure: false,
        }
    }
}

impl HealthTracker {
    /// The judgement so far.
    #[must_use]
    pub fn health(&self) -> Health {
        self.health
    }

    /// Failures in a row, of all depths.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures.iter().fold(0, |sum, it| sum.saturating_add(*it))
    }

    /// Good probes in a row.
    #[must_use]
    pub fn successes(&self) -> u32 {
        self.successes
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

    /// A probe got as deep as it wants to. The first one settles an access point that nobody knew; a
    /// Suspect one needs a probe that looks as deep as the suspicion; a Down one needs `rise` in a
    /// row, and must not be `held` down.
    pub fn on_probe_success(
        &mut self,
        depth: Depth,
        settings: &HealthSettings,
        held: bool,
    ) -> Option<Transition> {
        self.local_failure = false;
        self.successes = self.successes.saturating_add(1);
        self.clear(depth);
        match self.health {
            Health::Up => None,
            Health::Suspect if self.suspicion > Some(depth) => None,
            Health::Unknown | Health::Suspect => self.turn(Health::Up),
            Health::Down if self.successes >= settings.rise && !held => self.turn(Health::Up),
            Health::Down => None,
        }
    }

    /// A probe failed at this depth. The `fall`th failure in a row makes the access point Down.
    pub fn on_probe_failure(
        &mut self,
        depth: Depth,
        settings: &HealthSettings,
    ) -> Option<Transition> {
        self.local_failure = false;
        self.successes = 0;
        let failures = &mut self.failures[depth as usize];
        *failures = failures.saturating_add(1);
        match self.health {
            Health::Down => None,
            Health::Up | Health::Unknown | Health::Suspect if self.failures() >= settings.fall => {
                self.turn(Health::Down)
            }
            Health::Up | Health::Unknown | Health::Suspect => None,
        }
    }

    /// A probe failed because of this edge: no evidence, and no reason to hurry.
    pub fn on_local_failure(&mut self) {
        self.local_failure = true;
    }

    /// A probe came back and says nothing of the access point but that this edge has a way there.
    pub fn on_way_found(&mut self) {
        self.local_failure = false;
    }

    /// Sessions got this deep since the last probe began: what failed there before does not count.
    pub fn on_session_success(&mut self, depth: Depth) {
        self.clear(depth);
    }

    /// Sessions found it failing at this depth: Suspect until a probe of that depth says otherwise. Of
    /// connects that counts as the first failure in a row, so that probes need one less.
    pub fn suspect(&mut self, depth: Depth) -> Option<Transition> {
        match self.health {
            Health::Unknown | Health::Down => None,
            Health::Suspect => {
                self.suspicion = self.suspicion.max(Some(depth));
                None
            }
            Health::Up => {
                self.suspicion = Some(depth);
                if depth == Depth::Connect {
                    let failures = &mut self.failures[depth as usize];
                    *failures = failures.saturating_add(1);
                }
                self.turn(Health::Suspect)
            }
        }
    }

    /// Sessions do not find it failing any more: a probe that gets less deep may clear it now.
    pub fn forget_suspicion(&mut self) {
        self.suspicion = None;
    }

    /// Sessions of enough clients found it failing.
    pub fn condemn(&mut self) -> Option<Transition> {
        match self.health {
            Health::Up | Health::Suspect => {
                self.successes = 0;
                self.turn(Health::Down)
            }
            Health::Unknown | Health::Down => None,
        }
    }

    /// What was concluded was wrong: a Down access point is Suspect until the next probe.
    pub fn exonerate(&mut self) -> Option<Transition> {
        self.restart_counters();
        match self.health {
            Health::Down => self.turn(Health::Suspect),
            Health::Up | Health::Unknown | Health::Suspect => None,
        }
    }

    /// Nobody probes it: it is what others make of it. `unreachable` tells whether this edge has no way to
    /// them.
    pub fn follow(&mut self, health: Health, unreachable: bool) -> Option<Transition> {
        self.local_failure = unreachable;
        if self.health == health {
            return None;
        }
        self.restart_counters();
        self.turn(health)
    }

    /// What was counted says nothing any more: the settings changed, or the edge was cut off.
    pub fn restart_counters(&mut self) {
        self.failures = [0; 3];
        self.successes = 0;
    }

    /// The pause between the start of the last probe and the next.
    #[must_use]
    pub fn interval(&self, settings: &HealthSettings) -> Duration {
        match self.health {
            Health::Up if self.failures() == 0 => settings.interval,
            Health::Down if self.successes == 0 => settings.down_interval,
            _ if self.local_failure => settings.interval,
            Health::Up | Health::Unknown | Health::Suspect | Health::Down => settings.fast_interval,
        }
    }

    fn clear(&mut self, depth: Depth) {
        self.failures[..=depth as usize].fill(0);
    }

    fn turn(&mut self, to: Health) -> Option<Transition> {
        let from = std::mem::replace(&mut self.health, to);
        if to != Health::Suspect {
            self.suspicion = None;
        }
        if to == Health::Up {
            self.failures = [0; 3];
        }
        Some(Transition { from, to })
    }
}

#[cfg(test)]
mod tests;
