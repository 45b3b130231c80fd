//! Sessions that come, ask once, and go.

use super::client::{Client, within};
use super::content::{same, wrong};
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One session after the other, each closed in order by both sides.
pub(super) async fn run(client: &mut Client, bytes: u32) -> io::Result<()> {
    let question = vec![0x5a; bytes as usize];
    let mut answer = vec![0; bytes as usize];
    loop {
        let due = client.turn().await?;
        let stream = client.open().await?;
        within(ask_once(stream, &question, &mut answer)).await?;
        client.tally.done_in(due.elapsed());
    }
}

async fn ask_once(mut stream: TcpStream, question: &[u8], answer: &mut [u8]) -> io::Result<()> {
    let (mut reader, mut writer) = stream.split();
    // At once: what comes back of a long question has to be read while it is sent.
    tokio::try_join!(biased; writer.write_all(question), reader.read_exact(answer))?;
    same(answer, question, "the answer", 0)?;
    stream.shutdown().await?;
    match stream.read(&mut [0]).await? {
        0 => Ok(()),
        _ => Err(wrong("more than was sent came back")),
    }
}
