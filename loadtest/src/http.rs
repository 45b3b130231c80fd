//! Questions to side doors, by threads that may block.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// For one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest answer that is read: metrics of tens of thousands of access points.
const LONGEST: u64 = 64 << 20;

/// The body of an answer that has to be good.
pub(crate) fn get(at: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(at)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
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
