//! Which sockets are open, and which configuration wants: what stays, comes and goes.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use crate::config;
use crate::net::{BindError, ExclusiveBind, Keepalive, ListenOptions, bind_group};

/// One bind of the configuration. Port 0 may occur more than once, so binds are numbered within
/// equal addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BindKey {
    address: SocketAddr,
    nth: usize,
}

impl fmt::Display for BindKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
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
    pub(super) sockets: Vec<TcpListener>,
}

/// The binds that these listeners want.
pub(super) fn wanted(
    listeners: &[Arc<config::Listener>],
) -> BTreeMap<BindKey, Arc<config::Listener>> {
    let mut wanted = BTreeMap::new();
    for listener in listeners {
        for address in &listener.bind {
            let free =
                |nth: &usize| !wanted.contains_key(&BindKey { address: *address, nth: *nth });
            let nth = (0..).find(free).unwrap_or_default();
            wanted.insert(BindKey { address: *address, nth }, Arc::clone(listener));
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
        _ => Some(ExclusiveBind::tcp(key.address).map_err(|error| not_exclusive(key, error))?),
    };
    let sockets =
        bind_group(key.address, &listen_options(listener), workers).map_err(OpenError::Bind)?;
    let bound = sockets.first().and_then(|socket| socket.local_addr().ok());
    let open = OpenBind {
        listener: Arc::clone(&listener.name),
        bound: bound.unwrap_or(key.address),
        _exclusive: exclusive,
    };
    Ok(NewBind { open, sockets })
}

fn not_exclusive(key: BindKey, source: io::Error) -> OpenError {
    match source.kind() {
        io::ErrorKind::AddrInUse => OpenError::Taken(key.address),
        _ => OpenError::Bind(BindError { address: key.address, act: "reserve", source }),
    }
}

/// The options of a listener's sockets.
pub(super) fn listen_options(listener: &config::Listener) -> ListenOptions {
    let config::TcpOptions { backlog, keepalive, user_timeout } = listener.tcp;
    let config::Keepalive { idle, interval, count } = keepalive;
    ListenOptions { backlog, keepalive: Keepalive { idle, interval, count }, user_timeout }
}
