//! A pipe between two sockets: bytes move from one to the other without entering this process
//! (`splice(2)`).

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

use super::retry;

/// A pipe smaller than this moves too little per system call to be worth it. The kernel hands such
/// pipes to unprivileged users who have many (`pipe-user-pages-soft`, `pipe(7)`).
const LEAST_CAPACITY: usize = 64 * 1024;

/// A pipe and how full it is. Every session has room for two of them: lengths are as small as an `int`, which is
/// what fcntl(2) says of a pipe.
#[derive(Debug)]
pub struct Pipe {
    output: OwnedFd,
    input: OwnedFd,
    capacity: u32,
    len: u32,
}

impl Pipe {
    /// A pipe of at least `capacity` bytes if the kernel grants it, and of no less than 64 KiB.
    ///
    /// # Errors
    /// `OutOfMemory` when the kernel grants only a small one; else what pipe2(2) says.
    pub fn new(capacity: usize) -> io::Result<Self> {
        let (output, input) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let capacity = match fcntl_setpipe_size(&input, capacity) {
            Ok(granted) => granted,
            Err(Errno::PERM) => rustix::pipe::fcntl_getpipe_size(&input)?,
            Err(error) => return Err(error.into()),
        };
        if capacity < LEAST_CAPACITY {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        Ok(Self { output, input, capacity: capacity as u32, len: 0 })
    }

    /// Bytes in the pipe.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether the pipe holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Moves what `socket` has received into the empty pipe, `most` bytes of it, and returns how much; 0 at the
    /// end of the stream.
    ///
    /// Only an empty pipe is filled: then `WouldBlock` can only mean that the socket is empty. With
    /// bytes in the pipe it could as well mean that the pipe is full.
    ///
    /// # Errors
    /// `WouldBlock` when the socket has nothing, or urgent data is next, which only a read passes over; else its
    /// error.
    pub fn fill(&mut self, socket: &impl AsFd, most: usize) -> io::Result<usize> {
        debug_assert!(self.is_empty(), "only an empty pipe is filled");
        let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
        let most = most.min(self.capacity as usize);
        let moved = retry(|| splice(socket, None, &self.input, None, most, flags))?;
        self.len = moved as u32;
        Ok(moved)
    }

    /// Moves bytes from the pipe to `socket`, and returns how many.
    ///
    /// `SPLICE_F_MORE` is never set: whether more will follow is not known, and the kernel would
    /// hold the last segment back for it.
    ///
    /// # Errors
    /// `WouldBlock` when the socket takes nothing; else its error.
    pub fn drain(&mut self, socket: &impl AsFd) -> io::Result<usize> {
        let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
        let moved = retry(|| splice(&self.output, None, socket, None, self.len(), flags))?;
        self.len -= moved as u32;
        Ok(moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::pair;
    use std::io::{Read, Write};

    #[test]
    fn bytes_pass_from_socket_to_socket() {
        let (mut client, downstream) = pair();
        let (upstream, mut dc) = pair();
        let mut pipe = Pipe::new(256 * 1024).expect("a pipe");
        client.write_all(b"hello").expect("written");
        client.shutdown(std::net::Shutdown::Write).expect("closed");
        assert_eq!(pipe.fill(&downstream, usize::MAX).expect("filled"), 5);
        assert_eq!(pipe.drain(&upstream).expect("drained"), 5);
        assert!(pipe.is_empty());
        assert_eq!(pipe.fill(&downstream, usize::MAX).expect("the end"), 0);
        let mut received = [0; 5];
        dc.read_exact(&mut received).expect("read");
        assert_eq!(&received, b"hello");
    }

    #[test]
    fn an_empty_socket_would_block() {
        let (_client, downstream) = pair();
        downstream.set_nonblocking(true).expect("nonblocking");
        let mut pipe = Pipe::new(64 * 1024).expect("a pipe");
        let error = pipe.fill(&downstream, usize::MAX).expect_err("nothing there");
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}
