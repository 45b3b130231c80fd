//! One session, as clients of a messenger have them: the client speaks first.

use super::Failure;
use crate::lab::layout;
use nearpoint::stub::Whoami;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// How long a client waits for the first answer. TDLib looks for other ways to its DC after 5 s.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// What clients say first. No protocol that anybody on the way could know.
const HELLO: [u8; 64] = *b"hello from a client of the lab, who is there and who will answer";

/// The longest line of a DC.
const LONGEST_LINE: u64 = 1024;

/// A session that a DC has answered in.
#[derive(Debug)]
pub(super) struct Session {
    stream: BufReader<TcpStream>,
    /// Whose answer it was.
    pub(super) dc: u16,
}

impl Session {
    /// Connects from client number `client`, and returns with the first byte of the answer.
    pub(super) async fn open(client: u32, target: SocketAddr) -> Result<Session, Failure> {
        timeout(PATIENCE, open(client, target)).await.unwrap_or(Err(Failure::Silent))
    }

    /// One more question.
    pub(super) async fn ask(&mut self, patience: Duration) -> Result<(), Failure> {
        timeout(patience, ask(&mut self.stream)).await.unwrap_or(Err(Failure::Silent))
    }

    /// Why it is over, when it is, though nobody has asked anything.
    pub(super) async fn ended(&mut self) -> Failure {
        match self.stream.fill_buf().await {
            Ok([]) => Failure::Closed,
            Ok(_unasked) => Failure::WrongAnswer,
            Err(error) => cause(&error, Failure::Reset),
        }
    }

    /// Ends in order, without waiting for the other side.
    pub(super) async fn close(mut self) {
        // Whoever has had an answer is content.
        let _ = self.stream.get_mut().shutdown().await;
    }
}

async fn open(client: u32, target: SocketAddr) -> Result<Session, Failure> {
    let stream = connect(client, target).await.map_err(|error| cause(&error, Failure::Refused))?;
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    let heard = async {
        stream.write_all(&HELLO).await?;
        (&mut stream).take(LONGEST_LINE).read_until(b'\n', &mut line).await
    };
    let length = heard.await.map_err(|error| cause(&error, Failure::Reset))?;
    if length == 0 {
        return Err(Failure::Closed);
    }
    let who: Whoami = serde_json::from_slice(&line).map_err(|_| Failure::WrongAnswer)?;
    hear(&mut stream).await?;
    Ok(Session { stream, dc: who.dc })
}

async fn connect(client: u32, target: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    // Ports of an address that listens elsewhere, or has been used a moment ago, will do.
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((layout::client(client), 0)))?;
    socket.set_nodelay(true)?;
    socket.connect(target).await
}

async fn ask(stream: &mut BufReader<TcpStream>) -> Result<(), Failure> {
    let said = stream.write_all(&HELLO).await;
    said.map_err(|error| cause(&error, Failure::Reset))?;
    hear(stream).await
}

/// The echo of what was said.
async fn hear(stream: &mut BufReader<TcpStream>) -> Result<(), Failure> {
    let mut heard = [0; HELLO.len()];
    let read = stream.read_exact(&mut heard).await;
    read.map_err(|error| cause(&error, Failure::Reset))?;
    match heard == HELLO {
        true => Ok(()),
        false => Err(Failure::WrongAnswer),
    }
}

/// What a client makes of an error.
fn cause(error: &io::Error, otherwise: Failure) -> Failure {
    match error.kind() {
        ErrorKind::UnexpectedEof => Failure::Closed,
        ErrorKind::TimedOut => Failure::Silent,
        _ => otherwise,
    }
}
