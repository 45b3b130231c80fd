//! `loadtest tcp` and `loadtest udp`: one load on whatever listens, and what came of it.
//!
//! A client that fails is counted with its reason, and begins anew: what is measured is what there is, not
//! only what is good.

mod measure;
mod options;
mod processes;
mod progress;
mod report;

pub(crate) use options::{TcpOptions, UdpOptions};

use crate::load::{LoadError, Sources};
use crate::report::{ReportError, emit};
use options::Job;
use processes::NoProcess;
use progress::Progress;
use report::Report;
use rustix::process::{Resource, getrlimit};
use std::error::Error;
use std::fmt;
use std::io;

pub(crate) const TCP_EXAMPLES: &str = "\
Examples:
  loadtest serve --listen 127.0.0.1:7001 --service echo      a backend to try it with
  loadtest tcp round-trips --target 127.0.0.1:7001           100 sessions, 64 bytes, 10 s
  loadtest tcp round-trips --target 127.0.0.1:7001 --sessions 1000 --size 16KiB --pid 4711
  loadtest tcp round-trips --target 127.0.0.1:7001 --rate 20000
  loadtest tcp connects --target 127.0.0.1:7001 --rate 2000 --sources 200
  loadtest tcp idle --target 127.0.0.1:7001 --sessions 5000 --pid 4711
  loadtest tcp mixed --target 127.0.0.1:7001 --sessions 1000
  loadtest tcp upload --target 127.0.0.1:7002 --streams 4 --verify
  loadtest tcp download --target 127.0.0.1:7003 --duration 30s --json

The backend has to be an echo; a sink for uploads, a source for downloads: see `loadtest serve`.

Closed loop: a client begins an operation when the last one is done. It tells how much a proxy
carries, and what an operation costs it. Of a stall it tells little: while nothing is answered,
nothing is asked.

Open loop (--rate): operations begin at fixed times, as those of people do who know nothing of
each other, and their times count from when they were due. A stall is felt by everyone who came
meanwhile. Choose a rate well below what the closed loop reaches: beyond it times only tell how
long the run was, and operations that are 10 s late are given up and count as failed.

Believe the figures if
  - nothing has failed: a failed operation is often a fast one;
  - this program used less than 0.9 cores: it is one thread, and beyond that it measures itself;
  - in an open loop hardly anything was due and not done in the end;
  - a direct run, past the proxy, is much faster;
  - a second run says the same.

The exit code is 0 if nothing failed, else 1. SIGINT ends the run early, with a report.";

pub(crate) const UDP_EXAMPLES: &str = "\
Examples:
  loadtest serve --listen 127.0.0.1:7001 --service udp:echo  a backend to try it with
  loadtest udp round-trips --target 127.0.0.1:7001           50 flows, 200 bytes, 10 s
  loadtest udp round-trips --target 127.0.0.1:7001 --rate 20000 --sources 50
  loadtest udp upload --target 127.0.0.1:7002 --flows 4 --flood --pid 4711
  loadtest udp download --target 127.0.0.1:7003 --verify --json

The backend has to be udp:echo; udp:sink for uploads, udp:source for downloads: see `loadtest serve`.
What closed and open loops are, and when to believe figures, is said by `loadtest tcp --help`.

What is lost is no failure: of round trips it is asked again, and its time goes on; of bulk it shows in
what was delivered. After 5 s without any answer a flow has failed.";

/// Descriptors for everything but sessions.
const SPARE_DESCRIPTORS: u64 = 64;

/// The load of `loadtest tcp`, until its end or `interrupted`. Whether nothing failed.
pub(crate) async fn run_tcp(
    options: &TcpOptions,
    interrupted: impl Future<Output = ()>,
) -> Result<bool, GenerateError> {
    run(&options.load.job(), interrupted).await
}

/// The load of `loadtest udp`, until its end or `interrupted`. Whether nothing failed.
pub(crate) async fn run_udp(
    options: &UdpOptions,
    interrupted: impl Future<Output = ()>,
) -> Result<bool, GenerateError> {
    run(&options.load.job(), interrupted).await
}

async fn run(job: &Job, interrupted: impl Future<Output = ()>) -> Result<bool, GenerateError> {
    is_possible(job)?;
    let progress = Progress::new(job.common.quiet, job.plan.workload.unit());
    let measured = measure::measure(job, &progress, interrupted).await;
    progress.end();
    let report = Report::new(job, measured?);
    emit(&report, &job.common.output).map_err(GenerateError::Report)?;
    Ok(report.is_without_failure())
}

fn is_possible(job: &Job) -> Result<(), GenerateError> {
    let target = job.common.target.ip();
    if job.plan.sources != Sources::ONE && !(target.is_ipv4() && target.is_loopback()) {
        return Err(GenerateError::Sources);
    }
    let needed = u64::from(job.plan.workload.clients()) + SPARE_DESCRIPTORS;
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < needed => Err(GenerateError::Descriptors { needed, limit }),
        Some(_) | None => Ok(()),
    }
}

#[derive(Debug)]
pub(crate) enum GenerateError {
    /// Addresses of loopback reach loopback only.
    Sources,
    /// The process may not have so many sockets.
    Descriptors {
        needed: u64,
        limit: u64,
    },
    /// Ended before anything was measured.
    Interrupted,
    /// A process to be looked at is not there.
    Process(NoProcess),
    Load(LoadError),
    /// Processor time of this program could not be read.
    Read(io::Error),
    Report(ReportError),
}

impl fmt::Display for GenerateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GenerateError::Sources => f.write_str(
                "--sources needs a target in 127.0.0.0/8: nobody else is reached from there",
            ),
            GenerateError::Descriptors { needed, limit } => {
                write!(f, "{needed} descriptors are needed, and the limit is {limit} (ulimit -Hn)")
            }
            GenerateError::Interrupted => f.write_str("interrupted before anything was measured"),
            GenerateError::Process(NoProcess { pid, .. }) => {
                write!(f, "process {pid} cannot be looked at")
            }
            GenerateError::Load(error) => error.fmt(f),
            GenerateError::Read(_) => f.write_str("processor time cannot be read"),
            GenerateError::Report(error) => error.fmt(f),
        }
    }
}

impl Error for GenerateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            GenerateError::Sources
            | GenerateError::Descriptors { .. }
            | GenerateError::Interrupted => None,
            GenerateError::Process(NoProcess { source, .. }) | GenerateError::Read(source) => {
                Some(source)
            }
            GenerateError::Load(error) => error.source(),
            GenerateError::Report(error) => error.source(),
        }
    }
}
