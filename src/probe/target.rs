//! Whom a probe asks, and the way there: the one that sessions take, with what the DC expects first.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::AtomicBool;

use tokio::net::{TcpStream, UdpSocket};

use super::line::Line;
use crate::net::{self, DialError, Egress};
use crate::proxy_protocol::{Announced, Transport, v1, v2};
use crate::routing::ConnectFailure;
use crate::routing::topology::{self, SendProxy};

/// An access point, and how it is dialled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    /// Where it is.
    pub(super) address: SocketAddr,
    /// Where from: the first of these that has a port; the kernel chooses if there are none.
    pub(super) sources: &'a [IpAddr],
    /// What else to leave by.
    pub(super) egress: &'a topology::Egress,
    /// The PROXY header that it expects first.
    pub(super) send_proxy: Option<SendProxy>,
}

impl Target<'_> {
    /// A connection to it, over which it has been told that nobody but this edge is there, if it expects
    /// to be told.
    ///
    /// # Errors
    /// With what a failed dial shows.
    pub(super) async fn connect(&self) -> Result<TcpStream, ConnectFailure> {
        let dialled = net::dial(self.address, self.sources(), self.egress()).await;
        let stream =
            dialled.map_err(|DialError { source, sent }| ConnectFailure::new(&source, sent))?;
        match self.send_proxy {
            Some(SendProxy::V1) => tell(&stream, &v1(&Announced::Neighbour)).await,
            Some(SendProxy::V2) => tell(&stream, &local(Transport::Stream)).await,
            None => {}
        }
        Ok(stream)
    }

    /// A socket for datagrams to it.
    ///
    /// # Errors
    /// Those of this host.
    pub(super) fn connect_udp(&self) -> io::Result<UdpSocket> {
        net::connect_udp(self.address, self.sources(), self.egress()).and_then(UdpSocket::from_std)
    }

    /// What a datagram to it is, if this is what it says.
    pub(super) fn datagram(&self, payload: &[u8]) -> Vec<u8> {
        match self.send_proxy {
            Some(SendProxy::V2) => [&local(Transport::Datagram), payload].concat(),
            // Version 1 has no form for datagrams, and configuration takes no such DC.
            Some(SendProxy::V1) | None => payload.to_vec(),
        }
    }

    fn sources(&self) -> impl Iterator<Item = IpAddr> {
        self.sources.iter().copied()
    }

    fn egress(&self) -> Egress<'_> {
        Egress { mark: self.egress.mark, interface: self.egress.interface.as_deref() }
    }
}

fn local(transport: Transport) -> Vec<u8> {
    v2(transport, &Announced::Neighbour, None)
}

/// Sends all of it, unless the connection is broken: then whoever asks something over it will find so, and
/// whoever wanted no more than a connection has had one.
async fn tell(stream: &TcpStream, header: &[u8]) {
    let has_ended = AtomicBool::new(false);
    let mut line = Line::new(stream, 0, &has_ended);
    let mut unsent = header;
    while !unsent.is_empty() {
        match poll_fn(|cx| line.poll_send(cx, unsent)).await {
            Ok(sent) => unsent = &unsent[sent..],
            Err(_) => return,
        }
    }
}
