//! Reading, writing and ending a connected socket, without waiting.

#![expect(unsafe_code, reason = "ioctl(2) is told by its caller what it reads and writes")]

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::ioctl;
use rustix::net::sockopt::set_socket_linger;
use rustix::net::{RecvFlags, SendFlags};

use super::option::told_words;
use super::retry;

/// Reads what the socket has received; 0 at the end of the stream.
///
/// # Errors
/// `WouldBlock` when there is nothing; else the socket's error.
pub fn receive(socket: &impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    retry(|| rustix::net::recv(socket, &mut *buffer, RecvFlags::DONTWAIT).map(|(n, _)| n))
}

/// Reads what the socket has received and leaves it there; 0 at the end of the stream.
///
/// # Errors
/// `WouldBlock` when there is nothing; else the socket's error.
pub fn peek(socket: &impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    let flags = RecvFlags::DONTWAIT | RecvFlags::PEEK;
    retry(|| rustix::net::recv(socket, &mut *buffer, flags).map(|(n, _)| n))
}

/// Writes as much as the socket takes. A broken connection is an error, never a signal.
///
/// # Errors
/// `WouldBlock` when it takes nothing; else the socket's error.
pub fn send(socket: &impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    retry(|| rustix::net::send(socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL))
}

/// Makes the coming close of the socket a reset (`socket(7)`: `SO_LINGER` of zero).
pub fn reset_on_close(socket: &impl AsFd) {
    // A socket that is already dead cannot be set up and needs no reset.
    let _ = set_socket_linger(socket, Some(Duration::ZERO));
}

/// What came before can still be read, and where nothing is left the stream ends. Linux goes on to take
/// what comes later: the reader stops at that end.
pub fn stop_receiving(socket: &impl AsFd) {
    // A socket that is dead already ends by itself.
    let _ = rustix::net::shutdown(socket, rustix::net::Shutdown::Read);
}

/// Ends the stream towards the peer, after all that was sent (`shutdown(2)`).
///
/// # Errors
/// The socket's, unless the peer has reset it meanwhile: that is for who reads from it to tell.
pub fn stop_sending(socket: &impl AsFd) -> io::Result<()> {
    match rustix::net::shutdown(socket, rustix::net::Shutdown::Write) {
        Err(Errno::NOTCONN) => Ok(()),
        result => Ok(result?),
    }
}

/// Bytes sent and not acknowledged by the peer's kernel (`tcp(7)`: `SIOCOUTQ`); 0 once the connection is dead,
/// when nobody is going to acknowledge them.
pub fn unacknowledged(socket: &impl AsFd) -> usize {
    if is_dead(socket) {
        return 0;
    }
    // SAFETY: `TIOCOUTQ`, which is SIOCOUTQ's number, writes one `int` and reads nothing.
    let queued = unsafe {
        let getter = ioctl::Getter::<SIOCOUTQ, i32>::new();
        ioctl::ioctl(socket, getter)
    };
    queued.map_or(0, |bytes| usize::try_from(bytes).unwrap_or(0))
}

/// Whether a connection has ended, by a reset or after both ends of stream (`tcp(7)`: `TCP_INFO`, of which the
/// first byte is `tcpi_state`).
fn is_dead(socket: &impl AsFd) -> bool {
    let info = told_words::<1>(socket, libc::IPPROTO_TCP, libc::TCP_INFO);
    info.is_some_and(|[first]| first.to_ne_bytes()[0] == TCP_CLOSE)
}

/// `net/tcp_states.h`.
const TCP_CLOSE: u8 = 7;

/// `linux/sockios.h`: the same number as `TIOCOUTQ`.
const SIOCOUTQ: ioctl::Opcode = 0x5411;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::pair;
    use std::io::Read;

    #[test]
    fn peeked_bytes_stay_until_they_are_received() {
        let (a, b) = pair();
        let sent: Vec<u8> = (0..10_000u32).map(|n| n as u8).collect();
        assert_eq!(send(&a, &sent).expect("sent"), sent.len());
        let mut seen = vec![0; 10_000];
        while peek(&b, &mut seen).expect("peeked") < 10_000 {}
        assert_eq!(seen, sent);
        assert_eq!(receive(&b, &mut seen[..9_990]).expect("received"), 9_990);
        let mut rest = [0; 64];
        let n = receive(&b, &mut rest).expect("received");
        assert_eq!(&rest[..n], &sent[9_990..]);
        assert_eq!(receive(&b, &mut rest).map_err(|it| it.kind()), Err(io::ErrorKind::WouldBlock));
    }

    #[test]
    fn nothing_is_outstanding_with_a_dead_connection() {
        let (a, b) = pair();
        a.set_nonblocking(true).expect("nonblocking");
        while send(&a, &[7; 64 << 10]).is_ok() {}
        assert!(unacknowledged(&a) > 0, "its peer does not read");
        reset_on_close(&b);
        drop(b);
        while unacknowledged(&a) > 0 {
            std::thread::yield_now();
        }
    }

    #[test]
    fn unread_bytes_are_acknowledged_and_a_reset_is_a_reset() {
        let (a, mut b) = pair();
        send(&a, b"bye").expect("sent");
        while unacknowledged(&a) > 0 {
            std::thread::yield_now();
        }
        reset_on_close(&a);
        drop(a);
        let mut read = [0; 3];
        b.read_exact(&mut read).expect("what came before the reset");
        let error = b.read(&mut read).expect_err("a reset");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
}
