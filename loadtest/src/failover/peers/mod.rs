//! The peers in the lab: each configured for the same DCs, as well as its operator could.
//!
//! DCs 1 and 2 share the clients, DC 3 is far away and stands in when both are gone. A peer finds out by
//! itself what works; what it has to know is a [`Setting`]. All are started in the foreground, and all can
//! be given another list of access points while they run.

mod envoy;
mod haproxy;
pub(super) mod nearpoint;
mod nginx;
mod setting;

pub(crate) use setting::{Probe, Setting, everywhere};

use crate::lab::layout::AccessPoint;
use crate::load::Transport;
use crate::peers::ready::Readiness;
use crate::peers::{PeerError, Places, program};
use clap::ValueEnum;
use haproxy::Ending;
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::io;
use std::path::{self, Path, PathBuf};
use tempfile::TempDir;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub(crate) enum Peer {
    Nearpoint,
    /// HAProxy that ends the sessions of a server when it is marked down.
    Haproxy,
    /// HAProxy that leaves that to TCP, and so sends on whoever waits for a connect.
    HaproxyKeepalive,
    Nginx,
    Envoy,
}

impl Peer {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Peer::Nearpoint => "nearpoint",
            Peer::Haproxy => "haproxy",
            Peer::HaproxyKeepalive => "haproxy-keepalive",
            Peer::Nginx => "nginx",
            Peer::Envoy => "envoy",
        }
    }

    /// Whether it can stand before a service of UDP in the lab. HAProxy has nothing for it; Envoy has, and is
    /// left out here: it checks hosts by TCP only, and so would be compared by what it is not told.
    pub(crate) fn serves_udp(self) -> bool {
        match self {
            Peer::Nearpoint | Peer::Nginx => true,
            Peer::Haproxy | Peer::HaproxyKeepalive | Peer::Envoy => false,
        }
    }

    /// The name of its program.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Peer::Nearpoint => "nearpoint",
            Peer::Haproxy | Peer::HaproxyKeepalive => "haproxy",
            Peer::Nginx => "nginx",
            Peer::Envoy => "envoy",
        }
    }

    /// Finds the program and asks for its version.
    pub(crate) async fn find(self, places: Places<'_>) -> Result<Installed, PeerError> {
        let program = match self {
            Peer::Nearpoint => program::nearpoint(places.nearpoint)?,
            Peer::Envoy => program::envoy(places.envoy)?,
            Peer::Haproxy | Peer::HaproxyKeepalive | Peer::Nginx => {
                program::in_path(self.program())?
            }
        };
        let flag = match self {
            Peer::Nearpoint | Peer::Envoy => "--version",
            Peer::Haproxy | Peer::HaproxyKeepalive | Peer::Nginx => "-v",
        };
        let version = program::version(&program, flag).await?;
        let version = match self {
            Peer::Envoy => crate::peers::envoy::short_version(&version),
            Peer::Nearpoint | Peer::Haproxy | Peer::HaproxyKeepalive | Peer::Nginx => version,
        };
        // Whoever starts it may do so from another directory.
        let program = path::absolute(program).map_err(PeerError::Prepare)?;
        Ok(Installed { peer: self, version, program })
    }

    /// Writes its files into `directory`, which has to be absolute, and returns the arguments with which
    /// the program is to be started.
    pub(crate) fn configure(
        self,
        directory: &Path,
        setting: &Setting,
    ) -> Result<Vec<OsString>, PeerError> {
        let (files, args) = match self {
            Peer::Nearpoint => {
                let files = nearpoint::files(setting).map_err(PeerError::Yaml)?;
                (files, nearpoint::args(directory))
            }
            Peer::Haproxy => {
                (haproxy::files(directory, setting, Ending::Shutdown), haproxy::args(directory))
            }
            Peer::HaproxyKeepalive => {
                (haproxy::files(directory, setting, Ending::Keepalive), haproxy::args(directory))
            }
            Peer::Nginx => (vec![nginx::config(directory, setting)], nginx::args(directory)),
            Peer::Envoy => (envoy::files(directory, setting), envoy::args(directory, setting)),
        };
        for file in &files {
            file.put(directory).map_err(PeerError::Prepare)?;
        }
        Ok(args)
    }
}

/// A peer that can be started.
#[derive(Clone, Debug)]
pub(crate) struct Installed {
    pub(crate) peer: Peer,
    pub(crate) version: String,
    program: PathBuf,
}

impl Installed {
    /// Writes its configuration into a new directory.
    pub(crate) fn prepare(&self, setting: Setting) -> Result<Launch, PeerError> {
        let directory = TempDir::with_prefix("loadtest-").map_err(PeerError::Prepare)?;
        let args = self.peer.configure(directory.path(), &setting)?;
        let (peer, program) = (self.peer, self.program.clone());
        Ok(Launch { program, args, directory, peer, setting })
    }
}

/// How to start a peer, and what can be done with it then. Its files go when this is dropped.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) directory: TempDir,
    peer: Peer,
    setting: Setting,
}

impl Launch {
    /// What it shows when it serves, to whoever is in its host.
    pub(crate) fn readiness(&self) -> Readiness {
        let ask = match self.peer {
            Peer::Nearpoint => Some((self.setting.admin, "/readyz")),
            Peer::Envoy => Some((self.setting.admin, "/ready")),
            Peer::Haproxy | Peer::HaproxyKeepalive | Peer::Nginx => None,
        };
        Readiness { transport: Transport::Tcp, listener: self.setting.listen, ask }
    }

    /// Gives it another list: puts the files in place and tells the process, as its operator would.
    /// Returns when that is done, which is before the list is in force.
    ///
    /// `pid` is the peer itself, or the master among its processes, as this namespace of processes counts.
    /// Blocks for a moment; any network namespace will do.
    pub(crate) fn replace(&self, pid: u32, list: &[AccessPoint]) -> io::Result<()> {
        let setting = Setting { access_points: list.to_vec(), ..self.setting.clone() };
        let directory = self.directory.path();
        let (files, signal) = match self.peer {
            Peer::Nearpoint => (vec![nearpoint::list(&setting)], Some(Signal::HUP)),
            Peer::Haproxy => {
                (haproxy::list(directory, &setting, Ending::Shutdown)?, Some(Signal::USR2))
            }
            Peer::HaproxyKeepalive => {
                (haproxy::list(directory, &setting, Ending::Keepalive)?, Some(Signal::USR2))
            }
            Peer::Nginx => (vec![nginx::config(directory, &setting)], Some(Signal::HUP)),
            Peer::Envoy => (vec![envoy::list(&setting)], None),
        };
        for file in &files {
            file.put(directory)?;
        }
        let Some(signal) = signal else { return Ok(()) };
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        Ok(kill_process(pid.ok_or(io::ErrorKind::InvalidInput)?, signal)?)
    }
}

#[cfg(test)]
mod tests;
