//! `nearpoint history`.

use std::process::ExitCode;

use super::args::HistoryArgs;
use super::change::{self, NotDone};
use super::client::fetch;
use super::table::Look;
use super::{block_on, output, table};
use crate::admin::view::{HistoryEntryView, HistoryView};

/// Asks the daemon for the lists that were in force, or for one of them, and prints that.
pub(super) fn ask(args: &HistoryArgs) -> ExitCode {
    let daemon = &args.daemon;
    match args.number {
        None => {
            let target = format!("/v1/dc_options/history?limit={}", args.limit);
            match block_on(fetch::<HistoryView>(daemon, &target)) {
                Ok(Ok(view)) if args.json => output::print_json(&view),
                Ok(Ok(view)) => output::print(&table::history(&view, Look::of_stdout())),
                Ok(Err(error)) => change::fail(&error.into()),
                Err(error) => change::fail(&NotDone::Io(error.to_string())),
            }
        }
        Some(number) => {
            let target = format!("/v1/dc_options/history/{number}");
            match block_on(fetch::<HistoryEntryView>(daemon, &target)) {
                Ok(Ok(view)) if args.json => output::print_json(&view),
                Ok(Ok(view)) => output::print(&table::history_entry(&view)),
                Ok(Err(error)) => change::fail(&error.into()),
                Err(error) => change::fail(&NotDone::Io(error.to_string())),
            }
        }
    }
}
