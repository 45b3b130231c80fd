//! Access points that keep changing, and are held down for a while.

use std::time::Instant;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::routing::AccessPointState;

/// One access point that is held down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeldDownView {
    /// Its address.
    pub access_point: String,
    /// It stays down for this long, whatever its probes say.
    pub held_for_seconds: u64,
}

/// For how long it stays down from `now` on, whatever its probes say; a second that has begun
/// counts. `None` while it is not held.
pub(super) fn held_for_seconds(state: &AccessPointState, now: Instant) -> Option<u64> {
    let left = state.held_until?.saturating_duration_since(now);
    let begun = u64::from(left.subsec_nanos() > 0);
    Some(left.as_secs() + begun).filter(|seconds| *seconds > 0)
}

/// What there is to say of those that are held; `None` for nobody.
pub(super) fn says(held: &[HeldDownView]) -> Option<String> {
    let longest = held.iter().map(|it| it.held_for_seconds).max()?;
    Some(match held {
        [HeldDownView { access_point, .. }] => {
            format!("{access_point} held down for another {longest}s, keeps changing")
        }
        several => {
            format!("{} held down for up to another {longest}s, keep changing", several.len())
        }
    })
}
