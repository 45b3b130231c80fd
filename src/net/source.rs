//! The addresses of this host that a socket is connected from.

use std::io;
use std::net::IpAddr;

/// Connects from the first of these sources that has a port left and is an address of this host; where
/// there are none, the kernel chooses.
///
/// # Errors
/// What `connect` says of the last source, or of the first that fails for another reason.
pub(super) fn from_first<T>(
    sources: impl IntoIterator<Item = IpAddr>,
    connect: impl Fn(Option<IpAddr>) -> io::Result<T>,
) -> io::Result<T> {
    let mut sources = sources.into_iter();
    let mut result = connect(sources.next());
    while result.as_ref().is_err_and(is_used_up)
        && let Some(source) = sources.next()
    {
        result = connect(Some(source));
    }
    result
}

fn is_used_up(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable)
}
