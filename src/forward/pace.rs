//! How fast new sessions and flows of a listener may come.

use std::sync::Arc;

use crate::config::{ListenerLimits, NewRate};
use crate::sessions::{ListenerSessions, Pace, Rate};

/// The pace that `limits` ask for, which all workers keep together.
pub(super) fn pace(limits: &ListenerLimits, sessions: &ListenerSessions) -> Option<Arc<Pace>> {
    let rate = |NewRate { rate: per_second, burst }| Rate { per_second, burst };
    limits.new_per_second.map(rate).map(|rate| sessions.pace(rate))
}
