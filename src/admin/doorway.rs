//! What the side doors listen on: an address, with TLS or without, or a Unix socket.

mod unix;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::asked::Peer;
use unix::SocketFile;

/// A bound listener.
pub struct Doorway {
    listener: Listener,
    /// As it is when a connection comes.
    pub(super) tls: Option<Arc<ArcSwap<ServerConfig>>>,
}

enum Listener {
    Tcp(TcpListener),
    Unix {
        listener: UnixListener,
        /// Goes with the listener.
        _file: SocketFile,
    },
}

/// What has come in.
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Plain TCP.
impl From<TcpListener> for Doorway {
    fn from(listener: TcpListener) -> Self {
        Self { listener: Listener::Tcp(listener), tls: None }
    }
}

impl Doorway {
    /// Listens at an address.
    ///
    /// # Errors
    /// When it cannot be had.
    pub async fn bind(
        address: SocketAddr,
        tls: Option<Arc<ArcSwap<ServerConfig>>>,
    ) -> io::Result<Self> {
        let listener = Listener::Tcp(TcpListener::bind(address).await?);
        Ok(Self { listener, tls })
    }

    /// Listens at a Unix socket that only the user of this process may connect to. What a daemon left there
    /// that is gone is replaced; the file is removed when this is dropped. Must be called within a tokio
    /// runtime.
    ///
    /// # Errors
    /// When somebody listens there, when something else is there, or when it cannot be had.
    pub fn bind_unix(path: &Path) -> io::Result<Self> {
        let (listener, file) = unix::bind(path)?;
        let listener = UnixListener::from_std(listener)?;
        Ok(Self { listener: Listener::Unix { listener, _file: file }, tls: None })
    }

    /// Where it listens, if at an address.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn local_addr(&self) -> io::Result<Option<SocketAddr>> {
        match &self.listener {
            Listener::Tcp(listener) => listener.local_addr().map(Some),
            Listener::Unix { .. } => Ok(None),
        }
    }

    /// The next connection.
    pub(super) async fn accept(&self) -> io::Result<(Stream, Peer)> {
        match &self.listener {
            Listener::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                Ok((Stream::Tcp(stream), Peer::Tcp(address)))
            }
            Listener::Unix { listener, _file: _ } => {
                let (stream, _) = listener.accept().await?;
                let peer = stream.peer_cred()?;
                Ok((Stream::Unix(stream), Peer::Unix { uid: peer.uid(), pid: peer.pid() }))
            }
        }
    }
}
