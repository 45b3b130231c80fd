//! Sockets that talk to each other on the loopback interface.

use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::*;
use crate::net::Egress;

mod receiving;
mod sending;

/// What comes of a failure that a test has not foreseen.
const PATIENCE: Timespec = Timespec { tv_sec: 20, tv_nsec: 0 };

/// One of a group, at a port of its own.
fn bound(address: &str) -> UdpSocket {
    let address = address.parse().expect("an address of the test");
    let options = UdpOptions { receive_buffer: 1 << 20 };
    bind_udp_group(address, &options, 1).expect("bound").remove(0)
}

fn port(socket: &UdpSocket) -> u16 {
    socket.local_addr().expect("bound").port()
}

/// Waits until there is something to read, or an error.
fn wait(socket: &impl AsFd) {
    let mut sockets = [PollFd::new(socket, PollFlags::IN)];
    assert_eq!(poll(&mut sockets, Some(&PATIENCE)).expect("polled"), 1, "nothing comes");
}

/// Datagrams as they came, until there are so many.
fn datagrams(socket: &UdpSocket, count: usize) -> Vec<Vec<u8>> {
    let mut inbox = Inbox::new();
    let mut all: Vec<Vec<u8>> = Vec::new();
    while all.len() < count {
        wait(socket);
        inbox.receive(socket).expect("received");
        for at in 0..inbox.len() {
            let message = inbox.message(at);
            assert!(!message.is_truncated);
            let before = all.len();
            match message.payload {
                [] => all.push(Vec::new()),
                payload => all.extend(payload.chunks(message.segment).map(<[u8]>::to_vec)),
            }
            assert_eq!(all.len() - before, message.datagrams());
        }
        inbox.clear();
    }
    all
}

/// Datagrams of one length, of which the last may be shorter; no message of the kernel.
fn message(payload: &[u8], segment: usize) -> Message<'_> {
    let peer = SocketAddr::from(([0, 0, 0, 0], 0));
    let ecn = Ecn::default();
    Message { peer, local: None, payload, segment, ecn, is_truncated: false, is_unicast: true }
}

fn parcel(to: Option<SocketAddr>, message: Message<'_>) -> Parcel<'_> {
    let to = to.map(|address| Peer { address, from: None });
    Parcel::relay(to, &message, Segmenting::default())
}

/// Sends, and gives back what was reported and how many system calls it took.
fn send(socket: &UdpSocket, parcels: &[Parcel<'_>]) -> (Vec<(usize, Fate)>, usize) {
    let mut fates = Vec::new();
    let calls = Outbox::new().send(socket, parcels, Instant::now(), &mut |at, fate| {
        fates.push((at, fate));
    });
    (fates, calls)
}

/// How many datagrams of these were sent.
fn sent(fates: &[(usize, Fate)]) -> usize {
    let sent = fates.iter().map(|(_, fate)| match fate {
        Fate::Sent { datagrams, .. } => *datagrams,
        Fate::Unsegmented { .. } | Fate::Failed { .. } => 0,
    });
    sent.sum()
}

#[test]
fn boxes_can_be_made_on_one_thread_and_used_on_another() {
    fn is_send<T: Send>(_: &T) {}
    is_send(&Inbox::new());
    is_send(&Outbox::new());
}
