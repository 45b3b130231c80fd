//! What the machine has for proxies: ports and descriptors.

use rustix::process::{Resource, getrlimit};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::{self, net::UnixListener};
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// Descriptors that a proxy may have: it inherits this limit.
pub(crate) fn descriptors() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Below the range from which Linux takes the source ports of connections, so that none of those
/// takes the port between this look and the start of the proxy.
const PORTS: std::ops::Range<u16> = 20_000..30_000;

/// What one run has of them: it uses no port twice in a row.
const BLOCK: u16 = 100;

/// A block of ports that no other run takes while this process lives.
struct Claim {
    first: u16,
    /// Others find its name taken. It ends with the process, however that ends.
    _name: UnixListener,
}

impl Claim {
    fn new() -> io::Result<Self> {
        let mut firsts = PORTS.step_by(usize::from(BLOCK));
        firsts.find_map(Self::of).ok_or_else(|| io::ErrorKind::AddrInUse.into())
    }

    /// unix(7): an abstract name is one of a network namespace, as ports are.
    fn of(first: u16) -> Option<Self> {
        let name = format!("nearpoint loadtest: ports from {first} on");
        let name = unix::net::SocketAddr::from_abstract_name(name).ok()?;
        Some(Self { first, _name: UnixListener::bind_addr(&name).ok()? })
    }
}

/// So many addresses of loopback that nobody listens on, and that no other run is given.
pub(crate) fn free_ports<const COUNT: usize>() -> io::Result<[SocketAddr; COUNT]> {
    static CLAIM: Mutex<Option<Claim>> = Mutex::new(None);
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = {
        let mut claim = CLAIM.lock().unwrap_or_else(PoisonError::into_inner);
        match &*claim {
            Some(claim) => claim.first,
            None => claim.insert(Claim::new()?).first,
        }
    };
    let mut free = (0..BLOCK).filter_map(|_| {
        let port = first + NEXT.fetch_add(1, Relaxed) % BLOCK;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let is_free = TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok();
        is_free.then_some(address)
    });
    let found: Vec<SocketAddr> = free.by_ref().take(COUNT).collect();
    found.try_into().map_err(|_| io::ErrorKind::AddrInUse.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_ports_are_two_and_others_the_next_time() {
        let [a, b] = free_ports().unwrap();
        let [c, d] = free_ports().unwrap();
        let mut all = [a, b, c, d];
        all.sort();
        assert!(all.windows(2).all(|pair| pair[0] != pair[1]), "{all:?}");
        assert!(all.iter().all(|address| PORTS.contains(&address.port())), "{all:?}");
    }

    #[test]
    fn what_one_run_has_claimed_is_no_other_run_s() {
        let [mine] = free_ports().unwrap();
        let (one, other) = (Claim::new().unwrap(), Claim::new().unwrap());
        assert_ne!(one.first, other.first);
        let is_of = |claim: &Claim| (claim.first..claim.first + BLOCK).contains(&mine.port());
        assert!(!is_of(&one) && !is_of(&other));
        let first = one.first;
        drop(one);
        assert!(Claim::of(first).is_some(), "it ended with its run");
    }
}
