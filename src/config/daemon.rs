//! `guards`, `memory`, `shutdown`, `admin`, `metrics`, `log`: the process around the data plane.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::node::Node;
use super::reader::{Cursor, Section};
use super::values::{
    Parsed, duration, percent, shown, size, socket_address, spoken, spoken_size, text, word,
};

/// What a reload may not do unless forced. Scope: every source of configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guards {
    /// Access points that may leave at once, in percent of all. Default 50%.
    pub max_removed: u8,
    /// What happens when a DC would lose its last access point, or its last one for ordinary
    /// sessions. Default refuse.
    pub empty_dc: EmptyDc,
}

/// Whether a reload may leave a DC without access points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmptyDc {
    /// The reload is refused.
    Refuse,
    /// The reload goes ahead.
    Allow,
}

impl Default for Guards {
    fn default() -> Self {
        Self { max_removed: 50, empty_dc: EmptyDc::Refuse }
    }
}

impl Guards {
    pub(super) fn read(cursor: &Cursor<'_>) -> Self {
        let default = Self::default();
        let empty_dc = word(&[("refuse", EmptyDc::Refuse), ("allow", EmptyDc::Allow)]);
        cursor.section(|keys| Self {
            max_removed: keys.or("max_removed", default.max_removed, percent),
            empty_dc: keys.or("empty_dc", default.empty_dc, empty_dc),
        })
    }
}

/// Bounds on memory, in bytes. Scope: the process. Needs a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Bytes read and not yet written, over all sessions; beyond it reading stops. Default 256MiB.
    pub pending: u64,
    /// What all pipes for splice may hold; 0 relays by copying only. Default 48MiB.
    pub pipes: u64,
    /// One pipe; the kernel rounds it up to a power of two. Default 256KiB.
    pub pipe_size: u64,
}

impl Default for Memory {
    fn default() -> Self {
        Self { pending: 256 << 20, pipes: 48 << 20, pipe_size: 256 << 10 }
    }
}

impl Memory {
    pub(super) fn read(cursor: &Cursor<'_>) -> Self {
        let default = Self::default();
        cursor.section(|keys| {
            let pending = keys.or("pending", default.pending, size(64 << 10..=1 << 40));
            let pipes = keys.key("pipes");
            // Below 64 KiB a pipe costs more calls than a copy.
            let pipe_size = keys.or("pipe_size", default.pipe_size, size(64 << 10..=16 << 20));
            let all = pipes.read(size(0..=1 << 40)).unwrap_or(default.pipes);
            if all != 0 && all < pipe_size {
                let (all, one) = (spoken_size(all), spoken_size(pipe_size));
                pipes.problem(format!("{all} does not hold one pipe of {one}"));
            }
            Self { pending, pipes: all, pipe_size }
        })
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

impl Default for Shutdown {
    fn default() -> Self {
        Self { grace: Duration::from_secs(2), deadline: Duration::from_secs(30) }
    }
}

impl Shutdown {
    pub(super) fn read(cursor: &Cursor<'_>) -> Self {
        let default = Self::default();
        let within_a_day = duration(Duration::ZERO..=Duration::from_secs(86_400));
        cursor.section(|keys| {
            let grace = keys.or("grace", default.grace, &within_a_day);
            let key = keys.key("deadline");
            let deadline = key.read(&within_a_day).unwrap_or(default.deadline);
            if deadline < grace {
                let (short, long) = (spoken(deadline), spoken(grace));
                key.problem(format!("{short} is shorter than `shutdown.grace`, {long}"));
            }
            Self { grace, deadline }
        })
    }
}

/// The HTTP side door. Scope: the process. Needs a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Where it listens; loopback only. Default 127.0.0.1:9900.
    pub bind: Bind,
    /// Host headers that are answered, in lower case and without a port; others may be a web page
    /// in the operator's browser. Default localhost, 127.0.0.1. The address of `bind` is always one of
    /// them, as it is written without brackets: a foreign page comes by a name.
    pub allowed_hosts: Vec<Arc<str>>,
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

impl Default for Admin {
    fn default() -> Self {
        Self { bind: loopback(9900), allowed_hosts: vec!["localhost".into(), "127.0.0.1".into()] }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self { bind: loopback(9901) }
    }
}

impl Admin {
    pub(super) fn read(cursor: &Cursor<'_>) -> Self {
        let default = Self::default();
        cursor.section(|keys| {
            let bind = read_bind(keys, default.bind);
            if let Bind::Tcp(address) = bind
                && !address.ip().is_loopback()
            {
                keys.key("bind").problem(format!(
                    "{address} is outside loopback, which needs tokens: not in this version"
                ));
            }
            let hosts = keys.key("allowed_hosts");
            let mut allowed_hosts = match hosts.node() {
                Some(_) => hosts.list(host),
                None => default.allowed_hosts,
            };
            if let Bind::Tcp(address) = bind {
                let own: Arc<str> = address.ip().to_string().into();
                if !allowed_hosts.contains(&own) {
                    allowed_hosts.push(own);
                }
            }
            Self { bind, allowed_hosts }
        })
    }

    /// Whether other hosts are answered than before, beside those that `bind` brings.
    pub(super) fn answers_other_hosts(&self, before: &Self) -> bool {
        let is_own = |host: &str| {
            [self.bind, before.bind].into_iter().any(|bind| match bind {
                Bind::Tcp(address) => address.ip().to_string() == host,
                Bind::Off => false,
            })
        };
        let others = |hosts: &[Arc<str>]| -> Vec<Arc<str>> {
            hosts.iter().filter(|host| !is_own(host)).cloned().collect()
        };
        others(&self.allowed_hosts) != others(&before.allowed_hosts)
    }
}

impl Metrics {
    pub(super) fn read(cursor: &Cursor<'_>) -> Self {
        let default = Self::default();
        cursor.section(|keys| Self { bind: read_bind(keys, default.bind) })
    }
}

fn read_bind(keys: &mut Section<'_>, default: Bind) -> Bind {
    let cursor = keys.key("bind");
    match cursor.is_word("none") {
        true => Bind::Off,
        false => cursor.read(socket_address).map_or(default, Bind::Tcp),
    }
}

fn loopback(port: u16) -> Bind {
    Bind::Tcp((Ipv4Addr::LOCALHOST, port).into())
}

fn host(node: &Node) -> Parsed<Arc<str>> {
    let host = text(node)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.:[]".contains(c);
    let has_port = host.parse::<SocketAddr>().is_ok() || host.matches(':').count() == 1;
    match host.chars().all(fits) && !has_port {
        true => Ok(host.to_ascii_lowercase().into()),
        false => Err(format!("{} is not a host without a port", shown(host))),
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

/// Severity, from rare to frequent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Somebody should look.
    Warn,
    /// States change.
    Info,
    /// Single clients and sessions.
    Debug,
    /// Single packets.
    Trace,
}

/// The shape of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object on each line.
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: LogLevel::Info, format: LogFormat::Text }
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

impl Log {
    pub(super) fn read(cursor: &Cursor<'_>) -> Self {
        let default = Self::default();
        let level = word(&[
            ("error", LogLevel::Error),
            ("warn", LogLevel::Warn),
            ("info", LogLevel::Info),
            ("debug", LogLevel::Debug),
            ("trace", LogLevel::Trace),
        ]);
        let format = word(&[("text", LogFormat::Text), ("json", LogFormat::Json)]);
        cursor.section(|keys| Self {
            level: keys.or("level", default.level, level),
            format: keys.or("format", default.format, format),
        })
    }
}
