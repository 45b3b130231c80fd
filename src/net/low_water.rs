//! How much has to arrive before a socket is readable.

use std::io;
use std::os::fd::AsFd;

use super::option::set_option;

/// From now on the socket is readable, to those who wait for it, once so many bytes are there or its
/// stream has ended or broken (`socket(7)`: `SO_RCVLOWAT`); 1 is usual. Reads and peeks without waiting
/// get what there is in any case. If enough is there already, those who wait are told.
///
/// # Errors
/// `InvalidInput` for more than an `int` holds; else what setsockopt(2) says.
pub fn set_receive_low_water(socket: &impl AsFd, bytes: usize) -> io::Result<()> {
    let bytes = libc::c_int::try_from(bytes).map_err(|_| io::ErrorKind::InvalidInput)?;
    set_option(socket, libc::SOL_SOCKET, libc::SO_RCVLOWAT, bytes)
}

#[cfg(test)]
mod tests {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;
    use crate::net::{pair, peek, send};

    /// Whether a socket is readable now, or becomes so in time.
    fn is_readable(socket: &impl AsFd, patience: Option<&Timespec>) -> bool {
        let mut sockets = [PollFd::new(socket, PollFlags::IN)];
        poll(&mut sockets, patience).expect("polled") > 0
    }

    const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

    #[test]
    fn a_socket_is_readable_at_its_low_water_mark_and_read_below_it() {
        let (a, b) = pair();
        set_receive_low_water(&b, 64).expect("set");
        send(&a, &[7; 63]).expect("sent");
        let mut seen = [0; 100];
        while peek(&b, &mut seen).unwrap_or_default() < 63 {
            std::thread::yield_now();
        }
        assert!(!is_readable(&b, Some(&NOW)));
        set_receive_low_water(&b, 63).expect("set");
        assert!(is_readable(&b, Some(&NOW)), "there is enough already");
        set_receive_low_water(&b, 64).expect("set");
        send(&a, &[7]).expect("sent");
        assert!(is_readable(&b, None));
    }

    #[test]
    fn the_end_of_a_stream_is_readable_however_little_came_before() {
        let (a, b) = pair();
        set_receive_low_water(&b, 64).expect("set");
        send(&a, &[7; 10]).expect("sent");
        drop(a);
        assert!(is_readable(&b, None));
        assert_eq!(peek(&b, &mut [0; 64]).expect("peeked"), 10);
    }

    #[test]
    fn what_is_no_socket_has_no_mark() {
        let file = std::fs::File::open("/dev/null").expect("a device");
        assert!(set_receive_low_water(&file, 1).is_err());
    }
}
