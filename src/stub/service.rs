//! What an access point answers, and how a session lives under a fault.

use super::access_point::{Dc, Standing};
use super::announcement::{self, Announcement};
use super::counts::Counters;
use super::fault::Fault;
use super::udp::UdpService;
use super::{http, mtproto};
use rustix::net::RecvFlags;
use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::str::FromStr;
use std::sync::{Arc, LazyLock, OnceLock};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::net::tcp::WriteHalf;
use tokio::sync::watch;

/// What an access point does with a session, or, if it is one of UDP, with a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Sends back what it reads. After the client's end of stream it sends what is left and ends
    /// its own stream.
    Echo,
    /// Sends back so many bytes of a session, and discards what comes after them. It sends its own end of
    /// stream after the client's.
    EchoFirst {
        /// How many.
        bytes: u64,
    },
    /// Reads and discards. At the client's end of stream it answers with the number of bytes, as
    /// one decimal line, and closes.
    Sink,
    /// Sends the bytes of [`pattern_at`]: `bytes` of them and then its end of stream, or without
    /// end. Discards what it reads.
    Source {
        /// How many; `None` for a stream without end.
        bytes: Option<u64>,
    },
    /// Says who answers, as one line of JSON ([`Whoami`]), at once; then echoes.
    Who,
    /// Waits for the client to speak. A request of HTTP is answered with 200, or as
    /// [`Fault::Status`] has it, and with the same line as its body; then the connection is closed. To
    /// anything else it says who answers, and echoes from its first byte.
    Http,
    /// Waits for the client to speak. A question of MTProto (`req_pq_multi`), in whatever transport, obfuscated
    /// or not, with one of the secrets of [`Setup`](super::Setup) or with none, is answered in the same
    /// transport, with the fingerprints of this DC ([`fingerprints_of`](super::fingerprints_of)); any other
    /// message with the error -404. What is not MTProto is closed.
    Mtproto {
        /// Answers with the error -444 to obfuscated clients that name another DC than this one. Some
        /// clients name none when they have no secret, and random bytes are there.
        strict: bool,
    },
    /// The access point is one of UDP.
    Udp(UdpService),
}

/// The line that [`Service::Who`] begins with, [`Service::Http`] answers with, and the answers of
/// [`UdpService::Who`] begin with.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Whoami {
    /// Id of the DC.
    pub dc: u16,
    /// The access point that accepted the connection, as it was bound.
    pub access_point: SocketAddr,
    /// Where the connection came from: behind a proxy, the proxy.
    pub peer: SocketAddr,
    /// Number of the connection at this access point, from 1; with UDP, of the client, as told by `peer`.
    pub connection: u64,
    /// Whom the PROXY header announced, where one is expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announced: Option<Announcement>,
}

impl Whoami {
    /// Takes an answer of [`UdpService::Who`] apart: who sent it, and what had been asked. `None` if it
    /// is something else.
    pub fn split(datagram: &[u8]) -> Option<(Whoami, &[u8])> {
        let end = datagram.iter().position(|byte| *byte == b'\n')?;
        let whoami = serde_json::from_slice(&datagram[..end]).ok()?;
        Some((whoami, &datagram[end + 1..]))
    }

    /// With the end of the line.
    pub(super) fn to_line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("numbers and addresses are JSON");
        line.push(b'\n');
        line
    }
}

/// The byte that [`Service::Source`] sends at `offset`.
pub fn pattern_at(offset: u64) -> u8 {
    (offset % PERIOD) as u8
}

/// Reads and throws away up to `buffer.len()` bytes; 0 is the end of stream. `buffer` lends its
/// length only: with MSG_TRUNC the kernel frees the bytes of a TCP stream without copying them
/// (tcp(7)), which keeps the reader of a load test out of the measurement.
pub async fn discard(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    let receive = || match rustix::net::recv(stream, &mut *buffer, RecvFlags::TRUNC) {
        Ok((_, bytes)) => Ok(bytes),
        Err(errno) => Err(errno.into()),
    };
    stream.async_io(Interest::READABLE, receive).await
}

/// Prime, so that lost or doubled pages and buffers shift the pattern visibly.
const PERIOD: u64 = 251;
const PATTERN_REPEATS: usize = 1024;
static PATTERN: LazyLock<Vec<u8>> =
    LazyLock::new(|| (0..PERIOD as u8).cycle().take(PERIOD as usize * PATTERN_REPEATS).collect());

const ECHO_BUFFER: usize = 32 * 1024;
const DISCARD_BUFFER: usize = 1024 * 1024;

/// One connection and all it needs to answer.
pub(super) struct Session {
    pub(super) dc: Arc<Dc>,
    pub(super) access_point: SocketAddr,
    pub(super) peer: SocketAddr,
    pub(super) number: u64,
    pub(super) service: Service,
    pub(super) counters: Arc<Counters>,
    pub(super) standing: watch::Receiver<Standing>,
    /// What its header said, once it is read.
    pub(super) announced: OnceLock<Announcement>,
}

impl Session {
    pub(super) async fn run(self, mut stream: TcpStream) {
        let _open = self.counters.open();
        let mut standing = self.standing.clone();
        let cuts = standing.borrow().cuts;
        tokio::select! {
            // A client that resets or leaves ends its session; that is no event here.
            _ = self.answer(&mut stream) => {}
            _ = standing.wait_for(|now| now.cuts != cuts) => {
                let _ = stream.set_zero_linger();
            }
        }
    }

    async fn answer(&self, stream: &mut TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        if self.dc.expects_header {
            match announcement::read(stream).await? {
                Some(announcement) => {
                    self.announced.get_or_init(|| announcement);
                }
                None => return stream.set_zero_linger(),
            }
        }
        match self.service {
            Service::Echo => self.echo(stream).await,
            Service::EchoFirst { bytes } => self.echo_first(stream, bytes).await,
            Service::Sink => self.sink(stream).await,
            Service::Source { bytes } => self.source(stream, bytes).await,
            Service::Who => {
                if self.may_answer().await {
                    self.send(stream, &self.who_line()).await?;
                }
                self.echo(stream).await
            }
            Service::Http => http::answer(self, stream).await,
            Service::Mtproto { strict } => mtproto::answer(self, stream, strict).await,
            // Its access points accept no connections.
            Service::Udp(_) => Ok(()),
        }
    }

    pub(super) async fn echo(&self, stream: &mut TcpStream) -> io::Result<()> {
        self.echo_first(stream, u64::MAX).await
    }

    async fn echo_first(&self, stream: &mut TcpStream, mut most: u64) -> io::Result<()> {
        let mut buffer = vec![0; ECHO_BUFFER];
        while most > 0 {
            let room = usize::try_from(most).unwrap_or(usize::MAX).min(ECHO_BUFFER);
            let bytes = stream.read(&mut buffer[..room]).await?;
            self.counters.received(bytes);
            if bytes == 0 {
                break;
            }
            most -= bytes as u64;
            if self.may_answer().await {
                self.send(stream, &buffer[..bytes]).await?;
            }
        }
        self.drain(stream).await?;
        match self.may_answer().await {
            true => stream.shutdown().await,
            false => Ok(()),
        }
    }

    async fn sink(&self, stream: &mut TcpStream) -> io::Result<()> {
        let total = self.drain(stream).await?;
        if self.may_answer().await {
            self.send(stream, format!("{total}\n").as_bytes()).await?;
        }
        Ok(())
    }

    async fn source(&self, stream: &mut TcpStream, bytes: Option<u64>) -> io::Result<()> {
        let (reader, writer) = stream.split();
        let mut sending = pin!(self.send_pattern(writer, bytes));
        let mut draining = pin!(self.drain(reader.as_ref()));
        tokio::select! {
            sent = &mut sending => {
                sent?;
                // Closing with unread bytes would reset what was just sent.
                draining.await.map(drop)
            }
            drained = &mut draining => {
                drained?;
                let mut standing = self.standing.clone();
                tokio::select! {
                    sent = sending => sent,
                    _ = standing.wait_for(|now| now.fault == Fault::Mute) => Ok(()),
                }
            }
        }
    }

    async fn send_pattern(&self, mut writer: WriteHalf<'_>, bytes: Option<u64>) -> io::Result<()> {
        let mut sent: u64 = 0;
        while bytes.is_none_or(|bytes| sent < bytes) {
            if !self.may_answer().await {
                let mut standing = self.standing.clone();
                // The sender lives as long as this session's task does.
                let _ = standing.wait_for(|now| now.fault != Fault::Mute).await;
                continue;
            }
            let rest = &PATTERN[(sent % PATTERN.len() as u64) as usize..];
            let room = bytes.map_or(u64::MAX, |bytes| bytes - sent);
            let chunk = &rest[..rest.len().min(usize::try_from(room).unwrap_or(usize::MAX))];
            let written = writer.write(chunk).await?;
            self.counters.sent(written);
            sent += written as u64;
        }
        writer.shutdown().await
    }

    /// Reads to the end of stream and says how much it was.
    async fn drain(&self, stream: &TcpStream) -> io::Result<u64> {
        let mut buffer = vec![0; DISCARD_BUFFER];
        let mut total = 0;
        loop {
            match discard(stream, &mut buffer).await? {
                0 => return Ok(total),
                bytes => {
                    self.counters.received(bytes);
                    total += bytes as u64;
                }
            }
            if self.standing.borrow().fault == Fault::Drop {
                return std::future::pending().await;
            }
        }
    }

    pub(super) async fn send(&self, stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
        stream.write_all(bytes).await?;
        self.counters.sent(bytes.len());
        Ok(())
    }

    /// Waits as long as the fault demands; false when nothing may be said. Faults that concern the
    /// start of a session only do not hold up this one.
    pub(super) async fn may_answer(&self) -> bool {
        match self.fault() {
            Fault::None
            | Fault::Refuse
            | Fault::Reset
            | Fault::Loss(_)
            | Fault::Status(_)
            | Fault::Mtproto(_) => true,
            Fault::Slow(by) => {
                tokio::time::sleep(by).await;
                true
            }
            Fault::Mute => false,
            // The cut that comes with the end of this fault ends the session.
            Fault::Drop => std::future::pending().await,
        }
    }

    /// What is wrong now.
    pub(super) fn fault(&self) -> Fault {
        self.standing.borrow().fault
    }

    /// Who answers, with the end of the line.
    pub(super) fn who_line(&self) -> Vec<u8> {
        let (dc, connection) = (self.dc.id, self.number);
        let Session { access_point, peer, .. } = *self;
        let announced = self.announced.get().cloned();
        Whoami { dc, access_point, peer, connection, announced }.to_line()
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Service::Echo => f.write_str("echo"),
            Service::EchoFirst { bytes } => write!(f, "echo:{bytes}"),
            Service::Sink => f.write_str("sink"),
            Service::Source { bytes: None } => f.write_str("source"),
            Service::Source { bytes: Some(bytes) } => write!(f, "source:{bytes}"),
            Service::Who => f.write_str("who"),
            Service::Http => f.write_str("http"),
            Service::Mtproto { strict: false } => f.write_str("mtproto"),
            Service::Mtproto { strict: true } => f.write_str("mtproto:strict"),
            Service::Udp(service) => write!(f, "udp:{service}"),
        }
    }
}

/// Reads what [`Service`]'s `Display` writes: `echo`, `echo:1000`, `sink`, `source`, `source:1000`, `who`,
/// `http`, `mtproto`, `mtproto:strict`, `udp:echo`, `udp:who`, `udp:sink`, `udp:source`.
impl FromStr for Service {
    type Err = ParseServiceError;

    fn from_str(text: &str) -> Result<Service, ParseServiceError> {
        match text {
            "echo" => Ok(Service::Echo),
            "sink" => Ok(Service::Sink),
            "source" => Ok(Service::Source { bytes: None }),
            "who" => Ok(Service::Who),
            "http" => Ok(Service::Http),
            "mtproto" => Ok(Service::Mtproto { strict: false }),
            "mtproto:strict" => Ok(Service::Mtproto { strict: true }),
            _ => {
                let limited = |name: &str| text.strip_prefix(name)?.parse().ok();
                let echo = limited("echo:").map(|bytes| Service::EchoFirst { bytes });
                let source = limited("source:").map(|bytes| Service::Source { bytes: Some(bytes) });
                let udp = text.strip_prefix("udp:").and_then(UdpService::from_name);
                let service = echo.or(source).or(udp.map(Service::Udp));
                service.ok_or_else(|| ParseServiceError(text.to_owned()))
            }
        }
    }
}

/// The text names no service.
#[derive(Debug, PartialEq, Eq)]
pub struct ParseServiceError(String);

impl fmt::Display for ParseServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not a service: echo, echo:BYTES, sink, source, source:BYTES, who, http, \
             mtproto, mtproto:strict, udp:echo, udp:who, udp:sink or udp:source",
            self.0
        )
    }
}

impl Error for ParseServiceError {}
