//! `loadtest inside`: becomes a program in a namespace of the lab, and dies with the lab.

use super::namespace;
use super::options::InsideOptions;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Returns only if it fails.
pub(crate) fn run(options: &InsideOptions) -> io::Error {
    match prepare(options) {
        Ok(()) => Command::new(&options.program).args(&options.arguments).exec(),
        Err(error) => error,
    }
}

fn prepare(options: &InsideOptions) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // A lab that died before the line above sends no signal any more.
    if getppid().map(Pid::as_raw_pid) != Some(options.parent) {
        return Err(io::Error::other("the lab is gone"));
    }
    namespace::enter(File::open(&options.namespace)?)
}
