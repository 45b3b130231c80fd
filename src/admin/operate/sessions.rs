//! `/v1/sessions`: what is open, and the end of it.

use super::{Call, bad, told, told_change};
use crate::admin::audit::Audited;
use crate::admin::operations::Operations;
use crate::admin::reply::Reply;
use crate::routing::{ClientAddr, DcId};
use crate::sessions::Which;

/// Sessions of an answer, if the request does not say.
const USUAL: usize = 1000;

/// Sessions of an answer at most.
const MOST: usize = 10_000;

/// Those that fit.
pub(in crate::admin) async fn show(operations: &dyn Operations, call: &Call<'_>) -> Reply {
    match filter(call) {
        Ok(which) => {
            let limit = Some(which.limit.unwrap_or(USUAL).min(MOST));
            told(operations.sessions(Which { limit, ..which }).await)
        }
        Err(bad) => bad,
    }
}

/// Ends those that fit; all of them only if something is said of them.
pub(in crate::admin) async fn end(operations: &dyn Operations, call: Call<'_>) -> Reply {
    match filter(&call) {
        Ok(which) if which == Which::default() => {
            bad("which? say listener, dc, access_point or client, or limit")
        }
        Ok(which) => {
            let done = operations.end_sessions(which, call.author).await;
            told_change(done, |view| {
                let after = view.map_or_else(String::new, |view| format!("{} ended", view.ended));
                Audited { after, ..Audited::default() }
            })
        }
        Err(bad) => bad,
    }
}

/// `int` in TL, an `i16` on the wire.
fn number_of_dc(text: &str) -> Option<DcId> {
    let number = text.parse().ok().filter(|number| (1..=i16::MAX.unsigned_abs()).contains(number));
    number.map(DcId)
}

fn filter(call: &Call<'_>) -> Result<Which, Reply> {
    let given = |name: &'static str| call.query.value(name);
    let odd = |name: &str, text: &str, what: &str| bad(format!("{name}: {text:?} is no {what}"));
    let dc =
        given("dc").map(|text| number_of_dc(text).ok_or_else(|| odd("dc", text, "number of a DC")));
    let access_point = given("access_point")
        .map(|text| text.parse().map_err(|_| odd("access_point", text, "address with a port")));
    let client = given("client").map(|text| {
        text.parse().map(ClientAddr::new).map_err(|_| odd("client", text, "IP address"))
    });
    let limit = call.number("limit")?;
    Ok(Which {
        listener: given("listener").map(str::to_owned),
        dc: dc.transpose()?,
        access_point: access_point.transpose()?,
        client: client.transpose()?,
        limit: limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
    })
}
