//! `loadtest storm`: what the clients of live DCs feel when thousands of other access points fail
//! together.
//!
//! Phases in which the crowd is well and in which it fails follow each other while the same clients
//! go on. A phase in which it is well begins when every access point is up again, one in which it
//! fails with the failure itself: the worst of it is in the figures.

mod clients;
mod daemon;
mod network;
mod phase;
mod report;

use crate::cli::StormOptions;
use crate::load::LoadError;
use crate::peers::{Peer, PeerError, Places};
use crate::process::ProcessError;
use crate::report::{ReportError, emit, load_average};
use clients::Clients;
use daemon::Daemon;
use network::Network;
use phase::Seen;
use report::Report;
use std::error::Error;
use std::fmt;
use std::io;
use std::time::{Duration, Instant};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// Between looks at whether all are up.
const LOOK: Duration = Duration::from_millis(200);
/// For all to be up; and for each so many of them another second, since new ones are probed at 500 a
/// second.
const PATIENCE: Duration = Duration::from_secs(60);
const A_SECOND: u32 = 100;

/// Whether every client was served.
pub(crate) async fn run(options: &StormOptions) -> Result<bool, StormError> {
    let load_before = load_average();
    let places = Places { nearpoint: options.nearpoint.as_deref(), ..Places::default() };
    let nearpoint = Peer::Nearpoint.find(places).await;
    let nearpoint = nearpoint.map_err(StormError::Daemon)?;
    let mut network = Network::start(options).await?;
    let daemon = Daemon::start(&nearpoint, &network).await?;
    let mut clients = {
        let (staying, going) = (options.sessions.get(), options.connects.get());
        Clients::start(daemon.address, staying, going).await.map_err(StormError::Clients)?
    };
    let mut seen = [Seen::default(), Seen::default()];
    for round in 1..=options.rounds.get() {
        for (fails, seen) in [false, true].into_iter().zip(&mut seen) {
            if !fails {
                network.heal().await?;
                let took = until_all_are_up(&daemon, options.access_points).await?;
                eprintln!("round {round}/{}: all up after {took:.1?}", options.rounds);
            }
            let condition = if fails { "failing" } else { "well" };
            eprintln!("round {round}/{}: {condition}", options.rounds);
            let of_phase =
                phase::measure(&daemon, &mut clients, &mut network, fails, options.duration)
                    .await?;
            seen.merge(of_phase);
        }
    }
    clients.stop().await;
    daemon.stop().await;
    network.stop().await;
    let report = Report::new(options, &nearpoint.version, [load_before, load_average()], seen);
    emit(&report, &options.output).map_err(StormError::Report)?;
    Ok(report.is_without_failure())
}

async fn until_all_are_up(daemon: &Daemon, access_points: u32) -> Result<Duration, StormError> {
    let began = Instant::now();
    let patience = PATIENCE + Duration::from_secs((access_points / A_SECOND).into());
    loop {
        let doors = daemon.doors();
        let looked = spawn_blocking(move || doors.up()).await;
        let looked = looked.unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
        let (up, all) = looked.map_err(StormError::Operator)?;
        if up == all {
            return Ok(began.elapsed());
        }
        if began.elapsed() > patience {
            return Err(StormError::NotUp { up, all });
        }
        sleep(LOOK).await;
    }
}

#[derive(Debug)]
pub(crate) enum StormError {
    /// A stub could not be started, or did not obey.
    Stub(ProcessError),
    /// nearpoint is missing or does not serve.
    Daemon(PeerError),
    /// Load could not be made.
    Clients(LoadError),
    /// The access points of the crowd answer, and nearpoint does not find them all up.
    NotUp { up: u64, all: u64 },
    /// A side door gave no answer, or no good one.
    Operator(io::Error),
    /// Processor time could not be read.
    Read(io::Error),
    /// The report could not be written.
    Report(ReportError),
}

impl fmt::Display for StormError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StormError::Stub(_) => f.write_str("a stub of the network failed"),
            StormError::Daemon(error) => write!(f, "nearpoint: {error}"),
            StormError::Clients(error) => error.fmt(f),
            StormError::NotUp { up, all } => {
                write!(f, "only {up} of {all} access points were found up in time")
            }
            StormError::Operator(_) => f.write_str("a side door of nearpoint failed"),
            StormError::Read(_) => f.write_str("nearpoint's processor time cannot be read"),
            StormError::Report(error) => error.fmt(f),
        }
    }
}

impl Error for StormError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            StormError::Stub(source) => Some(source),
            StormError::Daemon(error) => error.source(),
            StormError::Clients(error) => error.source(),
            StormError::Operator(source) | StormError::Read(source) => Some(source),
            StormError::Report(error) => error.source(),
            StormError::NotUp { .. } => None,
        }
    }
}
