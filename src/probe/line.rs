//! A socket that is looked at itself, and of which so much is read and no more; also as hyper reads
//! and writes it.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::net;

/// Read at a time.
const CHUNK: usize = 2048;

/// One connection to be asked over. Whenever it is read it asks the kernel, so that what has come is seen
/// before the runtime hears of it.
pub(super) struct Line<'s> {
    stream: &'s TcpStream,
    /// Bytes that may still be read. Who sends faster than it is read would keep its reader for ever.
    left: usize,
    /// Set when the other side has ended the stream, in order or not.
    has_ended: &'s AtomicBool,
}

impl<'s> Line<'s> {
    /// A line of which at most `most` bytes are read; then it is broken.
    pub(super) fn new(stream: &'s TcpStream, most: usize, has_ended: &'s AtomicBool) -> Self {
        Self { stream, left: most, has_ended }
    }

    /// What has come, of which as much as `buffer` holds; 0 at the end of the stream.
    pub(super) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let room = buffer.len().min(self.left);
        if room == 0 {
            return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
        }
        let (stream, buffer) = (self.stream, &mut buffer[..room]);
        let read = ready!(self.poll(Interest::READABLE, cx, || net::receive(stream, buffer)));
        match read {
            Ok(0) | Err(_) => self.has_ended.store(true, Ordering::Relaxed),
            Ok(bytes) => self.left -= bytes,
        }
        Poll::Ready(read)
    }

    /// Sends as much as the socket takes.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(self.poll(Interest::WRITABLE, cx, || net::send(self.stream, bytes)));
        if written.is_err() {
            self.has_ended.store(true, Ordering::Relaxed);
        }
        Poll::Ready(written)
    }

    /// Does what would block until the runtime says that it would not. Each time it is tried first.
    fn poll<T>(
        &self,
        interest: Interest,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut() -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        let is_blocked = |it: &io::Result<T>| {
            it.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
        };
        let first = attempt();
        if !is_blocked(&first) {
            return Poll::Ready(first);
        }
        loop {
            ready!(match interest.is_readable() {
                true => self.stream.poll_read_ready(cx),
                false => self.stream.poll_write_ready(cx),
            })?;
            let done = self.stream.try_io(interest, &mut attempt);
            if !is_blocked(&done) {
                return Poll::Ready(done);
            }
        }
    }
}

impl Read for Line<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut chunk = [0; CHUNK];
        let chunk = &mut chunk[..CHUNK.min(buffer.remaining())];
        let bytes = ready!(self.poll_receive(cx, chunk))?;
        buffer.put_slice(&chunk[..bytes]);
        Poll::Ready(Ok(()))
    }
}

impl Write for Line<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Who asked ends the connection, with a reset.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
