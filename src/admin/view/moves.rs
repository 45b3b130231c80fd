//! Who moves to another DC.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::routing::moves::Moves;

/// What would become of the clients seen lately.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MovesView {
    /// Clients that were looked at: a sample of those seen lately.
    pub clients: u64,
    /// Those of them of whom only the place is known, because they came before the daemon was started:
    /// rules about networks, and another GeoIP database, mean nothing to them.
    pub known_by_place_only: u64,
    /// Those that would get another DC, or none, or one where they get none now.
    pub moved: u64,
    /// Their share of all clients, of 0 to 1, where a client of a listener with many stands for more than
    /// one of another; `null` when there are none.
    pub share: Option<f64>,
    /// Those that are bound to a DC and would be refused.
    pub bound_refused: u64,
    /// From where to where, the most first.
    pub ways: Vec<WayView>,
    /// What each DC would have.
    pub expected: Vec<ExpectedView>,
    /// DCs that would have more sessions than they may have.
    pub overloaded: Vec<OverloadView>,
}

/// Clients that move together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WayView {
    /// From this DC; `null` for those that are refused now.
    pub from: Option<u16>,
    /// To this DC; `null` for those that would be refused.
    pub to: Option<u16>,
    /// Clients of the sample.
    pub clients: u64,
    /// Their share of all clients, of 0 to 1.
    pub share: f64,
}

/// What a DC would have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExpectedView {
    /// Its number.
    pub dc: u16,
    /// Sessions and flows, if those who are here now came anew.
    pub sessions: u64,
}

/// A DC that would have too much.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OverloadView {
    /// Its number.
    pub dc: u16,
    /// Sessions and flows that it would have, if those who are here now came anew.
    pub expected: u64,
    /// `dcs[].max_sessions`.
    pub max_sessions: u32,
}

impl MovesView {
    /// As JSON has it.
    #[must_use]
    pub fn new(moves: &Moves) -> Self {
        let mut ways: Vec<WayView> = moves
            .ways
            .iter()
            .map(|((from, to), way)| WayView {
                from: from.map(|dc| dc.0),
                to: to.map(|dc| dc.0),
                clients: way.clients,
                share: way.share,
            })
            .collect();
        ways.sort_by(|a, b| b.share.total_cmp(&a.share).then((a.from, a.to).cmp(&(b.from, b.to))));
        let expected = moves.expected.iter();
        let overloaded = moves.overloaded.iter();
        Self {
            clients: moves.clients,
            known_by_place_only: moves.known_by_place_only,
            moved: moves.moved,
            share: (moves.clients > 0).then_some(moves.share),
            bound_refused: moves.bound_refused,
            ways,
            expected: expected.map(|(dc, it)| ExpectedView { dc: dc.0, sessions: *it }).collect(),
            overloaded: overloaded
                .map(|it| OverloadView {
                    dc: it.dc.0,
                    expected: it.expected,
                    max_sessions: it.max_sessions,
                })
                .collect(),
        }
    }
}
