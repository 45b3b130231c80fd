//! The `http` probe: asks for a page and looks at the status of the answer, of which it reads the head
//! and no more.
//!
//! One patience holds for all of it, from the dial to the last byte of the head, however slowly they come,
//! and a shorter one for the connection: who is not even that far is not asked.
//! What is read is bounded too. A redirect is an answer like any other. The connection ends with a reset,
//! so that neither side keeps it.

use std::convert::Infallible;
use std::future::pending;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, HeaderValue, USER_AGENT};
use hyper::{Request, StatusCode};
use tokio::net::TcpStream;

use super::Outcome;
use super::line::Line;
use super::patience::{judged, within};
use super::tcp::failure;
use crate::net;
use crate::routing::control::ProbeTimes;
use crate::routing::topology::HttpProbe;
use crate::routing::{ConnectFailure, LocalFailure, ProbeFailure};

/// The longest head of an answer.
const LONGEST_HEAD: usize = 16 << 10;

/// All that is read of a connection: a head, what came of the body with it, and interim answers (1xx)
/// before, which have no end of themselves.
const MOST_READ: usize = 4 * LONGEST_HEAD;

/// Asks at the access point's `address`.
pub(super) async fn probe(
    address: SocketAddr,
    page: &HttpProbe,
    connect_patience: Duration,
    patience: Duration,
) -> Outcome {
    let address = SocketAddr::new(address.ip(), page.port.unwrap_or(address.port()));
    // Configuration takes nothing that could not be asked. If it were otherwise, that were our fault.
    let request = request(address, page)
        .map_err(|_| ProbeFailure::from(ConnectFailure::Local(LocalFailure::Other)))?;
    let began = Instant::now();
    let connected = OnceLock::new();
    let work = async {
        let dialled = within(connect_patience, net::dial(address, None)).await;
        let stream = dialled.ok_or(ConnectFailure::Timeout)?.map_err(|error| failure(&error))?;
        net::reset_on_close(&stream);
        connected.get_or_init(|| began.elapsed());
        ask(&stream, request).await
    };
    let answered = within(patience, work).await;
    let took = began.elapsed();
    match (answered, connected.get()) {
        (Some(Ok(status)), Some(&connect)) if page.expect.contains(&status.as_u16()) => {
            judged(ProbeTimes { connect, answer: Some(took.saturating_sub(connect)) }, patience)
        }
        (Some(Ok(_)), _) => Err(ProbeFailure::WrongAnswer),
        (Some(Err(failure)), _) => Err(failure),
        (None, None) => Err(ConnectFailure::Timeout.into()),
        // Seen so late that there was no time left to ask.
        (None, Some(&connect)) if connect > patience => {
            Err(ConnectFailure::Local(LocalFailure::HeldUp).into())
        }
        (None, Some(_)) => Err(ProbeFailure::Silent),
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
