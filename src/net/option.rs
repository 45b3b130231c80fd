//! Socket options that are one `int`, and those that the kernel tells as many of them.

#![expect(unsafe_code, reason = "setsockopt(2) and getsockopt(2) use what their caller gives them")]

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Sets one option of a socket (`setsockopt(2)`).
pub(super) fn set_option(
    socket: &impl AsFd,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: `value` is the `int` that the kernel reads, of the size that it is told, and lives until
    // the call returns.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The first `WORDS` words of what the kernel tells of a socket (`getsockopt(2)`). `None` where it tells less,
/// or nothing.
pub(super) fn told_words<const WORDS: usize>(
    socket: &impl AsFd,
    level: libc::c_int,
    name: libc::c_int,
) -> Option<[u32; WORDS]> {
    let mut words = [0; WORDS];
    let mut size = size_of_val(&words) as libc::socklen_t;
    // SAFETY: `words` has room for the `size` bytes that the kernel may write, any of which make integers, and
    // both live until the call returns.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            name,
            words.as_mut_ptr().cast(),
            &raw mut size,
        )
    };
    (result == 0 && size as usize == size_of_val(&words)).then_some(words)
}
