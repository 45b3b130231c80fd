//! Receiving: up to 64 messages with one system call (`recvmmsg(2)`).

#![expect(unsafe_code, reason = "recvmmsg(2) writes into what its caller gives it")]

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;

use super::batch::{Batch, MESSAGES};
use super::control::{Control, Pktinfo4, Pktinfo6, int};
use super::message::{Ecn, LocalAddr, Message};
use super::name::Name;

/// Room for the longest message: what fits into the length field of UDP.
const LONGEST: usize = 65_535;

/// From one place to the next: a little more, so that the beginnings of messages do not all compete for
/// the same sets of a cache.
const STRIDE: usize = 65_536 + 192;

/// Fixed room for messages of several sockets, allocated once: 4 MiB, of which memory is used as far as
/// messages have filled it.
pub struct Inbox {
    /// Its vectors lead to `payloads`, and nothing else does.
    batch: Batch,
    payloads: Vec<u8>,
    arrivals: Vec<Arrival>,
}

/// What one call has received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The places of the messages.
    pub messages: Range<usize>,
    /// Fewer came than there was room for: nothing is left in the socket, and what comes later is a new
    /// event for those who watch it.
    pub drained: bool,
}

/// All of a message but its payload.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    peer: SocketAddr,
    local: Option<LocalAddr>,
    len: usize,
    segment: usize,
    ecn: Ecn,
    is_truncated: bool,
    is_unicast: bool,
}

impl Inbox {
    /// Messages that there is room for.
    pub const MESSAGES: usize = MESSAGES;

    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        let mut batch = Batch::new(MESSAGES);
        let mut payloads = vec![0; MESSAGES * STRIDE];
        for at in 0..MESSAGES {
            batch.vectors[at] = libc::iovec {
                iov_base: payloads.as_mut_ptr().wrapping_add(at * STRIDE).cast(),
                iov_len: LONGEST,
            };
            let vector = batch.vectors.as_mut_ptr().wrapping_add(at);
            let header = &mut batch.headers[at].msg_hdr;
            header.msg_iov = vector;
            header.msg_iovlen = 1;
            header.msg_namelen = Name::ROOM;
            header.msg_controllen = Control::ROOM;
        }
        Self { batch, payloads, arrivals: Vec::with_capacity(MESSAGES) }
    }

    /// Takes what the socket has received, as far as there is room. Nothing to be had is no error, and
    /// neither is an inbox without room, of which nothing is asked.
    ///
    /// # Errors
    /// What recvmmsg(2) says. Of a connected socket that may be what has become of a datagram that was
    /// sent (`ECONNREFUSED`, `EHOSTUNREACH`): told once, and there may be messages behind it.
    pub fn receive(&mut self, socket: &impl AsFd) -> io::Result<Received> {
        let first = self.arrivals.len();
        let free = &mut self.batch.headers[first..];
        if free.is_empty() {
            return Ok(Received { messages: first..first, drained: false });
        }
        let count = match receive(socket, free) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            result => result?,
        };
        let messages = first..first + count;
        for at in messages.clone() {
            let arrival = self.arrival(at);
            self.arrivals.push(arrival);
            let header = &mut self.batch.headers[at].msg_hdr;
            header.msg_namelen = Name::ROOM;
            header.msg_controllen = Control::ROOM;
        }
        Ok(Received { drained: messages.end < MESSAGES, messages })
    }

    /// The message at a place.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn message(&self, at: usize) -> Message<'_> {
        let Arrival { peer, local, len, segment, ecn, is_truncated, is_unicast } =
            self.arrivals[at];
        let payload = &self.payloads[at * STRIDE..][..len];
        Message { peer, local, payload, segment, ecn, is_truncated, is_unicast }
    }

    /// Messages that there is still room for.
    #[must_use]
    pub fn free(&self) -> usize {
        MESSAGES - self.len()
    }

    /// Messages in it, at the places from 0.
    #[must_use]
    pub fn len(&self) -> usize {
        self.arrivals.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.arrivals.is_empty()
    }

    /// Lets all messages go.
    pub fn clear(&mut self) {
        self.arrivals.clear();
    }

    /// What the kernel has said of the message at a place.
    fn arrival(&self, at: usize) -> Arrival {
        let header = &self.batch.headers[at];
        let len = (header.msg_len as usize).min(LONGEST);
        let peer = self.batch.names[at].address();
        let lacks = header.msg_hdr.msg_flags & (libc::MSG_TRUNC | libc::MSG_CTRUNC) != 0;
        let mut arrival = Arrival {
            peer: peer.unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))),
            local: None,
            len,
            segment: len,
            ecn: Ecn::default(),
            is_truncated: lacks || peer.is_none(),
            is_unicast: true,
        };
        let said = header.msg_hdr.msg_controllen;
        for (level, kind, data) in self.batch.controls[at].messages(said) {
            arrival.learn(level, kind, data);
        }
        arrival
    }
}

impl Arrival {
    fn learn(&mut self, level: i32, kind: i32, data: &[u8]) {
        match (level, kind) {
            (libc::SOL_UDP, libc::UDP_GRO) => {
                let segment = int(data).and_then(|segment| usize::try_from(segment).ok());
                self.segment = segment.filter(|it| (1..self.len).contains(it)).unwrap_or(self.len);
            }
            // One byte, where IPv6 has an `int`.
            (libc::IPPROTO_IP, libc::IP_TOS) => {
                self.ecn = data.first().copied().map(Ecn::of_traffic_class).unwrap_or_default();
            }
            (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => {
                self.ecn =
                    int(data).map(|class| Ecn::of_traffic_class(class as u8)).unwrap_or_default();
            }
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                let Some(info) = Pktinfo4::read(data) else { return };
                self.local = Some(LocalAddr { ip: IpAddr::from(info.ours), interface: 0 });
                self.is_unicast = info.ours == info.destination;
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                let Some(info) = Pktinfo6::read(data) else { return };
                let ip = Ipv6Addr::from(info.address);
                let interface = if ip.is_unicast_link_local() { info.interface } else { 0 };
                self.local = Some(LocalAddr { ip: ip.into(), interface });
                self.is_unicast = !ip.is_multicast();
            }
            // Nothing else was asked for.
            (_, _) => {}
        }
    }
}

impl Default for Inbox {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("arrivals", &self.arrivals).finish_non_exhaustive()
    }
}

/// Fills these headers, and says how many.
fn receive(socket: &impl AsFd, headers: &mut [libc::mmsghdr]) -> io::Result<usize> {
    let socket = socket.as_fd().as_raw_fd();
    loop {
        // SAFETY: the headers lead to a name, a vector and control messages of each, which are the
        // inbox's and as long as the headers say; the vector leads to a place of its payloads. All of
        // them live until the call returns, and nobody else looks at them meanwhile.
        let count = unsafe {
            libc::recvmmsg(
                socket,
                headers.as_mut_ptr(),
                headers.len() as libc::c_uint,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        match usize::try_from(count) {
            Ok(count) => return Ok(count.min(headers.len())),
            Err(_) => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn a_message_that_does_not_fit_is_marked() -> io::Result<()> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let mut inbox = Inbox::new();
        inbox.batch.vectors[0].iov_len = 3;
        for _ in 0..2 {
            socket.send_to(b"hello", socket.local_addr()?)?;
        }
        while inbox.len() < 2 {
            inbox.receive(&socket)?;
        }
        let (cut, whole) = (inbox.message(0), inbox.message(1));
        assert_eq!((cut.payload, cut.is_truncated), (b"hel".as_slice(), true));
        assert_eq!((whole.payload, whole.is_truncated), (b"hello".as_slice(), false));
        Ok(())
    }
}
