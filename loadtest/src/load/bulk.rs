//! Streams of bulk.

use super::client::{Client, within};
use super::content::{CHUNK, is_pattern, pattern, same};
use super::opening::forwarded;
use super::tally::Tally;
use nearpoint::stub::discard;
use std::io;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::task::yield_now;
use tokio::time::{MissedTickBehavior, interval_at};

/// Sends without end. When the load ends in order, and is verified, the sink has to have as many bytes as
/// were sent.
pub(super) async fn send(client: &mut Client) -> io::Result<()> {
    let mut stream = client.session().await?;
    let chunk = vec![0x5a; CHUNK];
    let mut sent = forwarded(client.plan.opening);
    loop {
        let written = tokio::select! {
            biased;
            _ = client.ending.wait_for(|ending| *ending) => break,
            written = stream.write(&chunk) => written? as u64,
        };
        sent += written;
        client.tally.add(written);
    }
    match client.plan.verify {
        true => within(is_received(stream, sent)).await,
        false => Ok(()),
    }
}

/// Ends the stream, and asks the sink how much it was.
async fn is_received(mut stream: TcpStream, sent: u64) -> io::Result<()> {
    /// More than a number is not looked at.
    const LONGEST: u64 = 32;
    stream.shutdown().await?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer).await?;
    let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    let expected = format!("{sent}\n").into_bytes();
    let what = format!("the sink's count ({:?} of {sent} bytes sent)", shown(&answer));
    same(&answer, &expected, &what, 0)
}

/// Receives to the end of stream. Unless it is verified, what comes is not even copied.
pub(super) async fn receive(client: &mut Client) -> io::Result<()> {
    let mut stream = client.session().await?;
    let mut buffer = vec![0; CHUNK];
    let mut received = 0;
    loop {
        let bytes = match client.plan.verify {
            true => stream.read(&mut buffer).await?,
            false => discard(&stream, &mut buffer).await?,
        };
        if client.plan.verify {
            is_pattern(&buffer[..bytes], received)?;
        }
        if bytes == 0 {
            return Ok(());
        }
        received += bytes as u64;
        client.tally.add(bytes as u64);
    }
}

/// What a modest stream moves in a second, there and back.
pub(crate) const PACE_BYTES_PER_SECOND: u64 = 20_000_000;
/// Often enough that no buffer makes a burst of it.
const TICK: Duration = Duration::from_millis(5);
/// Streams do not all send in the same moment, but in as many as there are milliseconds in a tick: timers of
/// the runtime are no more exact.
const MOMENTS: u32 = 5;

/// Sends the pattern at a fixed pace to an echo, and receives it. It counts beside the work.
pub(super) async fn there_and_back(client: &mut Client) -> io::Result<()> {
    let mut stream = client.session().await?;
    let (reader, writer) = stream.split();
    let (tally, verify) = (&client.tally, client.plan.verify);
    let moment = TICK * (client.number % MOMENTS) / MOMENTS;
    tokio::select! {
        received = receive_echo(reader, verify, |bytes| tally.add_beside(bytes)) => received,
        sent = send_paced(writer, moment) => sent,
    }
}

/// Sends the pattern as fast as it can to an echo that ends some time. It counts beside the work.
pub(super) async fn take_all(client: &mut Client) -> io::Result<()> {
    let mut stream = client.session().await?;
    let (reader, writer) = stream.split();
    let (tally, verify) = (&client.tally, client.plan.verify);
    tokio::select! {
        received = receive_echo(reader, verify, |_| ()) => received,
        sent = send_greedily(writer, tally) => sent,
    }
}

async fn send_greedily(mut writer: WriteHalf<'_>, tally: &Tally) -> io::Result<()> {
    let mut sent = 0;
    loop {
        let written = writer.write(pattern(sent, CHUNK)).await? as u64;
        sent += written;
        tally.add_beside(written);
        // What chats wait for is to be the proxy, and not the others of this program.
        yield_now().await;
    }
}

/// Begins after `moment`.
async fn send_paced(mut writer: WriteHalf<'_>, moment: Duration) -> io::Result<()> {
    let began = Instant::now();
    let mut ticks = interval_at(tokio::time::Instant::from_std(began) + moment, TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut sent = 0;
    loop {
        ticks.tick().await;
        // What could not be sent in time is sent then.
        let due = (began.elapsed().as_secs_f64() * PACE_BYTES_PER_SECOND as f64) as u64;
        while sent < due {
            let bytes = (due - sent).min(CHUNK as u64) as usize;
            sent += writer.write(pattern(sent, bytes)).await? as u64;
        }
    }
}

async fn receive_echo(
    mut reader: ReadHalf<'_>,
    verify: bool,
    count: impl Fn(u64),
) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    let mut received = 0;
    loop {
        let bytes = reader.read(&mut buffer).await?;
        if verify {
            is_pattern(&buffer[..bytes], received)?;
        }
        if bytes == 0 {
            return Ok(());
        }
        received += bytes as u64;
        count(bytes as u64);
    }
}
