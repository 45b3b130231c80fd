//! Clients of UDP.

mod download;
mod round_trips;
mod socket;
mod upload;
mod window;

pub(crate) use nearpoint::stub::BULK_DATAGRAM;
pub(super) use round_trips::QUESTION;

use super::Tally;
use super::client::Client;
use super::workload::Pace;
use std::io;
use std::time::Duration;

/// After so long without an answer a question is lost: far longer than any proxy takes.
const SILENCE: Duration = Duration::from_millis(100);

/// The same of a bulk flow, which rests meanwhile.
const BULK_SILENCE: Duration = Duration::from_millis(20);

/// After so long nobody answers any more.
const GIVE_UP: Duration = Duration::from_secs(5);

/// One question at a time.
pub(super) async fn round_trips(client: &mut Client) -> io::Result<()> {
    let source = client.next_source();
    round_trips::run(client, socket::connect(client.target, source)?).await
}

/// Numbered datagrams to a sink that sends receipts.
pub(super) async fn upload(client: &mut Client, pace: Pace) -> io::Result<()> {
    let socket = socket::Socket::connect(client.target, client.next_source())?;
    upload::run(socket, pace, client.plan.verify, &client.tally).await
}

/// Numbered datagrams from a source that sends as much as it has credit for.
pub(super) async fn download(client: &mut Client) -> io::Result<()> {
    let socket = socket::Socket::connect(client.target, client.next_source())?;
    download::run(socket, client.plan.verify, &client.tally).await
}

/// How long there was no answer.
#[derive(Debug, Default)]
struct Patience(Duration);

impl Patience {
    fn on_answer(&mut self) {
        self.0 = Duration::ZERO;
    }

    /// An error after too many of them in a row.
    fn on_silence(&mut self, of: Duration) -> io::Result<()> {
        self.0 += of;
        match self.0 >= GIVE_UP {
            true => Err(io::Error::new(io::ErrorKind::TimedOut, "nothing comes back")),
            false => Ok(()),
        }
    }
}
