//! Carries HTTP/1 requests of one listener to a function, with a bound on everything a client can
//! hold: connections, headers, patience and lifetime. Bodies of requests are left to who answers.

mod places;

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
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use super::asked::{Asked, Body, Peer};
use super::doorway::{Doorway, Stream};
use super::reply::Reply;
use super::tls::subject;
use places::Places;

/// What a client can hold of this server.
#[derive(Clone, Copy)]
struct Bounds {
    /// Connections at once; further ones wait in the listen queue.
    connections: usize,
    /// Connections of one peer from elsewhere at once; further ones are closed.
    from_one_peer: usize,
    /// Of these, from all other machines together: who asks on this one whether it lives finds a place.
    from_elsewhere: usize,
    /// For the whole head of a request, and for the next one on a connection that is kept alive; for a
    /// handshake of TLS before them.
    patience: Duration,
    /// For the whole body of a request.
    body: Duration,
    /// A connection is closed after its current reply once it is this old: a client that reads
    /// slowly must not hold its place for ever.
    lifetime: Duration,
    /// For the current reply, once it is there, when a connection has to end.
    grace: Duration,
}

const BOUNDS: Bounds = Bounds {
    connections: 64,
    from_one_peer: 16,
    from_elsewhere: 48,
    patience: Duration::from_secs(10),
    // The largest list in this time is 4 Mbit/s.
    body: Duration::from_secs(30),
    lifetime: Duration::from_secs(60),
    grace: Duration::from_secs(5),
};

/// After a failed accept, when descriptors are used up for instance.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Bytes of a request's head; a longer one is answered with 431.
const HEAD_BYTES: usize = 16 * 1024;

/// Headers of a request; one with more is answered with 431.
const HEADERS: usize = 64;

/// Answers the requests that arrive at `doorway` until `shutdown` is ready; replies under way then
/// have 5 seconds. Failed accepts pause and continue. A `service` may take its time, which is in its
/// hands alone: it keeps a place until it has answered, or its client has left.
pub async fn serve<S, A>(
    doorway: impl Into<Doorway>,
    service: S,
    shutdown: impl Future<Output = ()>,
) where
    S: Fn(Asked) -> A + Send + Sync + 'static,
    A: Future<Output = Reply> + Send + 'static,
{
    serve_within(BOUNDS, doorway.into(), service, shutdown).await;
}

async fn serve_within<S, A>(
    bounds: Bounds,
    doorway: Doorway,
    service: S,
    shutdown: impl Future<Output = ()>,
) where
    S: Fn(Asked) -> A + Send + Sync + 'static,
    A: Future<Output = Reply> + Send + 'static,
{
    let service = Arc::new(service);
    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut places = Places::new(bounds.from_one_peer, bounds.from_elsewhere);
    let mut shutdown = pin!(shutdown);
    let mut accepting = true;
    loop {
        let has_room = connections.len() < bounds.connections;
        tokio::select! {
            () = &mut shutdown => break,
            // A connection that panicked has aborted the process.
            Some(Ok(place)) = connections.join_next() => places.give_back(place),
            accepted = doorway.accept(), if has_room => match accepted {
                Ok((stream, peer)) => {
                    accepting = true;
                    let Some(place) = places.take(peer) else { continue };
                    let tls = doorway.tls.as_ref().map(|tls| TlsAcceptor::from(tls.load_full()));
                    let service = Arc::clone(&service);
                    let connection = welcome(bounds, (stream, peer), tls, service, stopped.clone());
                    connections.spawn(async move {
                        connection.await;
                        place
                    });
                }
                Err(error) => {
                    log_accept_error(&error, accepting);
                    accepting = false;
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(doorway);
    drop(stop);
    while connections.join_next().await.is_some() {}
}

/// Serves one connection, after the handshake if there is one.
async fn welcome<S, A>(
    bounds: Bounds,
    (stream, peer): (Stream, Peer),
    tls: Option<TlsAcceptor>,
    service: Arc<S>,
    mut stopped: watch::Receiver<()>,
) where
    S: Fn(Asked) -> A + Send + Sync + 'static,
    A: Future<Output = Reply> + Send + 'static,
{
    let (stream, tls) = match (stream, tls) {
        (Stream::Unix(stream), _) => {
            return converse(bounds, stream, (peer, None), service, stopped).await;
        }
        (Stream::Tcp(stream), None) => {
            return converse(bounds, stream, (peer, None), service, stopped).await;
        }
        (Stream::Tcp(stream), Some(tls)) => (stream, tls),
    };
    let shaken = tokio::select! {
        shaken = timeout(bounds.patience, tls.accept(stream)) => shaken,
        _ = stopped.changed() => return,
    };
    match shaken {
        Ok(Ok(stream)) => {
            let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            let certificate = shown.map(|it| subject(it).unwrap_or_else(|| "unnamed".to_owned()));
            let certificate = certificate.map(Into::into);
            converse(bounds, stream, (peer, certificate), service, stopped).await;
        }
        Ok(Err(error)) => debug!(%error, %peer, "admin: handshake failed"),
        Err(_) => debug!(%peer, "admin: handshake took too long"),
    }
}

/// Serves one connection; ends after the current reply when `stopped` closes, or when it is old.
async fn converse<T, S, A>(
    bounds: Bounds,
    stream: T,
    (peer, certificate): (Peer, Option<Arc<str>>),
    service: Arc<S>,
    mut stopped: watch::Receiver<()>,
) where
    T: AsyncRead + AsyncWrite + Unpin,
    S: Fn(Asked) -> A + Send + Sync + 'static,
    A: Future<Output = Reply> + Send + 'static,
{
    let (answering, mut answered) = watch::channel(false);
    let service = service_fn(move |request: Request<Incoming>| {
        let (head, body) = request.into_parts();
        let head = Request::from_parts(head, ());
        let body = Body::Coming { body, patience: bounds.body };
        let reply = service(Asked { head, body, peer, certificate: certificate.clone() });
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
        .max_headers(HEADERS)
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
