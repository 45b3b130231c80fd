//! One listening socket of one worker: accepts, pauses when the process has no room, and goes on.

use std::future::poll_fn;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tracing::warn;

use super::bind_set::listen_options;
use super::listener::{Listener, Unadmitted};
use super::worker::Worker;
use crate::config;
use crate::net::{self, AcceptQueue};

/// Between looks at whether there is room again.
const PAUSE: Duration = Duration::from_millis(100);

/// A listening socket. It is closed when it is told to, however long its sessions live.
pub(super) struct Acceptor {
    socket: AcceptQueue,
    listener: Rc<Listener>,
    closing: Notify,
}

impl Acceptor {
    /// Starts accepting from `socket`.
    ///
    /// # Errors
    /// When the runtime cannot watch the socket.
    pub(super) fn start(
        worker: &Rc<Worker>,
        socket: TcpListener,
        config: Arc<config::Listener>,
    ) -> io::Result<OpenAcceptor> {
        let acceptor = Rc::new(Self {
            socket: AcceptQueue::watch(socket)?,
            listener: Listener::new(worker, config),
            closing: Notify::new(),
        });
        let accepting = accept_until_closed(Rc::clone(worker), Rc::clone(&acceptor));
        Ok(OpenAcceptor { acceptor, accepting: tokio::task::spawn_local(accepting) })
    }

    /// Other settings hold for new sessions.
    fn adjust(&self, worker: &Worker, config: Arc<config::Listener>) {
        if let Err(error) = net::listen(&self.socket, &listen_options(&config)) {
            warn!(listener = %config.name, %error, "cannot change the options of a socket");
        }
        self.listener.adjust(worker, config);
    }

    fn accept_waiting(&self, worker: &Worker) -> Option<Unadmitted> {
        loop {
            let place = worker.shared.descriptors.reserve()?;
            match self.socket.accept_waiting() {
                Ok((stream, neighbour)) => {
                    let stream = TcpStream::from_std(stream).ok()?;
                    return Some(Unadmitted { stream, neighbour, place });
                }
                Err(error) if is_clients_fault(&error) => {}
                Err(_) => return None,
            }
        }
    }

    /// Takes a client from the queue. A place is held only for one who is there: idle sockets, of
    /// which there are many, must not keep places from busy ones.
    fn poll_accept(&self, worker: &Worker, cx: &mut Context<'_>) -> Poll<Result<Unadmitted, Why>> {
        let Some(place) = worker.shared.descriptors.reserve() else {
            return Poll::Ready(Err(Why::NoPlace));
        };
        let accepted = ready!(self.socket.poll_accept(cx));
        let watched = accepted.and_then(|(stream, neighbour)| {
            Ok(Unadmitted { stream: TcpStream::from_std(stream)?, neighbour, place })
        });
        Poll::Ready(watched.map_err(Why::Error))
    }
}

/// An acceptor at work.
pub(super) struct OpenAcceptor {
    acceptor: Rc<Acceptor>,
    accepting: JoinHandle<()>,
}

impl OpenAcceptor {
    /// Other settings hold for new sessions.
    pub(super) fn adjust(&self, worker: &Worker, config: Arc<config::Listener>) {
        self.acceptor.adjust(worker, config);
    }

    /// Accepts whoever is waiting and closes the socket.
    pub(super) async fn close(self) {
        self.acceptor.closing.notify_one();
        drop(self.acceptor);
        // A panic would have ended the process.
        let _ = self.accepting.await;
    }
}

/// Why nobody was accepted.
enum Why {
    NoPlace,
    Error(io::Error),
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoPlace => f.write_str("every descriptor has its session"),
            Self::Error(error) => error.fmt(f),
        }
    }
}

async fn accept_until_closed(worker: Rc<Worker>, acceptor: Rc<Acceptor>) {
    let mut paused = false;
    loop {
        tokio::select! {
            biased;
            accepted = accept(&worker, &acceptor, &mut paused) => {
                acceptor.listener.serve(&worker, accepted);
            }
            () = acceptor.closing.notified() => break,
        }
    }
    // Those in the queue have been told by the kernel that they are connected. It is asked itself:
    // the runtime may not have heard of them yet.
    while let Some(accepted) = acceptor.accept_waiting(&worker) {
        acceptor.listener.serve(&worker, accepted);
    }
}

/// The next client. Never fails: what cannot be helped is waited out.
async fn accept(worker: &Worker, acceptor: &Acceptor, paused: &mut bool) -> Unadmitted {
    loop {
        match poll_fn(|cx| acceptor.poll_accept(worker, cx)).await {
            Ok(accepted) => {
                *paused = false;
                return accepted;
            }
            Err(Why::Error(error)) if is_clients_fault(&error) => {}
            Err(why) => pause(worker, paused, &why).await,
        }
    }
}

/// Waits a moment; counts and tells the beginning of a pause.
async fn pause(worker: &Worker, paused: &mut bool, why: &Why) {
    if !std::mem::replace(paused, true) {
        worker.shared.context.metrics.accept_pauses_total.inc();
        warn!(%why, "accepting pauses");
    }
    sleep(PAUSE).await;
}

/// `accept(2)`: errors of the one connection that was to be accepted.
fn is_clients_fault(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted)
}
