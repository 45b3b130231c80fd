//! How much a connected socket takes before it is full.

use std::io;
use std::os::fd::AsFd;

use rustix::event::PollFlags;
use socket2::SockRef;

use super::option::told_words;
use super::readiness_for;

/// Of the words of `SO_MEMINFO` (`linux/sock_diag.h`), how large the send buffer may become.
const SEND_BUFFER: usize = 3;
/// And how much is in it.
const QUEUED: usize = 5;

/// Bytes that the socket takes at once. They are what is left of its send buffer, less an eighth for what
/// the kernel needs to keep them; where it does not say, there is no limit.
///
/// # Errors
/// `WouldBlock` while less than a third of the buffer is free: then the kernel tells whoever waits, by epoll(7), when
/// that is over. Else the error of a socket that is broken.
pub fn send_room(socket: &impl AsFd) -> io::Result<usize> {
    let ready = readiness_for(socket, PollFlags::OUT)?;
    if ready.intersects(PollFlags::ERR | PollFlags::HUP) {
        let pending = SockRef::from(socket).take_error()?;
        return Err(pending.unwrap_or_else(|| io::ErrorKind::BrokenPipe.into()));
    }
    if !ready.contains(PollFlags::OUT) {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    let memory = told_words::<{ QUEUED + 1 }>(socket, libc::SOL_SOCKET, SO_MEMINFO);
    Ok(memory.map_or(usize::MAX, |memory| {
        let free = memory[SEND_BUFFER].saturating_sub(memory[QUEUED]) as usize;
        (free - free / 8).max(1)
    }))
}

/// `asm-generic/socket.h`, since Linux 4.12.
const SO_MEMINFO: libc::c_int = 55;

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::Shutdown;

    use super::*;
    use crate::net::{pair, reset_on_close, send};

    #[test]
    fn a_socket_takes_what_it_has_room_for_until_it_is_full() {
        let (a, mut b) = pair();
        a.set_nonblocking(true).expect("nonblocking");
        let noise = vec![7; 64 << 20];
        let mut sent = 0;
        let full = loop {
            let room = match send_room(&a) {
                Ok(room) => room.min(noise.len()),
                Err(error) => break error,
            };
            assert_eq!(send(&a, &noise[..room]).expect("sent"), room);
            sent += room;
        };
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        a.shutdown(Shutdown::Write).expect("ended");
        assert_eq!(b.read_to_end(&mut Vec::new()).expect("read"), sent);
    }

    #[test]
    fn a_full_socket_has_room_again_once_its_peer_reads() {
        let (a, mut b) = pair();
        a.set_nonblocking(true).expect("nonblocking");
        while send(&a, &[7; 64 << 10]).is_ok() {}
        assert_eq!(send_room(&a).map_err(|it| it.kind()), Err(io::ErrorKind::WouldBlock));
        let mut taken = vec![0; 64 << 10];
        while send_room(&a).is_err() {
            b.read_exact(&mut taken).expect("read");
        }
    }

    #[test]
    fn a_broken_socket_has_its_error() {
        let (a, b) = pair();
        reset_on_close(&b);
        drop(b);
        let broken = loop {
            match send_room(&a) {
                Ok(_) => std::thread::yield_now(),
                Err(error) => break error,
            }
        };
        assert_eq!(broken.kind(), io::ErrorKind::ConnectionReset);
    }
}
