//! Listening sockets: one per data-plane thread and bind, joined by `SO_REUSEPORT`.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::peer_watch::PeerWatch;

/// How a listening socket, and with it every socket accepted from it, is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenOptions {
    /// Connections the kernel holds ready per socket (`listen(2)`).
    pub backlog: u32,
    /// Ends connections to clients that are gone.
    pub peer_watch: PeerWatch,
}

/// A listening socket could not be had.
#[derive(Debug)]
pub struct BindError {
    /// The address wanted.
    pub address: SocketAddr,
    /// What was tried.
    pub act: &'static str,
    /// What the kernel said.
    pub source: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.act, self.address, self.source)
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Binds `count` sockets, at least 1, to one address. Port 0 picks one free port for the whole group;
/// an IPv6 address means IPv6 only. Clients are refused until [`listen`].
///
/// # Errors
/// When any of them cannot be had; then none is left.
pub fn bind_group(
    address: SocketAddr,
    options: &ListenOptions,
    count: usize,
) -> Result<Vec<TcpListener>, BindError> {
    group(address, count, |address| bind(address, options), TcpListener::local_addr)
}

/// As many sockets at one address, of which the first picks the port where that is 0.
pub(super) fn group<S>(
    address: SocketAddr,
    count: usize,
    bind: impl Fn(SocketAddr) -> Result<S, BindError>,
    local_addr: impl Fn(&S) -> io::Result<SocketAddr>,
) -> Result<Vec<S>, BindError> {
    let mut group = Vec::with_capacity(count);
    let mut bound = address;
    while group.len() < count {
        let socket = bind(bound)?;
        bound = local_addr(&socket).map_err(|source| BindError { address, act: "read", source })?;
        group.push(socket);
    }
    Ok(group)
}

/// Listens at a bound socket. One that listens already, and sockets accepted from now on, get these
/// options; connections that wait in its queue stay.
///
/// # Errors
/// What setsockopt(2) or listen(2) say.
pub fn listen(listener: &impl AsFd, options: &ListenOptions) -> io::Result<()> {
    let socket = SockRef::from(listener);
    set_inherited(&socket, options)?;
    socket.listen(i32::try_from(options.backlog).unwrap_or(i32::MAX))
}

/// Accepted sockets inherit the options of the listening one (`tcp(7)`), which saves a handful of
/// system calls per session.
fn bind(address: SocketAddr, options: &ListenOptions) -> Result<TcpListener, BindError> {
    let failed = |act| move |source| BindError { address, act, source };
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))
        .map_err(failed("open a socket for"))?;
    let set_up = || {
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
        set_inherited(&socket, options)
    };
    set_up().map_err(failed("set up a socket for"))?;
    socket.bind(&address.into()).map_err(failed("bind"))?;
    Ok(socket.into())
}

fn set_inherited(socket: &Socket, options: &ListenOptions) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    options.peer_watch.begin(socket)
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;
    use crate::net::Keepalive;
    use crate::net::accept::accept_waiting;

    const OPTIONS: ListenOptions = ListenOptions {
        backlog: 64,
        peer_watch: PeerWatch {
            keepalive: Keepalive {
                idle: Duration::from_secs(60),
                interval: Duration::from_secs(15),
                count: 3,
            },
            user_timeout: Duration::from_secs(42),
        },
    };

    #[test]
    fn a_group_shares_one_port_and_accepted_sockets_inherit_options() -> io::Result<()> {
        let any = "127.0.0.1:0".parse().expect("an address of the test");
        let group = bind_group(any, &OPTIONS, 3).expect("a group");
        let address = group[0].local_addr()?;
        assert_eq!(group.len(), 3);
        let refused = TcpStream::connect(address).expect_err("nobody listens yet");
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        for listener in &group {
            assert_eq!(listener.local_addr()?, address);
            listen(listener, &OPTIONS)?;
        }
        let _client = TcpStream::connect(address)?;
        let accepted = loop {
            match group.iter().find_map(|listener| accept_waiting(listener).ok()) {
                Some((accepted, _)) => break accepted,
                None => std::thread::yield_now(),
            }
        };
        let socket = SockRef::from(&accepted);
        assert!(socket.tcp_nodelay()? && socket.keepalive()?);
        assert_eq!(socket.tcp_user_timeout()?, Some(OPTIONS.peer_watch.user_timeout));
        Ok(())
    }

    #[test]
    fn ipv4_and_ipv6_can_share_a_port() {
        // Somebody else on the machine may have the port of one family already.
        let shared = (0..20).any(|_| {
            let any = "[::]:0".parse().expect("an address");
            let v6 = bind_group(any, &OPTIONS, 1).expect("IPv6");
            let port = v6[0].local_addr().expect("bound").port();
            bind_group(SocketAddr::from(([0, 0, 0, 0], port)), &OPTIONS, 1).is_ok()
        });
        assert!(shared);
    }

    #[test]
    fn an_address_that_is_not_ours_says_so() {
        let foreign = "192.0.2.1:0".parse().expect("an address of the test");
        let error = bind_group(foreign, &OPTIONS, 1).expect_err("not ours");
        assert!(error.to_string().starts_with("cannot bind 192.0.2.1:0: "), "{error}");
    }
}
