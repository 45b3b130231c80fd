//! The UDP port of an access point: open or closed, and ours all the while.

use crate::stub::port::reachable;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::SocketAddr;
use tokio::net::UdpSocket;

/// Room for what comes while the stub is busy; the system may allow less (`net.core.rmem_max`).
const BUFFER: usize = 4 * 1024 * 1024;

/// A UDP port that can be closed and opened again without losing it.
#[derive(Debug)]
pub(in crate::stub) struct Port {
    address: SocketAddr,
    device: Option<Box<str>>,
    socket: Option<UdpSocket>,
    /// Keeps the kernel from giving the port to anybody. Connected to itself, so that it receives from
    /// nobody else: while the port is closed, the kernel answers that it is unreachable.
    _reservation: Socket,
}

impl Port {
    pub(in crate::stub) fn open_at(address: SocketAddr, device: Option<&str>) -> io::Result<Port> {
        // Alone first: with SO_REUSEADDR, a port that somebody shares would do as well.
        let alone = bound(address, device, Sharing::Nobody)?;
        let address = alone.local_addr()?.as_socket().ok_or(io::ErrorKind::InvalidInput)?;
        alone.set_reuse_address(true)?;
        alone.connect(&SockAddr::from(reachable(address)))?;
        let socket = Some(open(address, device)?);
        Ok(Port { address, device: device.map(Box::from), socket, _reservation: alone })
    }

    pub(in crate::stub) fn address(&self) -> SocketAddr {
        self.address
    }

    /// `None` while the port is closed.
    pub(in crate::stub) fn socket(&self) -> Option<&UdpSocket> {
        self.socket.as_ref()
    }

    pub(in crate::stub) fn open(&mut self) -> io::Result<()> {
        if self.socket.is_none() {
            self.socket = Some(open(self.address, self.device.as_deref())?);
        }
        Ok(())
    }

    /// Datagrams are answered with "port unreachable" from now on, those that nobody read yet are lost.
    pub(in crate::stub) fn close(&mut self) {
        self.socket = None;
    }
}

enum Sharing {
    Nobody,
    /// The reservation of the same port.
    Reservation,
}

fn open(address: SocketAddr, device: Option<&str>) -> io::Result<UdpSocket> {
    let socket = bound(address, device, Sharing::Reservation)?;
    socket.set_recv_buffer_size(BUFFER)?;
    socket.set_send_buffer_size(BUFFER)?;
    UdpSocket::from_std(socket.into())
}

fn bound(address: SocketAddr, device: Option<&str>, sharing: Sharing) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    match sharing {
        Sharing::Nobody => {}
        Sharing::Reservation => socket.set_reuse_address(true)?,
    }
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
