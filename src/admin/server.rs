//! Carries HTTP/1 requests of one listener to a function, with a bound on everything a client can
//! hold: connections, header bytes, patience and lifetime. Bodies of requests are never read.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{debug, warn};

use super::reply::Reply;

/// What a client can hold of this server.
#[derive(Clone, Copy)]
struct Bounds {
    /// Connections at once; further ones wait in the listen queue.
    connections: usize,
    /// For the whole head of a request, and for the next one on a connection that is kept alive.
    patience: Duration,
    /// A connection is closed after its current reply once it is this old: a client that reads
    /// slowly must not hold its place for ever.
    lifetime: Duration,
    /// For the current reply, once it is there, when a connection has to end.
    grace: Duration,
}

const BOUNDS: Bounds = Bounds {
    connections: 64,
    patience: Duration::from_secs(10),
    lifetime: Duration::from_secs(60),
    grace: Duration::from_secs(5),
};

/// After a failed accept, when descriptors are used up for instance.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Bytes of a request's head; a longer one is answered with 431.
const HEAD_BYTES: usize = 16 * 1024;

/// Answers the requests that arrive on `listener` until `shutdown` is ready; replies under way then
/// have 5 seconds. Failed accepts pause and continue. A `service` may take its time, which is in its
/// hands alone: it keeps a place until it has answered, or its client has left.
pub async fn serve<S, A>(listener: TcpListener, service: S, shutdown: impl Future<Output = ()>)
where
    S: Fn(Request<()>) -> A + Send + Sync + 'static,
    A: Future<Output = Reply> + Send + 'static,
{
    serve_within(BOUNDS, listener, service, shutdown).await;
}

async fn serve_within<S, A>(
    bounds: Bounds,
    listener: TcpListener,
    service: S,
    shutdown: impl Future<Output = ()>,
) where
    S: Fn(Request<()>) -> A + Send + Sync + 'static,
    A: Future<Output = Reply> + Send + 'static,
{
    let service = Arc::new(service);
    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    let mut accepting = true;
    loop {
        let has_room = connections.len() < bounds.connections;
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if has_room => match accepted {
                Ok((stream, _)) => {
                    accepting = true;
                    let service = Arc::clone(&service);
                    connections.spawn(converse(bounds, stream, service, stopped.clone()));
                }
                Err(error) => {
                    log_accept_error(&error, accepting);
                    accepting = false;
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    drop(stop);
    while connections.join_next().await.is_some() {}
}

/// Serves one connection; ends after the current reply when `stopped` closes, or when it is old.
async fn converse<S, A>(
    bounds: Bounds,
    stream: TcpStream,
    service: Arc<S>,
    mut stopped: watch::Receiver<()>,
) where
    S: Fn(Request<()>) -> A + Send + Sync + 'static,
    A: Future<Output = Reply> + Send + 'static,
{
    let (answering, mut answered) = watch::channel(false);
    let service = service_fn(move |request: Request<Incoming>| {
        let (head, _unread) = request.into_parts();
        let reply = service(Request::from_parts(head, ()));
        let answering = answering.clone();
        async move {
            answering.send_replace(true);
            let reply = reply.await;
            answering.send_replace(false);
            Ok::<_, Infallible>(reply)
        }
    });
    let http = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.patience)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut http = pin!(http);
    let too_old = tokio::select! {
        ended = http.as_mut() => return log_end(ended),
        _ = stopped.changed() => false,
        () = sleep(bounds.lifetime) => true,
    };
    http.as_mut().graceful_shutdown();
    let patience = async {
        if too_old {
            // The connection is alive, and with it the sender.
            let _ = answered.wait_for(|answering| !answering).await;
        }
        sleep(bounds.grace).await;
    };
    tokio::select! {
        ended = http => log_end(ended),
        () = patience => {}
    }
}

/// Warns once per run of failures.
fn log_accept_error(error: &io::Error, first: bool) {
    if first {
        warn!(%error, "admin: cannot accept");
    } else {
        debug!(%error, "admin: still cannot accept");
    }
}

fn log_end(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        debug!(%error, "admin: connection ended");
    }
}

#[cfg(test)]
mod tests;
