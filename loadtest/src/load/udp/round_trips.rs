//! Short questions, each answered before the next, or asked again.

use super::{Client, Patience, SILENCE};
use crate::load::content::same;
use nearpoint::stub::number_of;
use std::io;
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// Size of a question and of its answer: a packet of a call.
pub(crate) const QUESTION: usize = 200;

pub(super) async fn run(client: &mut Client, socket: UdpSocket) -> io::Result<()> {
    let mut question = [0; QUESTION];
    let mut patience = Patience::default();
    for number in 0_u64.. {
        question[..8].copy_from_slice(&number.to_le_bytes());
        let due = client.turn().await?;
        loop {
            client.tally.offer(1);
            socket.send(&question).await?;
            match timeout(SILENCE, answer(&socket, &question)).await {
                Ok(answered) => break answered?,
                Err(_) => patience.on_silence(SILENCE)?,
            }
        }
        patience.on_answer();
        client.tally.done_in(due.elapsed());
    }
    Ok(())
}

/// Returns when `question` has come back. An earlier one that was asked twice may come first.
async fn answer(socket: &UdpSocket, question: &[u8; QUESTION]) -> io::Result<()> {
    let mut answer = [0; QUESTION + 1];
    loop {
        let bytes = socket.recv(&mut answer).await?;
        let (answer, asked) = (&answer[..bytes], number_of(question));
        if answer == question {
            return Ok(());
        }
        let is_earlier = number_of(answer) < asked && answer.get(8..) == question.get(8..);
        if !is_earlier {
            same(answer, question, "an answer", 0)?;
        }
    }
}
