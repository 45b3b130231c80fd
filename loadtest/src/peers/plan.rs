//! What configurations are made of.

use super::{Duty, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// What a peer is given, so that only what it makes of it differs.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Where its files are.
    pub(super) directory: PathBuf,
    pub(super) listen: SocketAddr,
    /// Where those that answer questions do: nearpoint and Envoy.
    pub(super) admin: SocketAddr,
    /// Where sessions may go. nearpoint has them in as many DCs as its duty says, in this order.
    pub(super) servers: Vec<SocketAddr>,
    pub(super) cores: usize,
    /// Descriptors that a process may have.
    pub(super) descriptors: u64,
    pub(super) duty: Duty,
    /// Whether another list of servers will come.
    pub(super) reloads: bool,
}

/// How a peer is started: its files are there, and this is what its program is told.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) files: Vec<File>,
    pub(super) args: Vec<String>,
    /// With these instead, it only says whether its configuration is one.
    pub(super) check: Vec<String>,
}

impl Plan {
    /// A file of this name, by its whole path.
    pub(super) fn path(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    pub(super) fn directory(&self) -> std::path::Display<'_> {
        Path::display(&self.directory)
    }
}

#[cfg(test)]
impl Plan {
    pub(super) fn example() -> Plan {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Plan {
            directory: "/tmp/here".into(),
            listen: at(20_001),
            admin: at(20_002),
            servers: vec![at(20_003)],
            cores: 2,
            descriptors: 20_000,
            duty: Duty::plain(crate::load::Transport::Tcp),
            reloads: false,
        }
    }
}
