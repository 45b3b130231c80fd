//! Proxies as processes.

use super::ready::{self, Readiness};
use super::{Operator, PeerError};
use crate::process::Process;
use crate::procfs::CpuTime;
use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::Command;

/// A peer that serves. Dropping it kills the proxy.
#[derive(Debug)]
pub(crate) struct Running {
    /// Where clients connect.
    pub(crate) address: SocketAddr,
    pub(super) proxy: Option<Proxy>,
}

#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) process: Process,
    pub(super) operator: Operator,
    pub(super) _directory: TempDir,
}

impl Running {
    /// Processor time of the proxy so far, that of workers that have ended included; `None` without one.
    pub(crate) fn cpu_time(&self) -> io::Result<Option<Duration>> {
        Ok(self.cpu_times()?.map(CpuTime::total))
    }

    /// The same, in the program and in the kernel apart.
    pub(crate) fn cpu_times(&self) -> io::Result<Option<CpuTime>> {
        self.proxy.as_ref().map(|proxy| proxy.process.cpu_times()).transpose()
    }

    /// Memory of the proxy in bytes; `None` without one.
    pub(crate) fn pss(&self) -> io::Result<Option<u64>> {
        self.proxy.as_ref().map(|proxy| proxy.process.pss()).transpose()
    }

    /// Who can put another list of servers in force; `None` without a proxy.
    pub(crate) fn operator(&self) -> Option<&Operator> {
        self.proxy.as_ref().map(|proxy| &proxy.operator)
    }

    pub(crate) async fn stop(self) {
        if let Some(proxy) = self.proxy {
            proxy.process.stop().await;
        }
    }
}

/// Starts a proxy that keeps its files in `directory`, and returns when it is ready.
pub(crate) async fn launch(
    command: Command,
    directory: &Path,
    readiness: Readiness,
) -> Result<Process, PeerError> {
    let log = log(directory);
    let mut process = spawn(command, &log)?;
    match ready::wait(|| process.ended(), readiness).await {
        Ok(()) => Ok(process),
        Err(why) => Err(PeerError::NotReady { why, said: last_words(&log) }),
    }
}

/// Starts a proxy; whatever it prints goes to `log`.
pub(crate) fn spawn(mut command: Command, log: &Path) -> Result<Process, PeerError> {
    let output = File::create(log).map_err(PeerError::Prepare)?;
    let errors = output.try_clone().map_err(PeerError::Prepare)?;
    command.stdin(Stdio::null()).stdout(output).stderr(errors);
    Process::spawn(command).map_err(PeerError::Start)
}

/// Where a proxy prints that keeps its files in `directory`.
pub(crate) fn log(directory: &Path) -> PathBuf {
    directory.join("output.log")
}

/// The end of what the proxy printed, for an error message.
pub(crate) fn last_words(log: &Path) -> String {
    last_lines(&fs::read(log).unwrap_or_default())
}

/// The end of what a program printed.
pub(super) fn last_lines(output: &[u8]) -> String {
    const LINES: usize = 5;
    let text = String::from_utf8_lossy(output);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
