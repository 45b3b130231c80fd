//! Short questions, each answered before the next.

use super::Tally;
use std::io;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Questions and answers of so many bytes: 64 are a keystroke, a ping, an acknowledgement.
pub(super) async fn run(mut stream: TcpStream, bytes: u32, tally: Tally) -> io::Result<()> {
    let mut question = vec![0; bytes as usize];
    let mut answer = question.clone();
    for number in 0_u64.. {
        // Numbered, so that an answer of another round is noticed.
        let number = number.to_le_bytes();
        for (byte, digit) in question.iter_mut().zip(number) {
            *byte = digit;
        }
        let began = Instant::now();
        stream.write_all(&question).await?;
        stream.read_exact(&mut answer).await?;
        if answer != question {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not what was sent came back"));
        }
        tally.done_in(began.elapsed());
    }
    Ok(())
}
