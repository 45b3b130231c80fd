//! `loadtest reload`: another list of thousands of access points while clients are served.
//!
//! Each peer gets the list in its own way, with the same load before it: sessions that stay and make round
//! trips, and sessions that come and go. First the load alone is measured, then the same with one list
//! after the other. Both loads begin their operations at fixed times, so that there is the same work in
//! both phases: what the processor has done more was the lists. And a client that has to wait counts
//! from when it was due.

mod phase;
mod report;
mod subject;

use crate::backend::Backend;
use crate::circumstances::Circumstances;
use crate::cli::{OutputOptions, positive_duration};
use crate::load::LoadError;
use crate::peers::{Installed, Peer, PeerError, Places};
use crate::process::ProcessError;
use crate::report::{PeerReport, ReportError, emit, with_sources};
use clap::{Args, ValueEnum};
use phase::{Loads, Phase};
use report::{Figures, Report};
use std::error::Error;
use std::fmt;
use std::io;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;
use subject::Subject;

pub(crate) const EXAMPLES: &str = "\
Examples:
  loadtest reload                                     four peers, 10,000 access points: two minutes
  loadtest reload --peers nearpoint --reloads 20 --duration 60s
  loadtest reload --access-points 200 --duration 2s --reloads 2 --json

nearpoint is there twice: by a file and SIGHUP, and by a push. Of a file 500 ms are the time for which it has to
hold still before it is read; they are told apart. A session that nearpoint fails, or a peer that cannot be
measured, makes the exit code 1.";

#[derive(Args, Clone, Debug)]
pub(crate) struct ReloadOptions {
    /// Peers to measure, in this order
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "nearpoint,nearpoint-push,haproxy,nginx,envoy"
    )]
    peers: Vec<Way>,
    /// Access points, or servers; one in a hundred of them is another one in each new list
    #[arg(long, default_value = "10000", value_parser = clap::value_parser!(u32).range(2..=60_000))]
    access_points: u32,
    /// New lists, one after the other
    #[arg(long, default_value = "5")]
    reloads: NonZeroU32,
    /// Measured time without a new list, and at least that of all new lists, evenly spread over it
    #[arg(long, default_value = "10s", value_parser = positive_duration)]
    duration: Duration,
    /// Sessions that stay and make round trips of 64 bytes
    #[arg(long, default_value = "20")]
    sessions: NonZeroU32,
    /// Round trips a second of all of them together
    #[arg(long, default_value = "1000")]
    round_trips: NonZeroU32,
    /// Sessions a second that connect, echo and close
    #[arg(long, default_value = "100")]
    connects: NonZeroU32,
    /// The nearpoint binary [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    nearpoint: Option<PathBuf>,
    /// The Envoy binary [default: `envoy` in PATH]
    #[arg(long, value_name = "PATH")]
    envoy: Option<PathBuf>,
    #[command(flatten)]
    output: OutputOptions,
}

/// A peer, and how it is given a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Way {
    /// By its file, and SIGHUP
    Nearpoint,
    /// By the admin API
    NearpointPush,
    /// By its configuration, and SIGUSR2 to the master
    Haproxy,
    /// By its configuration, and SIGHUP
    Nginx,
    /// By a file that it watches
    Envoy,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Way::Nearpoint => "nearpoint",
            Way::NearpointPush => "nearpoint-push",
            Way::Haproxy => "haproxy",
            Way::Nginx => "nginx",
            Way::Envoy => "envoy",
        }
    }

    fn peer(self) -> Peer {
        match self {
            Way::Nearpoint | Way::NearpointPush => Peer::Nearpoint,
            Way::Haproxy => Peer::Haproxy,
            Way::Nginx => Peer::Nginx,
            Way::Envoy => Peer::Envoy,
        }
    }
}

/// Whether every peer was measured, and nearpoint served everybody.
pub(crate) async fn run(options: &ReloadOptions) -> Result<bool, ReportError> {
    let mut circumstances = Circumstances::begin();
    let places = Places {
        nearpoint: options.nearpoint.as_deref(),
        envoy: options.envoy.as_deref(),
        ..Places::default()
    };
    let (mut peers, mut figures, mut complete) = (Vec::new(), Vec::new(), true);
    for &way in &options.peers {
        let found = way.peer().find(places).await;
        let version = found.as_ref().ok().map(|installed| installed.version.clone());
        let measured = match found {
            Ok(installed) => measure(way, &installed, options).await,
            Err(error) => Err(MeasureError::Peer(error)),
        };
        let failure = match measured {
            Ok(measured) => {
                complete &= way.peer() != Peer::Nearpoint || measured.failed() == 0;
                figures.push(measured);
                None
            }
            Err(error) => {
                complete = false;
                let reason = with_sources(&error);
                eprintln!("{}: {reason}", way.name());
                Some(reason)
            }
        };
        peers.push(PeerReport::new(way.name(), version, failure));
    }
    circumstances.end();
    emit(&Report::new(options, circumstances, peers, figures), &options.output)?;
    Ok(complete)
}

async fn measure(
    way: Way,
    installed: &Installed,
    options: &ReloadOptions,
) -> Result<Figures, MeasureError> {
    let name = way.name();
    eprintln!("{name}: starting with {} access points", options.access_points);
    let backend = Backend::start().await.map_err(MeasureError::Backend)?;
    let subject = Subject::start(way, installed, &backend, options.access_points).await?;
    let mut loads = Loads::start(options, subject.address()).await.map_err(MeasureError::Load)?;
    loads.warm_up().await;
    eprintln!("{name}: the load alone");
    let alone = Phase::without_lists(&subject, &loads, options.duration).await?;
    eprintln!("{name}: {} new lists", options.reloads);
    let (reloading, lists) = Phase::with_lists(&subject, &loads, options).await?;
    let failures = loads.failures();
    loads.stop().await;
    let published = subject.published().map_err(MeasureError::Read)?;
    subject.stop().await;
    backend.stop().await;
    Ok(Figures::new(way, alone, reloading, &lists, &published, failures))
}

#[derive(Debug)]
enum MeasureError {
    Backend(ProcessError),
    Peer(PeerError),
    Load(LoadError),
    /// A list was not put in force.
    List(io::Error),
    Read(io::Error),
}

impl fmt::Display for MeasureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MeasureError::Backend(_) => f.write_str("the backend failed"),
            MeasureError::Peer(error) => error.fmt(f),
            MeasureError::Load(error) => error.fmt(f),
            MeasureError::List(_) => f.write_str("a list cannot be replaced"),
            MeasureError::Read(_) => {
                f.write_str("its processor time, memory or log cannot be read")
            }
        }
    }
}

impl Error for MeasureError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            MeasureError::Backend(source) => Some(source),
            MeasureError::Peer(error) => error.source(),
            MeasureError::Load(error) => error.source(),
            MeasureError::List(source) | MeasureError::Read(source) => Some(source),
        }
    }
}
