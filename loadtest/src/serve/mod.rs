//! `loadtest serve`: a stub DC as a process, commanded by lines on standard input.
//!
//! Commands are carried out one after the other, and each is answered with an [`Event`]: `done`,
//! `counts` or `failed`. The process ends when standard input does, so it never outlives its
//! parent.

mod command;

use crate::cli::ServeOptions;
use crate::event::Event;
use command::{At, Command};
use nearpoint::stub::{BindError, FaultError, Setup, StubDc};
use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use tokio::sync::mpsc;
use tokio::time::timeout;

pub(crate) async fn run(options: &ServeOptions) -> Result<(), ServeError> {
    let at: Vec<_> = options
        .listen
        .iter()
        .map(|listen| (listen.address, listen.service.unwrap_or(options.service)))
        .collect();
    let setup = Setup {
        device: options.device.as_deref(),
        secrets: &options.secrets,
        expects_header: options.expects_header,
    };
    let stub = StubDc::bind_with(setup, options.dc, &at).map_err(ServeError::Bind)?;
    for (address, (_, service)) in stub.local_addrs().into_iter().zip(&at) {
        let service = service.to_string();
        Event::Listening { address, service }.print().map_err(ServeError::Output)?;
    }
    let mut lines = input();
    while let Some(line) = lines.recv().await {
        for event in answer(&stub, line.trim()).await {
            event.print().map_err(ServeError::Output)?;
        }
    }
    stub.shutdown().await;
    Ok(())
}

async fn answer(stub: &StubDc, line: &str) -> Vec<Event> {
    let failed = |reason: &dyn Error| Event::Failed {
        command: line.to_owned(),
        reason: crate::report::with_sources(reason),
    };
    match line.parse() {
        Ok(command) => match carry_out(stub, command).await {
            Ok(events) if events.is_empty() => vec![Event::Done { command: line.to_owned() }],
            Ok(events) => events,
            Err(error) => vec![failed(&error)],
        },
        Err(error) => vec![failed(&error)],
    }
}

/// The answer, where there is more to say than that it is done.
async fn carry_out(stub: &StubDc, command: Command) -> Result<Vec<Event>, CommandError> {
    match command {
        Command::Fault(fault, At::Everywhere) => stub.set_fault_everywhere(fault).await?,
        Command::Fault(fault, At::One(address)) => stub.set_fault(address, fault).await?,
        Command::Cut(at) => {
            for address in addresses(stub, at) {
                stub.cut(address).await?;
            }
        }
        Command::Kill(At::Everywhere) => stub.kill_everywhere().await?,
        Command::Kill(At::One(address)) => stub.kill(address).await?,
        Command::Counts(at) => {
            let counts = |address| Ok(Event::Counts { address, counts: stub.counts(address)? });
            return addresses(stub, at).into_iter().map(counts).collect();
        }
        Command::Wait { address, open, at_most } => {
            let reached = stub.wait_until(address, |counts| counts.open == open);
            let counts = timeout(at_most, reached).await.map_err(|_| CommandError::TimedOut)??;
            return Ok(vec![Event::Counts { address, counts }]);
        }
    }
    Ok(Vec::new())
}

fn addresses(stub: &StubDc, at: At) -> Vec<SocketAddr> {
    match at {
        At::Everywhere => stub.local_addrs(),
        At::One(address) => vec![address],
    }
}

/// Lines of standard input. Read on a thread, since a terminal or a pipe cannot always be polled;
/// the short channel makes the sender wait.
fn input() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

#[derive(Debug)]
pub(crate) enum ServeError {
    Bind(BindError),
    Output(io::Error),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ServeError::Bind(_) => "cannot serve",
            ServeError::Output(_) => "cannot report to standard output",
        })
    }
}

impl Error for ServeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ServeError::Bind(source) => Some(source),
            ServeError::Output(source) => Some(source),
        }
    }
}

#[derive(Debug)]
enum CommandError {
    Fault(FaultError),
    TimedOut,
}

impl From<FaultError> for CommandError {
    fn from(error: FaultError) -> CommandError {
        CommandError::Fault(error)
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommandError::Fault(error) => error.fmt(f),
            CommandError::TimedOut => f.write_str("not reached in time"),
        }
    }
}

impl Error for CommandError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            CommandError::Fault(error) => error.source(),
            CommandError::TimedOut => None,
        }
    }
}
