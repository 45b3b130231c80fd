//! `nearpoint events`: prints what happened and, if that is wanted, what happens.

use std::future::pending;
use std::io;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use tokio::time::sleep;

use super::args::EventsArgs;
use super::client::{Conversation, FetchError, encode};
use super::table::Look;
use super::{FAILED, block_on, output, table};
use crate::admin::view::{EventView, EventsView};

/// One request waits for something to happen for so long.
const WAIT: Duration = Duration::from_secs(25);

/// Between requests to a daemon that is not there, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));

/// Between looks whether somebody still reads while nothing happens.
const LOOK: Duration = Duration::from_secs(1);

/// Asks the daemon and prints what it says, for ever with `--follow`.
pub(super) fn ask(args: &EventsArgs) -> ExitCode {
    match block_on(run(args)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(Stopped::Fetch(error))) => output::fail(&error.to_string(), FAILED),
        Ok(Err(Stopped::Print(error))) => output::ended(&error),
        Err(error) => output::fail(&error.to_string(), FAILED),
    }
}

/// Why nothing more is printed.
enum Stopped {
    /// The daemon does not answer, or in a way that no later request would change.
    Fetch(FetchError),
    /// The answer cannot be written.
    Print(io::Error),
}

async fn run(args: &EventsArgs) -> Result<(), Stopped> {
    let since = args.since.map(|ago| SystemTime::now().checked_sub(ago));
    let since = since.map(|since| since.unwrap_or(SystemTime::UNIX_EPOCH));
    let printer = Printer { json: args.json, look: Look::of_stdout(), since };
    if !args.follow {
        let printed = printer.print_kept(&mut Source::new(args)).await?;
        if printed == 0 && !args.json {
            output::note("no events");
        }
        return Ok(());
    }
    tokio::select! {
        stopped = follow(&printer, Source::new(args)) => Err(stopped),
        () = interrupted() => Ok(()),
        () = reader_gone() => Ok(()),
    }
}

/// Prints what happened, and goes on with what happens.
async fn follow(printer: &Printer, mut source: Source) -> Stopped {
    if let Err(stopped) = printer.print_kept(&mut source).await {
        // A daemon that is not there to begin with is more likely not the one that is meant.
        return stopped;
    }
    let mut pause = PAUSE.0;
    let mut wait = WAIT;
    loop {
        match source.next(wait).await {
            Ok(view) => {
                if wait.is_zero() {
                    output::note("connected again");
                }
                (pause, wait) = (PAUSE.0, WAIT);
                if let Err(error) = printer.print(&view) {
                    return Stopped::Print(error);
                }
            }
            Err(error) if error.is_passing() => {
                if !wait.is_zero() {
                    output::note(&format!("{error}; trying again"));
                }
                // That it is there again is to be known at once.
                wait = Duration::ZERO;
                sleep(pause).await;
                pause = (2 * pause).min(PAUSE.1);
            }
            Err(error) => return Stopped::Fetch(error),
        }
    }
}

/// Where events come from, page after page.
struct Source {
    conversation: Conversation,
    dc: Option<u16>,
    after: u64,
    instance: Option<String>,
}

impl Source {
    fn new(args: &EventsArgs) -> Self {
        let conversation = Conversation::waiting(args.daemon.admin.clone(), WAIT);
        Self { conversation, dc: args.dc, after: 0, instance: None }
    }

    /// The events that follow; when there is none, waits so long for the first one. Those of a daemon
    /// that was started meanwhile begin anew.
    async fn next(&mut self, wait: Duration) -> Result<EventsView, FetchError> {
        let mut target = format!("/v1/events?after={}&wait={}s", self.after, wait.as_secs());
        if let Some(dc) = self.dc {
            target.push_str(&format!("&dc={dc}"));
        }
        if let Some(instance) = &self.instance {
            target.push_str(&format!("&instance={}", encode(instance)));
        }
        let view: EventsView = self.conversation.fetch(&target).await?;
        let known = self.instance.replace(view.instance.clone());
        if known.is_some_and(|known| known != view.instance) {
            output::note("the daemon was restarted; its events begin anew");
        }
        self.after = view.next;
        Ok(view)
    }
}

/// Prints events.
struct Printer {
    json: bool,
    look: Look,
    since: Option<SystemTime>,
}

impl Printer {
    /// Prints all that the daemon has kept; returns how many that was.
    async fn print_kept(&self, source: &mut Source) -> Result<usize, Stopped> {
        let mut printed = 0;
        loop {
            let view = source.next(Duration::ZERO).await.map_err(Stopped::Fetch)?;
            printed += self.print(&view).map_err(Stopped::Print)?;
            if view.next >= view.last {
                return Ok(printed);
            }
        }
    }

    fn print(&self, view: &EventsView) -> io::Result<usize> {
        let old = view.events.iter().take_while(|event| !self.wants(event)).count();
        if view.lost > 0 && old == 0 {
            output::note(&format!("{} earlier events are no longer kept", view.lost));
        }
        for event in &view.events[old..] {
            output::print_line(&match self.json {
                true => serde_json::to_string(event)?,
                false => table::event(event, self.look),
            })?;
        }
        Ok(view.events.len() - old)
    }

    /// Whether it is not too old. A time that nobody can read is not.
    fn wants(&self, event: &EventView) -> bool {
        let at = humantime::parse_rfc3339(&event.at).ok();
        self.since.zip(at).is_none_or(|(since, at)| at >= since)
    }
}

/// Waits for Ctrl-C.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Then it ends the process as it always does.
        pending::<()>().await;
    }
}

/// Waits until nobody reads what is printed.
async fn reader_gone() {
    while !output::is_reader_gone() {
        sleep(LOOK).await;
    }
}
