//! `nearpoint explain`: asks a daemon, or decides by a configuration alone; about single addresses, or
//! about all of a file.

mod addresses;
mod file;
mod tally;

use std::net::IpAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use super::args::ExplainArgs;
use super::client::{Conversation, FetchError, encode};
use super::table::Look;
use super::{BAD_CONFIG, FAILED, block_on, exit, output, table};
use crate::admin::view::{Basis, ExplainError, ExplainView, explain, the_listener};
use crate::routing::Snapshot;
use crate::{config, reload};

pub(super) use tally::SummaryView;
#[cfg(test)]
pub(super) use tally::{DcSummary, RuleSummary};

/// Explains by this configuration alone: every access point is taken to be Up, nothing is measured.
pub(super) fn offline(config: &Path, args: &ExplainArgs) -> ExitCode {
    let snapshot = match presume(config) {
        Ok(snapshot) => snapshot,
        Err(why) => return output::fail(&why, BAD_CONFIG),
    };
    if let Some(file) = &args.file {
        return file::offline(file, &snapshot, args);
    }
    match explain_all(&snapshot, args) {
        Ok(views) => print(&views, args.json),
        Err(error) => output::fail(&error.to_string(), BAD_CONFIG),
    }
}

/// Asks the daemon about every address and prints what it says.
pub(super) fn ask(args: &ExplainArgs) -> ExitCode {
    if let Some(file) = &args.file {
        return match block_on(file::ask(file, args)) {
            Ok(code) => code,
            Err(error) => output::fail(&error.to_string(), FAILED),
        };
    }
    match block_on(ask_all(args)) {
        Ok(Ok(views)) => print(&views, args.json),
        Ok(Err(error)) => exit::refused(&error),
        Err(error) => output::fail(&error.to_string(), FAILED),
    }
}

/// The network of a configuration when all is well; or what is wrong with the configuration.
fn presume(config: &Path) -> Result<Snapshot, String> {
    let loaded = config::load(config).map_err(|error| error.to_string())?.config;
    let databases = reload::open_databases(&loaded.geoip).map_err(|errors| errors.to_string())?;
    let locator = reload::locator(&loaded.geoip, databases);
    Ok(Snapshot::presume_up(loaded.topology, Arc::new(locator)))
}

async fn ask_all(args: &ExplainArgs) -> Result<Vec<ExplainView>, FetchError> {
    let mut conversation = Conversation::new(&args.daemon);
    let mut views = Vec::with_capacity(args.ips.len());
    for ip in &args.ips {
        views.push(ask_about(&mut conversation, *ip, args).await?);
    }
    Ok(views)
}

async fn ask_about(
    conversation: &mut Conversation,
    ip: IpAddr,
    args: &ExplainArgs,
) -> Result<ExplainView, FetchError> {
    let mut target = format!("/v1/explain?ip={}", encode(&ip.to_string()));
    if let Some(listener) = &args.listener {
        target.push_str("&listener=");
        target.push_str(&encode(listener));
    }
    if let Some(dc) = args.dc {
        target.push_str(&format!("&dc={dc}"));
    }
    conversation.fetch(&target).await
}

fn explain_all(snapshot: &Snapshot, args: &ExplainArgs) -> Result<Vec<ExplainView>, ExplainError> {
    let (listener, _) = the_listener(&snapshot.topology, args.listener.as_deref())?;
    let explain = |ip: &IpAddr| explain(snapshot, listener, (*ip, args.dc), Basis::Presumed);
    args.ips.iter().map(explain).collect()
}

fn print(views: &[ExplainView], json: bool) -> ExitCode {
    if json {
        return output::print_json(&views);
    }
    let look = Look::of_stdout();
    let texts: Vec<String> = views.iter().map(|view| table::explain(view, look)).collect();
    output::print(&texts.join("\n\n"))
}

#[cfg(test)]
mod tests;
