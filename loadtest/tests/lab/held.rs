//! A lab that stands beside the test: `loadtest lab hold`.

use libtest_mimic::Failed;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

pub(crate) fn loadtest() -> Command {
    Command::new(env!("CARGO_BIN_EXE_loadtest"))
}

/// Whether there is a namespace of this name.
pub(crate) fn exists(name: &str) -> bool {
    Path::new("/run/netns").join(name).exists()
}

pub(crate) fn signal(pid: u32, signal: Signal) -> Result<(), Failed> {
    let pid = Pid::from_raw(pid.cast_signed()).ok_or("no process id")?;
    Ok(kill_process(pid, signal)?)
}

/// A lab that is up. Dropping it interrupts it.
pub(crate) struct Held {
    process: Child,
    pub(crate) namespaces: Vec<String>,
}

impl Held {
    pub(crate) fn start() -> Result<Held, Failed> {
        Held::with(&[])
    }

    /// With more arguments.
    pub(crate) fn with(arguments: &[&str]) -> Result<Held, Failed> {
        let mut command = loadtest();
        command.args(["lab", "hold", "--json"]).args(arguments).stdout(Stdio::piped());
        let mut process = command.spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        let said: Value = serde_json::from_str(&line)?;
        let names = said["namespaces"].as_array().ok_or("no namespaces")?;
        let names = names.iter().filter_map(|name| name.as_str().map(str::to_owned));
        Ok(Held { process, namespaces: names.collect() })
    }

    /// The name of that namespace.
    pub(crate) fn namespace(&self, role: &str) -> &str {
        let found = self.namespaces.iter().find(|name| name.ends_with(&format!("-{role}")));
        found.expect("every lab has all roles")
    }

    /// Ends it, and waits until it has.
    pub(crate) fn kill(&mut self, with: Signal) -> Result<ExitStatus, Failed> {
        signal(self.process.id(), with)?;
        Ok(self.process.wait()?)
    }
}

/// A program that somebody runs in a lab. Dropping it kills it.
pub(crate) struct Guest(Child);

impl Guest {
    pub(crate) fn start(namespace: &str) -> Result<Guest, Failed> {
        let mut command = Command::new("ip");
        Ok(Guest(command.args(["netns", "exec", namespace, "sleep", "600"]).spawn()?))
    }

    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>, Failed> {
        Ok(self.0.try_wait()?)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // Neither has anything to do for one that has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            // It is there, since it has not been waited for.
            let _ = self.kill(Signal::INT);
        }
    }
}
