//! `loadtest hold`: a client process with idle sessions, and the handle its parent has on it.

use crate::cli::HoldOptions;
use crate::event::Event;
use crate::process::{Child, ProcessError};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// For one connect with its round trip.
const PATIENCE: Duration = Duration::from_secs(10);
/// For all of them; a parent waits no longer.
const OPENING: Duration = Duration::from_secs(60);

/// Opens the sessions, shows by one round trip that each reaches the backend, says so, and holds
/// them until standard input ends.
pub(crate) async fn run(options: &HoldOptions) -> io::Result<()> {
    let mut sessions = Vec::new();
    for _ in 0..options.sessions {
        let session = timeout(PATIENCE, open(options.target)).await;
        sessions.push(session.map_err(|_| io::ErrorKind::TimedOut)??);
    }
    Event::Holding { sessions: options.sessions }.print()?;
    let (ended, end) = oneshot::channel();
    std::thread::spawn(move || {
        // An unreadable standard input has ended, too.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = ended.send(());
    });
    let _ = end.await;
    Ok(())
}

async fn open(target: SocketAddr) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(target).await?;
    stream.write_all(b"?").await?;
    stream.read_exact(&mut [0]).await?;
    Ok(stream)
}

/// A child process that holds sessions.
#[derive(Debug)]
pub(crate) struct Holder(Child);

impl Holder {
    /// Returns when all sessions are open.
    pub(crate) async fn start(target: SocketAddr, sessions: u32) -> Result<Holder, ProcessError> {
        let program = std::env::current_exe().map_err(ProcessError::Spawn)?;
        let mut command = Command::new(program);
        command.arg("hold").args(["--target", &target.to_string()]);
        command.args(["--sessions", &sessions.to_string()]);
        let mut child = Child::spawn(command)?;
        match child.event(OPENING).await? {
            Event::Holding { .. } => Ok(Holder(child)),
            other => Err(ProcessError::Unexpected(other)),
        }
    }

    /// Closes the sessions and waits for the end of the process.
    pub(crate) async fn stop(self) {
        self.0.process.stop().await;
    }
}
