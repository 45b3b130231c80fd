//! How many lines one access point may have in the log of the daemon: one that changes all the time
//! must not drown the others.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

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
    health: Option<Health>,
}

/// Changes of an access point that were not logged within a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Whose.
    pub access_point: AccessPointId,
    /// How many.
    pub changes: u32,
    /// What the last of them that was of its health led to.
    pub health: Option<Health>,
}

impl LogLimit {
    /// Whether a change of this access point may have a line in the log; if not, it is counted.
    /// `health` is what it led to, if it was of that.
    pub fn admits(&mut self, id: AccessPointId, health: Option<Health>, now: Instant) -> bool {
        if let Some(window) = self.windows.get_mut(&id) {
            window.health = health.or(window.health);
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

    fn at(port: u16) -> AccessPointId {
        AccessPointId {
            dc: DcId(2),
            address: crate::routing::DialAddress::tcp(SocketAddr::from(([10, 0, 0, 1], port))),
        }
    }

    #[test]
    fn one_that_keeps_changing_is_told_of_ten_times_a_minute_and_then_counted() {
        let (mut limit, start) = (LogLimit::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        let admitted = (0..30).filter(|second| {
            let health = match second % 3 {
                0 => Some(Health::Down),
                1 => Some(Health::Up),
                // Another kind of change.
                _ => None,
            };
            limit.admits(at(1), health, after(*second))
        });
        assert_eq!(admitted.count(), 10);
        assert!(limit.admits(at(2), None, after(30)), "another one is not limited by it");
        assert_eq!(limit.next_deadline(), Some(after(60)));
        assert_eq!(limit.take_over(after(59)), []);
        let left_out = limit.take_over(after(60));
        let health = Some(Health::Up);
        assert_eq!(left_out, [LeftOut { access_point: at(1), changes: 20, health }]);
        assert!(limit.admits(at(1), Some(Health::Down), after(61)), "a new window");
        assert_eq!(limit.take_over(after(1000)), [], "nothing was left out of these");
        assert_eq!(limit.next_deadline(), None);
    }

    #[test]
    fn it_knows_a_bounded_number_of_access_points() {
        let (mut limit, now) = (LogLimit::default(), Instant::now());
        for port in 0..=u16::MAX {
            assert!(limit.admits(at(port), Some(Health::Up), now));
        }
        assert_eq!((limit.windows.len(), limit.ends.len()), (LIMITED, LIMITED));
    }
}
