//! UDP sockets towards one peer.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

use super::bind::{report_all, set_send_buffer};
use crate::net::egress::Egress;
use crate::net::source::from_first;

/// A few of the longest trains: what does not fit is lost.
const SEND_BUFFER: usize = 1 << 20;

/// A socket for one peer, that leaves by `egress`, from the first of these sources that has a port left; where there is
/// none to choose from, the kernel chooses. It chooses the port, too. It does
/// not block, coalesces datagrams, tells their ECN, and the peer's refusals are errors of it.
///
/// In the moment before it is connected it takes from everybody: whoever reads compares
/// [`super::Message::peer`].
///
/// # Errors
/// `AddrInUse` when no port is left at the last source; else what socket(2), bind(2) or connect(2) say.
pub fn connect_udp(
    peer: SocketAddr,
    sources: impl IntoIterator<Item = IpAddr>,
    egress: Egress<'_>,
) -> io::Result<UdpSocket> {
    from_first(sources, |source| connect(peer, source, egress))
}

fn connect(peer: SocketAddr, source: Option<IpAddr>, egress: Egress<'_>) -> io::Result<UdpSocket> {
    let domain = Domain::for_address(peer);
    let socket = Socket::new(domain, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    report_all(&socket, peer)?;
    // What the system allows is enough to go on with.
    let _ = set_send_buffer(&socket, SEND_BUFFER);
    egress.apply(&socket)?;
    if let Some(source) = source {
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    socket.connect(&peer.into()).map_err(|error| match error.kind() {
        // Said so when it is connect(2) that looks for a port, and otherwise when bind(2) does.
        io::ErrorKind::WouldBlock => io::Error::from_raw_os_error(libc::EADDRINUSE),
        _ => error,
    })?;
    Ok(socket.into())
}
