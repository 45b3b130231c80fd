//! One load from its begin to its end.

use super::GenerateError;
use super::options::Job;
use super::processes::{ProcessFigures, Processes};
use super::progress::{Progress, Second};
use crate::load::{Counts, Failure, Latencies, Load, LoadError};
use crate::procfs;
use std::pin::pin;
use std::time::{Duration, Instant};

/// Between two lines of progress.
const LOOK: Duration = Duration::from_secs(1);

/// What was measured.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    pub(super) lasted: Duration,
    /// During the measured time; of idle sessions, since the first was opened.
    pub(super) counts: Counts,
    pub(super) latencies: Latencies,
    /// Operations of an open loop that were due and are neither done nor failed in the end.
    pub(super) unfinished: Option<u64>,
    /// Of the whole run, its opening and its warm-up included.
    pub(super) failures: Vec<Failure>,
    /// Processor time of this program, which makes the load.
    pub(super) own_cpu: Duration,
    pub(super) processes: Vec<ProcessFigures>,
    /// The run was ended early.
    pub(super) interrupted: bool,
}

/// Runs the load. When `interrupted` comes, what was measured until then is all there is.
pub(super) async fn measure(
    job: &Job,
    progress: &Progress,
    interrupted: impl Future<Output = ()>,
) -> Result<Measured, GenerateError> {
    let mut interrupted = pin!(interrupted);
    let processes = Processes::find(&job.common.pid).map_err(GenerateError::Process)?;
    let started = async {
        progress.stage("opening sessions");
        let mut load = Load::start(job.plan, job.common.target).await?;
        if job.warm_up > Duration::ZERO {
            progress.stage("warming up");
            load.run_for(job.warm_up).await?;
            load.tally().take_latencies();
        }
        Ok::<_, LoadError>(load)
    };
    let mut load = tokio::select! {
        () = &mut interrupted => return Err(GenerateError::Interrupted),
        started = started => started.map_err(GenerateError::Load)?,
    };
    let tally = load.tally().clone();

    let before = match job.warm_up {
        Duration::ZERO => Counts::default(),
        _ => tally.counts(),
    };
    let own_before = own_cpu()?;
    let cpu_before = processes.cpu_times();
    let began = Instant::now();
    let mut latencies = Latencies::default();
    let mut was_interrupted = false;
    let (mut last, mut looked) = (before, began);
    while !was_interrupted && began.elapsed() < job.common.duration {
        let left = job.common.duration.saturating_sub(began.elapsed());
        tokio::select! {
            () = &mut interrupted => was_interrupted = true,
            ran = load.run_for(left.min(LOOK)) => ran.map_err(GenerateError::Load)?,
        }
        let (now, counts) = (Instant::now(), tally.counts());
        let of_second = tally.take_latencies();
        progress.second(&Second {
            passed: now - began,
            of: job.common.duration,
            per_second: (counts.done - last.done) as f64 / (now - looked).as_secs_f64(),
            latencies: &of_second,
            failed: counts.failed,
        });
        latencies.merge(&of_second);
        (last, looked) = (counts, now);
    }
    let lasted = began.elapsed();
    let processes = processes.since(&cpu_before);
    let own_cpu = own_cpu()?.saturating_sub(own_before);
    let due = load.due();
    load.finish().await.map_err(GenerateError::Load)?;
    Ok(Measured {
        lasted,
        counts: Counts {
            done: last.done - before.done,
            offered: last.offered - before.offered,
            failed: last.failed - before.failed,
            beside: last.beside - before.beside,
        },
        latencies,
        unfinished: due.map(|due| due.saturating_sub(last.done + last.failed)),
        failures: tally.failures(),
        own_cpu,
        processes,
        interrupted: was_interrupted,
    })
}

fn own_cpu() -> Result<Duration, GenerateError> {
    procfs::cpu_time(&[std::process::id()]).map_err(GenerateError::Read)
}
