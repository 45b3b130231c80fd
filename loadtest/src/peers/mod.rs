//! The proxies under measurement: finding, configuring and starting each.
//!
//! Every start is a fresh process with a configuration of its own in a temporary directory, one
//! listener and one backend, so that no measurement inherits memory or connections from another.

pub(crate) mod envoy;
mod error;
mod haproxy;
mod nearpoint;
mod nginx;
pub(crate) mod program;
pub(crate) mod ready;

pub(crate) use error::PeerError;
pub(crate) use nginx::stream_module;

use crate::load::Transport;
use crate::process::Process;
use crate::procfs::CpuTime;
use clap::ValueEnum;
use haproxy::Splice;
use ready::Readiness;
use rustix::process::{Resource, getrlimit};
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use tempfile::TempDir;
use tokio::process::Command;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub(crate) enum Peer {
    Nearpoint,
    /// Another build of nearpoint, to see what a change has done.
    NearpointBaseline,
    /// HAProxy that splices where it finds that worth while (it copies both loads here).
    Haproxy,
    /// HAProxy that always splices.
    HaproxySplice,
    Nginx,
    Envoy,
    /// No proxy: shows what load and backend can do.
    Direct,
}

impl Peer {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Peer::Nearpoint => "nearpoint",
            Peer::NearpointBaseline => "nearpoint-baseline",
            Peer::Haproxy => "haproxy",
            Peer::HaproxySplice => "haproxy-splice",
            Peer::Nginx => "nginx",
            Peer::Envoy => "envoy",
            Peer::Direct => "direct",
        }
    }

    /// Why it cannot do this at all, if it cannot.
    pub(crate) fn inability(self, duty: Duty) -> Option<&'static str> {
        match (self, duty.transport) {
            (Peer::Haproxy | Peer::HaproxySplice, Transport::Udp) => Some("HAProxy has no UDP"),
            (
                Peer::Nearpoint
                | Peer::NearpointBaseline
                | Peer::Nginx
                | Peer::Envoy
                | Peer::Direct,
                Transport::Udp,
            )
            | (_, Transport::Tcp) => None,
        }
    }

    /// Finds the program and asks for its version.
    pub(crate) async fn find(self, places: Places<'_>) -> Result<Installed, PeerError> {
        let (program, flag) = match self {
            Peer::Nearpoint => (program::nearpoint(places.nearpoint)?, "--version"),
            Peer::NearpointBaseline => (program::baseline(places.baseline)?, "--version"),
            Peer::Envoy => (program::envoy(places.envoy)?, "--version"),
            Peer::Haproxy | Peer::HaproxySplice => (program::in_path("haproxy")?, "-v"),
            Peer::Nginx => (program::in_path("nginx")?, "-v"),
            Peer::Direct => {
                let version = "no proxy".to_owned();
                return Ok(Installed { peer: self, program: None, version, user: User::Own });
            }
        };
        let version = program::version(&program, flag).await?;
        let version = match self {
            Peer::Envoy => envoy::short_version(&version),
            Peer::Nearpoint
            | Peer::NearpointBaseline
            | Peer::Haproxy
            | Peer::HaproxySplice
            | Peer::Nginx
            | Peer::Direct => version,
        };
        Ok(Installed { peer: self, program: Some(program), version, user: User::Own })
    }
}

/// Where to look for programs that are not where they would be looked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Places<'a> {
    pub(crate) nearpoint: Option<&'a Path>,
    pub(crate) baseline: Option<&'a Path>,
    pub(crate) envoy: Option<&'a Path>,
}

/// A peer that can be started.
#[derive(Clone, Debug)]
pub(crate) struct Installed {
    pub(crate) peer: Peer,
    pub(crate) version: String,
    program: Option<PathBuf>,
    user: User,
}

/// Who a peer runs as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum User {
    /// Whoever runs this program.
    #[default]
    Own,
    /// User and group 65534, who has no capabilities. Takes root.
    Nobody,
}

/// The user and the group of nobody on every Linux.
const NOBODY: u32 = 65_534;

/// What a proxy is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Duty {
    pub(crate) transport: Transport,
    pub(crate) beginning: Beginning,
    /// DCs with an access point each, all of which lead to the backend. Only nearpoint has them.
    pub(crate) dcs: u32,
}

/// What the proxy has to do with the first bytes of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// Nothing.
    Plain,
    /// To find in them which DC the client wants: the route `mtproto`.
    Sniffed,
    /// To believe the PROXY header of version 2 that they are.
    ProxyIn,
    /// To send a PROXY header of version 2 before them.
    ProxyOut,
}

impl Duty {
    /// Forwarding, and nothing else.
    pub(crate) fn plain(transport: Transport) -> Duty {
        Duty { transport, beginning: Beginning::Plain, dcs: 1 }
    }
}

/// What a configuration is made of.
#[derive(Clone, Copy, Debug)]
struct Plan {
    listen: SocketAddr,
    admin: SocketAddr,
    backend: SocketAddr,
    cores: usize,
    /// Descriptors that a process may have.
    descriptors: u64,
    duty: Duty,
}

impl Installed {
    /// The same, run by another user.
    pub(crate) fn run_by(self, user: User) -> Installed {
        Installed { user, ..self }
    }

    /// Where it is; `None` for a direct connection.
    pub(crate) fn program(&self) -> Option<&Path> {
        self.program.as_deref()
    }

    /// Starts the proxy in front of `backend` and returns when it serves.
    pub(crate) async fn start(
        &self,
        duty: Duty,
        backend: SocketAddr,
    ) -> Result<Running, PeerError> {
        let Some(program) = &self.program else {
            return Ok(Running { address: backend, proxy: None });
        };
        let directory = TempDir::with_prefix("loadtest-").map_err(PeerError::Prepare)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let [listen, admin] = free_ports().map_err(PeerError::Prepare)?;
        let descriptors = descriptors();
        let plan = Plan { listen, admin, backend, cores, descriptors, duty };
        let mut command = match self.peer {
            Peer::Haproxy => haproxy::command(program, directory.path(), &plan, Splice::Auto),
            Peer::HaproxySplice => {
                haproxy::command(program, directory.path(), &plan, Splice::Always)
            }
            Peer::Nginx => nginx::command(program, directory.path(), &plan),
            Peer::Envoy => envoy::command(program, directory.path(), &plan),
            // A direct connection has no program and returned above.
            Peer::Nearpoint | Peer::NearpointBaseline | Peer::Direct => {
                nearpoint::command(program, directory.path(), &plan)
            }
        }
        .map_err(PeerError::Prepare)?;
        if self.user == User::Nobody {
            // Some keep files of their own beside their configuration.
            let open = fs::Permissions::from_mode(0o777);
            fs::set_permissions(directory.path(), open).map_err(PeerError::Prepare)?;
            command.uid(NOBODY).gid(NOBODY);
        }
        let ask = match self.peer {
            Peer::Nearpoint | Peer::NearpointBaseline => Some((admin, "/readyz")),
            Peer::Envoy => Some((admin, "/ready")),
            Peer::Haproxy | Peer::HaproxySplice | Peer::Nginx | Peer::Direct => None,
        };
        let readiness = Readiness { transport: duty.transport, listener: listen, ask };
        let process = launch(command, directory.path(), readiness).await?;
        Ok(Running { address: listen, proxy: Some(Proxy { process, _directory: directory }) })
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

/// A peer that serves. Dropping it kills the proxy.
#[derive(Debug)]
pub(crate) struct Running {
    /// Where clients connect.
    pub(crate) address: SocketAddr,
    proxy: Option<Proxy>,
}

#[derive(Debug)]
struct Proxy {
    process: Process,
    _directory: TempDir,
}

impl Running {
    /// Processor time of the proxy so far; `None` without one.
    pub(crate) fn cpu_times(&self) -> io::Result<Option<CpuTime>> {
        self.proxy.as_ref().map(|proxy| proxy.process.cpu_times()).transpose()
    }

    /// Memory of the proxy in bytes; `None` without one.
    pub(crate) fn pss(&self) -> io::Result<Option<u64>> {
        self.proxy.as_ref().map(|proxy| proxy.process.pss()).transpose()
    }

    pub(crate) async fn stop(self) {
        if let Some(proxy) = self.proxy {
            proxy.process.stop().await;
        }
    }
}

/// Descriptors that a proxy may have: it inherits this limit.
pub(crate) fn descriptors() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Below the range from which Linux takes the source ports of connections, so that none of those
/// takes the port between this look and the start of the proxy.
const PORTS: std::ops::Range<u16> = 20_000..30_000;

/// So many addresses of loopback that nobody listens on.
pub(crate) fn free_ports<const COUNT: usize>() -> io::Result<[SocketAddr; COUNT]> {
    // Simultaneous runs start at different places; ports are not used twice in a row.
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let span = PORTS.end - PORTS.start;
    let start = (std::process::id() % u32::from(span)) as u16;
    let mut free = (0..span).filter_map(|_| {
        let offset = (start + NEXT.fetch_add(1, Relaxed) % span) % span;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, PORTS.start + offset));
        let is_free = TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok();
        is_free.then_some(address)
    });
    let found: Vec<SocketAddr> = free.by_ref().take(COUNT).collect();
    found.try_into().map_err(|_| io::ErrorKind::AddrInUse.into())
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
    const LINES: usize = 5;
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

#[cfg(test)]
impl Plan {
    fn example() -> Plan {
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Plan {
            listen: at(20_001),
            admin: at(20_002),
            backend: at(20_003),
            cores: 2,
            descriptors: 20_000,
            duty: Duty::plain(Transport::Tcp),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_ports_are_two_and_others_the_next_time() {
        let [a, b] = free_ports().unwrap();
        let [c, d] = free_ports().unwrap();
        let mut all = [a, b, c, d];
        all.sort();
        assert!(all.windows(2).all(|pair| pair[0] != pair[1]), "{all:?}");
        assert!(all.iter().all(|address| PORTS.contains(&address.port())), "{all:?}");
    }
}
