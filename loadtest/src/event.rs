//! What child processes report: one line of JSON for each event, on standard output.

use nearpoint::stub::Counts;
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::net::SocketAddr;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    /// An access point serves.
    Listening { address: SocketAddr, service: String },
    /// A command has been carried out; its effect can be met.
    Done { command: String },
    /// Answer to `counts`, and to `wait` when the count is reached.
    Counts {
        address: SocketAddr,
        #[serde(flatten)]
        counts: Counts,
    },
    /// A command was not understood or failed.
    Failed { command: String, reason: String },
}

impl Event {
    /// Writes the line at once: the reader waits for it.
    pub(crate) fn print(&self) -> io::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        let mut out = io::stdout().lock();
        out.write_all(&line)?;
        out.flush()
    }
}
