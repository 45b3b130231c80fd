//! `nearpoint events`: prints what happened and, if that is wanted, what happens.

use std::future::pending;
use std::io;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use tokio::time::sleep;

use super::args::EventsArgs;
use super::client::{Conversation, FetchError, encode};
use super::table::Look;
use super::{FAILED, block_on, exit, output, table};
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
        Ok(Err(Stopped::Fetch(error))) => exit::refused(&error),
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
    let mut pace = Pace::default();
    loop {
        match source.next(pace.wait).await {
            Ok(view) => {
                if pace.answered() {
                    output::note("connected again");
                }
                if let Err(error) = printer.print(&view) {
                    return Stopped::Print(error);
                }
            }
            Err(error) if error.is_passing() => {
                if !pace.wait.is_zero() {
                    output::note(&format!("{error}; trying again"));
                }
                sleep(pace.in_vain()).await;
            }
            Err(error) => return Stopped::Fetch(error),
        }
    }
}

/// How long requests wait, and how long it takes until the next one after one in vain.
struct Pace {
    wait: Duration,
    pause: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { wait: WAIT, pause: PAUSE.0 }
    }
}

impl Pace {
    /// There was an answer. Returns whether the request before was in vain.
    fn answered(&mut self) -> bool {
        let again = self.wait.is_zero();
        match again {
            // A daemon that lets nobody wait any more answers who does not: that it is well is known
            // when it has let this one wait.
            true => self.wait = WAIT,
            false => self.pause = PAUSE.0,
        }
        again
    }

    /// There was none. Returns after which time to ask again; that the daemon is there again is to
    /// be known at once then.
    fn in_vain(&mut self) -> Duration {
        self.wait = Duration::ZERO;
        let pause = self.pause;
        self.pause = (2 * pause).min(PAUSE.1);
        pause
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
        let conversation = Conversation::waiting(&args.daemon, WAIT);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_that_answers_and_lets_nobody_wait_is_asked_less_and_less_often() {
        let mut pace = Pace::default();
        let mut pauses = Vec::new();
        for _ in 0..8 {
            pauses.push(pace.in_vain());
            assert!(pace.wait.is_zero());
            assert!(pace.answered(), "again");
            assert_eq!(pace.wait, WAIT);
        }
        assert!(pauses.is_sorted());
        assert_eq!((pauses[0], pauses[7]), PAUSE);
        assert!(!pace.answered(), "it let this one wait");
        assert_eq!(pace.in_vain(), PAUSE.0);
    }
}
