//! Programs that set up networks (`ip`, `nft`): run to their end, bounded in time.

use super::error::LabError;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// They take milliseconds; a machine that needs longer is not one to measure on.
const AT_MOST: Duration = Duration::from_secs(10);

/// Runs it with this standard input. `named` is for errors.
///
/// Input and words of the program have to fit into a pipe (64 KiB), as those of `ip` and `nft` do.
pub(super) fn run(mut command: Command, named: &str, input: &str) -> Result<(), LabError> {
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(LabError::io(format!("start {named}")))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read it to the end says why on standard error.
        let _ = stdin.write_all(input.as_bytes());
    }
    let ended = ends(&child, AT_MOST).map_err(LabError::io(format!("wait for {named}")))?;
    if !ended {
        // It can only have ended by now, and is waited for below in any case.
        let _ = child.kill();
    }
    let status = child.wait().map_err(LabError::io(format!("wait for {named}")))?;
    if !ended {
        return Err(LabError::TimedOut { program: named.to_owned(), at_most: AT_MOST });
    }
    if status.success() {
        return Ok(());
    }
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        // Whatever can be read of it.
        let _ = stderr.read_to_string(&mut said);
    }
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    Err(LabError::Failed { program: named.to_owned(), said })
}

/// Whether the child has ended, looking no longer than this.
fn ends(child: &Child, at_most: Duration) -> io::Result<bool> {
    let pid = Pid::from_child(child);
    wait_readable(pidfd_open(pid, PidfdFlags::empty())?, at_most)
}

/// Whether there is something to read in time; of a pidfd: whether its process has ended.
pub(super) fn wait_readable(descriptor: impl AsFd, at_most: Duration) -> io::Result<bool> {
    let until = Instant::now() + at_most;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], Some(&left)) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
