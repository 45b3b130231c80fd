//! The UDP port of an access point: open or closed, and ours all the while.

use crate::net::{UdpOptions, bind_udp_group};
use crate::stub::port::reachable;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use std::io;
use std::net::SocketAddr;
use tokio::net::UdpSocket;

/// Room for what comes while the stub is busy.
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
        let reservation = reserve(address, device)?;
        let address = reservation.local_addr()?.as_socket().ok_or(io::ErrorKind::InvalidInput)?;
        reservation.connect(&SockAddr::from(reachable(address)))?;
        // Not before it was bound: another stub's port would have been shared.
        reservation.set_reuse_port(true)?;
        let socket = Some(open(address, device)?);
        Ok(Port { address, device: device.map(Box::from), socket, _reservation: reservation })
    }

    pub(in crate::stub) fn address(&self) -> SocketAddr {
        self.address
    }

    /// `None` while the port is closed.
    pub(super) fn socket(&self) -> Option<&UdpSocket> {
        self.socket.as_ref()
    }

    pub(super) fn open(&mut self) -> io::Result<()> {
        if self.socket.is_none() {
            self.socket = Some(open(self.address, self.device.as_deref())?);
        }
        Ok(())
    }

    /// Datagrams are answered with "port unreachable" from now on, those that nobody read yet are lost.
    pub(super) fn close(&mut self) {
        self.socket = None;
    }
}

fn open(address: SocketAddr, device: Option<&str>) -> io::Result<UdpSocket> {
    let options = UdpOptions { receive_buffer: BUFFER };
    let group = bind_udp_group(address, &options, 1).map_err(io::Error::other)?;
    let socket = group.into_iter().next().ok_or(io::ErrorKind::AddrNotAvailable)?;
    if let Some(device) = device {
        SockRef::from(&socket).bind_device(Some(device.as_bytes()))?;
    }
    UdpSocket::from_std(socket)
}

fn reserve(address: SocketAddr, device: Option<&str>) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if let Some(device) = device {
        socket.bind_device(Some(device.as_bytes()))?;
    }
    socket.bind(&SockAddr::from(address))?;
    Ok(socket)
}
