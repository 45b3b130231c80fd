//! A socket as hyper reads and writes it, which looks at the socket itself and reads so much and no
//! more.

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
        let room = CHUNK.min(buffer.remaining()).min(self.left);
        if room == 0 {
            return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
        }
        let (stream, chunk) = (self.stream, &mut chunk[..room]);
        let read = ready!(self.poll(Interest::READABLE, cx, || net::receive(stream, chunk)));
        if matches!(read, Ok(0) | Err(_)) {
            self.has_ended.store(true, Ordering::Relaxed);
        }
        let bytes = read?;
        self.left -= bytes;
        buffer.put_slice(&chunk[..bytes]);
        Poll::Ready(Ok(()))
    }
}

impl Write for Line<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(self.poll(Interest::WRITABLE, cx, || net::send(self.stream, bytes)));
        if written.is_err() {
            self.has_ended.store(true, Ordering::Relaxed);
        }
        Poll::Ready(written)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Who asked ends the connection, with a reset.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
