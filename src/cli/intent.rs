//! `nearpoint drain`, `ready` and `maint`.

use std::process::ExitCode;

use hyper::Method;
use serde_json::json;

use super::args::IntentArgs;
use super::change::{self, NotDone, conversation};
use super::client::{Call, encode};
use super::{block_on, output, table};
use crate::admin::view::IntentView;
use crate::routing::AdminState;

/// Wants this of a DC or an access point, and prints what is wanted from now on.
pub(super) fn want(state: AdminState, args: &IntentArgs) -> ExitCode {
    let of_dc = format!("/v1/dcs/{}", args.dc);
    let target = match (args.access_point, args.protocol) {
        (None, _) => format!("{of_dc}/state"),
        (Some(at), None) => format!("{of_dc}/access_points/{}/state", encode(&at.to_string())),
        (Some(at), Some(protocol)) => {
            let at = encode(&at.to_string());
            format!("{of_dc}/access_points/{at}/state?protocol={}", protocol.as_str())
        }
    };
    let body = json!({
        "state": state.as_str(),
        "for_seconds": args.lasting.map(|lasting| lasting.as_secs()),
        "force": args.force,
        "reason": args.reason,
    });
    let call = Call { method: Method::PUT, body: body.to_string().into(), ..Call::get(&target) };
    let wanted = block_on(async { conversation(&args.daemon).send::<IntentView>(&call).await });
    match wanted {
        Ok(Ok(view)) if args.json => output::print_json(&view),
        Ok(Ok(view)) => output::print(&table::intent(&view)),
        Ok(Err(error)) => change::fail(&error.into()),
        Err(error) => change::fail(&NotDone::Io(error.to_string())),
    }
}
