//! Questions to side doors, by threads that may block.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// For one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest answer that is read: metrics of tens of thousands of access points.
const LONGEST: u64 = 64 << 20;

/// The body of an answer that has to be good.
pub(crate) fn get(at: SocketAddr, path: &str) -> io::Result<String> {
    get_with(at, path, &[])
}

/// The same, with headers of this request.
pub(crate) fn get_with(
    at: SocketAddr,
    path: &str,
    headers: &[(&str, String)],
) -> io::Result<String> {
    ask(at, "GET", path, headers, "")
}

/// The same, of something that is put there.
pub(crate) fn put(
    at: SocketAddr,
    path: &str,
    headers: &[(&str, String)],
    body: &str,
) -> io::Result<String> {
    ask(at, "PUT", path, headers, body)
}

fn ask(
    at: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, String)],
    body: &str,
) -> io::Result<String> {
    let mut stream = TcpStream::connect(at)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n");
    for (name, value) in headers {
        // Writing to a string cannot fail.
        let _ = write!(request, "{name}: {value}\r\n");
    }
    if !body.is_empty() {
        let _ = write!(request, "Content-Length: {}\r\n", body.len());
    }
    stream.write_all(format!("{request}\r\n{body}").as_bytes())?;
    let mut answer = String::new();
    stream.take(LONGEST).read_to_string(&mut answer)?;
    let bad = || {
        let line = answer.lines().next().unwrap_or_default();
        io::Error::new(io::ErrorKind::InvalidData, format!("{path} says {line:?}"))
    };
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(bad)?;
    match head.starts_with("HTTP/1.1 200 ") {
        true => Ok(body.to_owned()),
        false => Err(bad()),
    }
}
