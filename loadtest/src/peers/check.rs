//! `loadtest peers`: which peers are here, and whether each does what it is configured for.
//!
//! For each duty that a peer has, it is asked whether its configuration is one, started with it, and one
//! session or datagram goes through it to a stub in this process, which says what it was told.

use super::running::last_lines;
use super::{Beginning, Duty, Installed, PeerError, Running, servers};
use crate::cli::PeerOptions;
use crate::load::Transport;
use crate::report::{Cast, Host, PeerReport, ReportError, Section, Tables, emit, with_sources};
use nearpoint::mtproto::{self, Obfuscation, Random};
use nearpoint::proxy_protocol::{self, Announced};
use nearpoint::stub::{Announcement, BindError, Service, Setup, StubDc, UdpService, Whoami};
use rustix::rand::{GetRandomFlags, getrandom};
use serde::Serialize;
use std::error::Error;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpStream, UdpSocket};
use tokio::process::Command;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// For an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Whom a PROXY header announces (TEST-NET-3).
const CLIENT: ([u8; 4], u16) = ([203, 0, 113, 7], 7007);
/// What is sent and comes back.
const QUESTION: &[u8] = b"to and fro";

/// Whether every peer is here and does what it can.
pub(crate) async fn run(options: &PeerOptions) -> Result<bool, ReportError> {
    let cast = Cast::find(options).await;
    let mut checks = Vec::new();
    for installed in cast.present() {
        for duty in Duty::EACH {
            eprintln!("{}: {duty}", installed.peer.name());
            checks.push(Check::new(&installed, duty).await);
        }
    }
    let complete = cast.complete() && checks.iter().all(|check| check.outcome != Outcome::Failed);
    emit(&Report { host: Host::read(), peers: cast.report(), checks }, &options.output)?;
    Ok(complete)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Works,
    Unable,
    Failed,
}

/// What came of one duty of one peer.
#[derive(Debug, Serialize)]
struct Check {
    peer: &'static str,
    duty: String,
    outcome: Outcome,
    /// Why it cannot, or what failed.
    why: Option<String>,
    /// What the backend was told of the client.
    header: Option<Announcement>,
    /// Whether the proxy says that the announced client is here; `null` where it cannot be asked.
    client_known: Option<bool>,
}

impl Check {
    async fn new(installed: &Installed, duty: Duty) -> Check {
        let peer = installed.peer;
        let (outcome, why, seen) = match peer.inability(duty) {
            Some(why) => (Outcome::Unable, Some(why.to_owned()), Seen::default()),
            None => match try_out(installed, duty).await {
                Ok(seen) => (Outcome::Works, None, seen),
                Err(error) => (Outcome::Failed, Some(with_sources(&error)), Seen::default()),
            },
        };
        let Seen { header, client_known } = seen;
        Check { peer: peer.name(), duty: duty.to_string(), outcome, why, header, client_known }
    }

    fn cell(&self) -> String {
        match (&self.outcome, &self.why, &self.header) {
            (Outcome::Works, _, Some(header)) => format!("version {}", header.version),
            (Outcome::Works, _, None) => "works".to_owned(),
            (_, why, _) => format!("-: {}", why.as_deref().unwrap_or_default()),
        }
    }
}

#[derive(Debug, Default)]
struct Seen {
    header: Option<Announcement>,
    client_known: Option<bool>,
}

async fn try_out(installed: &Installed, duty: Duty) -> Result<Seen, CheckError> {
    let expects_header = duty.beginning == Beginning::ProxyOut;
    let service = match duty.transport {
        Transport::Tcp => Service::Who,
        Transport::Udp => Service::Udp(UdpService::Who),
    };
    // All of loopback, so that each DC has an address that leads to it.
    let setup = Setup { device: Some("lo"), expects_header, ..Setup::default() };
    let at = (SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), service);
    let stub = StubDc::bind_with(setup, 1, &[at]).map_err(CheckError::Stub)?;
    let backend = SocketAddr::from((Ipv4Addr::LOCALHOST, stub.local_addrs()[0].port()));
    installed.check(duty, backend).await.map_err(CheckError::Peer)?;
    let proxy = installed.start(duty, backend).await.map_err(CheckError::Peer)?;
    let met = async {
        match duty.transport {
            Transport::Tcp => session(&proxy, duty.beginning).await,
            Transport::Udp => datagram(&proxy).await,
        }
    };
    let met = timeout(PATIENCE, met).await;
    let seen = met.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    proxy.stop().await;
    stub.shutdown().await;
    seen.map_err(CheckError::Client)
}

async fn session(proxy: &Running, beginning: Beginning) -> io::Result<Seen> {
    let target = proxy.address;
    let mut stream = BufStream::new(TcpStream::connect(target).await?);
    let client = Announced::Client { source: CLIENT.into(), destination: target };
    let (opening, echoed) = match beginning {
        Beginning::Plain | Beginning::ProxyOut => (Vec::new(), Vec::new()),
        Beginning::ProxyIn => {
            (proxy_protocol::v2(proxy_protocol::Transport::Stream, &client, None), Vec::new())
        }
        Beginning::Sniffed => {
            let header = obfuscated()?.to_vec();
            (header.clone(), header)
        }
    };
    let expected = [&echoed[..], QUESTION].concat();
    stream.write_all(&[&opening[..], QUESTION].concat()).await?;
    stream.flush().await?;
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        line.push(stream.read_u8().await?);
    }
    let who: Whoami = serde_json::from_slice(&line)?;
    let mut echo = vec![0; expected.len()];
    stream.read_exact(&mut echo).await?;
    if echo != expected {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not what was sent came back"));
    }
    let client_known = match (beginning, proxy.operator().cloned()) {
        (Beginning::ProxyIn, Some(operator)) => {
            let asked = spawn_blocking(move || operator.has_client(CLIENT.into())).await;
            asked.unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))?
        }
        _ => None,
    };
    if client_known == Some(false) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it took the client for another"));
    }
    Ok(Seen { header: who.announced, client_known })
}

/// The header of a client who names DC 1, without a secret.
fn obfuscated() -> io::Result<[u8; mtproto::HEADER]> {
    let random = Random::draw(|bytes| {
        // Short ones are always whole (getrandom(2)).
        getrandom(&mut bytes[..], GetRandomFlags::empty()).map(drop)
    });
    Ok(Obfuscation::connect(&random?, mtproto::Transport::Intermediate, 1, None).1)
}

async fn datagram(proxy: &Running) -> io::Result<Seen> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    socket.connect(proxy.address).await?;
    socket.send(QUESTION).await?;
    let mut answer = [0; 2048];
    let length = socket.recv(&mut answer).await?;
    match answer[..length].ends_with(QUESTION) {
        true => Ok(Seen::default()),
        false => Err(io::Error::new(io::ErrorKind::InvalidData, "not what was sent came back")),
    }
}

impl Installed {
    /// Asks the program whether its configuration for this is one.
    async fn check(&self, duty: Duty, backend: SocketAddr) -> Result<(), PeerError> {
        let Some(program) = &self.program else { return Ok(()) };
        let directory = TempDir::with_prefix("loadtest-").map_err(PeerError::Prepare)?;
        let given = self.prepare(&self.plan(duty, servers(duty, backend), directory.path())?)?;
        let mut command = Command::new(program);
        command.args(given.check).stdin(Stdio::null()).kill_on_drop(true);
        let output = command.output().await.map_err(PeerError::Prepare)?;
        match output.status.success() {
            true => Ok(()),
            false => {
                let said = last_lines(&[output.stdout, output.stderr].concat());
                Err(PeerError::Refused { said })
            }
        }
    }
}

#[derive(Debug, Serialize)]
struct Report {
    host: Host,
    peers: Vec<PeerReport>,
    checks: Vec<Check>,
}

impl Tables for Report {
    fn host(&self) -> &Host {
        &self.host
    }

    fn peers(&self) -> &[PeerReport] {
        &self.peers
    }

    fn sections(&self) -> Vec<Section> {
        let rows = self.checks.chunks(Duty::EACH.len()).map(|checks| {
            let name = checks.first().map_or("", |check| check.peer).to_owned();
            std::iter::once(name).chain(checks.iter().map(Check::cell)).collect()
        });
        let columns = Duty::EACH.iter().map(Duty::to_string);
        vec![Section {
            title: "What each peer does; of PROXY out, the version that the backend saw".to_owned(),
            columns: std::iter::once("peer".to_owned()).chain(columns).collect(),
            rows: rows.collect(),
        }]
    }
}

#[derive(Debug)]
enum CheckError {
    Stub(BindError),
    Peer(PeerError),
    Client(io::Error),
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CheckError::Stub(_) => f.write_str("the stub failed"),
            CheckError::Peer(error) => error.fmt(f),
            CheckError::Client(_) => f.write_str("a client was not served"),
        }
    }
}

impl Error for CheckError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            CheckError::Stub(source) => Some(source),
            CheckError::Peer(error) => error.source(),
            CheckError::Client(source) => Some(source),
        }
    }
}
