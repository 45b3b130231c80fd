//! The main file as it is written: one type for each mapping, one field for each key.
//!
//! This is the only place where a key, its type, its range and its default are declared. From it
//! come what is read, the JSON Schema, the reference in `docs/configuration.md`, and the effective
//! configuration. What a doc comment says here is what operators read there; the unit and the range
//! are said by the type, the default by `Default`, and whether a change needs a restart by
//! `super::restart`.
//!
//! Values are valid by themselves. Whether they fit each other is for the modules to check that
//! make the valid configuration of them.

mod clients;
mod dc_options;
mod dcs;
mod geoip;
mod health;
mod listeners;
mod mtproto;
mod policy;
mod process;
mod sessions;
mod udp;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) use clients::{Clients, Place};
pub(super) use dc_options::{AccessPoint, Document, Protocol as ListedProtocol};
pub(super) use dcs::{Dc, SendProxy, Source, WEIGHT};
pub(super) use geoip::{Geoip, Overrides};
pub(super) use health::{
    DcHealth, Health, HttpProbe, MOST_FINGERPRINTS, MtprotoProbe, MtprotoTransport, Probe,
};
pub(super) use listeners::{
    Class, Dial, Keepalive, Limits, Listener, NewRate, Protocol, ProxyProtocol, Route, Sticky, Tcp,
    Timeouts, WhenDown,
};
pub(super) use mtproto::{MOST_SECRETS, Mtproto, TrustPlainDc, Unknown};
pub(super) use policy::{Policy, Rule};
pub(super) use process::{Admin, AdminTls, Edge, Guards, Log, Memory, Metrics, Shutdown};
pub use process::{EmptyDc, LogFormat, LogLevel};
pub(super) use sessions::{Connect, Failback, OnDown, Overflow};
pub(super) use udp::{OnRemoved, Udp, UdpProbe};

use super::value::{FilePath, Later, List, OrNone};

/// The configuration of an edge. Its sections may be spread over several files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Configuration", extend(
    // Listeners may be in an included file.
    "anyOf" = [
        {"required": ["listeners"]},
        {
            "required": ["include"],
            "properties": {"include": {"type": "array", "minItems": 1}},
        },
    ],
))]
pub(crate) struct Main {
    /// Further files with sections of this one, relative to it; at most 64. No key is in two of
    /// them, and they include nothing themselves. Watched.
    #[schemars(extend("maxItems" = 64))]
    pub(crate) include: List<FilePath>,
    /// This edge.
    pub(crate) edge: Edge,
    /// The list of access points, which operations push often; relative to the main file. Watched.
    pub(crate) dc_options: FilePath,
    /// How clients are located.
    pub(crate) geoip: Geoip,
    /// What `dc_options` does not say about DCs. A DC without an entry works too: it has no location,
    /// and `nearest` uses it after all others.
    pub(crate) dcs: List<Dc>,
    /// The addresses that clients connect to; at least one.
    #[schemars(extend("minItems" = 1))]
    pub(crate) listeners: List<Listener>,
    /// How sessions are connected to a DC.
    pub(crate) connect: Connect,
    /// How DCs are compared, and who may go where.
    pub(crate) policy: Policy,
    /// How access points are watched. A DC may have its own settings.
    pub(crate) health: Health,
    /// What happens to the sessions of a DC that goes down.
    pub(crate) on_down: OnDown,
    /// What happens to sessions when a nearer DC is back.
    pub(crate) failback: Failback,
    /// What happens to a client when no candidate has room.
    pub(crate) overflow: Overflow,
    /// What a reload may not do unless it is forced, whatever it comes from.
    pub(crate) guards: Guards,
    /// Bounds on the memory of the process.
    pub(crate) memory: Memory,
    /// How the process ends.
    pub(crate) shutdown: Shutdown,
    /// The HTTP side door for operators.
    pub(crate) admin: Admin,
    /// Where Prometheus scrapes.
    pub(crate) metrics: Metrics,
    /// One line for each session.
    pub(crate) access_log: OrNone<Later>,
    /// What is logged, and how.
    pub(crate) log: Log,
}

impl Default for Main {
    fn default() -> Self {
        Self {
            include: List::default(),
            edge: Edge::default(),
            dc_options: FilePath::of("dc_options.yaml"),
            geoip: Geoip::default(),
            dcs: List::default(),
            listeners: List::default(),
            connect: Connect::default(),
            policy: Policy::default(),
            health: Health::default(),
            on_down: OnDown::default(),
            failback: Failback::default(),
            overflow: Overflow::default(),
            guards: Guards::default(),
            memory: Memory::default(),
            shutdown: Shutdown::default(),
            admin: Admin::default(),
            metrics: Metrics::default(),
            access_log: OrNone::default(),
            log: Log::default(),
        }
    }
}
