//! `edge`, `guards`, `memory`, `shutdown`, `admin`, `metrics`, `log`: the process around the data plane.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Place;
use crate::config::value::{
    AdminAddress, Auto, Count, FilePath, Given, Host, List, ListenAddress, Name, Or, OrNone,
    Percent, Size, Time,
};

const DAY: u64 = 86_400_000;
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const TIB: u64 = 1 << 40;

/// This edge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Edge {
    /// How it is called in status and metrics.
    pub(crate) name: Name,
    /// Where it stands; used while nothing is measured yet.
    pub(crate) location: OrNone<Place>,
    /// Threads of the data plane: `auto` is one for each core.
    pub(crate) workers: Or<Auto, Count<1, 1024>>,
    /// A folder for what is to survive a restart; without it nothing does.
    pub(crate) state_dir: OrNone<FilePath>,
}

impl Default for Edge {
    fn default() -> Self {
        Self {
            name: Name::of("edge"),
            location: OrNone::default(),
            workers: Or::default(),
            state_dir: OrNone::default(),
        }
    }
}

/// What a reload may not do unless it is forced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Guards {
    /// Access points that may leave at once, of all.
    pub(crate) max_removed: Percent,
    /// Clients that may be sent to another DC at once, of those seen lately.
    pub(crate) max_moved: Percent,
    /// What happens when a DC would lose its last access point, or its last one for ordinary
    /// sessions.
    pub(crate) empty_dc: EmptyDc,
}

impl Default for Guards {
    fn default() -> Self {
        Self { max_removed: Percent::of(50), max_moved: Percent::of(50), empty_dc: EmptyDc::Refuse }
    }
}

/// Whether a reload may leave a DC without access points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EmptyDc {
    /// The reload is refused.
    Refuse,
    /// The reload goes ahead.
    Allow,
}

/// Bounds on memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Memory {
    /// Bytes read and not yet written, over all sessions; beyond it reading stops.
    pub(crate) pending: Size<{ 64 * KIB }, TIB>,
    /// What all pipes for splice may hold; `0KiB` relays by copying only.
    pub(crate) pipes: Size<0, TIB>,
    /// One pipe; the kernel rounds it up to a power of two.
    // Below 64 KiB a pipe costs more calls than a copy.
    pub(crate) pipe_size: Size<{ 64 * KIB }, { 16 * MIB }>,
}

impl Default for Memory {
    fn default() -> Self {
        Self { pending: Size::of(256 * MIB), pipes: Size::of(48 * MIB), pipe_size: Size::of(MIB) }
    }
}

/// How the process ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Shutdown {
    /// How long listeners stay open after readiness has turned to 503.
    pub(crate) grace: Time<0, DAY>,
    /// When sessions that are still open are reset, counted from the signal; not shorter than `grace`.
    pub(crate) deadline: Time<0, DAY>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { grace: Duration::from_secs(2).into(), deadline: Duration::from_secs(30).into() }
    }
}

/// The HTTP side door for operators.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Admin {
    /// Where it listens: an address, which outside loopback needs `tokens_file`; or `unix:` and the whole
    /// path of a socket, which is made for its owner alone.
    pub(crate) bind: OrNone<AdminAddress>,
    /// A file of who may ask, in lines `name role token`: a `read` one may look at everything, a `write` one
    /// changes it too. Tokens have 16 characters or more. Without the file nobody reads lists and sessions or
    /// changes anything, but the daemon's user and root on a Unix socket. Its content is watched.
    pub(crate) tokens_file: OrNone<FilePath>,
    /// What it shows to those who ask over TLS; `none` is plain HTTP. Of addresses.
    pub(crate) tls: OrNone<AdminTls>,
    /// Host headers that are answered, beside the address of `bind`: others may come from a web page in
    /// the operator's browser.
    pub(crate) allowed_hosts: List<Host>,
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            bind: OrNone::Value(AdminAddress::Tcp(loopback(9900))),
            tokens_file: OrNone::default(),
            tls: OrNone::default(),
            allowed_hosts: ["localhost", "127.0.0.1"].into_iter().map(Host::of).collect(),
        }
    }
}

/// TLS 1.2 and 1.3 of the side door for operators. The content of the files is watched.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["cert", "key"]))]
pub(crate) struct AdminTls {
    /// A file with its certificate and those between it and its issuer, in PEM.
    #[serde(skip_serializing_if = "Given::is_absent")]
    pub(crate) cert: Given<FilePath>,
    /// A file with its private key, in PEM.
    #[serde(skip_serializing_if = "Given::is_absent")]
    pub(crate) key: Given<FilePath>,
    /// A file with certificates of issuers, in PEM: who asks has to show a certificate of one of them. `none`
    /// asks for none.
    pub(crate) client_ca: OrNone<FilePath>,
}

/// Where Prometheus scrapes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Metrics {
    /// Where it listens.
    pub(crate) bind: OrNone<ListenAddress>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { bind: OrNone::Value(ListenAddress::of(loopback(9901))) }
    }
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    /// The least severe level that is written.
    pub(crate) level: LogLevel,
    /// For people or for machines.
    pub(crate) format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: LogLevel::Info, format: LogFormat::Text }
    }
}

/// Severity, from rare to frequent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object on each line.
    Json,
}
