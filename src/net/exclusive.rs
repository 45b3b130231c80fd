//! One daemon per bind. `SO_REUSEPORT` lets any process of the same user join a group and take its
//! share of the clients; a name that only one process can hold keeps a second daemon out.

use std::io;
use std::net::SocketAddr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener};

/// The right to bind an address, held until dropped or until the process ends. It is an abstract
/// unix socket (`unix(7)`): it leaves no file behind and lives in the network namespace, as ports do.
#[derive(Debug)]
pub struct ExclusiveBind {
    _held: UnixListener,
}

impl ExclusiveBind {
    /// Takes the right to bind this TCP address.
    ///
    /// # Errors
    /// `AddrInUse` when another daemon holds it; else what bind(2) says.
    pub fn tcp(address: SocketAddr) -> io::Result<Self> {
        Self::take("tcp", address)
    }

    /// Takes the right to bind this UDP address; TCP has rights of its own.
    ///
    /// # Errors
    /// As [`ExclusiveBind::tcp`].
    pub fn udp(address: SocketAddr) -> io::Result<Self> {
        Self::take("udp", address)
    }

    fn take(protocol: &str, address: SocketAddr) -> io::Result<Self> {
        let name = UnixAddr::from_abstract_name(format!("nearpoint/{protocol}/{address}"))?;
        Ok(Self { _held: UnixListener::bind_addr(&name)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bind_is_held_by_one_at_a_time() -> io::Result<()> {
        let address = "127.99.0.1:4".parse().expect("an address of the test");
        for take in [ExclusiveBind::tcp, ExclusiveBind::udp] {
            let held = take(address)?;
            let second = take(address).expect_err("it is held");
            assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
            drop(held);
            take(address)?;
        }
        Ok(())
    }

    #[test]
    fn tcp_and_udp_of_one_address_are_two_rights() -> io::Result<()> {
        let address = "127.99.0.1:5".parse().expect("an address of the test");
        let _tcp = ExclusiveBind::tcp(address)?;
        ExclusiveBind::udp(address).map(drop)
    }
}
