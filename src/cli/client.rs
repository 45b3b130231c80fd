//! Asks the admin API of a daemon: one request after the other, each bounded in time and size.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::admin::view::ErrorView;

/// For a connection.
const CONNECT: Duration = Duration::from_secs(3);

/// For a whole answer.
const ANSWER: Duration = Duration::from_secs(10);

/// Bytes of an answer: 10,000 access points take about a fifth of this.
const BODY: usize = 16 << 20;

/// Where a daemon's admin listener is: `http://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminUrl {
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
}

/// Why a text is no [`AdminUrl`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminUrlError;

impl fmt::Display for AdminUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected http://HOST:PORT, such as http://127.0.0.1:9900")
    }
}

impl std::error::Error for AdminUrlError {}

impl FromStr for AdminUrl {
    type Err = AdminUrlError;

    fn from_str(text: &str) -> Result<Self, AdminUrlError> {
        let uri: Uri = text.parse().map_err(|_| AdminUrlError)?;
        let plain = uri.scheme_str() == Some("http") && uri.path() == "/" && uri.query().is_none();
        match (uri.host(), uri.port_u16()) {
            (Some(host), Some(port)) if plain => {
                Ok(Self { host: host.trim_matches(['[', ']']).to_owned(), port })
            }
            (_, _) => Err(AdminUrlError),
        }
    }
}

impl AdminUrl {
    fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for AdminUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.authority())
    }
}

/// Why a daemon was asked in vain.
#[derive(Debug)]
pub(super) enum FetchError {
    /// No connection.
    Connect(AdminUrl, io::Error),
    /// A connection or an answer took too long.
    Timeout(AdminUrl),
    /// What came back is not HTTP, or broke off.
    Http(AdminUrl, hyper::Error),
    /// The path cannot be asked for.
    Request(hyper::http::Error),
    /// The answer is an error.
    Refused(StatusCode, String),
    /// The answer is larger than any of a daemon's.
    TooLarge(AdminUrl),
    /// The answer is not what this version expects.
    Unexpected(AdminUrl, serde_json::Error),
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(url, error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                write!(
                    f,
                    "nothing listens at {url}: is nearpoint running, and is that its admin.bind? \
                     (--admin URL asks another)"
                )
            }
            Self::Connect(url, error) => write!(f, "cannot connect to {url}: {error}"),
            Self::Timeout(url) => write!(f, "{url} does not answer"),
            Self::Http(url, error) => write!(f, "{url} does not speak HTTP to us: {error}"),
            Self::Request(error) => write!(f, "cannot ask that: {error}"),
            Self::Refused(status, message) => write!(f, "{message} ({})", status.as_u16()),
            Self::TooLarge(url) => write!(f, "the answer of {url} is too large"),
            Self::Unexpected(url, error) => {
                write!(f, "{url} answers in another shape, is it this version? {error}")
            }
        }
    }
}

impl FetchError {
    /// Whether the same request may do better a while later: nobody is there, or nobody has time.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Connect(..) | Self::Timeout(_) | Self::Http(..) => true,
            Self::Refused(status, _) => status.is_server_error(),
            Self::Request(_) | Self::TooLarge(_) | Self::Unexpected(..) => false,
        }
    }
}

impl std::error::Error for FetchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connect(_, error) => Some(error),
            Self::Http(_, error) => Some(error),
            Self::Request(error) => Some(error),
            Self::Unexpected(_, error) => Some(error),
            Self::Timeout(_) | Self::Refused(..) | Self::TooLarge(_) => None,
        }
    }
}

/// Gets a view. `target` is a path with its query, encoded.
///
/// # Errors
/// See [`FetchError`]; after 13 seconds at the latest.
pub(super) async fn fetch<T: DeserializeOwned>(
    url: &AdminUrl,
    target: &str,
) -> Result<T, FetchError> {
    Conversation::new(url.clone()).fetch(target).await
}

/// Requests to one daemon, over one connection while the daemon keeps it.
pub(super) struct Conversation {
    url: AdminUrl,
    connection: Option<Connection>,
    /// For a whole answer.
    patience: Duration,
}

struct Connection {
    sender: SendRequest<Empty<Bytes>>,
    carried: JoinHandle<Result<(), hyper::Error>>,
}

impl Conversation {
    /// Connects at the first request.
    pub(super) fn new(url: AdminUrl) -> Self {
        Self { url, connection: None, patience: ANSWER }
    }

    /// The same, with requests that the daemon may answer so much later.
    pub(super) fn waiting(url: AdminUrl, wait: Duration) -> Self {
        Self { patience: ANSWER + wait, ..Self::new(url) }
    }

    /// Gets a view. `target` is a path with its query, encoded.
    ///
    /// # Errors
    /// As those of [`fetch`].
    pub(super) async fn fetch<T: DeserializeOwned>(
        &mut self,
        target: &str,
    ) -> Result<T, FetchError> {
        let (status, body) = match self.connection.take() {
            Some(kept) if !kept.sender.is_closed() => match self.ask(kept, target).await {
                // The daemon may have ended a connection of some age just now.
                Err(FetchError::Http(..)) => self.ask_anew(target).await?,
                answered => answered?,
            },
            Some(_) | None => self.ask_anew(target).await?,
        };
        if status.is_success() {
            return serde_json::from_slice(&body)
                .map_err(|error| FetchError::Unexpected(self.url.clone(), error));
        }
        let message = match serde_json::from_slice(&body) {
            Ok(ErrorView { error }) => error,
            Err(_) => format!("{} refuses", self.url),
        };
        Err(FetchError::Refused(status, message))
    }

    async fn ask_anew(&mut self, target: &str) -> Result<(StatusCode, Vec<u8>), FetchError> {
        let at = (self.url.host.as_str(), self.url.port);
        let connected = timeout(CONNECT, TcpStream::connect(at)).await;
        let stream = connected
            .map_err(|_| FetchError::Timeout(self.url.clone()))?
            .map_err(|error| FetchError::Connect(self.url.clone(), error))?;
        let shaken = http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) =
            shaken.map_err(|error| FetchError::Http(self.url.clone(), error))?;
        let carried = tokio::spawn(connection);
        self.ask(Connection { sender, carried }, target).await
    }

    /// Asks, and keeps the connection if all went well.
    async fn ask(
        &mut self,
        mut connection: Connection,
        target: &str,
    ) -> Result<(StatusCode, Vec<u8>), FetchError> {
        let asked = converse(&mut connection.sender, &self.url, target);
        let answered = timeout(self.patience, asked).await;
        let answered = answered.map_err(|_| FetchError::Timeout(self.url.clone()))?;
        if answered.is_ok() {
            self.connection = Some(connection);
        }
        answered
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.carried.abort();
    }
}

/// Encodes a value for a query: everything but letters, digits and `-._~:` (RFC 3986, 3.4).
pub(super) fn encode(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => {
                encoded.push(char::from(byte));
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

async fn converse(
    sender: &mut SendRequest<Empty<Bytes>>,
    url: &AdminUrl,
    target: &str,
) -> Result<(StatusCode, Vec<u8>), FetchError> {
    let failed = |error| FetchError::Http(url.clone(), error);
    let request = Request::get(target)
        .header(header::HOST, url.authority())
        .body(Empty::<Bytes>::new())
        .map_err(FetchError::Request)?;
    sender.ready().await.map_err(failed)?;
    let reply = sender.send_request(request).await.map_err(failed)?;
    let status = reply.status();
    Ok((status, read(url, reply.into_body()).await?))
}

async fn read(url: &AdminUrl, mut body: Incoming) -> Result<Vec<u8>, FetchError> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| FetchError::Http(url.clone(), error))?;
        let data = frame.into_data().unwrap_or_default();
        if bytes.len() + data.len() > BODY {
            return Err(FetchError::TooLarge(url.clone()));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;
    use hyper::Response;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::admin::serve;
    use crate::admin::view::LiveView;

    async fn listen() -> (TcpListener, AdminUrl) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let url = format!("http://127.0.0.1:{port}").parse();
        (listener, url.expect("a URL"))
    }

    async fn answer(status: u16, body: &'static str) -> Result<LiveView, FetchError> {
        let (listener, url) = listen().await;
        let service = move |_| {
            let mut reply = Response::new(Full::new(body.into()));
            *reply.status_mut() = StatusCode::from_u16(status).expect("a status");
            std::future::ready(reply)
        };
        let server = tokio::spawn(serve(listener, service, std::future::pending()));
        let fetched = fetch(&url, "/livez").await;
        server.abort();
        fetched
    }

    #[test]
    fn urls_have_a_host_and_a_port_and_nothing_else() {
        for good in ["http://127.0.0.1:9900", "http://[::1]:9900", "http://localhost:1"] {
            let url: AdminUrl = good.parse().expect(good);
            assert_eq!(url.to_string(), good);
        }
        for bad in [
            "127.0.0.1:9900",
            "http://localhost",
            "https://localhost:1",
            "http://localhost:1/x",
            "",
        ] {
            assert_eq!(bad.parse::<AdminUrl>(), Err(AdminUrlError), "{bad}");
        }
    }

    #[test]
    fn values_are_encoded() {
        assert_eq!(encode("2001:db8::1"), "2001:db8::1");
        assert_eq!(encode("a&b=c %é"), "a%26b%3Dc%20%25%C3%A9");
    }

    #[tokio::test]
    async fn a_view_is_read_and_an_error_keeps_its_words() {
        let view = answer(200, r#"{"live": true, "reasons": []}"#).await;
        assert!(view.is_ok_and(|view| view.live));
        let refused = answer(400, r#"{"error": "ip is missing"}"#).await;
        let message = refused.map_err(|error| error.to_string());
        assert_eq!(message, Err("ip is missing (400)".to_owned()));
        let strange = answer(200, "<html>").await;
        assert!(matches!(strange, Err(FetchError::Unexpected(..))));
    }

    #[tokio::test]
    async fn one_connection_carries_many_requests_and_a_lost_one_is_replaced() {
        let (listener, url) = listen().await;
        let mut accepted = tokio::spawn(async move {
            let body = r#"{"live": true, "reasons": []}"#;
            let reply = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().await.expect("a client");
                for _ in 0..3 {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.push(stream.read_u8().await.expect("a request"));
                    }
                    stream.write_all(reply.as_bytes()).await.expect("a reply");
                }
            }
        });
        let mut conversation = Conversation::new(url);
        for _ in 0..6 {
            let view = conversation.fetch::<LiveView>("/livez").await;
            assert!(view.is_ok_and(|view| view.live));
        }
        (&mut accepted).await.expect("two connections of three requests each");
    }

    #[tokio::test]
    async fn nobody_listening_and_nobody_speaking_http_are_told_apart() {
        let (listener, url) = listen().await;
        let other = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a client");
            stream.write_all(b"SSH-2.0\r\n").await.expect("a greeting");
            listener
        });
        let fetched = fetch::<LiveView>(&url, "/livez").await;
        assert!(matches!(fetched, Err(FetchError::Http(..))), "{fetched:?}");
        drop(other.await);
        let fetched = fetch::<LiveView>(&url, "/livez").await;
        let message = fetched.map_err(|error| error.to_string());
        assert!(message.is_err_and(|text| text.starts_with("nothing listens at http://")));
    }
}
