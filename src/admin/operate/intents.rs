//! `/v1/dcs/{dc}/state` and that of access points: what operators want.

use std::collections::BTreeSet;
use std::time::Duration;

use hyper::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Call, bad, told_change};
use crate::admin::audit::Audited;
use crate::admin::operations::{Author, Operations, Wish};
use crate::admin::query;
use crate::admin::reply::{self, Reply};
use crate::routing::{AccessPointId, AdminState, DcId, Snapshot, Target};

/// What somebody wants.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Order {
    state: Wanted,
    for_seconds: Option<u64>,
    #[serde(default)]
    force: bool,
    #[serde(default)]
    reason: String,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Wanted {
    Ready,
    Drain,
    Maint,
}

impl Order {
    fn admin_state(&self) -> AdminState {
        match self.state {
            Wanted::Ready => AdminState::Ready,
            Wanted::Drain => AdminState::Drain,
            Wanted::Maint => AdminState::Maint,
        }
    }

    /// For the log: what these are, and what they are to be.
    fn audited(&self, targets: &[Target], snapshot: &Snapshot) -> Audited {
        let (states, after) =
            (targets.iter().map(|it| state_of(*it, snapshot)), self.admin_state());
        let before: Vec<&str> = states.map(AdminState::as_str).collect();
        let forced = if self.force { ", forced" } else { "" };
        let lasting = self.for_seconds.map_or_else(String::new, |time| format!(" for {time} s"));
        Audited {
            what: format!("{}{lasting}{forced}: {}", after.as_str(), self.reason),
            before: before.join(" "),
            after: after.as_str().to_owned(),
        }
    }

    fn wish(self, targets: Vec<Target>, author: Author) -> Wish {
        Wish {
            targets,
            state: self.admin_state(),
            lasting: self.for_seconds.map(Duration::from_secs),
            force: self.force,
            author,
            reason: self.reason,
        }
    }
}

/// Of a whole DC.
pub(in crate::admin) async fn of_dc(
    operations: &dyn Operations,
    snapshot: &Snapshot,
    call: Call<'_>,
) -> Reply {
    let dc = match dc_of(call.segments.first().copied().unwrap_or_default(), snapshot) {
        Ok(dc) => dc,
        Err(unknown) => return unknown,
    };
    match Call::order::<Order>(call.body).await {
        Ok(order) => {
            let audited = order.audited(&[Target::Dc(dc)], snapshot);
            let done = operations.intend(order.wish(vec![Target::Dc(dc)], call.author)).await;
            told_change(done, |view| audited.if_done(view.is_some()))
        }
        Err(bad) => bad,
    }
}

/// Of an access point: for TCP and for UDP, if it serves both and the request does not say.
pub(in crate::admin) async fn of_access_point(
    operations: &dyn Operations,
    snapshot: &Snapshot,
    call: Call<'_>,
) -> Reply {
    let [dc, address] = call.segments[..] else { return bad("a DC and an access point") };
    let dc = match dc_of(dc, snapshot) {
        Ok(dc) => dc,
        Err(unknown) => return unknown,
    };
    let Some(address) = query::decode(address) else { return bad("an address of an access point") };
    let protocol = call.query.value("protocol");
    if let Some(odd) = protocol.filter(|protocol| !["tcp", "udp"].contains(protocol)) {
        return bad(format!("protocol: {odd:?} is not tcp or udp"));
    }
    let members = snapshot.topology.access_points().iter().map(|it| it.id);
    // What left the list with an intent is still there for who lifts it.
    let gone = snapshot.intents.iter().filter_map(|(target, _)| match target {
        Target::AccessPoint(id) => Some(id),
        Target::Dc(_) => None,
    });
    let known: BTreeSet<AccessPointId> = members.chain(gone).collect();
    let meant = known.into_iter().filter(|id| {
        id.dc == dc
            && id.address.socket.to_string() == address
            && protocol.is_none_or(|protocol| protocol == id.address.protocol.as_str())
    });
    let targets: Vec<Target> = meant.map(Target::AccessPoint).collect();
    if targets.is_empty() {
        let message = format!("DC {dc} has no access point {address}");
        return reply::error(StatusCode::NOT_FOUND, message);
    }
    match Call::order::<Order>(call.body).await {
        Ok(order) => {
            let audited = order.audited(&targets, snapshot);
            let done = operations.intend(order.wish(targets, call.author)).await;
            told_change(done, |view| audited.if_done(view.is_some()))
        }
        Err(bad) => bad,
    }
}

/// What operators want of it.
fn state_of(target: Target, snapshot: &Snapshot) -> AdminState {
    let topology = &snapshot.topology;
    let found = match target {
        Target::Dc(dc) => topology.find_dc(dc).map(|at| snapshot.dc(at).admin),
        Target::AccessPoint(id) => {
            topology.find_access_point(id).map(|at| snapshot.access_point(at).admin)
        }
    };
    found.unwrap_or_default()
}

/// The DC of this number, if there is one.
pub(super) fn dc_of(text: &str, snapshot: &Snapshot) -> Result<DcId, Reply> {
    let dc = text.parse().map(DcId);
    let dc = dc.map_err(|_| bad(format!("{text:?} is no number of a DC")))?;
    let is_wanted = snapshot.intents.iter().any(|(target, _)| target.dc() == dc);
    match snapshot.topology.find_dc(dc) {
        Some(_) => Ok(dc),
        None if is_wanted => Ok(dc),
        None => Err(reply::error(StatusCode::NOT_FOUND, format!("there is no DC {dc}"))),
    }
}
