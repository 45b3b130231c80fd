//! Datagrams in batches: what has come, and answers that leave together.

use super::port::Port;
use crate::net::{Fate, Inbox, Message, Outbox, Parcel, Peer};
use std::io;
use std::ops::Range;
use std::time::Instant;
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// What has come.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    inbox: Inbox,
}

impl Arrivals {
    /// Waits for datagrams and reads what is there; never returns while the port is closed.
    pub(super) async fn read(&mut self, port: &Port) -> io::Result<()> {
        let Some(socket) = port.socket() else { return std::future::pending().await };
        self.inbox.clear();
        while self.inbox.is_empty() {
            socket.readable().await?;
            self.read_waiting(socket)?;
        }
        Ok(())
    }

    fn read_waiting(&mut self, socket: &UdpSocket) -> io::Result<()> {
        let read = socket.try_io(Interest::READABLE, || {
            match self.inbox.receive(socket)?.drained {
                // What tokio knows of the socket is right only after this error.
                true => Err(io::ErrorKind::WouldBlock.into()),
                false => Ok(()),
            }
        });
        match read {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Shows each datagram, with whom an answer goes to, and from where.
    pub(super) fn for_each(&self, mut each: impl FnMut(Peer, &[u8])) {
        for at in 0..self.inbox.len() {
            let Message { peer: address, local: from, payload, segment, is_truncated, .. } =
                self.inbox.message(at);
            let peer = Peer { address, from };
            match payload {
                _ if is_truncated => {}
                [] => each(peer, &[]),
                _ => payload.chunks(segment.max(1)).for_each(|datagram| each(peer, datagram)),
            }
        }
    }
}

/// Answers that leave together.
#[derive(Debug, Default)]
pub(super) struct Answers {
    bytes: Vec<u8>,
    datagrams: Vec<(Peer, Range<usize>)>,
    outbox: Outbox,
}

impl Answers {
    /// One more, made of these parts.
    pub(super) fn push(&mut self, to: Peer, parts: &[&[u8]]) {
        let first = self.bytes.len();
        parts.iter().for_each(|part| self.bytes.extend_from_slice(part));
        self.datagrams.push((to, first..self.bytes.len()));
    }

    /// Each of them, which then are no more.
    pub(super) fn drain(&mut self, mut each: impl FnMut(Peer, &[u8])) {
        self.datagrams.drain(..).for_each(|(to, range)| each(to, &self.bytes[range]));
        self.bytes.clear();
    }

    /// Sends them. Those for which there is no room, or whom nobody is at home for, are lost, as others
    /// are. Returns how many were sent, and how many bytes they had.
    pub(super) fn send(&mut self, socket: &UdpSocket) -> (usize, usize) {
        let parcels: Vec<Parcel<'_>> = self
            .datagrams
            .iter()
            .map(|(to, range)| Parcel::new(Some(*to), &self.bytes[range.clone()], range.len()))
            .collect();
        let mut sent = (0, 0);
        self.outbox.send(socket, &parcels, Instant::now(), &mut |_, fate| match fate {
            Fate::Sent { datagrams, bytes } => sent = (sent.0 + datagrams, sent.1 + bytes),
            Fate::Unsegmented { .. } | Fate::Failed { .. } => {}
        });
        self.datagrams.clear();
        self.bytes.clear();
        sent
    }
}
