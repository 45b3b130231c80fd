//! The socket of a client: datagrams in batches, both ways.

use nearpoint::net::{self, Egress, Fate, Inbox, Outbox, Parcel};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// So that the client is not what loses datagrams.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;

/// A connected socket with all it needs for batches.
#[derive(Debug)]
pub(super) struct Socket {
    socket: UdpSocket,
    inbox: Inbox,
    outbox: Outbox,
}

/// A new one, from a free port of this address, or of whatever the kernel likes.
pub(super) fn connect(target: SocketAddr, source: Option<IpAddr>) -> io::Result<UdpSocket> {
    let socket = net::connect_udp(target, source, Egress::default())?;
    net::set_receive_buffer(&socket, RECEIVE_BUFFER)?;
    UdpSocket::from_std(socket)
}

impl Socket {
    pub(super) fn connect(target: SocketAddr, source: Option<IpAddr>) -> io::Result<Socket> {
        let socket = connect(target, source)?;
        Ok(Socket { socket, inbox: Inbox::new(), outbox: Outbox::new() })
    }

    /// Sends datagrams of `segment` bytes each, by one call if the kernel segments them. Those for which
    /// there is no room are lost; an error says that the peer is gone.
    pub(super) fn send(&mut self, payload: &[u8], segment: usize) -> io::Result<()> {
        let parcel = Parcel::new(None, payload, segment);
        let mut outcome = Ok(());
        self.outbox.send(&self.socket, &[parcel], Instant::now(), &mut |_, fate| match fate {
            Fate::Sent { .. } | Fate::Unsegmented { .. } => {}
            Fate::Failed { error, .. } => match error.kind() {
                io::ErrorKind::WouldBlock => {}
                _ => outcome = Err(error),
            },
        });
        outcome
    }

    /// Waits for datagrams, and shows each of those that are there.
    pub(super) async fn receive(&mut self, mut each: impl FnMut(&[u8])) -> io::Result<()> {
        loop {
            self.socket.readable().await?;
            if self.receive_waiting(&mut each)? > 0 {
                return Ok(());
            }
        }
    }

    /// Shows the datagrams that are there, and returns how many messages they came in.
    pub(super) fn receive_waiting(&mut self, each: &mut impl FnMut(&[u8])) -> io::Result<usize> {
        let Socket { socket, inbox, .. } = self;
        inbox.clear();
        let received = socket.try_io(Interest::READABLE, || {
            // What tokio knows of the socket is right only after this error.
            match inbox.receive(socket)?.drained {
                true => Err(io::ErrorKind::WouldBlock.into()),
                false => Ok(()),
            }
        });
        match received {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        for at in 0..inbox.len() {
            let message = inbox.message(at);
            match message.payload {
                [] => each(&[]),
                payload => payload.chunks(message.segment.max(1)).for_each(&mut *each),
            }
        }
        Ok(inbox.len())
    }
}
