//! Clients of UDP that send trains of datagrams in one call, as a stack of QUIC does, and many clients in
//! one socket: each datagram says from which address of this machine it leaves.

use std::io;
use std::net::{IpAddr, SocketAddr};

use quinn_udp::{Transmit, UdpSocketState};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::upstream::enlarge;
use super::within;

/// A socket at one address of this machine, or at every address of a family.
pub(crate) struct Crowd {
    socket: UdpSocket,
    state: UdpSocketState,
}

impl Crowd {
    /// At this address; `0.0.0.0` and `::` are all of them.
    pub(crate) async fn new(at: IpAddr) -> Self {
        let socket = UdpSocket::bind(SocketAddr::new(at, 0)).await.expect("a port");
        enlarge(&socket);
        let state = UdpSocketState::new((&socket).into()).expect("options of the socket");
        Self { socket, state }
    }

    /// Sends a datagram from this address; or, with a `segment`, a train of datagrams of that size, of
    /// which the last may be shorter.
    pub(crate) async fn send(
        &self,
        from: IpAddr,
        to: SocketAddr,
        contents: &[u8],
        segment: Option<usize>,
    ) -> io::Result<()> {
        let transmit = Transmit {
            destination: to,
            ecn: None,
            contents,
            segment_size: segment,
            src_ip: Some(from),
        };
        let send = || self.state.try_send((&self.socket).into(), &transmit);
        within("the kernel takes a datagram", self.socket.async_io(Interest::WRITABLE, send)).await
    }

    /// The next datagram to any of them, and who sent it.
    pub(crate) async fn receive(&self, buffer: &mut [u8]) -> (usize, SocketAddr) {
        let received = self.socket.recv_from(buffer).await;
        received.expect("nothing is told to a socket that is not connected")
    }
}
