//! What a session would dial.

use std::time::Instant;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::routing::{
    Attempt, AttemptPlan, Client, DcIndex, GiveUp, Ranking, Refusal, Snapshot, Step,
};

/// One dial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptView {
    /// 1 for the first.
    pub number: u32,
    /// Number of the DC.
    pub dc: u16,
    /// The access point dialled.
    pub access_point: String,
    /// Health of the access point.
    pub health: String,
}

impl AttemptView {
    pub(super) fn new(snapshot: &Snapshot, dial: &Attempt) -> Self {
        let access_point = snapshot.topology.access_point(dial.access_point);
        let state = snapshot.access_point(dial.access_point);
        Self {
            number: dial.number,
            dc: access_point.id.dc.0,
            access_point: access_point.id.address.to_string(),
            health: state.health.as_str().to_owned(),
        }
    }
}

/// The DC that a session of `client` dials first; or why it dials none, as the data plane counts it.
///
/// # Errors
/// The refusal of a client that gets no DC.
pub fn destination(
    snapshot: &Snapshot,
    ranking: &Ranking,
    client: &Client,
) -> Result<DcIndex, Refusal> {
    if ranking.refused_by_policy {
        return Err(Refusal::Policy);
    }
    let now = Instant::now();
    let mut plan = AttemptPlan::new(ranking, client, snapshot.topology.connect(), now);
    match plan.next(snapshot, now) {
        Step::Dial(first) => Ok(first.dc),
        Step::GiveUp(GiveUp::Full) => Err(Refusal::Overflow),
        Step::GiveUp(GiveUp::NoCandidate | GiveUp::Failed | GiveUp::Deadline)
        | Step::Abandon { .. }
        | Step::Wait(_) => Err(Refusal::NoDc),
    }
}

/// The dials of a session whose every dial fails at once.
pub(super) fn of(snapshot: &Snapshot, ranking: &Ranking, client: &Client) -> Vec<Attempt> {
    let now = Instant::now();
    let mut plan = AttemptPlan::new(ranking, client, snapshot.topology.connect(), now);
    let mut dials = Vec::new();
    while let Step::Dial(dial) = plan.next(snapshot, now) {
        dials.push(dial);
        plan.on_failed(dial);
    }
    dials
}
