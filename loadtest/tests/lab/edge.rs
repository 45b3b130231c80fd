//! nearpoint at the edge of a lab that stands beside the test, and sockets of this process in any of its
//! hosts.

use crate::held::{Held, signal};
use libtest_mimic::Failed;
use rustix::process::Signal;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longer than anything takes on a machine that is merely busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Where clients find the edge, in the lab.
pub(crate) const CLIENTS: &str = "198.19.0.2:8443";

/// Where Prometheus would scrape it, from within its host.
const METRICS: &str = "127.0.0.1:9901";

/// A lab with a daemon at its edge.
pub(crate) struct Edge {
    daemon: Child,
    log: Receiver<Value>,
    directory: TempDir,
    // Dropped last: what runs inside dies with it.
    lab: Held,
}

impl Edge {
    /// A lab whose DCs are so far away, and a daemon that serves UDP there, with this list and these
    /// settings of health.
    pub(crate) fn start(round_trips: &str, list: &str, health: &str) -> Result<Edge, Failed> {
        let lab = Held::with(&["--round-trips", round_trips])?;
        let directory = tempfile::tempdir()?;
        fs::write(directory.path().join("dc_options.yaml"), list)?;
        let main = directory.path().join("nearpoint.yaml");
        // All DCs are equally near.
        let text = format!(
            "edge: {{name: lab, workers: 2}}\n\
             listeners: [{{name: clients, protocol: udp, bind: ['{CLIENTS}'], sticky: none}}]\n\
             dcs: [{{id: 1, location: {{country: NL}}}}, {{id: 2, location: {{country: NL}}}}]\n\
             geoip: {{overrides: {{'198.18.0.0/16': {{country: NL}}}}}}\n\
             policy: {{objective: distance}}\n\
             health: {health}\n\
             shutdown: {{grace: 0s, deadline: 0s}}\n\
             admin: {{bind: none}}\n\
             metrics: {{bind: '{METRICS}'}}\n\
             log: {{level: info, format: json}}\n"
        );
        fs::write(&main, text)?;
        let nearpoint = Path::new(env!("CARGO_BIN_EXE_loadtest")).with_file_name("nearpoint");
        let mut command = inside(lab.namespace("edge"), &nearpoint.display().to_string());
        command.arg("run").arg(main).env_remove("RUST_LOG").stderr(Stdio::piped());
        let mut daemon = command.spawn()?;
        let log = lines(daemon.stderr.take().ok_or("no log")?);
        let mut edge = Edge { daemon, log, directory, lab };
        edge.logged("serving")?;
        Ok(edge)
    }

    /// Puts another list into force.
    pub(crate) fn replace(&mut self, list: &str) -> Result<(), Failed> {
        fs::write(self.directory.path().join("dc_options.yaml"), list)?;
        signal(self.daemon.id(), Signal::HUP)?;
        self.logged("configuration in force")
    }

    /// Waits until a line of the log says so.
    pub(crate) fn logged(&mut self, message: &str) -> Result<(), Failed> {
        let until = Instant::now() + PATIENCE;
        let mut said = Vec::new();
        loop {
            match self.log.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) if line["message"] == message => return Ok(()),
                Ok(line) => said.push(line.to_string()),
                Err(why @ (RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected)) => {
                    return Err(format!("no {message:?} ({why}): {}", said.join("\n")).into());
                }
            }
        }
    }

    /// The sum of a metric over all labels that contain this text.
    pub(crate) fn metric(&self, name: &str, labels: &str) -> Result<f64, Failed> {
        let text = self.on("edge", || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(METRICS)?;
            stream.write_all(
                b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
            )?;
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            Ok(text)
        })??;
        let of_name = text.lines().filter(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['{', ' ']) && rest.contains(labels))
        });
        let values = of_name.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
        Ok(values.sum())
    }

    /// Does this on a thread of a host of the lab. Sockets that it makes stay there.
    pub(crate) fn on<T: Send>(
        &self,
        role: &str,
        work: impl FnOnce() -> T + Send,
    ) -> Result<T, Failed> {
        let namespace = File::open(Path::new("/run/netns").join(self.lab.namespace(role)))?;
        thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let network = Some(LinkNameSpaceType::Network);
                move_into_link_name_space(namespace.as_fd(), network).map(|()| work())
            });
            let done = thread.join().map_err(|_| "it panicked")?;
            Ok(done?)
        })
    }

    /// A socket of UDP on a host of the lab.
    pub(crate) fn socket(&self, role: &str, at: &str) -> Result<std::net::UdpSocket, Failed> {
        let at: SocketAddr = at.parse()?;
        Ok(self.on(role, || std::net::UdpSocket::bind(at))??)
    }

    /// A command on a host of the lab.
    pub(crate) fn command(&self, role: &str, program: &str) -> Command {
        inside(self.lab.namespace(role), program)
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

fn inside(namespace: &str, program: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace, program]);
    command
}

/// The lines of a log as they come; text that is no JSON as it is.
fn lines(log: ChildStderr) -> Receiver<Value> {
    let (lines, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
            // Who asked for it may be gone; the log is read all the same, so that it never blocks.
            let _ = lines.send(line);
        }
    });
    receiver
}
