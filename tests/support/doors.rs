//! The side doors of a daemon: the admin API and the metrics.

use std::io;
use std::net::{IpAddr, SocketAddr};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::lab::TOKEN;
use super::scrape::Scrape;
use super::within;

/// Where the side doors of one daemon are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doors {
    pub(crate) admin: SocketAddr,
    pub(crate) metrics: SocketAddr,
}

impl Doors {
    /// Status and body of a path of the admin API.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        get(self.admin, path).await
    }

    /// A path of the admin API that has to succeed.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).expect("JSON")
    }

    /// What the admin API answers to a request with these headers and this body.
    pub(crate) async fn send(
        &self,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: &str,
    ) -> Told {
        let sent = self.try_send((method, path), headers, body);
        within(path, sent).await.expect("an answer")
    }

    /// The same of a daemon that may end meanwhile.
    pub(crate) async fn try_send(
        &self,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<Told> {
        let mut head =
            format!("{method} {path} HTTP/1.1\r\n{}Connection: close\r\n", self::headers());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        exchange(self.admin, &request).await
    }

    /// Where a client of the listener `clients` would go.
    pub(crate) async fn explain(&self, client: IpAddr) -> Value {
        self.json(&format!("/v1/explain?listener=clients&ip={client}")).await
    }

    /// The metrics as of now.
    pub(crate) async fn scrape(&self) -> Scrape {
        let (status, text) = get(self.metrics, "/metrics").await;
        assert_eq!(status, 200, "{text}");
        Scrape::parse(&text).unwrap_or_else(|line| panic!("no line of metrics: {line}"))
    }
}

/// A connection to a side door that is kept: it needs no descriptor that the daemon may not have.
pub(crate) struct KeptDoor {
    stream: BufReader<TcpStream>,
}

impl KeptDoor {
    /// Connects, and asks once, so that it has been accepted.
    pub(crate) async fn open(at: SocketAddr) -> Self {
        let stream = TcpStream::connect(at).await.expect("a side door");
        let mut door = Self { stream: BufReader::new(stream) };
        door.get("/").await;
        door
    }

    /// Status and body of a path.
    pub(crate) async fn get(&mut self, path: &str) -> (u16, String) {
        within(path, self.exchange(path)).await.expect("an answer")
    }

    /// The metrics as of now.
    pub(crate) async fn scrape(&mut self) -> Scrape {
        let (status, text) = self.get("/metrics").await;
        assert_eq!(status, 200, "{text}");
        Scrape::parse(&text).unwrap_or_else(|line| panic!("no line of metrics: {line}"))
    }

    async fn exchange(&mut self, path: &str) -> std::io::Result<(u16, String)> {
        let request = format!("GET {path} HTTP/1.1\r\n{}\r\n", headers());
        self.stream.write_all(request.as_bytes()).await?;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.stream.read_line(&mut head).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let length = head.to_ascii_lowercase();
        let length = length.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length = length.and_then(|length| length.trim().parse().ok());
        let mut body = vec![0; length.expect("a length")];
        self.stream.read_exact(&mut body).await?;
        Ok((status.expect("a status"), String::from_utf8(body).expect("text")))
    }
}

/// What every request to the admin API has.
fn headers() -> String {
    format!("Host: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n")
}

/// An answer of the admin API.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) status: u16,
    /// Without its quotes.
    pub(crate) etag: Option<String>,
    pub(crate) body: String,
}

impl Told {
    /// The body.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }
}

async fn get(at: SocketAddr, path: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\n{}Connection: close\r\n\r\n", headers());
    let Told { status, body, .. } = within(path, exchange(at, &request)).await.expect("an answer");
    (status, body)
}

async fn exchange(at: SocketAddr, request: &str) -> io::Result<Told> {
    let mut stream = TcpStream::connect(at).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let cut_off = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(cut_off)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let value = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        let mut found = lines.filter(|(other, _)| other.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.trim_matches('"').to_owned())
    };
    let length = value("content-length").and_then(|length| length.parse().ok());
    if length != Some(body.len()) {
        return Err(cut_off());
    }
    let (status, etag) = (status.ok_or_else(cut_off)?, value("etag"));
    Ok(Told { status, etag, body: body.to_owned() })
}
