//! What the processes under test use meanwhile.

use crate::procfs;
use serde::Serialize;
use std::fs;
use std::io;
use std::time::Duration;

/// A process and its children.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ProcessFigures {
    pub(super) pid: u32,
    pub(super) name: String,
    /// User and system time during the measured time; `null` if the process has ended.
    pub(super) cpu_seconds: Option<f64>,
    /// Proportional set size before the first session and at the end of the measured time; `null` where it
    /// may not be read.
    pub(super) pss_before_bytes: Option<u64>,
    pub(super) pss_bytes: Option<u64>,
}

/// The processes that were asked for, as they were before the load.
#[derive(Debug)]
pub(super) struct Processes(Vec<Before>);

#[derive(Debug)]
struct Before {
    pid: u32,
    name: String,
    pss: Option<u64>,
}

impl Processes {
    /// # Errors
    /// The process that is not there.
    pub(super) fn find(pids: &[u32]) -> Result<Processes, NoProcess> {
        let find = |&pid: &u32| {
            let name = fs::read_to_string(format!("/proc/{pid}/comm"));
            let name = name.map_err(|source| NoProcess { pid, source })?.trim().to_owned();
            Ok(Before { pid, name, pss: pss(pid) })
        };
        pids.iter().map(find).collect::<Result<_, _>>().map(Processes)
    }

    /// Processor time of each so far.
    pub(super) fn cpu_times(&self) -> Vec<Option<Duration>> {
        self.0.iter().map(|process| cpu_time(process.pid)).collect()
    }

    /// What they have used since `before`.
    pub(super) fn since(&self, before: &[Option<Duration>]) -> Vec<ProcessFigures> {
        let figures = |(process, before): (&Before, &Option<Duration>)| {
            let now = cpu_time(process.pid);
            let used = now.zip(*before).and_then(|(now, before)| now.checked_sub(before));
            ProcessFigures {
                pid: process.pid,
                name: process.name.clone(),
                cpu_seconds: used.map(|used| used.as_secs_f64()),
                pss_before_bytes: process.pss,
                pss_bytes: pss(process.pid),
            }
        };
        self.0.iter().zip(before).map(figures).collect()
    }
}

fn cpu_time(pid: u32) -> Option<Duration> {
    procfs::family(pid).and_then(|family| procfs::cpu_time(&family)).ok()
}

fn pss(pid: u32) -> Option<u64> {
    procfs::family(pid).and_then(|family| procfs::pss(&family)).ok()
}

/// There is no such process.
#[derive(Debug)]
pub(crate) struct NoProcess {
    pub(super) pid: u32,
    pub(super) source: io::Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_there_has_figures_and_one_that_is_not_is_an_error() {
        let own = std::process::id();
        let processes = Processes::find(&[own]).unwrap();
        let figures = processes.since(&processes.cpu_times());
        assert!(figures[0].cpu_seconds.is_some() && figures[0].pss_bytes > Some(0));
        assert!(figures[0].name.starts_with("loadtest"), "{figures:?}");
        assert_eq!(Processes::find(&[own, u32::MAX]).unwrap_err().pid, u32::MAX);
    }
}
