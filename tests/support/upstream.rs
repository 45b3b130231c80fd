//! A DC of UDP that a test looks into: it keeps what it was sent, flow by flow.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use socket2::SockRef;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// Room for all that a test has under way at a time, whatever the machine's default is.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Datagrams by who sent them: behind a proxy, by flow.
pub(crate) type Received = BTreeMap<SocketAddr, Vec<Vec<u8>>>;

/// One access point. Ends when it is dropped.
pub(crate) struct Upstream {
    /// Where it is.
    pub(crate) at: SocketAddr,
    received: Arc<Mutex<Received>>,
    serving: JoinHandle<()>,
}

impl Upstream {
    /// Answers what is not `kept_silent_about` with the very same, and keeps all of it.
    pub(crate) async fn start(at: SocketAddr, kept_silent_about: fn(&[u8]) -> bool) -> Self {
        let socket = UdpSocket::bind(at).await.expect("a port");
        enlarge(&socket);
        let at = socket.local_addr().expect("it is bound");
        let received = Arc::<Mutex<Received>>::default();
        let kept = Arc::clone(&received);
        let serving = tokio::spawn(async move {
            let mut buffer = vec![0; 1 << 16];
            loop {
                let (length, from) = match socket.recv_from(&mut buffer).await {
                    Ok(datagram) => datagram,
                    // Somebody has left before the answer.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
                    Err(error) => panic!("an upstream cannot receive: {error}"),
                };
                let datagram = &buffer[..length];
                lock(&kept).entry(from).or_default().push(datagram.to_vec());
                if !kept_silent_about(datagram) {
                    socket.send_to(datagram, from).await.expect("an answer");
                }
            }
        });
        Self { at, received, serving }
    }

    /// What it was sent so far.
    pub(crate) fn received(&self) -> Received {
        lock(&self.received).clone()
    }

    /// The same, which is forgotten.
    pub(crate) fn take(&self) -> Received {
        std::mem::take(&mut *lock(&self.received))
    }

    /// An entry of `dc_options`.
    pub(crate) fn listed(&self, dc: u16) -> String {
        let (ip, port) = (self.at.ip(), self.at.port());
        format!("- {{id: {dc}, ip: '{ip}', port: {port}, protocols: [udp]}}\n")
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Lets a socket of the test keep as much as a test has under way.
pub(crate) fn enlarge(socket: &UdpSocket) {
    // As much as the machine allows.
    SockRef::from(socket).set_recv_buffer_size(RECEIVE_BUFFER).expect("a buffer");
}

fn lock(received: &Mutex<Received>) -> MutexGuard<'_, Received> {
    received.lock().unwrap_or_else(PoisonError::into_inner)
}
