//! Clients of UDP.

mod download;
mod round_trips;
mod socket;
mod upload;
mod window;

pub(crate) use nearpoint::stub::BULK_DATAGRAM;
pub(super) use round_trips::QUESTION;

use super::Tally;
use super::workload::Pace;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// After so long without an answer a question is lost: far longer than any proxy takes.
const SILENCE: Duration = Duration::from_millis(100);

/// The same of a bulk flow, which rests meanwhile.
const BULK_SILENCE: Duration = Duration::from_millis(20);

/// After so long nobody answers any more.
const GIVE_UP: Duration = Duration::from_secs(5);

/// One question at a time.
pub(super) async fn round_trips(target: SocketAddr, tally: Tally) -> io::Result<()> {
    round_trips::run(socket::connect(target)?, tally).await
}

/// Numbered datagrams to a sink that sends receipts.
pub(super) async fn upload(target: SocketAddr, pace: Pace, tally: Tally) -> io::Result<()> {
    upload::run(socket::Socket::connect(target)?, pace, tally).await
}

/// Numbered datagrams from a source that sends as much as it has credit for.
pub(super) async fn download(target: SocketAddr, tally: Tally) -> io::Result<()> {
    download::run(socket::Socket::connect(target)?, tally).await
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
