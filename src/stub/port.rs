//! The port of an access point: open, closed or swallowing SYNs, and ours all the while.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::net::{TcpListener, TcpStream};

const BACKLOG: i32 = 4096;
/// A handshake on loopback is made within the system call; this only bounds a surprise.
const FILL_TIMEOUT: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// A TCP port that can be opened and closed again without losing it.
#[derive(Debug)]
pub(super) struct Port {
    address: SocketAddr,
    /// Who comes by another interface finds nobody; `None` for all of them.
    device: Option<Box<str>>,
    state: State,
    /// Bound, never listening: keeps the kernel from giving the port to anybody, also as the
    /// source port of an outgoing connection.
    _reservation: Socket,
}

#[derive(Debug)]
enum State {
    Open(TcpListener),
    Closed,
    /// The accept queue is full and nobody empties it. `_filler` fills it.
    Swallowing {
        _listener: TcpListener,
        _filler: Socket,
    },
}

impl Port {
    pub(super) fn open_at(address: SocketAddr, device: Option<&str>) -> io::Result<Port> {
        let reservation = bound(address, device)?;
        let address = reservation.local_addr()?.as_socket().ok_or(io::ErrorKind::InvalidInput)?;
        let state = State::Open(listening(address, device)?);
        Ok(Port { address, device: device.map(Box::from), state, _reservation: reservation })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection; never while the port is closed or swallows.
    pub(super) async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        match &self.state {
            State::Open(listener) => listener.accept().await,
            State::Closed | State::Swallowing { .. } => std::future::pending().await,
        }
    }

    pub(super) fn open(&mut self) -> io::Result<()> {
        if matches!(self.state, State::Open(_)) {
            return Ok(());
        }
        self.close();
        self.state = State::Open(self.listening()?);
        Ok(())
    }

    /// Connects are refused from now on; those nobody accepted yet are reset.
    pub(super) fn close(&mut self) {
        self.state = State::Closed;
    }

    /// SYNs are dropped from now on. Returns once the accept queue is full.
    pub(super) fn swallow(&mut self) -> io::Result<()> {
        if matches!(self.state, State::Swallowing { .. }) {
            return Ok(());
        }
        // A socket that listens already is shortened, so that no connect is refused in between.
        let listener = match std::mem::replace(&mut self.state, State::Closed) {
            State::Open(listener) => listener,
            State::Closed | State::Swallowing { .. } => self.listening()?,
        };
        socket2::SockRef::from(&listener).listen(0)?;
        let filler = connecting(self.address)?;
        let mut queue = [PollFd::new(&listener, PollFlags::IN)];
        if poll(&mut queue, Some(&FILL_TIMEOUT))? == 0 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.state = State::Swallowing { _listener: listener, _filler: filler };
        Ok(())
    }

    fn listening(&self) -> io::Result<TcpListener> {
        listening(self.address, self.device.as_deref())
    }
}

/// SO_REUSEADDR lets reservation and listener share the port: only one of them listens.
fn bound(address: SocketAddr, device: Option<&str>) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    if let Some(device) = device {
        socket.bind_device(Some(device.as_bytes()))?;
    }
    socket.bind(&SockAddr::from(address))?;
    Ok(socket)
}

fn listening(address: SocketAddr, device: Option<&str>) -> io::Result<TcpListener> {
    let socket = bound(address, device)?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// A connection under way. If a stranger was faster and the queue is full already, it stays so.
fn connecting(listener: SocketAddr) -> io::Result<Socket> {
    let target = reachable(listener);
    let socket = Socket::new(Domain::for_address(target), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::from(target)) {
        Ok(()) => Ok(socket),
        Err(error)
            if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) =>
        {
            Ok(socket)
        }
        Err(error) => Err(error),
    }
}

/// Where a socket that is bound to `address` is met on this machine: loopback, if it is any address.
pub(super) fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => {
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => {
            address.set_ip(Ipv6Addr::LOCALHOST.into());
        }
        SocketAddr::V4(_) | SocketAddr::V6(_) => {}
    }
    address
}
