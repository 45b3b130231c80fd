//! `nearpoint sessions` and `nearpoint kill`: who is connected, and the end of it.

use std::process::ExitCode;

use hyper::Method;

use super::args::{KillArgs, SessionsArgs, WhichArgs};
use super::change::{self, NotDone};
use super::client::{Call, Conversation, encode};
use super::table::{self, Look};
use super::{FAILED, block_on, exit, output};
use crate::admin::view::{EndedView, SessionsView};

const PATH: &str = "/v1/sessions";

/// More than there can be.
const MOST: usize = u32::MAX as usize;

/// Shows those that fit.
pub(super) fn show(args: &SessionsArgs) -> ExitCode {
    let target = target(&args.which, args.limit);
    let mut daemon = Conversation::new(&args.daemon);
    match block_on(daemon.fetch::<SessionsView>(&target)) {
        Ok(Ok(view)) if args.json => output::print_json(&view),
        Ok(Ok(view)) => output::print(&table::sessions(&view, Look::of_stdout())),
        Ok(Err(error)) => exit::refused(&error),
        Err(error) => output::fail(&error.to_string(), FAILED),
    }
}

/// Ends those that fit, once a person has seen how many these are.
pub(super) fn kill(args: &KillArgs) -> ExitCode {
    if args.which.says_nothing() && !args.all {
        let which = "which? --listener, --dc, --access-point or --client say so, or --all";
        return output::fail(which, exit::BAD_CONFIG);
    }
    match block_on(end(args)) {
        Ok(Ok(view)) if args.json => output::print_json(&view),
        Ok(Ok(view)) => output::print(&format!("{} ended", counted(view.ended))),
        Ok(Err(why)) => change::fail(&why),
        Err(error) => output::fail(&error.to_string(), FAILED),
    }
}

async fn end(args: &KillArgs) -> Result<EndedView, NotDone> {
    let mut daemon = Conversation::new(&args.daemon);
    if !args.yes {
        let found: SessionsView = daemon.fetch(&target(&args.which, Some(0))).await?;
        change::ask(&format!("End {}?", counted(found.more)))?;
    }
    // Who means all of them has said so: that many there are not.
    let limit = args.all.then_some(MOST);
    let target = with_reason(target(&args.which, limit), &args.reason);
    let call = Call { method: Method::DELETE, ..Call::get(&target) };
    Ok(daemon.send(&call).await?)
}

fn target(which: &WhichArgs, limit: Option<usize>) -> String {
    let WhichArgs { listener, dc, access_point, client } = which;
    let said = [
        ("listener", listener.clone()),
        ("dc", dc.map(|dc| dc.to_string())),
        ("access_point", access_point.map(|address| address.to_string())),
        ("client", client.map(|client| client.to_string())),
        ("limit", limit.map(|limit| limit.to_string())),
    ];
    let pairs = said.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let pairs: Vec<String> =
        pairs.map(|(name, value)| format!("{name}={}", encode(&value))).collect();
    match pairs.is_empty() {
        true => PATH.to_owned(),
        false => format!("{PATH}?{}", pairs.join("&")),
    }
}

fn with_reason(target: String, reason: &str) -> String {
    let joint = if target.contains('?') { '&' } else { '?' };
    match reason {
        "" => target,
        reason => format!("{target}{joint}reason={}", encode(reason)),
    }
}

fn counted(sessions: u64) -> String {
    match sessions {
        1 => "1 session or flow".to_owned(),
        several => format!("{several} sessions and flows"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_asked_for() {
        let mut which = WhichArgs { listener: None, dc: None, access_point: None, client: None };
        assert!(which.says_nothing());
        assert_eq!(target(&which, None), "/v1/sessions");
        which.dc = Some(2);
        which.access_point = "192.0.2.1:443/udp".parse().ok();
        which.client = "2001:db8::1".parse().ok();
        assert!(!which.says_nothing());
        assert_eq!(
            target(&which, Some(0)),
            "/v1/sessions?dc=2&access_point=192.0.2.1:443%2Fudp&client=2001:db8::1&limit=0"
        );
    }
}
