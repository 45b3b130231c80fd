//! What the file says about a crowd of other clients.

use super::{Problems, ServedBy};
use crate::failover::scenario::Crowd;
use crate::failover::scenario::expect::CrowdExpect;
use crate::failover::scenario::text::Bounds;
use crate::lab::layout;
use serde::Deserialize;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCrowd {
    new: u32,
    port: u16,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawCrowdExpect {
    failed: Bounds,
    served_by: ServedBy,
}

impl RawCrowd {
    pub(super) fn validate(self, problems: &mut Problems) -> Crowd {
        let RawCrowd { new, port } = self;
        if !(1..=2_000).contains(&new) {
            problems.add("crowd.new", "1 to 2000 sessions a second");
        }
        if port == 0 || port == layout::edge().port() {
            problems.add("crowd.port", "a port of its own is needed");
        }
        Crowd { new, port }
    }
}

impl From<RawCrowdExpect> for CrowdExpect {
    fn from(raw: RawCrowdExpect) -> CrowdExpect {
        CrowdExpect { failed: raw.failed.0, served_by: raw.served_by.sets() }
    }
}
