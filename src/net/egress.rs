//! What a socket leaves this host by.

use std::io;

use socket2::{Domain, Socket, Type};

/// What a socket leaves this host by, beside its address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Egress<'a> {
    /// The mark of its packets, by which the host routes them (`socket(7)`: `SO_MARK`; it takes
    /// CAP_NET_ADMIN, or CAP_NET_RAW since Linux 5.17).
    pub mark: Option<u32>,
    /// The only interface that it uses (`SO_BINDTODEVICE`; without CAP_NET_RAW since Linux 5.7).
    pub interface: Option<&'a str>,
}

impl Egress<'_> {
    /// Whether a socket of this process may leave by it now: tried on one that goes nowhere.
    ///
    /// # Errors
    /// `PermissionDenied` without the capability, ENODEV when there is no such interface.
    pub fn try_out(&self) -> io::Result<()> {
        self.apply(&Socket::new(Domain::IPV4, Type::DGRAM, None)?)
    }

    /// Sets up a socket that is not bound yet.
    ///
    /// # Errors
    /// `PermissionDenied` without the capability, ENODEV when there is no such interface.
    pub(super) fn apply(&self, socket: &Socket) -> io::Result<()> {
        if let Some(mark) = self.mark {
            socket.set_mark(mark)?;
        }
        if let Some(interface) = self.interface {
            socket.bind_device(Some(interface.as_bytes()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_that_is_not_there_is_an_error_and_one_that_is_there_is_used() {
        let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let gone = Egress { interface: Some("nowhere0"), mark: None };
        let error = gone.apply(&socket()).expect_err("no such interface");
        assert_eq!(error.raw_os_error(), Some(libc::ENODEV));
        let tried = gone.try_out().map_err(|error| error.raw_os_error());
        assert_eq!(tried, Err(Some(libc::ENODEV)));
        assert!(Egress::default().try_out().is_ok());
        let bound = socket();
        Egress { interface: Some("lo"), mark: None }.apply(&bound).expect("loopback");
        assert_eq!(bound.device().expect("asked").as_deref(), Some(b"lo".as_slice()));
    }
}
