//! Waiting until a proxy serves.

use crate::load::Transport;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitStatus;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, sleep, timeout};

/// Starting, probing the backend and opening the listener.
const PATIENCE: Duration = Duration::from_secs(10);
/// A proxy gives no sign of its own that all of them share, so it is asked this often.
const PAUSE: Duration = Duration::from_millis(20);
/// For a datagram to be refused, on loopback.
const REFUSAL: Duration = Duration::from_millis(50);

/// What a proxy that serves shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Readiness {
    pub(crate) transport: Transport,
    /// Accepts here, or is not refused what is sent here.
    pub(crate) listener: SocketAddr,
    /// Answers 200 to a question for this path here.
    pub(crate) ask: Option<(SocketAddr, &'static str)>,
}

/// Returns when all of it is shown. `ended` tells the exit status of the proxy, if there is one.
pub(crate) async fn wait(
    mut ended: impl FnMut() -> io::Result<Option<ExitStatus>>,
    readiness: Readiness,
) -> Result<(), NotReady> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let missing = match timeout(PATIENCE, look(readiness)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(missing)) => missing,
            Err(_) => Missing::Answer,
        };
        // Looked at after the question, so that a program that ends at once is not called mute.
        if let Ok(Some(status)) = ended() {
            return Err(NotReady::Ended(status));
        }
        if Instant::now() > deadline {
            return Err(NotReady::Late(missing));
        }
        sleep(PAUSE).await;
    }
}

async fn look(Readiness { transport, listener, ask }: Readiness) -> Result<(), Missing> {
    if let Some((admin, path)) = ask {
        match status_line(admin, path).await {
            Ok(status) if status.starts_with("HTTP/1.1 200 ") => {}
            Ok(status) => return Err(Missing::Readiness(path, status)),
            Err(_) => return Err(Missing::Admin),
        }
    }
    let met = match transport {
        Transport::Tcp => TcpStream::connect(listener).await.map(drop),
        Transport::Udp => send(listener).await,
    };
    met.map_err(|_| Missing::Listener)
}

/// Sends a datagram, of which the backend sees no more than one byte. On this machine an error comes back
/// before anything else can, if nobody has the port.
async fn send(listener: SocketAddr) -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    socket.connect(listener).await?;
    socket.send(b"?").await?;
    match timeout(REFUSAL, socket.recv(&mut [0])).await {
        Ok(Err(refused)) => Err(refused),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

async fn status_line(admin: SocketAddr, path: &str) -> io::Result<String> {
    const LONGEST: u64 = 4096;
    let mut stream = TcpStream::connect(admin).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

#[derive(Debug)]
pub(crate) enum NotReady {
    /// The program has ended.
    Ended(ExitStatus),
    /// It runs, but something was missing until the end.
    Late(Missing),
    /// It could not be asked.
    Unasked(io::Error),
}

#[derive(Debug)]
pub(crate) enum Missing {
    Listener,
    Admin,
    /// The path that was asked for, and the status line.
    Readiness(&'static str, String),
    Answer,
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing = match self {
            NotReady::Ended(status) => return write!(f, "it ended before it served ({status})"),
            NotReady::Late(missing) => missing,
            NotReady::Unasked(error) => return write!(f, "it cannot be asked: {error}"),
        };
        let waited = humantime::format_duration(PATIENCE);
        write!(f, "it does not serve after {waited}: ")?;
        match missing {
            Missing::Listener => f.write_str("its listener refuses"),
            Missing::Admin => f.write_str("its admin address does not answer"),
            Missing::Readiness(path, status) => write!(f, "{path} says {status:?}"),
            Missing::Answer => f.write_str("it accepts, but does not answer"),
        }
    }
}
