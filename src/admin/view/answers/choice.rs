//! Which DC a client would be given, and all of them in the order in which it would use them.

use std::net::IpAddr;

use super::super::explain::ExplainError;
use super::entries::sessions_of;
use crate::memory::{EpochSeconds, StickyMemory};
use crate::routing::topology::{Destination, ListenerRoute, Route};
use crate::routing::{
    Client, ClientAddr, DcId, DcIndex, Exclusion, RankedDc, Ranking, Snapshot, pick_access_point,
    rank,
};

/// What is decided about DCs.
pub(super) struct Choice {
    pub(super) client: Client,
    /// The DC of a `nearest` session.
    pub(super) nearest: DcId,
    /// The DC of a session of the listener.
    pub(super) this: DcId,
    /// All that have an access point for sessions, the nearest first.
    pub(super) order: Vec<DcIndex>,
    /// The order is another one than that of the days on which everything is well.
    pub(super) is_passing: bool,
}

impl Choice {
    /// For a client of this listener.
    ///
    /// # Errors
    /// When there is no DC to name.
    pub(super) fn new(
        snapshot: &Snapshot,
        (listener, route): (&str, &ListenerRoute),
        client: IpAddr,
        (memory, now): (&StickyMemory, EpochSeconds),
    ) -> Result<Self, ExplainError> {
        let topology = &snapshot.topology;
        let addr = ClientAddr::new(client);
        let mut client = Client::new(addr, snapshot.locate.locate(addr));
        let anywhere = ListenerRoute::new(Route::Nearest);
        let nearest_route = match route.route {
            Route::Nearest => {
                client.remembered = memory.recall(listener, addr, now);
                route
            }
            Route::Dc(_) | Route::Mtproto(_) => &anywhere,
        };
        let goes_to = Destination::Nearest(nearest_route.class);
        let ranking = rank(snapshot, nearest_route, goes_to, &client);
        let given = given(snapshot, &ranking, &client);
        let is_known = |it: &&RankedDc| sessions_of(snapshot, it.dc).next().is_some();
        let mut order: Vec<&RankedDc> = ranking.dcs.iter().filter(is_known).collect();
        // What is equal stays in the order of the ranking.
        order.sort_by_key(|it| (given != Some(it.dc), tier(it)));
        let order: Vec<DcIndex> = order.into_iter().map(|it| it.dc).collect();
        let nearest = order.first().map(|dc| topology.dc(*dc).id).ok_or(ExplainError::NoDc)?;
        Ok(Self {
            client,
            nearest,
            this: match route.route {
                Route::Dc(bound_to) => bound_to,
                Route::Nearest | Route::Mtproto(_) => nearest,
            },
            order,
            is_passing: ranking.fail_open || ranking.dcs.iter().any(may_come_back),
        })
    }

    /// As TL has it: nothing where it is not known.
    pub(super) fn country(&self) -> String {
        self.client.location.country().map(|country| country.to_string()).unwrap_or_default()
    }
}

/// The DC that a session dials first.
fn given(snapshot: &Snapshot, ranking: &Ranking, client: &Client) -> Option<DcIndex> {
    let eligible = ranking.eligible(client);
    let dials = |dc: &DcIndex| pick_access_point(snapshot, *dc, &eligible, &[]).is_some();
    ranking.candidates().find(dials)
}

/// What comes before the ranking: who is used now, who would be, whom the client may not have, and what
/// is for other sessions.
fn tier(ranked: &RankedDc) -> u8 {
    match ranked.exclusion {
        None => 0,
        Some(
            Exclusion::Remembered
            | Exclusion::Maint
            | Exclusion::Drain
            | Exclusion::Down
            | Exclusion::Unknown
            | Exclusion::Capacity,
        ) => 1,
        Some(Exclusion::Policy | Exclusion::NotOffered) => 2,
        Some(Exclusion::Listener | Exclusion::Class) => 3,
    }
}

/// Whether a DC is left out because of how it is and not of what it is for.
fn may_come_back(ranked: &RankedDc) -> bool {
    match ranked.exclusion {
        Some(
            Exclusion::Maint
            | Exclusion::Drain
            | Exclusion::Down
            | Exclusion::Unknown
            | Exclusion::Capacity,
        ) => true,
        None
        | Some(
            Exclusion::Listener
            | Exclusion::Class
            | Exclusion::Policy
            | Exclusion::NotOffered
            | Exclusion::Remembered,
        ) => false,
    }
}
