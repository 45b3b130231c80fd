//! Sessions that come, ask once, and go.

use super::{Client, Tally};
use std::io;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// One session after the other, each closed in order by both sides.
pub(super) async fn run(client: Client, bytes: u32, tally: Tally) -> io::Result<()> {
    let question = vec![0x5a; bytes as usize];
    let mut answer = vec![0; bytes as usize];
    for session in 0.. {
        let began = Instant::now();
        let mut stream = client.open(session).await?;
        stream.write_all(&question).await?;
        stream.read_exact(&mut answer).await?;
        if answer != question {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not what was sent came back"));
        }
        stream.shutdown().await?;
        if stream.read(&mut answer).await? != 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "more than was sent came back"));
        }
        tally.done_in(began.elapsed());
    }
    Ok(())
}
