//! Damping: an access point that keeps changing is held Down, longer each time.

use std::time::{Duration, Instant};

use super::topology::HoldDown;

/// A Down that follows an Up within this is flapping. Each of it that passes after a hold-down
/// halves the next one.
const MINUTE: Duration = Duration::from_secs(60);

/// The hold-down of one access point.
#[derive(Clone, Copy, Debug, Default)]
pub struct Damping {
    /// When it last came back from Down.
    came_back: Option<Instant>,
    /// The last hold-down, and when it ended or will end.
    last: Option<(Duration, Instant)>,
    /// What `last` was before the access point went Down.
    before: Option<(Duration, Instant)>,
}

impl Damping {
    /// It is back from Down.
    pub fn on_back(&mut self, now: Instant) {
        self.came_back = Some(now);
    }

    /// It went Down: how long it stays so at least. A first Down is not held, one soon after a return
    /// is; `unseen` is one that its probes do not see, which is always held: nothing else would keep
    /// it from coming back at once.
    pub fn on_down(&mut self, settings: HoldDown, unseen: bool, now: Instant) -> Duration {
        let level = self.level(settings, now);
        let flapping = self.came_back.is_some_and(|at| now < at + MINUTE);
        let held = match (flapping, unseen) {
            (true, _) => (2 * level).clamp(settings.first.min(settings.max), settings.max),
            (false, true) => level.max(settings.first.min(settings.max)),
            (false, false) => level,
        };
        self.before = self.last;
        self.last = (!held.is_zero()).then_some((held, now + held));
        held
    }

    /// Its last Down was not its own.
    pub fn forgive(&mut self) {
        self.last = self.before;
    }

    /// Until when it is held down, if it is.
    #[must_use]
    pub fn held_until(&self, now: Instant) -> Option<Instant> {
        self.last.map(|(_, until)| until).filter(|until| now < *until)
    }

    /// The last hold-down as far as it has not decayed.
    fn level(&self, settings: HoldDown, now: Instant) -> Duration {
        let Some((held, ended)) = self.last else { return Duration::ZERO };
        let minutes = now.saturating_duration_since(ended).as_secs() / MINUTE.as_secs();
        let left = held / 2u32.saturating_pow(u32::try_from(minutes).unwrap_or(u32::MAX));
        if left < settings.first { Duration::ZERO } else { left.min(settings.max) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::fixture::start;

    const SECOND: Duration = Duration::from_secs(1);

    fn settings() -> HoldDown {
        HoldDown::default()
    }

    #[test]
    fn a_first_down_is_not_held_and_each_soon_after_a_return_is_held_twice_as_long() {
        let (mut damping, mut now) = (Damping::default(), start());
        assert_eq!(damping.on_down(settings(), false, now), Duration::ZERO);
        assert_eq!(damping.held_until(now), None);
        for expected in [30, 60, 120, 240, 300, 300] {
            damping.on_back(now);
            now += 59 * SECOND;
            assert_eq!(damping.on_down(settings(), false, now), expected * SECOND);
            assert_eq!(damping.held_until(now), Some(now + expected * SECOND));
            now += expected * SECOND;
            assert_eq!(damping.held_until(now), None);
        }
    }

    #[test]
    fn what_stays_up_for_a_minute_starts_over_step_by_step() {
        let (mut damping, mut now) = (Damping::default(), start());
        for _ in 0..3 {
            damping.on_back(now);
            now += damping.on_down(settings(), false, now);
        }
        damping.on_back(now);
        now += 61 * SECOND;
        assert_eq!(damping.on_down(settings(), false, now), 60 * SECOND, "half of two minutes");
        now += 60 * SECOND;
        damping.on_back(now);
        now += 121 * SECOND;
        assert_eq!(damping.on_down(settings(), false, now), Duration::ZERO);
    }

    #[test]
    fn what_probes_do_not_see_is_held_the_first_time_too() {
        let (mut damping, now) = (Damping::default(), start());
        assert_eq!(damping.on_down(settings(), true, now), 30 * SECOND);
    }

    #[test]
    fn a_down_that_was_not_its_own_is_forgiven() {
        let (mut damping, now) = (Damping::default(), start());
        damping.on_back(now);
        assert_eq!(damping.on_down(settings(), false, now), 30 * SECOND);
        damping.forgive();
        assert_eq!(damping.held_until(now), None);
        assert_eq!(damping.on_down(settings(), false, now), 30 * SECOND, "not doubled");
    }

    #[test]
    fn zero_switches_it_off() {
        let off = HoldDown { first: Duration::ZERO, max: Duration::ZERO };
        let (mut damping, now) = (Damping::default(), start());
        damping.on_back(now);
        assert_eq!(damping.on_down(off, true, now), Duration::ZERO);
    }
}
