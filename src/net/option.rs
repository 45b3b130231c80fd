//! Socket options that are one `int`.

#![expect(unsafe_code, reason = "setsockopt(2) reads what its caller gives it")]

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
