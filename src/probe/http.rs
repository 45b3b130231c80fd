//! The `http` probe: asks for a page and looks at the status of the answer, of which it reads the head
//! and no more.
//!
//! What is read is bounded. A redirect is an answer like any other.

use std::convert::Infallible;
use std::future::pending;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, HeaderValue, USER_AGENT};
use hyper::{Request, StatusCode};
use tokio::net::TcpStream;

use super::asking::{Patience, asked};
use super::line::Line;
use super::patience::judged;
use super::target::Target;
use crate::routing::control::{ProbeAnswer, ProbeOutcome};
use crate::routing::topology::HttpProbe;
use crate::routing::{ConnectFailure, LocalFailure, ProbeFailure};

/// The longest head of an answer.
const LONGEST_HEAD: usize = 16 << 10;

/// All that is read of a connection: a head, what came of the body with it, and interim answers (1xx)
/// before, which have no end of themselves.
const MOST_READ: usize = 4 * LONGEST_HEAD;

/// Asks `target`, at the port of the page if that has one.
pub(super) async fn probe(
    target: Target<'_>,
    page: &HttpProbe,
    patience: Patience,
) -> ProbeOutcome {
    let target = at_port(page.port, target);
    let address = target.address;
    // Configuration takes nothing that could not be asked. If it were otherwise, that were our fault.
    let request = request(address, page).map_err(|_| ConnectFailure::Local(LocalFailure::Other))?;
    let (status, times) =
        asked(target, patience, async |stream| ask(stream, request).await).await?;
    match page.expect.contains(&status.as_u16()) {
        true => judged(times, patience.total).map(ProbeAnswer::from),
        false => Err(ProbeFailure::WrongAnswer),
    }
}

/// What is asked at a port of its own is asked without the header that sessions begin with.
fn at_port(port: Option<u16>, target: Target<'_>) -> Target<'_> {
    match port.filter(|port| *port != target.address.port()) {
        Some(port) => {
            let address = SocketAddr::new(target.address.ip(), port);
            Target { address, send_proxy: None, ..target }
        }
        None => target,
    }
}

/// The request, if it can be made of what is given.
fn request(
    address: SocketAddr,
    page: &HttpProbe,
) -> Result<Request<Empty<Bytes>>, hyper::http::Error> {
    let host = match &page.host {
        Some(host) => host.to_string(),
        None => host_of(address),
    };
    Request::get(&*page.path)
        .header(HOST, host)
        .header(USER_AGENT, "nearpoint")
        .header(CONNECTION, HeaderValue::from_static("close"))
        .body(Empty::new())
}

/// An address as a `Host` header has it (RFC 9110, 7.2): the port only where it is not the usual one.
fn host_of(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    match address.port() {
        80 => ip,
        port => format!("{ip}:{port}"),
    }
}

/// The status of the answer.
async fn ask(
    stream: &TcpStream,
    request: Request<Empty<Bytes>>,
) -> Result<StatusCode, ProbeFailure> {
    let has_ended = AtomicBool::new(false);
    let line = Line::new(stream, MOST_READ, &has_ended);
    let failed = |error: hyper::Error| match has_ended.load(Ordering::Relaxed) {
        true if !error.is_parse() => ProbeFailure::Closed,
        // What came was no head of an answer, came unasked, or had no end.
        true | false => ProbeFailure::WrongAnswer,
    };
    let (mut sender, connection) =
        http1::Builder::new().max_buf_size(LONGEST_HEAD).handshake(line).await.map_err(failed)?;
    // A connection that ends lets the request know.
    let mut driving = pin!(async move {
        let _ = connection.await;
        pending::<Infallible>().await
    });
    tokio::select! {
        // What the connection reads is told within the same poll.
        biased;
        never = &mut driving => match never {},
        answer = sender.send_request(request) => {
            answer.map(|answer| answer.status()).map_err(failed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_header_has_the_port_where_it_is_not_the_usual_one() {
        let host = |address: &str| host_of(address.parse().expect("an address of the test"));
        assert_eq!(host("192.0.2.1:80"), "192.0.2.1");
        assert_eq!(host("192.0.2.1:8080"), "192.0.2.1:8080");
        assert_eq!(host("[2001:db8::1]:80"), "[2001:db8::1]");
        assert_eq!(host("[2001:db8::1]:443"), "[2001:db8::1]:443");
    }
}
