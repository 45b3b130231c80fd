//! Short questions, each answered before the next.

use super::Work;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Size of a question and of its answer: a keystroke, a ping, an acknowledgement.
pub(super) const BYTES: usize = 64;

pub(super) async fn run(mut stream: TcpStream, work: Work) -> io::Result<()> {
    let mut question = [0; BYTES];
    let mut answer = [0; BYTES];
    for number in 0_u64.. {
        // Numbered, so that an answer of another round is noticed.
        question[..8].copy_from_slice(&number.to_le_bytes());
        stream.write_all(&question).await?;
        stream.read_exact(&mut answer).await?;
        if answer != question {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not what was sent came back"));
        }
        work.add(1);
    }
    Ok(())
}
