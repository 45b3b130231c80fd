//! `listeners`: the addresses that clients connect to.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::routing::sticky::WhenDown;
use crate::routing::topology::{ListenerRoute, Route};
use crate::routing::{DcId, Sticky};

use super::dcs::dc_id;
use super::key_path::KeyPath;
use super::reader::Cursor;
use super::values::{count, duration, name, network, socket_address, text, word};

const HOUR: Duration = Duration::from_secs(3600);
const MONTH: Duration = Duration::from_secs(30 * 86_400);
const TENTH: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);
/// The kernel's MAX_TCP_KEEPIDLE and MAX_TCP_KEEPINTVL.
const LONGEST_KEEPALIVE: Duration = Duration::from_secs(32_767);

/// What clients connect to. How it routes them is in the topology, under its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Unique. Required.
    pub name: Arc<str>,
    /// Where it listens, no address twice; an IPv6 address is IPv6 only. At least one. A reload opens
    /// sockets for new addresses and keeps those of addresses that stay.
    pub bind: Vec<SocketAddr>,
    /// Which neighbours tell the client's address in a PROXY header.
    pub proxy_protocol: ProxyProtocol,
    /// Bounds on its sessions.
    pub limits: ListenerLimits,
    /// When sessions end by themselves.
    pub timeouts: Timeouts,
    /// Socket options.
    pub tcp: TcpOptions,
}

/// PROXY protocol on the client's side. Scope: a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyProtocol {
    /// From these networks the header is required; from elsewhere sessions are plain. Default none.
    pub accept_from: Vec<IpNet>,
    /// How long the header may take. Default 3s.
    pub timeout: Duration,
}

/// Bounds on sessions. Scope: a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerLimits {
    /// Sessions at a time; those beyond are reset. Default 100000.
    pub sessions: u32,
}

/// When sessions end by themselves. Scope: a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Without a byte in either direction. Default 10m.
    pub idle: Duration,
    /// After one side has closed. Default 30s.
    pub half_close: Duration,
}

/// Socket options. Scope: a listener and the sessions accepted by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpOptions {
    /// Connections that wait to be accepted; the kernel caps it at net.core.somaxconn. Default
    /// 4096. A change holds for sockets that are open, at once.
    pub backlog: u32,
    /// Probes of a silent peer.
    pub keepalive: Keepalive,
    /// How long sent bytes may stay unacknowledged (TCP_USER_TIMEOUT). Default 60s.
    pub user_timeout: Duration,
}

/// TCP keepalive, in whole seconds. Scope: a listener's sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// Silence before the first probe. Default 60s.
    pub idle: Duration,
    /// Between probes. Default 15s.
    pub interval: Duration,
    /// Unanswered probes before the session ends. Default 3.
    pub count: u32,
}

impl Default for ProxyProtocol {
    fn default() -> Self {
        Self { accept_from: Vec::new(), timeout: Duration::from_secs(3) }
    }
}

impl Default for ListenerLimits {
    fn default() -> Self {
        Self { sessions: 100_000 }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { idle: Duration::from_secs(600), half_close: Duration::from_secs(30) }
    }
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self {
            backlog: 4096,
            keepalive: Keepalive::default(),
            user_timeout: Duration::from_secs(60),
        }
    }
}

impl Default for Keepalive {
    fn default() -> Self {
        Self { idle: Duration::from_secs(60), interval: Duration::from_secs(15), count: 3 }
    }
}

/// A listener as it was read, with its route, before anybody knows which DCs there are.
pub(super) struct ListenerDraft {
    pub(super) path: KeyPath,
    pub(super) listener: Listener,
    pub(super) route: ListenerRoute,
}

impl ListenerDraft {
    pub(super) fn read(cursor: &Cursor<'_>) -> Self {
        cursor.section(|keys| {
            let name = keys.required("name", name);
            let bind = keys.key("bind");
            if bind.is_empty_list() {
                keys.problem("needs `bind`, a list of at least one address");
            }
            keys.or("protocol", (), word(&[("tcp", ())]));
            let listener = Listener {
                name: name.unwrap_or_default(),
                bind: bind.list(socket_address),
                proxy_protocol: ProxyProtocol::read(&keys.key("proxy_protocol")),
                limits: ListenerLimits::read(&keys.key("limits")),
                timeouts: Timeouts::read(&keys.key("timeouts")),
                tcp: TcpOptions::read(&keys.key("tcp")),
            };
            Self {
                path: keys.path().clone(),
                listener,
                route: ListenerRoute {
                    route: read_route(&keys.key("route")),
                    dcs: read_dcs(&keys.key("dcs")),
                    sticky: read_sticky(&keys.key("sticky")),
                },
            }
        })
    }
}

fn read_route(cursor: &Cursor<'_>) -> Route {
    const SHAPES: &str = "is not `nearest` or `{dc: N}`";
    if cursor.node().is_none() || cursor.is_word("nearest") {
        return Route::Nearest;
    }
    if !cursor.is_mapping() {
        cursor.problem(SHAPES);
        return Route::Nearest;
    }
    cursor.section(|keys| {
        if keys.is_empty() {
            keys.problem(SHAPES);
        }
        let dc = keys.key("dc").read(dc_id);
        dc.map_or(Route::Nearest, Route::Dc)
    })
}

fn read_dcs(cursor: &Cursor<'_>) -> Option<BTreeSet<DcId>> {
    if cursor.node().is_none() || cursor.is_word("all") {
        return None;
    }
    if cursor.is_empty_list() {
        cursor.problem("names no DC; `all` allows every one");
    }
    Some(cursor.list(dc_id).into_iter().collect())
}

fn read_sticky(cursor: &Cursor<'_>) -> Option<Sticky> {
    let default = Sticky::default();
    if cursor.is_word("none") {
        return None;
    }
    let when_down = word(&[("move", WhenDown::Move), ("refuse", WhenDown::Refuse)]);
    Some(cursor.section(|keys| Sticky {
        ttl: keys.or("ttl", default.ttl, duration(SECOND..=12 * MONTH)),
        clients: keys.or("clients", default.clients, count(1..=100_000_000)),
        when_down: keys.or("when_down", default.when_down, when_down),
    }))
}

impl ProxyProtocol {
    fn read(cursor: &Cursor<'_>) -> Self {
        let default = Self::default();
        cursor.section(|keys| {
            let networks = keys.key("accept_from");
            Self {
                accept_from: networks.list(|node| text(node).and_then(network)),
                timeout: keys.or("timeout", default.timeout, duration(TENTH..=HOUR)),
            }
        })
    }
}

impl ListenerLimits {
    fn read(cursor: &Cursor<'_>) -> Self {
        let default = Self::default();
        cursor.section(|keys| Self {
            sessions: keys.or("sessions", default.sessions, count(1..=10_000_000)),
        })
    }
}

impl Timeouts {
    fn read(cursor: &Cursor<'_>) -> Self {
        let default = Self::default();
        cursor.section(|keys| Self {
            idle: keys.or("idle", default.idle, duration(TENTH..=MONTH)),
            half_close: keys.or("half_close", default.half_close, duration(TENTH..=MONTH)),
        })
    }
}

impl TcpOptions {
    fn read(cursor: &Cursor<'_>) -> Self {
        let default = Self::default();
        cursor.section(|keys| Self {
            backlog: keys.or("backlog", default.backlog, count(1..=65_535)),
            keepalive: Keepalive::read(&keys.key("keepalive")),
            user_timeout: keys.or("user_timeout", default.user_timeout, duration(SECOND..=HOUR)),
        })
    }
}

impl Keepalive {
    fn read(cursor: &Cursor<'_>) -> Self {
        let default = Self::default();
        let seconds = |node: &_| {
            let time = duration(SECOND..=LONGEST_KEEPALIVE)(node)?;
            match time.subsec_nanos() {
                0 => Ok(time),
                _ => Err("keepalive counts whole seconds".to_owned()),
            }
        };
        cursor.section(|keys| Self {
            idle: keys.or("idle", default.idle, seconds),
            interval: keys.or("interval", default.interval, seconds),
            // The kernel's MAX_TCP_KEEPCNT.
            count: keys.or("count", default.count, count(1..=127)),
        })
    }
}
