//! `loadtest compare`: every load through every peer, in interleaved rounds.
//!
//! Within a round each load runs through one peer after the other, so that whatever the machine
//! does meanwhile (another job, its clock, its temperature) meets all of them.

mod options;
mod report;

pub(crate) use options::{CompareOptions, EXAMPLES};

use crate::backend::Backend;
use crate::load::{Load, LoadError, Plan, Workload};
use crate::peers::{Duty, Installed, PeerError};
use crate::process::ProcessError;
use crate::procfs;
use crate::report::{Cast, ReportError, emit};
use report::Report;
use std::error::Error;
use std::fmt;
use std::io;
use std::time::{Duration, Instant};

/// Warm-up before the measured time, as a part of it, and at least this long.
const WARM_UP_PART: u32 = 10;
const MIN_WARM_UP: Duration = Duration::from_millis(100);

/// Whether every peer was measured in every round.
pub(crate) async fn run(options: &CompareOptions) -> Result<bool, ReportError> {
    let mut cast = Cast::find(&options.peers).await;
    let workloads = options.workloads();
    let mut measured = Vec::new();
    for round in 1..=options.rounds.get() {
        for &workload in &workloads {
            for peer in cast.present() {
                let peer = peer.run_by(options.user());
                if peer.peer.inability(Duty::plain(workload.transport())).is_some() {
                    continue;
                }
                eprintln!("round {round}/{}: {workload}, {}", options.rounds, peer.peer.name());
                match measure(&peer, workload, options.duration).await {
                    Ok(sample) => measured.push((peer.peer, workload, sample)),
                    Err(error) => cast.fail(peer.peer, &error),
                }
            }
        }
    }
    let report = Report::new(options, &cast, &workloads, &measured);
    emit(&report, &options.peers.output)?;
    Ok(cast.complete())
}

/// One measurement.
#[derive(Clone, Copy, Debug)]
struct Sample {
    /// Seconds, by the clock.
    seconds: f64,
    /// Round trips, or bytes.
    work: f64,
    /// The same of what was sent and may have been lost; 0 with TCP.
    offered: f64,
    /// Processor seconds of the proxy; `None` without one.
    proxy: Option<f64>,
    /// Processor seconds of this process, which makes the load.
    load: f64,
    /// Processor seconds of the backend.
    backend: f64,
}

async fn measure(
    peer: &Installed,
    workload: Workload,
    duration: Duration,
) -> Result<Sample, MeasureError> {
    let backend = Backend::start().await.map_err(MeasureError::Backend)?;
    let target = backend.address(workload.service());
    let target = target.ok_or(MeasureError::Backend(ProcessError::Ended))?;
    let proxy =
        peer.start(Duty::plain(workload.transport()), target).await.map_err(MeasureError::Peer)?;
    let mut load =
        Load::start(Plan::new(workload), proxy.address).await.map_err(MeasureError::Load)?;
    let warm_up = (duration / WARM_UP_PART).max(MIN_WARM_UP);
    load.run_for(warm_up).await.map_err(MeasureError::Load)?;

    let read = |load: &Load| -> io::Result<Reading> {
        Ok(Reading {
            at: Instant::now(),
            work: load.tally().counts().done,
            offered: load.tally().counts().offered,
            proxy: proxy.cpu_time()?,
            load: procfs::cpu_time(&[std::process::id()])?,
            backend: backend.cpu_time()?,
        })
    };
    let before = read(&load).map_err(MeasureError::Read)?;
    load.run_for(duration).await.map_err(MeasureError::Load)?;
    let after = read(&load).map_err(MeasureError::Read)?;

    load.stop().await;
    proxy.stop().await;
    backend.stop().await;
    Ok(after.since(&before))
}

/// Counters at one instant.
struct Reading {
    at: Instant,
    work: u64,
    offered: u64,
    proxy: Option<Duration>,
    load: Duration,
    backend: Duration,
}

impl Reading {
    fn since(&self, before: &Reading) -> Sample {
        let seconds =
            |after: Duration, before: Duration| after.saturating_sub(before).as_secs_f64();
        Sample {
            seconds: (self.at - before.at).as_secs_f64(),
            work: (self.work - before.work) as f64,
            offered: (self.offered - before.offered) as f64,
            proxy: self.proxy.zip(before.proxy).map(|(after, before)| seconds(after, before)),
            load: seconds(self.load, before.load),
            backend: seconds(self.backend, before.backend),
        }
    }
}

#[derive(Debug)]
enum MeasureError {
    Backend(ProcessError),
    Peer(PeerError),
    Load(LoadError),
    Read(io::Error),
}

impl fmt::Display for MeasureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MeasureError::Backend(_) => f.write_str("the backend failed"),
            MeasureError::Peer(error) => error.fmt(f),
            MeasureError::Load(error) => error.fmt(f),
            MeasureError::Read(_) => f.write_str("its processor time cannot be read"),
        }
    }
}

impl Error for MeasureError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            MeasureError::Backend(source) => Some(source),
            MeasureError::Peer(error) => error.source(),
            MeasureError::Load(error) => error.source(),
            MeasureError::Read(source) => Some(source),
        }
    }
}
