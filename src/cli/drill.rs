//! `nearpoint drill`: a DC is drained for a while, and it is told how the others do. The daemon runs it; this
//! shows the forecast, asks, waits and prints the report.

mod report;

use std::fs;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use hyper::Method;
use hyper::body::Bytes;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep};

use super::args::DrillArgs;
use super::change::{self, NotDone};
use super::client::{Call, Conversation, FetchError, encode};
use super::{FAILED, block_on, exit, output, table};
use crate::admin::view::DrillView;

/// Where drills are.
const DRILL: &str = "/v1/drill";

/// Between looks at a drill that runs.
const LOOK: Duration = Duration::from_secs(1);

/// A daemon that does not answer for so long is not waited for any more; the drill is its own business.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a drill and prints its report; ends with 5 unless it lasted its time.
pub(super) fn run(args: &DrillArgs) -> ExitCode {
    let view = match block_on(drill(args)) {
        Ok(Ok(view)) => view,
        Ok(Err(why)) => return change::fail(&why),
        Err(error) => return output::fail(&error.to_string(), FAILED),
    };
    let printed = match print(args, &view) {
        Ok(printed) => printed,
        Err(error) => return output::fail(&format!("cannot write the report: {error}"), FAILED),
    };
    match view.state.as_str() {
        "done" => printed,
        _ => ExitCode::from(exit::DECLINED),
    }
}

async fn drill(args: &DrillArgs) -> Result<Box<DrillView>, NotDone> {
    let mut daemon = Conversation::waiting(&args.daemon, PATIENCE);
    let planned = order(&mut daemon, args, true).await?;
    let told = planned.forecast.as_ref().map(table::moves).unwrap_or_default();
    output::note(&format!("{}\n{told}", report::headline(&planned)));
    match planned.why {
        Some(why) if !args.force => {
            output::note(&why);
            return Err(NotDone::Guarded);
        }
        Some(why) => output::note(&format!("forced although {why}")),
        None => {}
    }
    if !args.yes {
        change::ask(&format!("Drain {}?", planned.name))?;
    }
    // Before the order: a Ctrl-C from now on ends the drill too, and not this process alone.
    let mut interrupts = signal(SignalKind::interrupt()).ok();
    order(&mut daemon, args, false).await?;
    tokio::select! {
        view = watched(&mut daemon, args) => return Ok(view?),
        () = interrupted(interrupts.as_mut()) => {}
    }
    let target = format!("{DRILL}?reason={}", encode("interrupted"));
    let call = Call { method: Method::DELETE, ..Call::get(&target) };
    let mut daemon = Conversation::waiting(&args.daemon, PATIENCE);
    match daemon.send::<DrillView>(&call).await {
        // It has just ended by itself.
        Ok(_) | Err(FetchError::Refused(..)) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(watched(&mut daemon, args).await?)
}

/// Orders a drill, or asks what it would do.
async fn order(
    daemon: &mut Conversation,
    args: &DrillArgs,
    dry_run: bool,
) -> Result<DrillView, FetchError> {
    let body = json!({
        "dc": args.dc,
        "for_seconds": args.lasting.as_secs().max(1),
        "force": args.force,
        "reason": args.reason,
        "dry_run": dry_run,
    });
    let body = Bytes::from(body.to_string());
    daemon.send(&Call { method: Method::POST, body, ..Call::get(DRILL) }).await
}

/// Waits until all is told of the drill that runs.
async fn watched(
    daemon: &mut Conversation,
    args: &DrillArgs,
) -> Result<Box<DrillView>, FetchError> {
    let mut answered = Instant::now();
    let mut state = String::new();
    loop {
        match daemon.fetch::<DrillView>(DRILL).await {
            Ok(view) => {
                answered = Instant::now();
                if !args.json && view.state != state {
                    output::note(&report::headline(&view));
                    state.clone_from(&view.state);
                }
                if view.complete {
                    return Ok(Box::new(view));
                }
            }
            Err(error) if error.is_passing() && answered.elapsed() < PATIENCE => {}
            Err(error) => return Err(error),
        }
        sleep(LOOK).await;
    }
}

fn print(args: &DrillArgs, view: &DrillView) -> io::Result<ExitCode> {
    let report = match (args.json, args.markdown) {
        (true, _) => serde_json::to_string_pretty(view)?,
        (false, true) => report::markdown(view),
        (false, false) => report::text(view),
    };
    match &args.output {
        Some(path) => {
            fs::write(path, format!("{}\n", report.trim_end()))?;
            Ok(output::print(&report::headline(view)))
        }
        None => Ok(output::print(&report)),
    }
}

async fn interrupted(interrupts: Option<&mut Signal>) {
    // Without the handler Ctrl-C ends this process, and not the drill.
    match interrupts {
        Some(interrupts) => {
            interrupts.recv().await;
        }
        None => std::future::pending().await,
    }
}
