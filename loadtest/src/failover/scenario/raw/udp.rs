//! What the file says about clients of UDP.

use super::{Problems, ServedBy};
use crate::failover::scenario::Load;
use crate::failover::scenario::expect::{Bound, UdpBars, UdpExpect};
use crate::failover::scenario::text::{Bounds, Length, Text};
use serde::Deserialize;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFlows {
    new: u32,
    held: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawUdpExpect {
    failed: Bounds,
    served_by: ServedBy,
    held_lost: Option<Text<Bound>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawUdpBars {
    p99_during: Option<Length>,
    held_outage: Option<Length>,
}

impl RawFlows {
    pub(super) fn validate(self, problems: &mut Problems) -> Load {
        let RawFlows { new, held } = self;
        if !(1..=1_000).contains(&new) {
            problems.add("udp.new", "1 to 1000 flows a second");
        }
        if held > 1_000 {
            problems.add("udp.held", "1000 flows at most");
        }
        Load { new, held }
    }
}

impl From<RawUdpExpect> for UdpExpect {
    fn from(raw: RawUdpExpect) -> UdpExpect {
        UdpExpect {
            failed: raw.failed.0,
            served_by: raw.served_by.sets(),
            held_lost: raw.held_lost.map(|Text(bound)| bound),
        }
    }
}

impl From<RawUdpBars> for UdpBars {
    fn from(raw: RawUdpBars) -> UdpBars {
        let length = |it: Option<Length>| it.map(|Length(length)| length);
        UdpBars { p99_during: length(raw.p99_during), held_outage: length(raw.held_outage) }
    }
}
