//! How many lines one access point may have in the log of the daemon: one that changes all the time
//! must not drown the others.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::routing::control::HealthChange;
use crate::routing::{AccessPointId, Health};

/// Lines of one access point within [`WINDOW`].
const LINES: u32 = 10;

/// Begins with the first change that is logged.
const WINDOW: Duration = Duration::from_secs(60);

/// Access points that are limited at a time, as many as a large list has. Those beyond are not.
const LIMITED: usize = 16_384;

/// Knows which access points have had how many lines of late.
#[derive(Debug, Default)]
pub struct LogLimit {
    windows: BTreeMap<AccessPointId, Window>,
    /// The ends of all windows, in order: they are equally long.
    ends: VecDeque<(Instant, AccessPointId)>,
}

#[derive(Debug)]
struct Window {
    logged: u32,
    left_out: u32,
    health: Health,
}

/// Changes of an access point that were not logged within a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Whose.
    pub access_point: AccessPointId,
    /// How many.
    pub changes: u32,
    /// What the last of them led to.
    pub health: Health,
}

impl LogLimit {
    /// Whether this change may have a line in the log; if not, it is counted.
    pub fn admits(&mut self, change: &HealthChange, now: Instant) -> bool {
        let (id, health) = (change.access_point, change.transition.to);
        if let Some(window) = self.windows.get_mut(&id) {
            window.health = health;
            match window.logged < LINES {
                true => window.logged += 1,
                false => window.left_out += 1,
            }
            return window.left_out == 0;
        }
        if self.windows.len() < LIMITED {
            self.windows.insert(id, Window { logged: 1, left_out: 0, health });
            self.ends.push_back((now + WINDOW, id));
        }
        true
    }

    /// Whether changes of this access point are left out at the moment.
    #[must_use]
    pub fn leaves_out(&self, access_point: AccessPointId) -> bool {
        self.windows.get(&access_point).is_some_and(|window| window.left_out > 0)
    }

    /// When [`LogLimit::take_over`] has something to do.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.ends.front().map(|(end, _)| *end)
    }

    /// Forgets the windows that are over; returns what was left out in them.
    pub fn take_over(&mut self, now: Instant) -> Vec<LeftOut> {
        let mut left_out = Vec::new();
        while let Some((_, id)) = self.ends.front().copied().filter(|(end, _)| *end <= now) {
            self.ends.pop_front();
            match self.windows.remove(&id) {
                Some(Window { left_out: changes, health, .. }) if changes > 0 => {
                    left_out.push(LeftOut { access_point: id, changes, health });
                }
                Some(_) | None => {}
            }
        }
        left_out
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::routing::DcId;
    use crate::routing::control::Cause;
    use crate::routing::health::Transition;

    fn change(port: u16, to: Health) -> HealthChange {
        let address = SocketAddr::from(([10, 0, 0, 1], port));
        HealthChange {
            access_point: AccessPointId { dc: DcId(2), address },
            transition: Transition { from: Health::Unknown, to },
            cause: Cause::ProbeAnswered,
            held_for: Duration::ZERO,
        }
    }

    #[test]
    fn one_that_keeps_changing_is_told_of_ten_times_a_minute_and_then_counted() {
        let (mut limit, start) = (LogLimit::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let admitted = (0..30).filter(|second| {
            let to = if second % 2 == 0 { Health::Down } else { Health::Up };
            limit.admits(&change(1, to), at(*second))
        });
        assert_eq!(admitted.count(), 10);
        assert!(limit.admits(&change(2, Health::Up), at(30)), "another one is not limited by it");
        assert_eq!(limit.next_deadline(), Some(at(60)));
        assert_eq!(limit.take_over(at(59)), []);
        let left_out = limit.take_over(at(60));
        let access_point = change(1, Health::Up).access_point;
        assert_eq!(left_out, [LeftOut { access_point, changes: 20, health: Health::Up }]);
        assert!(limit.admits(&change(1, Health::Down), at(61)), "a new window");
        assert_eq!(limit.take_over(at(1000)), [], "nothing was left out of these");
        assert_eq!(limit.next_deadline(), None);
    }

    #[test]
    fn it_knows_a_bounded_number_of_access_points() {
        let (mut limit, now) = (LogLimit::default(), Instant::now());
        for port in 0..=u16::MAX {
            assert!(limit.admits(&change(port, Health::Up), now));
        }
        assert_eq!((limit.windows.len(), limit.ends.len()), (LIMITED, LIMITED));
    }
}
