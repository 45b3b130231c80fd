//! Streams in one direction, as fast as they go.

use super::Tally;
use nearpoint::stub::discard;
use std::io;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const CHUNK: usize = 256 * 1024;

/// Sends without end.
pub(super) async fn send(mut stream: TcpStream, tally: Tally) -> io::Result<()> {
    let chunk = vec![0x5a; CHUNK];
    loop {
        tally.add(stream.write(&chunk).await? as u64);
    }
}

/// Receives to the end of stream, looking at nothing.
pub(super) async fn receive(stream: TcpStream, tally: Tally) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        match discard(&stream, &mut buffer).await? {
            0 => return Ok(()),
            bytes => tally.add(bytes as u64),
        }
    }
}
