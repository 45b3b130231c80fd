//! How the kernel finds out that a peer is gone.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// TCP keepalive (`tcp(7)`: `TCP_KEEPIDLE`, `TCP_KEEPINTVL`, `TCP_KEEPCNT`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// Silence before the first question; whole seconds, at least 1.
    pub idle: Duration,
    /// Between questions; whole seconds, at least 1.
    pub interval: Duration,
    /// Questions without an answer that end the connection.
    pub count: u32,
}

/// How the kernel finds out that a peer is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerWatch {
    /// Ends connections to a peer that is gone.
    pub keepalive: Keepalive,
    /// Ends a connection whose bytes are not acknowledged, or not wanted, for this long
    /// (`TCP_USER_TIMEOUT`).
    pub user_timeout: Duration,
}

impl PeerWatch {
    /// Has the kernel watch the peer of this socket from now on. What was sent before counts, as does the
    /// silence until now.
    ///
    /// # Errors
    /// What setsockopt(2) says.
    pub fn begin(&self, socket: &impl AsFd) -> io::Result<()> {
        let Self { keepalive: Keepalive { idle, interval, count }, user_timeout } = *self;
        let socket = SockRef::from(socket);
        let keepalive =
            TcpKeepalive::new().with_time(idle).with_interval(interval).with_retries(count);
        socket.set_tcp_keepalive(&keepalive)?;
        socket.set_tcp_user_timeout(Some(user_timeout))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::pair;

    #[test]
    fn a_peer_is_watched_as_it_is_said() -> io::Result<()> {
        let (one, _other) = pair();
        let socket = SockRef::from(&one);
        assert!(!socket.keepalive()?);
        let keepalive =
            Keepalive { idle: Duration::from_secs(61), interval: Duration::from_secs(7), count: 4 };
        PeerWatch { keepalive, user_timeout: Duration::from_secs(33) }.begin(&one)?;
        assert!(socket.keepalive()?);
        assert_eq!(socket.tcp_keepalive_time()?, keepalive.idle);
        assert_eq!(socket.tcp_keepalive_interval()?, keepalive.interval);
        assert_eq!(socket.tcp_keepalive_retries()?, keepalive.count);
        assert_eq!(socket.tcp_user_timeout()?, Some(Duration::from_secs(33)));
        Ok(())
    }
}
