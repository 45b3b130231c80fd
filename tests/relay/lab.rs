//! A daemon with one DC, whose sessions a test holds in its hands.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use nearpoint::app::App;
use socket2::SockRef;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// No event of these tests takes this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The first byte of every session: probes send none.
const HELLO: u8 = b'S';

/// A daemon with one DC, whose sessions the test holds in its hands.
pub(crate) struct Lab {
    pub(crate) app: App,
    sessions: mpsc::Receiver<TcpStream>,
    _files: TempDir,
}

impl Lab {
    /// `listener` is merged into the listener's settings, `more` stands beside it.
    pub(crate) async fn new(listener: &str, more: &str) -> Self {
        let files = tempfile::tempdir().expect("a folder");
        let upstream = TcpListener::bind("127.0.0.1:0").await.expect("an upstream");
        let port = upstream.local_addr().expect("bound").port();
        let list = format!("- {{id: 1, ip_address: 127.0.0.1, port: {port}}}\n");
        std::fs::write(files.path().join("dc_options.yaml"), list).expect("written");
        let main = files.path().join("nearpoint.yaml");
        let text = format!(
            "edge: {{workers: 1}}\n\
             dcs: [{{id: 1, location: {{country: NL}}}}]\n\
             listeners: [{{name: clients, bind: ['127.0.0.1:0'], route: nearest, {listener}}}]\n\
             admin: {{bind: none}}\nmetrics: {{bind: none}}\n{more}"
        );
        std::fs::write(&main, text).expect("written");
        let (found, sessions) = mpsc::channel(1024);
        tokio::spawn(accept_sessions(upstream, found));
        let app = App::start(&main).await.expect("a daemon");
        Self { app, sessions, _files: files }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.app.listeners["clients"][0]
    }

    /// A new session: the client's end and the DC's.
    pub(crate) async fn session(&mut self) -> (TcpStream, TcpStream) {
        let mut client = TcpStream::connect(self.address()).await.expect("connected");
        client.set_nodelay(true).expect("set");
        client.write_all(&[HELLO]).await.expect("written");
        let upstream = timeout(PATIENCE, self.sessions.recv()).await.expect("in time");
        (client, upstream.expect("a session"))
    }

    pub(crate) fn bytes(&self, direction: &str, path: &str) -> u64 {
        self.app.metrics.bytes_total.with_label_values(&["1", direction, path]).get()
    }

    /// Waits until a session has ended in this way.
    pub(crate) async fn ended(&self, side: &str, reason: &str) {
        let closed = self.app.metrics.close_total.with_label_values(&["1", side, reason]);
        wait_until(|| closed.get() > 0).await;
    }

    /// Waits until a session has ended in order, whoever closed first.
    pub(crate) async fn closed(&self) {
        let closed = ["client", "upstream"]
            .map(|side| self.app.metrics.close_total.with_label_values(&["1", side, "closed"]));
        wait_until(|| closed.iter().any(|count| count.get() > 0)).await;
    }
}

/// For what only counters show; there is no event to wait for.
pub(crate) async fn wait_until(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("in time");
}

async fn accept_sessions(upstream: TcpListener, found: mpsc::Sender<TcpStream>) {
    while let Ok((mut stream, _)) = upstream.accept().await {
        let found = found.clone();
        tokio::spawn(async move {
            let mut first = [0];
            if stream.read_exact(&mut first).await.is_ok() && first == [HELLO] {
                stream.set_nodelay(true).expect("set");
                let _ = found.send(stream).await;
            }
        });
    }
}

pub(crate) const BLOCK: usize = 64 * 1024;

/// Writes until nothing more is taken, and returns how much was. What a reset comes after must be
/// stuck: a write that is pending for a second is.
pub(crate) async fn flood(stream: &mut TcpStream) -> usize {
    let (mut written, block) = (0, vec![b'x'; BLOCK]);
    while let Ok(Ok(n)) = timeout(Duration::from_secs(1), stream.write(&block)).await {
        written += n;
    }
    written
}

/// Reads to the end, which must be a reset, and returns what came before it.
pub(crate) async fn read_to_reset(stream: &mut TcpStream) -> usize {
    let (mut total, mut buffer) = (0, vec![0; BLOCK]);
    loop {
        match timeout(PATIENCE, stream.read(&mut buffer)).await.expect("in time") {
            Ok(0) => panic!("an orderly end after {total} bytes"),
            Ok(n) => total += n,
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
                return total;
            }
        }
    }
}

pub(crate) fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("set");
}

/// Whether the kernel holds bytes that the peer has not acknowledged.
pub(crate) fn unsent(stream: &TcpStream) -> bool {
    nearpoint::net::unacknowledged(stream) > 0
}
