//! Dialling an access point.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::net::{TcpSocket, TcpStream};

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

/// How an upstream socket is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DialOptions {
    /// Ends connections to a peer that is gone.
    pub keepalive: Keepalive,
    /// Ends a connection whose bytes are not acknowledged, or not wanted, for this long
    /// (`TCP_USER_TIMEOUT`).
    pub user_timeout: Duration,
}

/// Connects to `address`; without options a plain socket, as a probe needs it. Dropping the future
/// gives the dial up and leaves nothing behind.
///
/// # Errors
/// Whatever socket(2), setsockopt(2) or connect(2) say; none of them waits for a timeout of ours.
pub async fn dial(address: SocketAddr, options: Option<&DialOptions>) -> io::Result<TcpStream> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    if let Some(options) = options {
        socket.set_tcp_nodelay(true)?;
        keep_alive(&socket, options.keepalive)?;
        socket.set_tcp_user_timeout(Some(options.user_timeout))?;
    }
    TcpSocket::from_std_stream(socket.into()).connect(address).await
}

pub(super) fn keep_alive(socket: &Socket, keepalive: Keepalive) -> io::Result<()> {
    let params = TcpKeepalive::new()
        .with_time(keepalive.idle)
        .with_interval(keepalive.interval)
        .with_retries(keepalive.count);
    socket.set_tcp_keepalive(&params)
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::SockRef;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn an_upstream_socket_has_its_options() -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let options = DialOptions {
            keepalive: Keepalive {
                idle: Duration::from_secs(61),
                interval: Duration::from_secs(7),
                count: 4,
            },
            user_timeout: Duration::from_secs(33),
        };
        let stream = dial(listener.local_addr()?, Some(&options)).await?;
        let socket = SockRef::from(&stream);
        assert!(socket.tcp_nodelay()? && socket.keepalive()?);
        assert_eq!(socket.tcp_keepalive_time()?, options.keepalive.idle);
        assert_eq!(socket.tcp_keepalive_interval()?, options.keepalive.interval);
        assert_eq!(socket.tcp_keepalive_retries()?, options.keepalive.count);
        assert_eq!(socket.tcp_user_timeout()?, Some(options.user_timeout));
        Ok(())
    }

    #[tokio::test]
    async fn nobody_listening_is_refused() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
        let error = dial(free.expect("a port"), None).await.expect_err("nobody listens");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}
