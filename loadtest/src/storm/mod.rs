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

use crate::circumstances::Circumstances;
use crate::cli::StormOptions;
use crate::load::LoadError;
use crate::peers::{Peer, PeerError, Places};
use crate::process::ProcessError;
use crate::report::{ReportError, emit};
use clients::Clients;
use daemon::Daemon;
use network::Network;
use phase::Seen;
use report::Report;
use std::error::Error;
use std::fmt;
use std::io;

/// Whether every client was served.
pub(crate) async fn run(options: &StormOptions) -> Result<bool, StormError> {
    let mut circumstances = Circumstances::begin();
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
                let took = daemon.door().all_up().await.map_err(StormError::Operator)?;
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
    circumstances.end();
    let report = Report::new(options, &nearpoint.version, circumstances, seen);
    emit(&report, &options.output).map_err(StormError::Report)?;
    Ok(report.is_without_failure())
}

#[derive(Debug)]
pub(crate) enum StormError {
    /// A stub could not be started, or did not obey.
    Stub(ProcessError),
    /// nearpoint is missing or does not serve.
    Daemon(PeerError),
    /// Load could not be made.
    Clients(LoadError),
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
        }
    }
}
