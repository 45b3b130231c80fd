//! One direction of a session: takes from one socket, gives to the other, by copy or by splice.
//!
//! Small messages go through the worker's scratch buffer; an idle flow owns no memory. A flow that
//! keeps filling the buffer is moved through a pipe instead and falls back when it calms down.
//!
//! Readiness is tokio's, edge-triggered: it is cleared when the kernel said "would block", and after
//! a read that did not fill the buffer, which saves the system call that would say so.

use std::io;
use std::task::{Context, Poll, ready};

use tokio::io::Interest;
use tokio::net::TcpStream;

use super::turns::Ticket;
use super::worker::Resources;
use crate::net::{self, Pipe};

/// Full reads in a row after which a flow is bulk.
const BULK_AFTER: u8 = 3;

/// Fills in a row below [`SMALL_FILL`] after which a flow is bulk no more.
const CALM_AFTER: u8 = 8;

/// Less than this is copied as cheaply as it is spliced.
const SMALL_FILL: usize = 8 * 1024;

/// Bytes after which others have their turn. What a pipe holds is moved as a whole, so a turn is longer by
/// one pipe at most.
const TURN: u64 = 512 * 1024;

/// One direction.
#[derive(Default)]
pub(super) struct Flow {
    carrier: Carrier,
    /// The end of the stream has been read.
    source_ended: bool,
    /// All has been delivered, up to the end of the stream, or what is left is lost.
    done: bool,
    /// The sink has not taken what it was last offered, or has no room for more.
    back_pressured: bool,
    /// A byte of the source has been seen, ever. The first is always copied.
    has_read: bool,
    /// The sink has taken a byte, ever.
    has_written: bool,
    /// It has had a turn, has more to move, and stands in the queue.
    waits_for_turn: Option<Ticket>,
    /// Bytes moved since the last [`Flow::take_counts`].
    copied: u64,
    spliced: u64,
}

/// What moves the bytes, with the bytes that are on their way.
enum Carrier {
    /// Through the scratch buffer.
    Copy { full_reads: u8, held: Option<Box<Held>> },
    /// Through a pipe; none is held while there is nothing to move.
    Splice { pipe: Option<Pipe>, small_fills: u8 },
}

impl Default for Carrier {
    fn default() -> Self {
        Self::Copy { full_reads: 0, held: None }
    }
}

/// Bytes that have been read and could not be written at once.
struct Held {
    bytes: Box<[u8]>,
    written: usize,
}

/// A flow broke: on the side it reads from, or on the side it writes to.
#[derive(Debug)]
pub(super) enum Broken {
    /// Reading failed.
    Source(io::Error),
    /// Writing failed.
    Sink(io::Error),
}

/// Bytes moved since they were last counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// By copy.
    pub(super) copied: u64,
    /// By splice.
    pub(super) spliced: u64,
}

impl Flow {
    /// Whether all has been delivered, up to the end of the stream.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// Whether the sink has not taken what it was last offered, or has no room for more.
    pub(super) fn is_back_pressured(&self) -> bool {
        self.back_pressured
    }

    /// Whether the source has ever sent a byte.
    pub(super) fn has_read(&self) -> bool {
        self.has_read
    }

    /// Whether the sink has ever taken a byte.
    pub(super) fn has_written(&self) -> bool {
        self.has_written
    }

    /// Whether the flow does not read now, and so would not notice that its source has broken.
    pub(super) fn is_blind(&self) -> bool {
        self.back_pressured || self.done
    }

    /// Bytes moved since the last call.
    pub(super) fn take_counts(&mut self) -> Counts {
        let counts = Counts { copied: self.copied, spliced: self.spliced };
        (self.copied, self.spliced) = (0, 0);
        counts
    }

    /// Whether bytes have moved since the last [`Flow::take_counts`].
    pub(super) fn moved(&self) -> u64 {
        self.copied + self.spliced
    }

    /// Moves what can be moved in one turn. Ready once all has been delivered, up to the end of the stream, which is
    /// the caller's to pass on.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &TcpStream,
        to: &TcpStream,
        resources: &Resources,
    ) -> Poll<Result<(), Broken>> {
        if let Some(ticket) = &self.waits_for_turn {
            if !resources.turns.is_called(ticket) {
                return Poll::Pending;
            }
            self.waits_for_turn = None;
        }
        let until = self.moved() + TURN;
        while self.moved() < until {
            if self.done {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_deliver(cx, to, resources))?;
            if self.source_ended {
                self.done = true;
                return Poll::Ready(Ok(()));
            }
            self.promote_if_bulk();
            let taken = match &self.carrier {
                Carrier::Copy { .. } => self.poll_copy(cx, from, to, resources),
                Carrier::Splice { .. } => self.poll_splice(cx, from, to, resources),
            };
            ready!(taken)?;
        }
        self.waits_for_turn = Some(resources.turns.join(cx.waker()));
        Poll::Pending
    }

    /// Gives back what the flow holds; the bytes in it are lost.
    pub(super) fn abandon(&mut self, resources: &Resources) {
        self.done = true;
        match std::mem::take(&mut self.carrier) {
            Carrier::Copy { held: Some(held), .. } => resources.pending.sub(held.size()),
            Carrier::Splice { pipe: Some(pipe), .. } => resources.give_back(pipe),
            Carrier::Copy { held: None, .. } | Carrier::Splice { pipe: None, .. } => {}
        }
    }

    /// Writes what is on its way. Ready when nothing is left.
    fn poll_deliver(
        &mut self,
        cx: &mut Context<'_>,
        to: &TcpStream,
        resources: &Resources,
    ) -> Poll<Result<(), Broken>> {
        while self.has_held() {
            ready!(to.poll_write_ready(cx)).map_err(Broken::Sink)?;
            let written = match &mut self.carrier {
                Carrier::Copy { held: Some(held), .. } => {
                    let rest = &held.bytes[held.written..];
                    let written = to.try_io(Interest::WRITABLE, || net::send(to, rest));
                    if let Ok(written) = written {
                        held.written += written;
                        self.copied += written as u64;
                    }
                    written
                }
                Carrier::Splice { pipe: Some(pipe), .. } => {
                    let drained = to.try_io(Interest::WRITABLE, || pipe.drain(to));
                    self.spliced += *drained.as_ref().unwrap_or(&0) as u64;
                    drained
                }
                Carrier::Copy { held: None, .. } | Carrier::Splice { pipe: None, .. } => Ok(0),
            };
            self.offered(written)?;
            self.release_written(resources);
        }
        Poll::Ready(Ok(()))
    }

    fn has_held(&self) -> bool {
        match &self.carrier {
            Carrier::Copy { held, .. } => held.is_some(),
            Carrier::Splice { pipe, .. } => pipe.as_ref().is_some_and(|pipe| !pipe.is_empty()),
        }
    }

    /// The sink was offered bytes: how many it took. Only this tells whether it is slow; readiness is
    /// also given when the socket has broken.
    fn offered(&mut self, written: io::Result<usize>) -> Result<usize, Broken> {
        match written {
            Ok(written) => {
                self.back_pressured = false;
                self.has_written |= written > 0;
                Ok(written)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.back_pressured = true;
                Ok(0)
            }
            Err(error) => Err(Broken::Sink(error)),
        }
    }

    fn release_written(&mut self, resources: &Resources) {
        if let Carrier::Copy { held, .. } = &mut self.carrier
            && held.as_ref().is_some_and(|held| held.written == held.bytes.len())
            && let Some(held) = held.take()
        {
            resources.pending.sub(held.size());
        }
    }

    fn count_full_reads(&mut self, full: bool) {
        if let Carrier::Copy { full_reads, .. } = &mut self.carrier {
            *full_reads = if full { full_reads.saturating_add(1) } else { 0 };
        }
    }

    /// A flow that keeps filling the scratch buffer is spliced from here on. Nothing is held now.
    fn promote_if_bulk(&mut self) {
        if matches!(self.carrier, Carrier::Copy { full_reads: BULK_AFTER.., held: None }) {
            self.carrier = Carrier::Splice { pipe: None, small_fills: 0 };
        }
    }

    /// One read into the scratch buffer and one write out of it.
    fn poll_copy(
        &mut self,
        cx: &mut Context<'_>,
        from: &TcpStream,
        to: &TcpStream,
        resources: &Resources,
    ) -> Poll<Result<(), Broken>> {
        ready!(from.poll_read_ready(cx)).map_err(Broken::Source)?;
        let mut scratch = resources.scratch.borrow_mut();
        // Where nothing more may be held, bytes stay in the source until the sink has taken them.
        let may_hold = resources.may_hold();
        let received = match try_read(from, &mut scratch, may_hold) {
            Ok(received) => received,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Ready(Ok(())),
            Err(error) => return Poll::Ready(Err(Broken::Source(error))),
        };
        if received == 0 {
            self.source_ended = true;
            return Poll::Ready(Ok(()));
        }
        self.has_read = true;
        self.count_full_reads(received == scratch.len());
        let bytes = &scratch[..received];
        let written = self.offered(to.try_io(Interest::WRITABLE, || net::send(to, bytes)))?;
        self.copied += written as u64;
        if !may_hold {
            net::receive(from, &mut scratch[..written]).map_err(Broken::Source)?;
            return match written {
                0 => to.poll_write_ready(cx).map_err(Broken::Sink),
                _ => Poll::Ready(Ok(())),
            };
        }
        if written < received
            && let Carrier::Copy { held, .. } = &mut self.carrier
        {
            let rest = Held { bytes: bytes[written..].into(), written: 0 };
            resources.pending.add(rest.size());
            *held = Some(Box::new(rest));
        }
        Poll::Ready(Ok(()))
    }

    /// One fill of the empty pipe; what is in it is delivered in the next round. No flow keeps a pipe while it
    /// waits.
    fn poll_splice(
        &mut self,
        cx: &mut Context<'_>,
        from: &TcpStream,
        to: &TcpStream,
        resources: &Resources,
    ) -> Poll<Result<(), Broken>> {
        let room = self.poll_room(cx, from, to, resources);
        let Carrier::Splice { pipe: slot, small_fills } = &mut self.carrier else {
            return Poll::Ready(Ok(()));
        };
        let kept = slot.take();
        let Poll::Ready(Ok(room)) = room else {
            kept.into_iter().for_each(|pipe| resources.give_back(pipe));
            return room.map_ok(drop);
        };
        let Some(mut pipe) = kept.or_else(|| resources.take_pipe()) else {
            self.carrier = Carrier::default();
            return Poll::Ready(Ok(()));
        };
        match from.try_io(Interest::READABLE, || fill(&mut pipe, from, room)) {
            Ok(Filled::Some(filled)) => {
                *small_fills = if filled < SMALL_FILL { small_fills.saturating_add(1) } else { 0 };
                *slot = Some(pipe);
                return Poll::Ready(Ok(()));
            }
            Ok(Filled::End) => self.source_ended = true,
            Ok(Filled::Urgent) => self.carrier = Carrier::default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if *small_fills >= CALM_AFTER {
                    self.carrier = Carrier::default();
                }
            }
            Err(error) => {
                resources.give_back(pipe);
                return Poll::Ready(Err(Broken::Source(error)));
            }
        }
        resources.give_back(pipe);
        Poll::Ready(Ok(()))
    }

    /// How many bytes a pipe may take from the source, once it has any. While pipes are scarce they are no more
    /// than the sink has room for: a pipe that is filled with so much is emptied at once, and is not kept from
    /// others by a slow reader.
    fn poll_room(
        &mut self,
        cx: &mut Context<'_>,
        from: &TcpStream,
        to: &TcpStream,
        resources: &Resources,
    ) -> Poll<Result<usize, Broken>> {
        ready!(from.poll_read_ready(cx)).map_err(Broken::Source)?;
        if !resources.pipes_are_scarce() {
            return Poll::Ready(Ok(usize::MAX));
        }
        loop {
            ready!(to.poll_write_ready(cx)).map_err(Broken::Sink)?;
            match to.try_io(Interest::WRITABLE, || net::send_room(to)) {
                Ok(room) => {
                    self.back_pressured = false;
                    return Poll::Ready(Ok(room));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.back_pressured = true;
                }
                Err(error) => return Poll::Ready(Err(Broken::Sink(error))),
            }
        }
    }
}

/// What came of filling a pipe.
enum Filled {
    /// So many bytes are in it.
    Some(usize),
    /// The stream has ended.
    End,
    /// Urgent data is next, which splice(2) takes for nothing at all and only a read passes over.
    Urgent,
}

fn fill(pipe: &mut Pipe, from: &TcpStream, most: usize) -> io::Result<Filled> {
    match pipe.fill(from, most) {
        Ok(0) => Ok(Filled::End),
        Ok(filled) => Ok(Filled::Some(filled)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            match net::peek(from, &mut [0]) {
                Ok(1..) => Ok(Filled::Urgent),
                _ => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

impl Held {
    fn size(&self) -> i64 {
        self.bytes.len() as i64
    }
}

/// Reads, or only looks where nothing may be held, and clears tokio's readiness after a read that
/// emptied the socket.
fn try_read(from: &TcpStream, scratch: &mut [u8], take: bool) -> io::Result<usize> {
    let mut received = 0;
    let read = from.try_io(Interest::READABLE, || {
        received = match take {
            true => net::receive(from, scratch)?,
            false => net::peek(from, scratch)?,
        };
        match take && received > 0 && received < scratch.len() {
            // Only to clear the readiness: the bytes are here.
            true => Err(io::ErrorKind::WouldBlock.into()),
            false => Ok(()),
        }
    });
    match read {
        Err(error) if received == 0 => Err(error),
        Ok(()) | Err(_) => Ok(received),
    }
}

#[cfg(test)]
mod tests;
