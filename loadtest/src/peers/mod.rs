//! The proxies under measurement: finding, configuring and starting each.
//!
//! Every start is a fresh process with a configuration of its own in a temporary directory, one
//! listener and one backend, so that no measurement inherits memory or connections from another.

mod check;
mod duty;
pub(crate) mod envoy;
mod error;
mod file;
mod haproxy;
mod nearpoint;
mod nginx;
mod operator;
mod plan;
mod ports;
pub(crate) mod program;
pub(crate) mod ready;
mod running;

pub(crate) use check::run;
pub(crate) use duty::{Beginning, Duty};
pub(crate) use error::PeerError;
pub(crate) use file::File;
pub(crate) use nginx::stream_module;
pub(crate) use operator::{By, Operator};
pub(crate) use ports::{descriptors, free_ports};
pub(crate) use running::{Running, last_words, launch, log, spawn};

use crate::door::Door;
use clap::ValueEnum;
use haproxy::Splice;
use plan::{Given, Plan};
use ready::Readiness;
use running::Proxy;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
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

    /// Whatever build it is.
    fn is_nearpoint(self) -> bool {
        matches!(self, Peer::Nearpoint | Peer::NearpointBaseline)
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
    ///
    /// With many DCs each has an address of its own that leads to `backend`, which has to listen on all of
    /// loopback, as a [`Backend`](crate::backend::Backend) does.
    pub(crate) async fn start(
        &self,
        duty: Duty,
        backend: SocketAddr,
    ) -> Result<Running, PeerError> {
        self.start_before(duty, servers(duty, backend), false).await
    }

    /// The same with a list of servers that can be replaced ([`Running::operator`]). nearpoint has them in
    /// as many DCs as its duty says; the others take them as they are.
    pub(crate) async fn start_with_list(
        &self,
        duty: Duty,
        servers: Vec<SocketAddr>,
    ) -> Result<Running, PeerError> {
        self.start_before(duty, servers, true).await
    }

    async fn start_before(
        &self,
        duty: Duty,
        servers: Vec<SocketAddr>,
        reloads: bool,
    ) -> Result<Running, PeerError> {
        let Some(program) = &self.program else {
            let address = servers.first().copied();
            let address = address.ok_or(PeerError::Prepare(std::io::ErrorKind::NotFound.into()))?;
            return Ok(Running { address, proxy: None });
        };
        let directory = TempDir::with_prefix("loadtest-").map_err(PeerError::Prepare)?;
        let plan = Plan { reloads, ..self.plan(duty, servers, directory.path())? };
        let given = self.prepare(&plan)?;
        let mut command = Command::new(program);
        command.args(given.args);
        if self.user == User::Nobody {
            // Some keep files of their own beside their configuration.
            let open = fs::Permissions::from_mode(0o777);
            fs::set_permissions(directory.path(), open).map_err(PeerError::Prepare)?;
            command.uid(NOBODY).gid(NOBODY);
        }
        let ask = match self.peer {
            Peer::Nearpoint | Peer::NearpointBaseline => Some((plan.admin, "/readyz")),
            Peer::Envoy => Some((plan.admin, "/ready")),
            Peer::Haproxy | Peer::HaproxySplice | Peer::Nginx | Peer::Direct => None,
        };
        let readiness = Readiness { transport: duty.transport, listener: plan.listen, ask };
        let process = launch(command, directory.path(), readiness).await?;
        if self.peer.is_nearpoint() && plan.servers.len() > 1 {
            Door::new(plan.admin).all_up().await.map_err(PeerError::NotUp)?;
        }
        let (address, pid) = (plan.listen, process.pid());
        let operator = Operator { peer: self.peer, pid, plan };
        Ok(Running { address, proxy: Some(Proxy { process, operator, _directory: directory }) })
    }

    fn plan(
        &self,
        duty: Duty,
        servers: Vec<SocketAddr>,
        directory: &Path,
    ) -> Result<Plan, PeerError> {
        let [listen, admin] = free_ports().map_err(PeerError::Prepare)?;
        Ok(Plan {
            directory: directory.to_owned(),
            listen,
            admin,
            servers,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            descriptors: descriptors(),
            duty,
            reloads: false,
        })
    }

    /// Writes its files.
    fn prepare(&self, plan: &Plan) -> Result<Given, PeerError> {
        let given = match self.peer {
            Peer::Haproxy => haproxy::given(plan, Splice::Auto),
            Peer::HaproxySplice => haproxy::given(plan, Splice::Always),
            Peer::Nginx => nginx::given(plan),
            Peer::Envoy => envoy::given(plan),
            // A direct connection has no program and needs no files.
            Peer::Nearpoint | Peer::NearpointBaseline | Peer::Direct => nearpoint::given(plan),
        };
        for file in &given.files {
            file.put(&plan.directory).map_err(PeerError::Prepare)?;
        }
        Ok(given)
    }
}

/// One for each DC. One that is alone is where the backend says it is.
fn servers(duty: Duty, backend: SocketAddr) -> Vec<SocketAddr> {
    match duty.dcs {
        1 => vec![backend],
        dcs => (0..dcs).map(|nth| leading_to(backend, nth)).collect(),
    }
}

/// The so many-th address of 127.1.0.0/16 and what follows, at the port of a backend that listens on all of
/// loopback.
pub(crate) fn leading_to(backend: SocketAddr, nth: u32) -> SocketAddr {
    const FIRST: u32 = u32::from_be_bytes([127, 1, 0, 0]);
    SocketAddr::from((Ipv4Addr::from_bits(FIRST + nth), backend.port()))
}
