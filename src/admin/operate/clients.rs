//! `/v1/clients`: clients seen lately.

use super::{Call, told};
use crate::admin::operations::Operations;
use crate::admin::reply::Reply;

/// Clients of an answer, if the request does not say.
const MOST: usize = 10_000;

/// Shows them.
pub(in crate::admin) async fn show(operations: &dyn Operations, call: &Call<'_>) -> Reply {
    let limit = match call.number("limit") {
        Ok(limit) => limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(MOST),
        Err(bad) => return bad,
    };
    told(operations.clients(call.query.value("listener"), limit).await)
}
