//! `listeners`: the addresses that clients connect to.

mod fitting;
mod udp;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::routing::sticky::WhenDown;
use crate::routing::topology::{AccessPointSecret, Advertised, ByHeader, ListenerRoute, Route};
use crate::routing::{DcId, Protocol, Sticky};

use super::finding::Findings;
use super::key_path::KeyPath;
use super::node::Node;
use super::value::{ListenerSecret, OrNone, spoken};
use super::{tree, value};

pub use udp::{OnRemoved, UdpOptions};

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
    /// What it serves: sessions or flows. Default tcp.
    pub protocol: Protocol,
    /// When a session is connected to its DC. Default on_accept.
    pub dial: Dial,
    /// Bounds on its clients.
    pub limits: ListenerLimits,
    /// When sessions end by themselves.
    pub timeouts: Timeouts,
    /// Socket options.
    pub tcp: TcpOptions,
    /// Its flows, where it serves UDP.
    pub udp: UdpOptions,
    /// How the first bytes of clients are looked at, where the route goes by them.
    pub sniffing: Option<Sniffing>,
}

/// How the first bytes of clients are looked at. Scope: a listener with route `mtproto`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sniffing {
    /// That clients may have, those of a file included; at most 16, none twice. Default none.
    pub secrets: Vec<ListenerSecret>,
    /// How long a client may take until what it has said decides. Default 5s.
    pub timeout: Duration,
}

/// PROXY protocol on the client's side. Scope: a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyProtocol {
    /// From these networks the header is required; from elsewhere sessions are plain. Default none.
    pub accept_from: Vec<IpNet>,
    /// How long the header may take. Default 3s.
    pub timeout: Duration,
}

/// When a session is connected to its DC. Scope: a TCP listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dial {
    /// At once.
    OnAccept,
    /// When the client has said something, for which it has as long as [`Timeouts::first_byte`], else
    /// [`Timeouts::idle`].
    OnFirstByte,
}

/// Bounds on clients. Scope: a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerLimits {
    /// Sessions at a time; those beyond are reset. Default 100000.
    pub sessions: u32,
    /// Sessions at a time of one client, an IPv4 address or an IPv6 /64. Default none.
    pub sessions_per_client: Option<u32>,
    /// New sessions or flows; those beyond are refused. Default none.
    pub new_per_second: Option<NewRate>,
    /// New sessions or flows of one client; those beyond are refused. Default none.
    pub new_per_second_per_client: Option<NewRate>,
}

/// How many may be new, over all workers; at most 10,000,000 each. Scope: a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewRate {
    /// In a second, on average.
    pub rate: NonZeroU32,
    /// At once, after a pause.
    pub burst: NonZeroU32,
}

/// When sessions end by themselves. Scope: a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Without a byte in either direction. Default 10m.
    pub idle: Duration,
    /// After one side has closed. Default 30s.
    pub half_close: Duration,
    /// Without a byte of the upstream since the first one of the client was passed on. Default none.
    pub first_byte: Option<Duration>,
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

/// A listener as it was read, with its route, before anybody knows which DCs there are.
#[derive(Clone)]
pub(super) struct ListenerDraft {
    pub(super) path: KeyPath,
    pub(super) listener: Listener,
    pub(super) route: ListenerRoute,
    /// What clients are told of it, if they are.
    pub(super) advertised: Option<Advertised>,
}

impl ListenerDraft {
    /// `node` is what was written of it.
    pub(super) fn new(
        tree: &tree::Listener,
        path: KeyPath,
        node: Option<&Node>,
        (problems, notes): (&Findings, &Findings),
    ) -> Self {
        if tree.name.is_absent() {
            problems.need(&path, node, "name");
        }
        let bind = node.and_then(|node| node.entry("bind"));
        if bind.is_none_or(Node::is_empty) {
            problems.add(&path, "needs `bind`, a list of at least one address");
        }
        let listener = Listener {
            protocol: tree.protocol.into(),
            dial: tree.dial.into(),
            udp: UdpOptions::new(&tree.udp, &path.key("udp"), problems),
            name: tree.name.get().map(value::Name::get).unwrap_or_default(),
            bind: tree.bind.iter().map(|address| address.get()).collect(),
            proxy_protocol: (&tree.proxy_protocol).into(),
            limits: (&tree.limits).into(),
            timeouts: Timeouts::new(&tree.timeouts, &path.key("timeouts"), problems),
            tcp: TcpOptions::new(&tree.tcp, &path.key("tcp"), problems),
            sniffing: sniffing(&tree.route),
        };
        let route = ListenerRoute {
            route: (&tree.route).into(),
            protocol: tree.protocol.into(),
            class: tree.class.into(),
            dcs: allowed(tree, &path, node, problems),
            sticky: tree.sticky.0.value().map(Sticky::from).filter(|_| !is_bound(&tree.route)),
        };
        fitting::check(tree, &path, problems);
        fitting::note_meaningless(tree, &path, node, notes);
        let advertised = advertised(tree, &listener, &path, node, problems);
        Self { path, listener, route, advertised }
    }
}

/// Whether every session has its DC from the listener or the client, so that memory decides nothing.
fn is_bound(route: &tree::Route) -> bool {
    match route {
        tree::Route::Nearest => false,
        tree::Route::Dc(_) => true,
        tree::Route::Mtproto(by_header) => by_header.unknown != tree::Unknown::Nearest,
    }
}

fn sniffing(route: &tree::Route) -> Option<Sniffing> {
    match route {
        tree::Route::Nearest | tree::Route::Dc(_) => None,
        tree::Route::Mtproto(route) => Some(Sniffing {
            secrets: route.secrets.iter().cloned().collect(),
            timeout: route.sniff_timeout.get(),
        }),
    }
}

impl From<tree::Protocol> for Protocol {
    fn from(tree: tree::Protocol) -> Self {
        match tree {
            tree::Protocol::Tcp => Self::Tcp,
            tree::Protocol::Udp => Self::Udp,
        }
    }
}

impl From<tree::Dial> for Dial {
    fn from(tree: tree::Dial) -> Self {
        match tree {
            tree::Dial::OnAccept => Self::OnAccept,
            tree::Dial::OnFirstByte => Self::OnFirstByte,
        }
    }
}

impl From<&tree::Route> for Route {
    fn from(tree: &tree::Route) -> Self {
        match tree {
            tree::Route::Nearest => Self::Nearest,
            tree::Route::Dc(id) => Self::Dc(id.get()),
            tree::Route::Mtproto(route) => Self::Mtproto(ByHeader {
                trust_plain_dc: route.trust_plain_dc.into(),
                unknown: route.unknown.into(),
            }),
        }
    }
}

fn advertised(
    tree: &tree::Listener,
    listener: &Listener,
    path: &KeyPath,
    node: Option<&Node>,
    problems: &Findings,
) -> Option<Advertised> {
    let list = tree.advertise.value()?;
    let path = path.key("advertise");
    let given = node.and_then(|node| node.entry("advertise"));
    if given.is_some_and(Node::is_empty) {
        problems.add(&path, "names no address; `none` advertises nothing");
        return None;
    }
    match tree.route {
        tree::Route::Nearest => {
            let text = "is of a `nearest` listener: clients would file its addresses under one DC, \
                        and be given others there; advertise listeners of one DC";
            problems.add(&path, text);
        }
        tree::Route::Dc(_) | tree::Route::Mtproto(_) => {}
    }
    let secrets = listener.sniffing.as_ref().map_or(&[][..], |sniffing| &sniffing.secrets);
    Some(Advertised {
        listener: Arc::clone(&listener.name),
        addresses: list.iter().map(|address| address.get()).collect(),
        secret: match secrets {
            [only] => Some(AccessPointSecret::new(only.bytes())),
            [] | [_, _, ..] => None,
        },
    })
}

fn allowed(
    tree: &tree::Listener,
    path: &KeyPath,
    node: Option<&Node>,
    problems: &Findings,
) -> Option<BTreeSet<DcId>> {
    let list = tree.dcs.value()?;
    let given = node.and_then(|node| node.entry("dcs"));
    if given.is_some_and(Node::is_empty) {
        problems.add(&path.key("dcs"), "names no DC; `all` allows every one");
    }
    // A bad one may be the very DC that `route` asks for.
    if !list.is_whole() {
        return None;
    }
    Some(list.iter().map(|id| id.get()).collect())
}

impl From<&tree::Sticky> for Sticky {
    fn from(tree: &tree::Sticky) -> Self {
        Self {
            ttl: tree.ttl.get(),
            clients: tree.clients.get(),
            when_down: match tree.when_down {
                tree::WhenDown::Move => WhenDown::Move,
                tree::WhenDown::Refuse => WhenDown::Refuse,
            },
        }
    }
}

impl From<&tree::ProxyProtocol> for ProxyProtocol {
    fn from(tree: &tree::ProxyProtocol) -> Self {
        Self {
            accept_from: tree.accept_from.iter().map(|network| network.get()).collect(),
            timeout: tree.timeout.get(),
        }
    }
}

impl From<&tree::Limits> for ListenerLimits {
    fn from(tree: &tree::Limits) -> Self {
        let rate = |tree: &OrNone<tree::NewRate>| tree.value().copied().map(NewRate::from);
        Self {
            sessions: tree.sessions.get(),
            sessions_per_client: tree.sessions_per_client.value().map(|most| most.get()),
            new_per_second: rate(&tree.new_per_second),
            new_per_second_per_client: rate(&tree.new_per_second_per_client),
        }
    }
}

impl From<tree::NewRate> for NewRate {
    fn from(tree: tree::NewRate) -> Self {
        // The type of the tree has no zero.
        let count = |count: u32| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        Self { rate: count(tree.rate.get()), burst: count(tree.burst.get()) }
    }
}

impl Timeouts {
    fn new(tree: &tree::Timeouts, path: &KeyPath, problems: &Findings) -> Self {
        let tree::Timeouts { idle, half_close, first_byte } = tree;
        let (idle, first_byte) = (idle.get(), first_byte.value().map(|time| time.get()));
        if let Some(silence) = first_byte.filter(|silence| *silence > idle) {
            let text = format!("{} is longer than `idle`, {}", spoken(silence), spoken(idle));
            problems.add(&path.key("first_byte"), text);
        }
        Self { idle, half_close: half_close.get(), first_byte }
    }
}

impl TcpOptions {
    fn new(tree: &tree::Tcp, path: &KeyPath, problems: &Findings) -> Self {
        let tree::Tcp {
            backlog,
            keepalive: tree::Keepalive { idle, interval, count },
            user_timeout,
        } = tree;
        for (key, time) in [("idle", idle), ("interval", interval)] {
            if time.get().subsec_nanos() != 0 {
                let path = path.key("keepalive").key(key);
                problems.add(&path, "keepalive counts whole seconds");
            }
        }
        Self {
            backlog: backlog.get(),
            keepalive: Keepalive { idle: idle.get(), interval: interval.get(), count: count.get() },
            user_timeout: user_timeout.get(),
        }
    }
}
