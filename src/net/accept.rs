//! Accepting from a listening socket that a runtime watches.

#![expect(unsafe_code, reason = "the runtime trusts its caller that a descriptor stays open")]

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::task::{Context, Poll, ready};

use rustix::event::PollFlags;
use rustix::net::{SocketFlags, acceptfrom_with};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::is_ready;

/// The queue of a listening socket. The runtime is told of it once for what has come, so it is emptied
/// each time. That nobody is left is asked with poll(2): accept4(2) opens a socket and a file before it
/// looks, and costs ten times as much when it finds nobody.
#[derive(Debug)]
pub struct AcceptQueue(AsyncFd<TcpListener>);

impl AcceptQueue {
    /// Has the runtime watch a listening socket that does not block.
    ///
    /// # Errors
    /// When it cannot.
    pub fn watch(listener: TcpListener) -> io::Result<Self> {
        // SAFETY: its descriptor is its own, always the same, and closed when it is dropped.
        let watched = unsafe { AsyncFd::register_with_interest(listener, Interest::READABLE) };
        Ok(Self(watched?))
    }

    /// The next client. Wakes the last caller only.
    ///
    /// # Errors
    /// What accept4(2) says.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        loop {
            let mut readable = ready!(self.0.poll_read_ready(cx))?;
            let accepted = self.accept_waiting();
            let is_empty = match &accepted {
                Ok(_) => !self.may_have_more(),
                Err(error) => error.kind() == io::ErrorKind::WouldBlock,
            };
            if is_empty {
                readable.clear_ready();
            }
            match accepted {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                accepted => return Poll::Ready(accepted),
            }
        }
    }

    /// A client that waits, without asking the runtime: it may not have heard of them yet.
    ///
    /// # Errors
    /// `WouldBlock` when there is none; else what accept4(2) says.
    pub fn accept_waiting(&self) -> io::Result<(TcpStream, SocketAddr)> {
        accept_waiting(self)
    }

    fn may_have_more(&self) -> bool {
        // Where this cannot be known, accept4(2) says it.
        is_ready(self, PollFlags::IN).unwrap_or(true)
    }
}

impl AsFd for AcceptQueue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.get_ref().as_fd()
    }
}

/// A client that waits in the queue of a listening socket.
pub(super) fn accept_waiting(listener: &impl AsFd) -> io::Result<(TcpStream, SocketAddr)> {
    let (accepted, from) = acceptfrom_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
    let neighbour = from.and_then(|from| SocketAddr::try_from(from).ok());
    let neighbour = neighbour.ok_or(io::ErrorKind::ConnectionAborted)?;
    Ok((accepted.into(), neighbour))
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    fn queue() -> (AcceptQueue, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        listener.set_nonblocking(true).expect("nonblocking");
        let address = listener.local_addr().expect("bound");
        (AcceptQueue::watch(listener).expect("watched"), address)
    }

    #[tokio::test]
    async fn all_who_came_at_once_are_accepted_and_those_who_come_later_are_heard_of() {
        let (queue, address) = queue();
        for crowd in [1, 5, 2] {
            let connect = |_| TcpStream::connect(address).expect("connected");
            let clients: Vec<_> = (0..crowd).map(connect).collect();
            for client in &clients {
                let (_, neighbour) = poll_fn(|cx| queue.poll_accept(cx)).await.expect("accepted");
                assert_eq!(neighbour, client.local_addr().expect("connected"));
            }
            let next = poll_fn(|cx| Poll::Ready(queue.poll_accept(cx))).await;
            assert!(next.is_pending());
        }
    }

    #[tokio::test]
    async fn who_was_taken_behind_the_back_of_the_runtime_is_missed_by_nobody() {
        let (queue, address) = queue();
        let _first = TcpStream::connect(address).expect("connected");
        queue.accept_waiting().expect("there is one");
        let error = queue.accept_waiting().expect_err("there is none");
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        let second = TcpStream::connect(address).expect("connected");
        let (_, neighbour) = poll_fn(|cx| queue.poll_accept(cx)).await.expect("accepted");
        assert_eq!(neighbour, second.local_addr().expect("connected"));
    }
}
