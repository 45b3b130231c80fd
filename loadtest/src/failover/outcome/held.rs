//! What those met who held a session open.

use crate::failover::record::Interruption;
use crate::failover::time::Time;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Sessions that were held open throughout, and those that took their place.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Held {
    pub(crate) sessions: usize,
    /// How often one was not answered for a while, and was not broken: it went on, or the run was over.
    pub(crate) stalled: usize,
    /// How often one was broken or given up; a session that took the place of another may be interrupted as well.
    pub(crate) interrupted: usize,
    pub(crate) interrupted_by_dc: BTreeMap<u16, usize>,
    /// Of these, how many went on with another DC.
    pub(crate) moved: usize,
    /// How many did not go on to the end of the run.
    pub(crate) never_back: usize,
    /// From the last answer to the next one, in the same session or in its successor; of those that went
    /// on.
    pub(crate) median_outage: Option<Time>,
    pub(crate) longest_outage: Option<Time>,
}

impl Held {
    pub(super) fn of(sessions: usize, interruptions: &[Interruption]) -> Held {
        let mut held = Held { sessions, ..Held::default() };
        let mut outages: Vec<Duration> = Vec::new();
        for Interruption { last_answer, why, from, again, .. } in interruptions {
            match why {
                None => held.stalled += 1,
                Some(_) => {
                    held.interrupted += 1;
                    *held.interrupted_by_dc.entry(*from).or_default() += 1;
                }
            }
            match again {
                Some((at, dc)) => {
                    held.moved += usize::from(dc != from);
                    outages.push(at.saturating_sub(*last_answer));
                }
                None => held.never_back += 1,
            }
        }
        outages.sort_unstable();
        held.median_outage = super::percentile(&outages, 0, 50);
        held.longest_outage = outages.last().copied().map(Time);
        held
    }
}
