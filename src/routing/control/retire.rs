//! Make before break: access points that have left the configuration serve on until their DC has a
//! successor, at most ten seconds.

use std::time::{Duration, Instant};

use crate::routing::ids::DcId;
use crate::routing::topology::AccessPoint;

/// How long a successor is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// The access points about to leave, each with the end of its time.
#[derive(Default)]
pub(super) struct Retiring {
    access_points: Vec<AccessPoint>,
    until: Vec<Instant>,
}

impl Retiring {
    /// The access points, in no order.
    pub(super) fn access_points(&self) -> &[AccessPoint] {
        &self.access_points
    }

    /// These are about to leave, and nobody else: who was leaving and is not among them has come
    /// back or lost its DC. Who was leaving already gets no more time.
    pub(super) fn start(&mut self, leaving: impl Iterator<Item = AccessPoint>, now: Instant) {
        let mut next = Self::default();
        for access_point in leaving {
            let known = self.access_points.iter().position(|old| old.id == access_point.id);
            next.until.push(known.map_or(now + PATIENCE, |at| self.until[at]));
            next.access_points.push(access_point);
        }
        *self = next;
    }

    /// Lets go of those whose DC has `succeeded` and those whose time is over; whether there were any.
    pub(super) fn finish(&mut self, succeeded: impl Fn(DcId) -> bool, now: Instant) -> bool {
        let before = self.access_points.len();
        if before == 0 {
            return false;
        }
        let pairs = self.access_points.drain(..).zip(self.until.drain(..));
        let left = pairs.filter(|(leaving, until)| now < *until && !succeeded(leaving.id.dc));
        let (access_points, until) = left.collect::<Vec<_>>().into_iter().unzip();
        *self = Self { access_points, until };
        self.access_points.len() < before
    }

    /// When the first one's time is over.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.until.iter().min().copied()
    }
}
