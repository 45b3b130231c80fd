//! The real binary: commands that answer, and a daemon in a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use serde_json::Value;
use tokio::sync::watch;

use super::doors::Doors;
use super::lab::{Lab, TOKEN};
use super::{eventually, within};

/// A command of the binary.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nearpoint"));
    command.args(arguments).env_remove("RUST_LOG").env_remove("NOTIFY_SOCKET");
    command.env("NEARPOINT_TOKEN", TOKEN).env_remove("NEARPOINT_ADMIN");
    command
}

/// Runs a command of the binary to its end.
pub(crate) async fn output(arguments: &[&str]) -> Output {
    let mut command = command(arguments);
    let run = tokio::task::spawn_blocking(move || command.output());
    within("a command ends", run).await.expect("it ran").expect("it started")
}

/// Runs `nearpoint run` with a configuration that it cannot start with: its exit code, and what it
/// said.
pub(crate) async fn failed_run(main: &Path) -> (Option<i32>, String) {
    let output = output(&["run", &main.display().to_string()]).await;
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// A process that does not outlive its test.
pub(crate) struct Killed(pub(crate) Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A daemon in a process of its own. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    log: watch::Receiver<Vec<Value>>,
    pub(crate) doors: Doors,
    /// Where the listener `clients` is.
    pub(crate) clients: SocketAddr,
}

impl Process {
    /// Starts `nearpoint run` with the configuration of the laboratory.
    pub(crate) async fn start(lab: &Lab) -> Self {
        Self::spawn(command(&["run", &lab.main().display().to_string()])).await
    }

    /// The same, with so many descriptors.
    pub(crate) async fn start_with_descriptors(lab: &Lab, limit: u32) -> Self {
        let mut command = Command::new("sh");
        let script = format!("ulimit -n {limit}; exec \"$0\" \"$@\"");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_nearpoint"), "run"]).arg(lab.main());
        command.env_remove("RUST_LOG").env_remove("NOTIFY_SOCKET");
        Self::spawn(command).await
    }

    async fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("a process");
        let stderr = child.stderr.take().expect("piped");
        let (lines, mut log) = watch::channel(Vec::new());
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                lines.send_modify(|lines| lines.push(line));
            }
        });
        let serving = {
            let lines = log.wait_for(|lines| find(lines, "serving").is_some());
            let lines = within("the daemon serves", lines).await;
            let lines = lines.expect("the daemon ended at its start");
            find(&lines, "serving").cloned().expect("just found")
        };
        let (admin, metrics) = (address(&serving["admin"]), address(&serving["metrics"]));
        let clients = address(&serving["listeners"]);
        Self { child, log, doors: Doors { admin, metrics }, clients }
    }

    /// Waits until a line of the log says so, in these words.
    pub(crate) async fn logged(&mut self, message: &str) {
        let lines = self.log.wait_for(|lines| find(lines, message).is_some());
        within(message, lines).await.expect("the daemon ended before it said so");
    }

    /// How many lines of the log say so.
    pub(crate) fn count_logged(&self, says: impl Fn(&Value) -> bool) -> usize {
        self.log.borrow().iter().filter(|line| says(line)).count()
    }

    /// Sends a signal to the daemon.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("it lives");
    }

    /// Lets the daemon open so many descriptors from now on; those that it has stay.
    pub(crate) fn limit_descriptors(&self, limit: u32) {
        let pid = Pid::from_child(&self.child);
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", self.child.id()));
        let limits = limits.expect("it lives");
        let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
        let hard = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        let limit = Rlimit { current: Some(limit.into()), maximum: hard };
        prlimit(Some(pid), Resource::Nofile, limit).expect("less than the hard limit");
    }

    /// Waits for the end, and returns the exit code; a signal that killed it is a failure.
    pub(crate) async fn exit_code(&mut self) -> i32 {
        let status =
            eventually("the daemon ends", async || self.child.try_wait().expect("a child")).await;
        assert_eq!(status.signal(), None, "the daemon was killed");
        status.code().expect("a code")
    }

    /// How often the threads of the data plane have been woken from waiting so far (proc_pid_status(5):
    /// voluntary_ctxt_switches).
    pub(crate) fn worker_wakeups(&self) -> u64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let status = tasks.expect("it lives").filter_map(|task| {
            // A thread may end meanwhile; no worker does.
            std::fs::read_to_string(task.ok()?.path().join("status")).ok()
        });
        let of_workers = status.filter(|status| status.starts_with("Name:\tworker-"));
        let switches = of_workers.map(|status| {
            let line = status.lines().find_map(|it| it.strip_prefix("voluntary_ctxt_switches:"));
            line.expect("a count").trim().parse::<u64>().expect("a number")
        });
        switches.sum()
    }

    /// How many descriptors it has open.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("it lives").count()
    }

    /// Its memory that is in memory, in bytes (proc_pid_status(5): VmRSS).
    pub(crate) fn resident(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("it lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kibibytes.and_then(|it| it.parse::<usize>().ok()).expect("a number") * 1024
    }

    /// Processor time used so far, in ticks of 10 ms (proc_pid_stat(5): utime and stime).
    pub(crate) fn processor_ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        let stat = stat.expect("it lives");
        let (_, after_name) = stat.rsplit_once(')').expect("a name in parentheses");
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        fields[11..13].iter().map(|ticks| ticks.parse::<u64>().expect("a number")).sum()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn find<'a>(lines: &'a [Value], message: &str) -> Option<&'a Value> {
    lines.iter().find(|line| line["message"] == message)
}

/// The first address in a value as the log shows it.
pub(crate) fn address(shown: &Value) -> SocketAddr {
    let shown = shown.as_str().expect("text");
    let from = shown.find("127.").expect("a loopback address");
    let rest = &shown[from..];
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':');
    rest[..end.unwrap_or(rest.len())].parse().expect("an address")
}
