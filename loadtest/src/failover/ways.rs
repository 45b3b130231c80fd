//! How long the ways between the edge and the DCs are while nothing is wrong with them.

use crate::lab::layout::{Dc, Site};
use crate::lab::topology::{Wire, Wires};
use std::time::Duration;

/// What each way takes longer, at most.
pub(super) const JITTER: Duration = Duration::from_millis(1);

/// To the farthest DC and back.
pub(super) const LONGEST_ROUND_TRIP: Duration = site_round_trip(Site::Sin);

/// To the DC and back.
pub(super) fn round_trip(dc: Dc) -> Duration {
    site_round_trip(dc.site())
}

/// All lines of a lab.
pub(super) fn wires() -> Wires {
    Wires::of(|dc| Wire { round_trip: round_trip(dc), jitter: JITTER })
}

const fn site_round_trip(site: Site) -> Duration {
    Duration::from_millis(match site {
        Site::Ams => 10,
        Site::Sin => 40,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_dc_is_farther_than_the_farthest() {
        assert_eq!(Dc::ALL.map(round_trip).into_iter().max(), Some(LONGEST_ROUND_TRIP));
    }
}
