//! Which of many sockets have something to read (`epoll(7)`).

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use rustix::event::{Timespec, epoll};

use super::retry;

/// An epoll instance: the sockets that one task serves. It is itself readable while one of them has
/// something new, so that a runtime has one descriptor to watch instead of thousands.
///
/// It is edge-triggered: a socket is told of once for what has come, so whoever is told reads until
/// nothing is left. Closing a socket removes it.
#[derive(Debug)]
pub struct Readiness(OwnedFd);

impl Readiness {
    /// Sockets that [`Readiness::wait`] tells of at once.
    pub const MOST: usize = 256;

    /// One without sockets.
    ///
    /// # Errors
    /// What epoll_create1(2) says.
    pub fn new() -> io::Result<Self> {
        Ok(Self(epoll::create(epoll::CreateFlags::CLOEXEC)?))
    }

    /// From now on tells of this socket, by `token`, when it has something to read or an error.
    ///
    /// # Errors
    /// What epoll_ctl(2) says: no memory, or the socket is there already.
    pub fn add(&self, socket: impl AsFd, token: u64) -> io::Result<()> {
        let events = epoll::EventFlags::IN | epoll::EventFlags::ET;
        Ok(epoll::add(&self.0, socket, epoll::EventData::new_u64(token), events)?)
    }

    /// Puts the tokens of sockets that have something new in the place of what `tokens` held, without
    /// waiting for any, and returns how many there are. [`Readiness::MOST`] means that there may be
    /// others; with fewer, whatever comes later makes this instance readable again.
    ///
    /// # Errors
    /// What epoll_wait(2) says.
    pub fn wait(&self, tokens: &mut Vec<u64>) -> io::Result<usize> {
        const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
        tokens.clear();
        retry(|| {
            let mut events = [MaybeUninit::<epoll::Event>::uninit(); Self::MOST];
            let (told, _) = epoll::wait(&self.0, &mut events, Some(&AT_ONCE))?;
            tokens.extend(told.iter().map(|event| event.data.u64()));
            Ok(told.len())
        })
    }
}

impl AsFd for Readiness {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Readiness {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use rustix::event::{PollFd, PollFlags, poll};

    use super::*;

    const PATIENCE: Timespec = Timespec { tv_sec: 20, tv_nsec: 0 };

    /// Tokens of sockets, once there are any.
    fn told(readiness: &Readiness) -> Vec<u64> {
        let mut itself = [PollFd::new(readiness, PollFlags::IN)];
        assert_eq!(poll(&mut itself, Some(&PATIENCE)).expect("polled"), 1, "nothing comes");
        let mut tokens = vec![99];
        assert_eq!(readiness.wait(&mut tokens).expect("told"), tokens.len());
        tokens
    }

    #[test]
    fn a_socket_is_told_of_once_for_what_has_come() -> io::Result<()> {
        let readiness = Readiness::new()?;
        let sockets = [UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?];
        for (token, socket) in (7..).zip(&sockets) {
            readiness.add(socket, token)?;
        }
        let mut tokens = Vec::new();
        assert_eq!(readiness.wait(&mut tokens)?, 0, "nothing has come");
        for _ in 0..2 {
            sockets[0].send_to(b"hello", sockets[1].local_addr()?)?;
            assert_eq!(told(&readiness), [8]);
            assert_eq!(readiness.wait(&mut tokens)?, 0, "it is not read, and told");
        }
        Ok(())
    }

    #[test]
    fn a_refusal_is_told_and_a_closed_socket_is_not() -> io::Result<()> {
        let readiness = Readiness::new()?;
        let gone = UdpSocket::bind("127.0.0.1:0")?.local_addr()?;
        let sockets = [UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?];
        for (token, socket) in (7..).zip(&sockets) {
            readiness.add(socket, token)?;
            socket.connect(gone)?;
            socket.send(b"anybody?")?;
        }
        let [open, closed] = sockets;
        drop(closed);
        assert_eq!(told(&readiness), [7]);
        assert!(open.recv(&mut []).is_err());
        Ok(())
    }
}
