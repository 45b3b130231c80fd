//! `/v1/drill`: how the others do without a DC.

use std::time::Duration;

use hyper::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;

use super::intents::dc_of;
use super::{Call, bad, told, told_change};
use crate::admin::audit::Audited;
use crate::admin::operations::{DrillOrder, Operations};
use crate::admin::reply::{self, Reply};
use crate::routing::Snapshot;

/// What somebody orders.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Order {
    dc: u16,
    for_seconds: u64,
    #[serde(default)]
    force: bool,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    reason: String,
}

/// The drill that runs, or ran last.
pub(in crate::admin) fn show(operations: &dyn Operations) -> Reply {
    match operations.drill() {
        Some(view) => reply::json(StatusCode::OK, &view),
        None => reply::error(StatusCode::NOT_FOUND, "there has been no drill since the start"),
    }
}

/// Begins one.
pub(in crate::admin) async fn start(
    operations: &dyn Operations,
    snapshot: &Snapshot,
    call: Call<'_>,
) -> Reply {
    let order: Order = match Call::order(call.body).await {
        Ok(order) => order,
        Err(bad) => return bad,
    };
    let dc = match dc_of(&order.dc.to_string(), snapshot) {
        Ok(dc) => dc,
        Err(unknown) => return unknown,
    };
    if order.for_seconds == 0 {
        return bad("for_seconds: 0 is no time");
    }
    let order = DrillOrder {
        dc,
        lasting: Duration::from_secs(order.for_seconds),
        force: order.force,
        dry_run: order.dry_run,
        author: call.author,
        reason: order.reason,
    };
    let forced = if order.force { ", forced" } else { "" };
    let (dc, time, reason) = (order.dc, order.lasting.as_secs(), &order.reason);
    let what = format!("DC {dc} for {time} s{forced}: {reason}");
    told_change(operations.start_drill(order).await, |_| Audited { what, ..Audited::default() })
}

/// Ends it before its time.
pub(in crate::admin) async fn end(operations: &dyn Operations, call: Call<'_>) -> Reply {
    let reason = call.reason();
    told(operations.end_drill(call.author, reason).await)
}
