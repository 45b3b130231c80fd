//! UDP sockets of listeners: one per data-plane thread and bind, joined by `SO_REUSEPORT`.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;

use rustix::net::sockopt::{
    set_socket_recv_buffer_size, set_socket_recv_buffer_size_force, set_socket_reuseport,
    socket_recv_buffer_size,
};
use socket2::{Domain, Protocol, Socket, Type};

use crate::net::BindError;
use crate::net::listen::group;
use crate::net::option::set_option;

/// How the UDP sockets of a listener are set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpOptions {
    /// Bytes that may wait in each socket to be read, and as many that may wait to leave; what the
    /// kernel spends on bookkeeping comes on top. See [`set_receive_buffer`].
    pub receive_buffer: usize,
}

/// Binds `count` sockets, at least 1, to one address. Port 0 picks one free port for the whole group;
/// an IPv6 address means IPv6 only. The kernel gives each client to one of the sockets, by a hash of
/// both addresses.
///
/// They do not block, coalesce datagrams, and tell their ECN; those that are bound to all addresses tell
/// which of them a datagram was sent to.
///
/// # Errors
/// When any of them cannot be had; then none is left.
pub fn bind_udp_group(
    address: SocketAddr,
    options: &UdpOptions,
    count: usize,
) -> Result<Vec<UdpSocket>, BindError> {
    group(address, count, |address| bind(address, options), UdpSocket::local_addr)
}

/// Changes how many bytes may wait in a socket to be read, beyond the system's limit if this process is
/// privileged (`socket(7)`: `SO_RCVBUFFORCE`, else `SO_RCVBUF` and `net.core.rmem_max`). Returns what
/// the kernel really gives.
///
/// # Errors
/// What setsockopt(2) and getsockopt(2) say; less than was asked for is no error.
pub fn set_receive_buffer(socket: &impl AsFd, bytes: usize) -> io::Result<usize> {
    let bytes = within_int(bytes);
    if set_socket_recv_buffer_size_force(socket, bytes).is_err() {
        set_socket_recv_buffer_size(socket, bytes)?;
    }
    Ok(socket_recv_buffer_size(socket)? / 2)
}

/// A socket does not wait until it can send: what finds no room is lost. So a batch needs room for all
/// of it, until the device has taken it.
pub(super) fn set_send_buffer(socket: &impl AsFd, bytes: usize) -> io::Result<()> {
    let bytes = within_int(bytes) as libc::c_int;
    set_option(socket, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, bytes)
        .or_else(|_| set_option(socket, libc::SOL_SOCKET, libc::SO_SNDBUF, bytes))
}

/// The kernel doubles what it is told, in an `int`.
fn within_int(bytes: usize) -> usize {
    bytes.min(libc::c_int::MAX as usize / 2)
}

fn bind(address: SocketAddr, options: &UdpOptions) -> Result<UdpSocket, BindError> {
    let failed = |act| move |source| BindError { address, act, source };
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM.nonblocking(), Some(Protocol::UDP))
        .map_err(failed("open a socket for"))?;
    let set_up = || {
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        if address.port() != 0 {
            set_socket_reuseport(&socket, true)?;
        }
        report_all(&socket, address)?;
        if address.ip().is_unspecified() {
            report_destination(&socket, address)?;
        }
        set_send_buffer(&socket, options.receive_buffer)?;
        set_receive_buffer(&socket, options.receive_buffer)
    };
    set_up().map_err(failed("set up a socket for"))?;
    socket.bind(&address.into()).map_err(failed("bind"))?;
    if address.port() == 0 {
        // Not before: the kernel takes a port for free that another group of this user has.
        set_socket_reuseport(&socket, true)
            .map_err(|error| failed("set up a socket for")(error.into()))?;
    }
    Ok(socket.into())
}

/// Has the kernel coalesce datagrams and tell their ECN.
pub(super) fn report_all(socket: &impl AsFd, address: SocketAddr) -> io::Result<()> {
    set_option(socket, libc::SOL_UDP, libc::UDP_GRO, 1)?;
    match address {
        SocketAddr::V4(_) => set_option(socket, libc::IPPROTO_IP, libc::IP_RECVTOS, 1),
        SocketAddr::V6(_) => set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVTCLASS, 1),
    }
}

fn report_destination(socket: &impl AsFd, address: SocketAddr) -> io::Result<()> {
    match address {
        SocketAddr::V4(_) => set_option(socket, libc::IPPROTO_IP, libc::IP_PKTINFO, 1),
        SocketAddr::V6(_) => set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1),
    }
}
