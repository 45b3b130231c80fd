//! nearpoint before a whole network: its files, its process, and what its side doors say.

use super::StormError;
use super::network::Network;
use crate::door::Door;
use crate::http::get;
use crate::load::Transport;
use crate::peers::ready::Readiness;
use crate::peers::{Installed, PeerError, free_ports, launch};
use crate::process::Process;
use crate::procfs;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::process::Command;

/// Until a list is in force.
const RELOADING: Duration = Duration::from_secs(30);
/// Between looks at what nobody announces.
const LOOK: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(super) struct Daemon {
    process: Process,
    directory: TempDir,
    /// Where clients connect.
    pub(super) address: SocketAddr,
    admin: SocketAddr,
    metrics: SocketAddr,
}

/// Processor time of the daemon.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CpuTime {
    /// Of all of it.
    pub(super) all: Duration,
    /// Of the threads that serve clients.
    pub(super) workers: Duration,
}

impl Daemon {
    pub(super) async fn start(
        nearpoint: &Installed,
        network: &Network,
    ) -> Result<Daemon, StormError> {
        let failed = |error| StormError::Daemon(PeerError::Prepare(error));
        let directory = TempDir::with_prefix("loadtest-").map_err(failed)?;
        let [address, admin, metrics] = free_ports().map_err(failed)?;
        let main = directory.path().join("nearpoint.yaml");
        let config = format!(
            "edge: {{name: loadtest, workers: auto}}\n\
             dc_options: dc_options.yaml\n\
             {dcs}\
             listeners: [{{name: load, bind: [\"{address}\"], route: nearest}}]\n\
             health: {{hold_down: {{first: 0s, max: 0s}}}}\n\
             admin: {{bind: \"{admin}\"}}\n\
             metrics: {{bind: \"{metrics}\"}}\n\
             geoip: {{database: embedded, default: {{country: NL}}}}\n",
            dcs = network.dcs(),
        );
        fs::write(&main, config).map_err(failed)?;
        fs::write(directory.path().join("dc_options.yaml"), network.dc_options(0))
            .map_err(failed)?;
        let mut command = Command::new(nearpoint.program().unwrap_or(&main));
        command.arg("run").arg(main);
        let ask = Some((admin, "/readyz"));
        let readiness = Readiness { transport: Transport::Tcp, listener: address, ask };
        let process = launch(command, directory.path(), readiness).await;
        let process = process.map_err(StormError::Daemon)?;
        Ok(Daemon { process, directory, address, admin, metrics })
    }

    pub(super) fn cpu_time(&self) -> io::Result<CpuTime> {
        Ok(CpuTime {
            all: self.process.cpu_time()?,
            workers: procfs::cpu_time_of_threads(self.process.pid(), "worker-")?,
        })
    }

    pub(super) fn door(&self) -> Door {
        Door::new(self.admin)
    }

    /// For a thread that may block.
    pub(super) fn doors(&self) -> Doors {
        Doors {
            pid: self.process.pid(),
            list: self.directory.path().join("dc_options.yaml"),
            admin: self.door(),
            metrics: self.metrics,
        }
    }

    pub(super) async fn stop(self) {
        self.process.stop().await;
    }
}

/// What an operator has of a daemon. Everything here blocks: it is for a thread on which no load
/// runs.
#[derive(Clone, Debug)]
pub(super) struct Doors {
    pid: u32,
    list: PathBuf,
    admin: Door,
    metrics: SocketAddr,
}

impl Doors {
    /// Access points that are up, of how many.
    pub(super) fn up(&self) -> io::Result<(u64, u64)> {
        self.admin.up()
    }

    /// How late the probe is that has been due for longest, in seconds.
    pub(super) fn probe_lag(&self) -> io::Result<f64> {
        let metrics = get(self.metrics, "/metrics")?;
        let line = metrics.lines().find_map(|it| it.strip_prefix("nearpoint_probe_lag_seconds "));
        let lag = line.and_then(|lag| lag.trim().parse().ok());
        lag.ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Puts another list in place and tells the daemon, and returns how long it took until it was
    /// published.
    pub(super) fn reload(&self, list: &str) -> io::Result<Duration> {
        let before = self.admin.revision()?;
        let new = self.list.with_extension("new");
        fs::write(&new, list)?;
        fs::rename(new, &self.list)?;
        let began = Instant::now();
        let pid = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw);
        let pid = pid.ok_or(io::ErrorKind::InvalidData)?;
        rustix::process::kill_process(pid, rustix::process::Signal::HUP)?;
        while self.admin.revision()? == before {
            if began.elapsed() > RELOADING {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "a list was not put in force"));
            }
            sleep(LOOK);
        }
        Ok(began.elapsed())
    }
}
