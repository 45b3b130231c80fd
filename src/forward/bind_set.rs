//! Which sockets are open, and which configuration wants: what stays, comes and goes.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use super::connect::peer_watch;
use super::worker::BoundSocket;
use crate::config;
use crate::net::{BindError, ExclusiveBind, ListenOptions, bind_group};
use crate::net::{UdpOptions, bind_udp_group};
use crate::routing::{DialAddress, Protocol};

/// One bind of the configuration. Port 0 may occur more than once, so binds are numbered within
/// equal addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BindKey {
    protocol: Protocol,
    address: SocketAddr,
    nth: usize,
}

impl fmt::Display for BindKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        DialAddress { socket: self.address, protocol: self.protocol }.fmt(f)
    }
}

/// A bind could not be had.
#[derive(Debug)]
pub enum OpenError {
    /// Another daemon serves the address.
    Taken(SocketAddr),
    /// The kernel refused.
    Bind(BindError),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken(address) => write!(f, "another nearpoint already serves {address}"),
            Self::Bind(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Taken(_) => None,
            Self::Bind(error) => Some(error),
        }
    }
}

/// An open bind: one socket per worker, kept from other daemons.
pub(super) struct OpenBind {
    /// The listener that it belongs to.
    pub(super) listener: Arc<str>,
    /// Where it really is, once port 0 is resolved.
    pub(super) bound: SocketAddr,
    _exclusive: Option<ExclusiveBind>,
}

/// Sockets for a bind that was not open before.
pub(super) struct NewBind {
    /// What becomes of it.
    pub(super) open: OpenBind,
    /// One per worker.
    pub(super) sockets: Vec<BoundSocket>,
}

/// The binds that these listeners want.
pub(super) fn wanted(
    listeners: &[Arc<config::Listener>],
) -> BTreeMap<BindKey, Arc<config::Listener>> {
    let mut wanted = BTreeMap::new();
    for listener in listeners {
        for address in &listener.bind {
            let key = |nth| BindKey { protocol: listener.protocol, address: *address, nth };
            let nth = (0..).find(|nth| !wanted.contains_key(&key(*nth))).unwrap_or_default();
            wanted.insert(key(nth), Arc::clone(listener));
        }
    }
    wanted
}

/// Opens the sockets of one bind.
pub(super) fn open(
    key: BindKey,
    listener: &config::Listener,
    workers: usize,
) -> Result<NewBind, OpenError> {
    // Nobody else can be at a port that the kernel has yet to choose.
    let exclusive = match key.address.port() {
        0 => None,
        _ => {
            let exclusive = match key.protocol {
                Protocol::Tcp => ExclusiveBind::tcp(key.address),
                Protocol::Udp => ExclusiveBind::udp(key.address),
            };
            Some(exclusive.map_err(|error| not_exclusive(key, error))?)
        }
    };
    let sockets = bind(key, listener, workers).map_err(OpenError::Bind)?;
    let bound = sockets.first().and_then(BoundSocket::local_addr);
    let open = OpenBind {
        listener: Arc::clone(&listener.name),
        bound: bound.unwrap_or(key.address),
        _exclusive: exclusive,
    };
    Ok(NewBind { open, sockets })
}

fn bind(
    key: BindKey,
    listener: &config::Listener,
    workers: usize,
) -> Result<Vec<BoundSocket>, BindError> {
    match key.protocol {
        Protocol::Tcp => {
            let group = bind_group(key.address, &listen_options(listener), workers)?;
            Ok(group.into_iter().map(BoundSocket::Tcp).collect())
        }
        Protocol::Udp => {
            let options = UdpOptions { receive_buffer: listener.udp.receive_buffer };
            let group = bind_udp_group(key.address, &options, workers)?;
            Ok(group.into_iter().map(BoundSocket::Udp).collect())
        }
    }
}

fn not_exclusive(key: BindKey, source: io::Error) -> OpenError {
    match source.kind() {
        io::ErrorKind::AddrInUse => OpenError::Taken(key.address),
        _ => OpenError::Bind(BindError { address: key.address, act: "reserve", source }),
    }
}

/// The options of a listener's sockets.
pub(super) fn listen_options(listener: &config::Listener) -> ListenOptions {
    ListenOptions { backlog: listener.tcp.backlog, peer_watch: peer_watch(&listener.tcp) }
}
