//! Child processes: started in a process group of their own, ended with all their workers.

use crate::event::Event;
use crate::procfs::{self, CpuTime};
use rustix::process::{Pid, Signal, kill_process_group};
use std::error::Error;
use std::fmt;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// A process and its workers. Dropping it kills them all.
#[derive(Debug)]
pub(crate) struct Process {
    child: tokio::process::Child,
    pid: u32,
}

impl Process {
    pub(crate) fn spawn(mut command: Command) -> Result<Process, ProcessError> {
        // A group of its own: the workers can be signalled with their master, whose sudden death
        // alone would orphan them.
        let child = command.process_group(0).spawn().map_err(ProcessError::Spawn)?;
        let pid = child.id().ok_or(ProcessError::Ended)?;
        Ok(Process { child, pid })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// The exit status, if it has ended already.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Processor time so far, workers included.
    pub(crate) fn cpu_time(&self) -> io::Result<Duration> {
        procfs::cpu_time(&procfs::family(self.pid)?)
    }

    /// The same, in the program and in the kernel apart.
    pub(crate) fn cpu_times(&self) -> io::Result<CpuTime> {
        procfs::cpu_times(&procfs::family(self.pid)?)
    }

    /// Memory in bytes, workers included.
    pub(crate) fn pss(&self) -> io::Result<u64> {
        procfs::pss(&procfs::family(self.pid)?)
    }

    /// To it and its workers.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        // Once it has been waited for, its number may belong to somebody else.
        let id = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let id = id.ok_or(io::ErrorKind::NotFound)?;
        Ok(kill_process_group(id, signal)?)
    }

    /// Kills it and waits until its ports and descriptors are free.
    pub(crate) async fn stop(mut self) {
        self.kill();
        // It has been killed: whatever waiting says, it is no more.
        let _ = self.child.wait().await;
    }

    fn kill(&self) {
        // Fails only for a group that has ended.
        let _ = self.signal(Signal::KILL);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A child that is this program: takes lines, reports events.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) process: Process,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Child {
    pub(crate) fn spawn(mut command: Command) -> Result<Child, ProcessError> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::spawn(command)?;
        let input = process.child.stdin.take().ok_or(ProcessError::Ended)?;
        let output = process.child.stdout.take().ok_or(ProcessError::Ended)?;
        Ok(Child { process, input, output: BufReader::new(output).lines() })
    }

    pub(crate) async fn send(&mut self, line: &str) -> Result<(), ProcessError> {
        self.input.write_all(format!("{line}\n").as_bytes()).await.map_err(ProcessError::Talk)
    }

    pub(crate) async fn event(&mut self, at_most: Duration) -> Result<Event, ProcessError> {
        let line = timeout(at_most, self.output.next_line()).await;
        let line = line.map_err(|_| ProcessError::Silent(at_most))?.map_err(ProcessError::Talk)?;
        serde_json::from_str(&line.ok_or(ProcessError::Ended)?).map_err(ProcessError::Garbled)
    }
}

#[derive(Debug)]
pub(crate) enum ProcessError {
    Spawn(io::Error),
    /// Ended before it should have; its own words are on standard error.
    Ended,
    Talk(io::Error),
    Signal(io::Error),
    Silent(Duration),
    Garbled(serde_json::Error),
    Unexpected(Event),
}

impl fmt::Display for ProcessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProcessError::Spawn(_) => f.write_str("a child process cannot be started"),
            ProcessError::Ended => f.write_str("a child process has ended too early"),
            ProcessError::Signal(_) => f.write_str("a child process cannot be signalled"),
            ProcessError::Talk(_) => f.write_str("cannot talk with a child process"),
            ProcessError::Silent(at_most) => {
                let at_most = humantime::format_duration(*at_most);
                write!(f, "a child process said nothing for {at_most}")
            }
            ProcessError::Garbled(_) => f.write_str("a child process reports no event"),
            ProcessError::Unexpected(event) => {
                write!(f, "a child process reports something else: {event:?}")
            }
        }
    }
}

impl Error for ProcessError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ProcessError::Spawn(source)
            | ProcessError::Talk(source)
            | ProcessError::Signal(source) => Some(source),
            ProcessError::Garbled(source) => Some(source),
            ProcessError::Ended | ProcessError::Silent(_) | ProcessError::Unexpected(_) => None,
        }
    }
}
