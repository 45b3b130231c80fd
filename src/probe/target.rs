//! Whom a probe asks, and the way there: the one that sessions take.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::{TcpStream, UdpSocket};

use crate::net::{self, DialError, Egress};
use crate::routing::ConnectFailure;
use crate::routing::topology;

/// An access point, and how it is dialled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    /// Where it is.
    pub(super) address: SocketAddr,
    /// Where from; `None` where the kernel chooses.
    pub(super) source: Option<IpAddr>,
    /// What else to leave by.
    pub(super) egress: &'a topology::Egress,
}

impl Target<'_> {
    /// A connection to it.
    ///
    /// # Errors
    /// With what a failed dial shows.
    pub(super) async fn connect(&self) -> Result<TcpStream, ConnectFailure> {
        let dialled = net::dial(self.address, self.source, self.egress(), None).await;
        dialled.map_err(|DialError { source, sent }| ConnectFailure::new(&source, sent))
    }

    /// A socket for datagrams to it.
    ///
    /// # Errors
    /// Those of this host.
    pub(super) fn connect_udp(&self) -> io::Result<UdpSocket> {
        net::connect_udp(self.address, self.source, self.egress()).and_then(UdpSocket::from_std)
    }

    fn egress(&self) -> Egress<'_> {
        Egress { mark: self.egress.mark, interface: self.egress.interface.as_deref() }
    }
}
