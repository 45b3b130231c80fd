//! Clients of the daemon.

use std::io;
use std::net::{IpAddr, SocketAddr};

use nearpoint::stub::Whoami;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};

use super::within;

/// One session as its client sees it.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

/// How a session ended for its client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// A FIN, after these bytes.
    Closed(Vec<u8>),
    /// A reset.
    Reset,
}

impl Client {
    /// Connects and says nothing.
    pub(crate) async fn plain(at: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(at).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Connects from an address of this machine and says nothing.
    pub(crate) async fn plain_from(source: IpAddr, at: SocketAddr) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(source, 0))?;
        let stream = socket.connect(at).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Connects as a load balancer would that announces `client`.
    pub(crate) async fn announced(at: SocketAddr, client: IpAddr) -> io::Result<Self> {
        let mut this = Self::plain(at).await?;
        this.send(&proxy_v2(client)).await?;
        Ok(this)
    }

    /// Where it is.
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.stream.get_ref().local_addr().expect("it is bound")
    }

    /// Sends bytes.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// The first line of a stub DC that says who it is.
    pub(crate) async fn who(&mut self) -> io::Result<Whoami> {
        let mut line = String::new();
        match self.stream.read_line(&mut line).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(serde_json::from_str(&line)?),
        }
    }

    /// Sends bytes and gets the same ones back.
    pub(crate) async fn echo(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.send(bytes).await?;
        self.hear(bytes).await
    }

    /// Gets these bytes.
    pub(crate) async fn hear(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut heard = vec![0; bytes.len()];
        self.stream.read_exact(&mut heard).await?;
        match heard == bytes {
            true => Ok(()),
            false => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Gets a PROXY header of version 2, as it is.
    pub(crate) async fn hear_header(&mut self) -> Vec<u8> {
        let mut header = vec![0; SIGNATURE.len() + 4];
        self.stream.read_exact(&mut header).await.expect("a head");
        let [.., high, low] = header[..] else { unreachable!("it has a length") };
        let rest = usize::from(u16::from_be_bytes([high, low]));
        let head = header.len();
        header.resize(head + rest, 0);
        self.stream.read_exact(&mut header[head..]).await.expect("the rest");
        header
    }

    /// Ends the stream to the DC, and expects the DC to end its own.
    pub(crate) async fn finish(mut self) -> io::Result<()> {
        self.end_stream().await?;
        match self.stream.read(&mut [0]).await? {
            0 => Ok(()),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Ends the stream to the DC.
    pub(crate) async fn end_stream(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// Reads until the session ends.
    pub(crate) async fn end(&mut self) -> End {
        let mut bytes = Vec::new();
        match self.stream.read_to_end(&mut bytes).await {
            Ok(_) => End::Closed(bytes),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => End::Reset,
            Err(error) => panic!("a session ended in a strange way: {error}"),
        }
    }
}

/// Who answers a client that a load balancer announces; the session ends in order.
pub(crate) async fn who_answers(at: SocketAddr, client: IpAddr) -> io::Result<Whoami> {
    let mut session = Client::announced(at, client).await?;
    let who = session.who().await?;
    session.echo(b"hello").await?;
    session.finish().await?;
    Ok(who)
}

/// How a session ends that a load balancer announces and that is expected to be refused. The reset
/// may overtake all that the client does, even the end of its connect.
pub(crate) async fn refusal(at: SocketAddr, client: IpAddr) -> End {
    refusal_of(at, &proxy_v2(client)).await
}

/// How a session ends that begins with these bytes.
pub(crate) async fn refusal_of(at: SocketAddr, bytes: &[u8]) -> End {
    let begun = async {
        let mut session = Client::plain(at).await?;
        session.send(bytes).await?;
        Ok::<_, io::Error>(session)
    };
    match begun.await {
        Ok(mut session) => within("the session ends", session.end()).await,
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => panic!("{error}"),
        Err(_) => End::Reset,
    }
}

/// The twelve bytes that every header of version 2 begins with.
pub(crate) const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A PROXY header of version 2 that announces `client` on its way to some address.
pub(crate) fn proxy_v2(client: IpAddr) -> Vec<u8> {
    const PROXY: u8 = 0x21;
    let ports = [0xc3, 0x50, 0x01, 0xbb];
    let (family, addresses) = match client {
        IpAddr::V4(v4) => (0x11, [v4.octets(), [192, 0, 2, 1]].concat()),
        IpAddr::V6(v6) => (0x21, [v6.octets(), [0; 16]].concat()),
    };
    let length = (addresses.len() + ports.len()) as u16;
    [SIGNATURE, &[PROXY, family], &length.to_be_bytes(), &addresses, &ports].concat()
}
