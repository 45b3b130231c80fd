//! Connections to a daemon: TCP, TLS over it, or a Unix socket.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderValue;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::error::FetchError;
use super::url::{AdminUrl, Authority};

/// For a connection, its handshake included.
const CONNECT: Duration = Duration::from_secs(3);

/// Bytes both ways, however they travel.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Connects. A token goes with it only where nobody else can read it.
///
/// # Errors
/// When there is no connection, or the token would travel in clear.
pub(super) async fn dial(
    url: &AdminUrl,
    tls: Option<&Arc<ClientConfig>>,
    token: Option<&HeaderValue>,
) -> Result<Box<dyn Stream>, FetchError> {
    let failed = |error| FetchError::Connect(url.clone(), error);
    let connecting = async {
        let stream: Box<dyn Stream> = match url {
            AdminUrl::Unix(path) => Box::new(UnixStream::connect(path).await.map_err(failed)?),
            AdminUrl::Http(at) => {
                let stream = connect(at).await.map_err(failed)?;
                let peer = stream.peer_addr().map_err(failed)?;
                if token.is_some() && others_listen(peer.ip()) {
                    return Err(FetchError::Exposed(url.clone()));
                }
                Box::new(stream)
            }
            AdminUrl::Https(at) => {
                let (stream, config) = (connect(at).await.map_err(failed)?, tls.cloned());
                let config = config.ok_or_else(|| failed(io::ErrorKind::Unsupported.into()))?;
                let name = ServerName::try_from(at.host.clone());
                let name = name.map_err(|error| failed(io::Error::other(error)))?;
                let shaken = TlsConnector::from(config).connect(name, stream).await;
                Box::new(shaken.map_err(failed)?)
            }
        };
        Ok(stream)
    };
    let connected = timeout(CONNECT, connecting).await;
    connected.map_err(|_| FetchError::Timeout(url.clone()))?
}

/// Whether what is sent there in clear leaves this machine.
fn others_listen(peer: IpAddr) -> bool {
    !peer.to_canonical().is_loopback()
}

async fn connect(at: &Authority) -> io::Result<TcpStream> {
    TcpStream::connect((at.host.as_str(), at.port)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stays_on_this_machine_is_heard_by_nobody() {
        for (peer, heard) in [
            ("127.0.0.1", false),
            ("127.7.7.7", false),
            ("::1", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:192.0.2.1", true),
            ("192.0.2.1", true),
            ("10.0.0.1", true),
            ("fe80::1", true),
        ] {
            assert_eq!(others_listen(peer.parse().expect("an address")), heard, "{peer}");
        }
    }
}
