//! What the file says about a drill.

use super::{FaultProblems, set};
use crate::failover::scenario::expect::DrillExpect;
use crate::failover::scenario::fault::What;
use crate::failover::scenario::place::Place;
use crate::failover::scenario::text::{Length, Text};
use crate::lab::layout::Dc;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDrillExpect {
    state: String,
    moved_to: Vec<Text<Dc>>,
}

impl From<RawDrillExpect> for DrillExpect {
    fn from(raw: RawDrillExpect) -> DrillExpect {
        DrillExpect { state: raw.state, moved_to: set(raw.moved_to) }
    }
}

pub(super) fn what(
    (place, lasts, force): (Place, Option<Length>, Option<bool>),
    problems: &mut FaultProblems,
) -> Option<What> {
    let Length(lasts) = problems.needed("lasts", lasts)?;
    let Place::Dc(dc) = place else {
        problems.add("where", "a drill is of one DC: dc1");
        return None;
    };
    Some(What::Drill { dc, lasts, force: force.unwrap_or_default() })
}
