//! How long a connected socket has been silent, as its kernel knows.

#![expect(unsafe_code, reason = "getsockopt(2) writes into what its caller gives it")]

use std::mem::{MaybeUninit, offset_of};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

/// How long ago the peer's last byte arrived, whether it was read or not; before the first one, how long
/// ago the connection was made (`tcp(7)`: `TCP_INFO`, of which it is `tcpi_last_data_recv`). As exact as
/// the kernel's tick, 10 ms at worst. `None` where the kernel does not say.
pub fn silence(socket: &impl AsFd) -> Option<Duration> {
    let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
    let mut size = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: `info` has room for the `size` bytes that the kernel may write, and both live until the
    // call returns.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut size,
        )
    };
    // SAFETY: integers, all of them zero before; any bytes that the kernel has written are a value.
    let info = unsafe { info.assume_init() };
    let told = offset_of!(libc::tcp_info, tcpi_last_data_recv) + size_of::<u32>();
    let known = result == 0 && size as usize >= told;
    known.then(|| Duration::from_millis(info.tcpi_last_data_recv.into()))
}

#[cfg(test)]
mod tests {
    use std::thread::yield_now;

    use super::*;
    use crate::net::{pair, send};

    const PAUSE: Duration = Duration::from_millis(100);

    #[test]
    fn what_arrives_breaks_the_silence_whether_it_is_read_or_not_and_what_is_sent_does_not() {
        let (a, b) = pair();
        let of = |socket| silence(socket).expect("the kernel says");
        while of(&a) < PAUSE || of(&b) < PAUSE {
            yield_now();
        }
        send(&a, b"hello").expect("sent");
        while of(&b) >= PAUSE {
            yield_now();
        }
        assert!(of(&a) >= PAUSE, "it has heard nothing");
    }

    #[test]
    fn what_is_no_tcp_socket_says_nothing() {
        let (one, _other) = std::os::unix::net::UnixStream::pair().expect("a pair");
        assert_eq!(silence(&one), None);
    }
}
