//! Sending: up to 64 trains of datagrams with one system call (`sendmmsg(2)`), each segmented by the
//! kernel.

#![expect(unsafe_code, reason = "sendmmsg(2) reads what its caller gives it")]

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;
use std::time::Instant;

use super::batch::{Batch, MESSAGES};
use super::control::{Pktinfo4, Pktinfo6};
use super::message::{Ecn, LocalAddr};
use super::name::Name;
use super::parcel::{Parcel, Peer};
use super::train::{MOST_DATAGRAMS, Piece, Place, Refusal, Train, Yard};

/// Vectors of one call: enough for 64 parcels of one datagram in whatever trains, each with its prefix.
const VECTORS: usize = 2 * MESSAGES + MOST_DATAGRAMS;

/// What has become of datagrams of one parcel. Those of a parcel that was split are told of in parts,
/// in their order.
#[derive(Debug)]
pub enum Fate {
    /// The kernel has taken them.
    Sent {
        /// How many.
        datagrams: usize,
        /// Bytes of their payloads together.
        bytes: usize,
    },
    /// The kernel does not segment them; see [`super::Segmenting::refused`]. They go singly, and what
    /// becomes of them follows.
    Unsegmented {
        /// Bytes of the segments that were refused.
        segment: usize,
    },
    /// The kernel has not taken them: they are lost.
    Failed {
        /// How many. None, if the error is that of a datagram that a connected socket had sent before.
        datagrams: usize,
        /// What the kernel says.
        error: io::Error,
    },
}

/// Sends parcels of several peers, in batches; its memory is allocated once.
pub struct Outbox {
    /// Between calls its vectors lead to nothing that may be used.
    batch: Batch,
    trains: Vec<Train>,
    pieces: Vec<Piece>,
}

impl Outbox {
    /// One for whatever socket.
    #[must_use]
    pub fn new() -> Self {
        Self {
            batch: Batch::new(VECTORS),
            trains: Vec::with_capacity(MESSAGES),
            pieces: Vec::with_capacity(VECTORS),
        }
    }

    /// Sends these parcels in their order, and reports by the number of each what has become of it: every
    /// datagram is sent or has failed. Nothing is waited for, and nothing is tried more than twice: what
    /// finds no room in the socket or the device (`EAGAIN`, `ENOBUFS`) has failed.
    ///
    /// Parcels that follow each other are joined where the kernel can send them as one message: those
    /// with the same `to` and ECN, and segments of one length.
    ///
    /// Returns how many system calls it took.
    pub fn send(
        &mut self,
        socket: &impl AsFd,
        parcels: &[Parcel<'_>],
        now: Instant,
        report: &mut dyn FnMut(usize, Fate),
    ) -> usize {
        if let [alone @ Parcel { to: None, .. }] = parcels
            && alone.is_single()
            && alone.prefix.is_empty()
            && alone.ecn == Ecn::default()
        {
            return send_alone(socket, alone.payload, report);
        }
        let mut yard = Yard { parcels, now, refusal: None };
        let mut place = Place::default();
        let mut calls = 0;
        while place.parcel < parcels.len() {
            let next = self.load(&yard, place);
            let mut departure = Departure { loaded: self, parcels, report: &mut *report, calls };
            place = match departure.leave(socket) {
                None => next,
                Some((refusal, again)) => {
                    yard.refusal = Some(refusal);
                    again
                }
            };
            calls = departure.calls;
        }
        calls
    }

    /// Puts as many trains together as go with one call, and says where the next one begins.
    fn load(&mut self, yard: &Yard<'_, '_>, from: Place) -> Place {
        self.trains.clear();
        self.pieces.clear();
        let (mut place, mut vectors) = (from, 0);
        while self.trains.len() < MESSAGES && vectors + MOST_DATAGRAMS <= VECTORS {
            let (piece, vector) = (self.pieces.len(), vectors);
            let Some(train) = yard.train(place, |piece| self.pieces.push(piece)) else { break };
            let first = &yard.parcels[train.begins.parcel];
            self.address(first, &train);
            let pieces = self.pieces[piece..].iter().map(|&Piece { begins, bytes, .. }| {
                &yard.parcels[begins.parcel].payload[begins.offset..][..bytes]
            });
            // A train after a prefix is one datagram.
            for bytes in Some(first.prefix).filter(|it| !it.is_empty()).into_iter().chain(pieces) {
                // The kernel reads them, and nobody writes.
                let base = bytes.as_ptr().cast_mut().cast();
                self.batch.vectors[vectors] = libc::iovec { iov_base: base, iov_len: bytes.len() };
                vectors += 1;
            }
            let header = &mut self.batch.headers[self.trains.len()].msg_hdr;
            header.msg_iov = self.batch.vectors.as_mut_ptr().wrapping_add(vector);
            header.msg_iovlen = vectors - vector;
            place = train.ends;
            self.trains.push(train);
        }
        place
    }

    /// Writes the name and the control messages of the next train.
    fn address(&mut self, parcel: &Parcel<'_>, train: &Train) {
        let at = self.trains.len();
        let name = self.batch.names.as_mut_ptr().wrapping_add(at);
        let header = &mut self.batch.headers[at].msg_hdr;
        (header.msg_name, header.msg_namelen) = (ptr::null_mut(), 0);
        if let Some(Peer { address, .. }) = parcel.to {
            (self.batch.names[at], header.msg_namelen) = Name::of(address);
            header.msg_name = name.cast();
        }
        let control = &mut self.batch.controls[at];
        let mut len = 0;
        let mut say = |level, kind, data: &[u8]| len = control.put(len, level, kind, data);
        if train.datagrams > 1 {
            say(libc::SOL_UDP, libc::UDP_SEGMENT, &(train.segment as u16).to_ne_bytes());
        }
        let ecn = parcel.ecn;
        if ecn != Ecn::default() {
            let class = libc::c_int::from(ecn.bits()).to_ne_bytes();
            let address = parcel.to.map(|to| to.address);
            // Of a connected socket nobody asks which family it has: each reads what is for it.
            if !matches!(address, Some(SocketAddr::V6(_))) {
                say(libc::IPPROTO_IP, libc::IP_TOS, &class);
            }
            if !matches!(address, Some(SocketAddr::V4(_))) {
                say(libc::IPPROTO_IPV6, libc::IPV6_TCLASS, &class);
            }
        }
        if let Some(LocalAddr { ip, interface }) = parcel.to.and_then(|to| to.from) {
            match ip {
                IpAddr::V4(ip) => {
                    say(libc::IPPROTO_IP, libc::IP_PKTINFO, &Pktinfo4::written(ip.octets()));
                }
                IpAddr::V6(ip) => {
                    let info = Pktinfo6 { address: ip.octets(), interface };
                    say(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &info.written());
                }
            }
        }
        header.msg_controllen = len;
    }
}

/// Sends one datagram of which nothing has to be said, as most are where clients ask and wait: with less
/// for the kernel to read than a train. Returns how many system calls it took.
fn send_alone(socket: &impl AsFd, payload: &[u8], report: &mut dyn FnMut(usize, Fate)) -> usize {
    let bytes = payload.len();
    let Err(error) = crate::net::send(socket, payload) else {
        report(0, Fate::Sent { datagrams: 1, bytes });
        return 1;
    };
    if !error.raw_os_error().is_some_and(may_be_earlier) {
        report(0, Fate::Failed { datagrams: 1, error });
        return 1;
    }
    match crate::net::send(socket, payload) {
        Ok(_) => {
            report(0, Fate::Failed { datagrams: 0, error });
            report(0, Fate::Sent { datagrams: 1, bytes });
        }
        Err(again) => {
            if again.raw_os_error() != error.raw_os_error() {
                report(0, Fate::Failed { datagrams: 0, error });
            }
            report(0, Fate::Failed { datagrams: 1, error: again });
        }
    }
    2
}

/// Loaded trains on their way.
struct Departure<'a, 'b> {
    loaded: &'a mut Outbox,
    parcels: &'a [Parcel<'b>],
    report: &'a mut dyn FnMut(usize, Fate),
    calls: usize,
}

impl Departure<'_, '_> {
    /// Sends what is loaded. If the kernel refuses to segment a train, this ends before it, with the
    /// place where it begins: it and what was behind it have to be put together anew.
    fn leave(&mut self, socket: &impl AsFd) -> Option<(Refusal, Place)> {
        let count = self.loaded.trains.len();
        let (mut first, mut piece) = (0, 0);
        // Whether the first train that is left has been tried before, and what was said then.
        let (mut is_second_try, mut said) = (false, None);
        while first < count {
            self.calls += 1;
            let error = match send(socket, &mut self.loaded.batch.headers[first..count]) {
                Ok(sent) => {
                    self.tell_earlier(piece, said.take());
                    for train in first..first + sent {
                        piece = self.tell_sent(train, piece);
                    }
                    first += sent;
                    // The next one was tried as well, and the kernel keeps to itself what was wrong.
                    is_second_try = true;
                    continue;
                }
                Err(error) => error,
            };
            let train = self.loaded.trains[first];
            let to = self.parcels[train.begins.parcel].to;
            if to.is_none() && !is_second_try && may_be_earlier(error) {
                (is_second_try, said) = (true, Some(error));
                continue;
            }
            // Said twice, it is of this train.
            self.tell_earlier(piece, said.take().filter(|said| *said != error));
            if train.datagrams > 1 && is_of_segmentation(error) {
                for piece in piece..piece + train.pieces {
                    self.tell(piece, Fate::Unsegmented { segment: train.segment });
                }
                return Some((Refusal { to, segment: train.segment }, train.begins));
            }
            piece = self.tell_failed(first, piece, error);
            first += 1;
            is_second_try = false;
        }
        None
    }

    /// Of a train whose first piece is this one; returns the first piece of the next.
    fn tell_sent(&mut self, train: usize, first: usize) -> usize {
        let end = first + self.loaded.trains[train].pieces;
        for at in first..end {
            let Piece { datagrams, bytes, .. } = self.loaded.pieces[at];
            self.tell(at, Fate::Sent { datagrams, bytes });
        }
        end
    }

    /// Of a train whose first piece is this one; returns the first piece of the next.
    fn tell_failed(&mut self, train: usize, first: usize, error: i32) -> usize {
        let end = first + self.loaded.trains[train].pieces;
        for at in first..end {
            let datagrams = self.loaded.pieces[at].datagrams;
            let error = io::Error::from_raw_os_error(error);
            self.tell(at, Fate::Failed { datagrams, error });
        }
        end
    }

    /// An error that was there before this piece.
    fn tell_earlier(&mut self, piece: usize, error: Option<i32>) {
        if let Some(error) = error {
            let error = io::Error::from_raw_os_error(error);
            self.tell(piece, Fate::Failed { datagrams: 0, error });
        }
    }

    fn tell(&mut self, piece: usize, fate: Fate) {
        (self.report)(self.loaded.pieces[piece].begins.parcel, fate);
    }
}

/// Whether this is what the kernel says of a train that it does not segment (`udp_send_skb` of
/// `net/ipv4/udp.c`, and the same of IPv6): segments beyond the MTU, or a path that cannot.
fn is_of_segmentation(error: i32) -> bool {
    matches!(error, libc::EIO | libc::EINVAL | libc::EMSGSIZE)
}

/// Whether this may be what an earlier datagram of a connected socket met with, as ICMP has told. The
/// others are of the host itself.
fn may_be_earlier(error: i32) -> bool {
    let is_ours = matches!(
        error,
        libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM | libc::EINVAL | libc::EIO | libc::EPERM
    );
    !is_ours
}

impl Default for Outbox {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").finish_non_exhaustive()
    }
}

/// Sends these messages up to one that fails, and says how many; the number of the error if it is the
/// first.
fn send(socket: &impl AsFd, headers: &mut [libc::mmsghdr]) -> Result<usize, i32> {
    let socket = socket.as_fd().as_raw_fd();
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    loop {
        // SAFETY: the headers lead to a name, control messages and vectors of the outbox, as many and
        // as long as they say; the vectors lead to prefixes and payloads that are borrowed for longer than
        // the call. The kernel writes into nothing but the headers.
        let count = unsafe {
            // Not by the function of that name, which is a point of cancellation and pays for it.
            libc::syscall(
                libc::SYS_sendmmsg,
                socket,
                headers.as_mut_ptr(),
                headers.len() as libc::c_uint,
                flags,
            )
        };
        match usize::try_from(count) {
            Ok(0) => return Err(libc::EIO),
            Ok(count) => return Ok(count.min(headers.len())),
            Err(_) => match io::Error::last_os_error().raw_os_error() {
                Some(libc::EINTR) => {}
                error => return Err(error.unwrap_or(libc::EIO)),
            },
        }
    }
}
