//! Questions, each answered before the next.

use super::client::{Client, within};
use super::content::same;
use std::io;
use std::ops::RangeInclusive;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Questions and answers of these sizes: 64 bytes are a keystroke, a ping, an acknowledgement.
pub(super) async fn run(client: &mut Client, sizes: RangeInclusive<u32>) -> io::Result<()> {
    let mut stream = client.session().await?;
    let (mut reader, mut writer) = stream.split();
    let most = *sizes.end() as usize;
    let (mut questions, mut answers) = (vec![0; most], vec![0; most]);
    for number in 0_u64.. {
        let size = size(&sizes, number);
        let (question, answer) = (&mut questions[..size], &mut answers[..size]);
        // Numbered, so that an answer of another round is noticed.
        for (byte, digit) in question.iter_mut().zip(number.to_le_bytes()) {
            *byte = digit;
        }
        let due = client.turn().await?;
        within(async {
            // At once: what comes back of a long question has to be read while it is sent.
            tokio::try_join!(biased; writer.write_all(question), reader.read_exact(answer))
        })
        .await?;
        if answer != question {
            same(answer, question, &format!("answer {number}"), 0)?;
        }
        client.tally.done_in(due.elapsed());
    }
    Ok(())
}

/// All sizes in turn, in leaps, so that neighbours differ.
fn size(sizes: &RangeInclusive<u32>, number: u64) -> usize {
    const LEAP: u64 = 389;
    let count = u64::from(sizes.end() - sizes.start()) + 1;
    *sizes.start() as usize + (number.wrapping_mul(LEAP) % count) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn sizes_are_all_those_of_the_range() {
        let sizes: BTreeSet<_> = (0..961).map(|number| size(&(64..=1024), number)).collect();
        assert!(sizes.into_iter().eq(64..=1024));
        assert_eq!(size(&(64..=64), 77), 64);
    }
}
