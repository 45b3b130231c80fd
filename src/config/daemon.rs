//! `guards`, `memory`, `shutdown`, `metrics`, `log`: the process around the data plane.

use std::net::SocketAddr;
use std::time::Duration;

use super::finding::Findings;
use super::key_path::KeyPath;
use super::tree;
pub use super::tree::{EmptyDc, LogFormat, LogLevel};
use super::value::{spoken, spoken_size};

/// What a reload may not do unless forced. Scope: every source of configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guards {
    /// Access points that may leave at once, in percent of all. Default 50%.
    pub max_removed: u8,
    /// Clients that may be sent to another DC at once, in percent of those seen lately. Default 50%.
    pub max_moved: u8,
    /// What happens when a DC would lose its last access point, or its last one for ordinary
    /// sessions. Default refuse.
    pub empty_dc: EmptyDc,
}

impl From<&tree::Guards> for Guards {
    fn from(tree: &tree::Guards) -> Self {
        let tree::Guards { max_removed, max_moved, empty_dc } = tree;
        Self { max_removed: max_removed.get(), max_moved: max_moved.get(), empty_dc: *empty_dc }
    }
}

/// Bounds on memory, in bytes. Scope: the process. Needs a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Bytes read and not yet written, over all sessions; beyond it reading stops. Default 256MiB.
    pub pending: u64,
    /// What all pipes for splice may hold; 0 relays by copying only. Default 48MiB.
    pub pipes: u64,
    /// One pipe; the kernel rounds it up to a power of two. Default 1MiB.
    pub pipe_size: u64,
}

impl Memory {
    pub(super) fn new(tree: &tree::Memory, problems: &Findings) -> Self {
        let tree::Memory { pending, pipes, pipe_size } = tree;
        let (all, one) = (pipes.bytes(), pipe_size.bytes());
        if all != 0 && all < one {
            let path = KeyPath::default().key("memory").key("pipes");
            let (all, one) = (spoken_size(all), spoken_size(one));
            problems.add(&path, format!("{all} does not hold one pipe of {one}"));
        }
        Self { pending: pending.bytes(), pipes: all, pipe_size: one }
    }
}

/// How the process ends. Scope: the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// How long listeners stay open after readiness has turned to 503. Default 2s.
    pub grace: Duration,
    /// When sessions that are still open are reset, counted from the signal. Default 30s.
    pub deadline: Duration,
}

impl Shutdown {
    pub(super) fn new(tree: &tree::Shutdown, problems: &Findings) -> Self {
        let (grace, deadline) = (tree.grace.get(), tree.deadline.get());
        if deadline < grace {
            let path = KeyPath::default().key("shutdown").key("deadline");
            let (short, long) = (spoken(deadline), spoken(grace));
            problems.add(&path, format!("{short} is shorter than `shutdown.grace`, {long}"));
        }
        Self { grace, deadline }
    }
}

/// Where Prometheus scrapes. Scope: the process. Needs a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// Where it listens. Default 127.0.0.1:9901.
    pub bind: Bind,
}

/// An address to listen at, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bind {
    /// This address; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// Switched off: `none`.
    Off,
}

impl From<&tree::Metrics> for Metrics {
    fn from(tree: &tree::Metrics) -> Self {
        let address = tree.bind.value().map(|address| address.get());
        Self { bind: address.map_or(Bind::Off, Bind::Tcp) }
    }
}

/// What is logged and how. Scope: the process. Needs a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// The least severe level that is written. Default info.
    pub level: LogLevel,
    /// One line for people or for machines. Default text.
    pub format: LogFormat,
}

impl From<&tree::Log> for Log {
    fn from(tree: &tree::Log) -> Self {
        Self { level: tree.level, format: tree.format }
    }
}

/// How a program logs that has no configuration.
impl Default for Log {
    fn default() -> Self {
        Self::from(&tree::Log::default())
    }
}

impl LogLevel {
    /// The word of the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}
