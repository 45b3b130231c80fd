//! `nearpoint status`.

use std::process::ExitCode;

use super::args::StatusArgs;
use super::client::fetch;
use super::table::Look;
use super::{FAILED, block_on, exit, output, table};
use crate::admin::view::StatusView;

/// Asks the daemon and prints what it says.
pub(super) fn ask(args: &StatusArgs) -> ExitCode {
    let fetched = match block_on(fetch::<StatusView>(&args.daemon, "/v1/status")) {
        Ok(fetched) => fetched,
        Err(error) => return output::fail(&error.to_string(), FAILED),
    };
    match fetched {
        Ok(view) if args.json => output::print_json(&view),
        Ok(view) => output::print(&table::status(&view, Look::of_stdout())),
        Err(error) => exit::refused(&error),
    }
}
