//! Sockets as Linux has them: binding, dialling, splicing, resetting, datagrams in batches. The only
//! place for `unsafe`.
//!
//! Knows nothing of sessions, DCs or routing; imports nothing of the crate.

use std::io;
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

mod accept;
mod descriptors;
mod dial;
mod egress;
mod exclusive;
mod listen;
mod low_water;
mod option;
mod peer_watch;
mod pipe;
mod readiness;
mod reset_on_drop;
mod send_room;
mod silence;
mod socket;
mod source;
mod udp;

pub use accept::AcceptQueue;
pub use descriptors::{hard_descriptor_limit, raise_descriptor_limit};
pub use dial::{Dial, DialError, dial};
pub use egress::Egress;
pub use exclusive::ExclusiveBind;
pub use listen::{BindError, ListenOptions, bind_group, listen};
pub use low_water::set_receive_low_water;
pub use peer_watch::{Keepalive, PeerWatch};
pub use pipe::Pipe;
pub use readiness::Readiness;
pub use reset_on_drop::ResetOnDrop;
pub use send_room::send_room;
pub use silence::silence;
pub use socket::{
    peek, receive, reset_on_close, send, stop_receiving, stop_sending, unacknowledged,
};
pub use udp::{
    Ecn, Fate, Inbox, LocalAddr, Message, Outbox, Parcel, Peer, Received, Segmenting, UdpOptions,
    bind_udp_group, connect_udp, set_receive_buffer,
};

/// Makes a system call again for as long as signals interrupt it.
fn retry(mut call: impl FnMut() -> rustix::io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            result => return result.map_err(io::Error::from),
        }
    }
}

/// What of this a descriptor is ready for now, and whether it is broken (`poll(2)`).
fn readiness_for(descriptor: &impl AsFd, how: PollFlags) -> io::Result<PollFlags> {
    const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
    let mut polled = [PollFd::new(descriptor, how)];
    retry(|| poll(&mut polled, Some(&AT_ONCE)))?;
    Ok(polled[0].revents())
}

/// Whether a descriptor is ready for this now, or broken.
fn is_ready(descriptor: &impl AsFd, how: PollFlags) -> io::Result<bool> {
    readiness_for(descriptor, how).map(|ready| !ready.is_empty())
}

/// Two ends of one connection, for tests.
#[cfg(test)]
fn pair() -> (std::net::TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("bound");
    let one = std::net::TcpStream::connect(address).expect("connected");
    (one, listener.accept().expect("accepted").0)
}
