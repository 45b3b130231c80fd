//! Waiting until a proxy serves.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::process::ExitStatus;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// Starting, probing the backend and opening the listener.
const PATIENCE: Duration = Duration::from_secs(10);
/// A proxy gives no sign of its own that all of them share, so it is asked this often.
const PAUSE: Duration = Duration::from_millis(20);

/// What a proxy that serves shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Readiness {
    /// Accepts here.
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

async fn look(Readiness { listener, ask }: Readiness) -> Result<(), Missing> {
    if let Some((admin, path)) = ask {
        match status_line(admin, path).await {
            Ok(status) if status.starts_with("HTTP/1.1 200 ") => {}
            Ok(status) => return Err(Missing::Readiness(path, status)),
            Err(_) => return Err(Missing::Admin),
        }
    }
    TcpStream::connect(listener).await.map(drop).map_err(|_| Missing::Listener)
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
