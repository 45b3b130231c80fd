//! How long a connected socket has been silent, as its kernel knows.

use std::mem::offset_of;
use std::os::fd::AsFd;
use std::time::Duration;

use super::option::told_words;

/// Where [`silence`] stands in `TCP_INFO`, in words.
const LAST_DATA_RECEIVED: usize =
    offset_of!(libc::tcp_info, tcpi_last_data_recv) / size_of::<u32>();

/// How long ago the peer's last byte arrived, whether it was read or not; before the first one, how long
/// ago the connection was made (`tcp(7)`: `TCP_INFO`, of which it is `tcpi_last_data_recv`). As exact as
/// the kernel's tick, 10 ms at worst. `None` where the kernel does not say.
pub fn silence(socket: &impl AsFd) -> Option<Duration> {
    const TOLD: usize = LAST_DATA_RECEIVED + 1;
    let info = told_words::<TOLD>(socket, libc::IPPROTO_TCP, libc::TCP_INFO)?;
    Some(Duration::from_millis(info[LAST_DATA_RECEIVED].into()))
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
