//! What the machine has for proxies: ports and descriptors.

use rustix::process::{Resource, getrlimit};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

/// Descriptors that a proxy may have: it inherits this limit.
pub(crate) fn descriptors() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Below the range from which Linux takes the source ports of connections, so that none of those
/// takes the port between this look and the start of the proxy.
const PORTS: std::ops::Range<u16> = 20_000..30_000;

/// So many addresses of loopback that nobody listens on.
pub(crate) fn free_ports<const COUNT: usize>() -> io::Result<[SocketAddr; COUNT]> {
    // Simultaneous runs start at different places; ports are not used twice in a row.
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let span = PORTS.end - PORTS.start;
    let start = (std::process::id() % u32::from(span)) as u16;
    let mut free = (0..span).filter_map(|_| {
        let offset = (start + NEXT.fetch_add(1, Relaxed) % span) % span;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, PORTS.start + offset));
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
}
