//! The addresses of this host that a socket is connected from.

use std::io;
use std::net::IpAddr;

/// Connects from the first of these sources that has a port left and is an address of this host; where
/// there are none, the kernel chooses.
///
/// # Errors
/// What `connect` says of the first source that fails for another reason; else `AddrInUse` if any has no port
/// left: that can be helped. Else what it says of the last.
pub(super) fn from_first<T>(
    sources: impl IntoIterator<Item = IpAddr>,
    connect: impl Fn(Option<IpAddr>) -> io::Result<T>,
) -> io::Result<T> {
    let mut sources = sources.into_iter();
    let mut source = sources.next();
    let mut without_port = None;
    loop {
        let error = match connect(source) {
            Err(error) if is_used_up(&error) => error,
            result => return result,
        };
        source = sources.next();
        let is_in_use = error.kind() == io::ErrorKind::AddrInUse;
        if source.is_none() {
            return Err(without_port.unwrap_or(error));
        }
        without_port = without_port.or_else(|| is_in_use.then_some(error));
    }
}

fn is_used_up(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_missing_is_told_before_an_address_that_is() {
        let [used_up, foreign, good] = [1, 2, 3].map(|last| IpAddr::from([192, 0, 2, last]));
        let connect = |source: Option<IpAddr>| match source {
            Some(it) if it == used_up => Err(io::ErrorKind::AddrInUse.into()),
            Some(it) if it == foreign => Err(io::ErrorKind::AddrNotAvailable.into()),
            _ => Ok(source),
        };
        let told = |sources: &[IpAddr]| {
            let connected = from_first(sources.iter().copied(), connect);
            connected.map_err(|error: io::Error| error.kind())
        };
        for both in [[used_up, foreign], [foreign, used_up]] {
            assert_eq!(told(&both), Err(io::ErrorKind::AddrInUse));
        }
        assert_eq!(told(&[foreign]), Err(io::ErrorKind::AddrNotAvailable));
        assert_eq!(told(&[used_up, foreign, good]), Ok(Some(good)));
        assert_eq!(told(&[]), Ok(None), "the kernel chooses");
    }
}
