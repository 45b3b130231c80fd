//! Clients of UDP that send trains of datagrams in one call, as a stack of QUIC does, and many clients in
//! one socket: each datagram says from which address of this machine it leaves.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};

use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
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

    /// Where it is.
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.socket.local_addr().expect("it is bound")
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

    /// The next datagrams to any of them, and who sent them. The kernel hands over several at once if they
    /// follow each other.
    pub(crate) async fn receive(&self, buffer: &mut [u8]) -> (Vec<Vec<u8>>, SocketAddr) {
        let mut told = [RecvMeta::default()];
        let receive = || {
            let buffers = &mut [IoSliceMut::new(buffer)];
            self.state.recv((&self.socket).into(), buffers, &mut told)
        };
        let received = self.socket.async_io(Interest::READABLE, receive).await;
        received.expect("nothing is told to a socket that is not connected");
        let [RecvMeta { addr, len, stride, .. }] = told;
        let datagrams = match len {
            0 => vec![Vec::new()],
            _ => buffer[..len].chunks(stride).map(<[u8]>::to_vec).collect(),
        };
        (datagrams, addr)
    }
}
