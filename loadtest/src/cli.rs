//! The command line.

use crate::peers::Peer;
use clap::{Args, Parser, Subcommand};
use nearpoint::stub::Service;
use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Measures nearpoint beside HAProxy, nginx stream and a direct connection.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Round trips and bulk streams through each peer: throughput and CPU time of the proxy
    Compare(CompareOptions),
    /// Memory of idle sessions in each peer
    Idle(IdleOptions),
    /// Run a stub DC; takes commands on standard input, prints events as lines of JSON
    Serve(ServeOptions),
    /// Hold idle sessions open until standard input ends
    #[command(hide = true)]
    Hold(HoldOptions),
}

#[derive(Args, Clone, Debug)]
pub(crate) struct PeerOptions {
    /// Peers to measure, in this order
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "nearpoint,haproxy,haproxy-splice,nginx,direct"
    )]
    pub(crate) peers: Vec<Peer>,
    /// The nearpoint binary [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    pub(crate) nearpoint: Option<PathBuf>,
    /// Print JSON instead of tables
    #[arg(long)]
    pub(crate) json: bool,
    /// Also write the report here: JSON if the name ends in .json, else Markdown
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct CompareOptions {
    #[command(flatten)]
    pub(crate) peers: PeerOptions,
    /// Rounds; each measures every load through every peer once
    #[arg(long, default_value = "5")]
    pub(crate) rounds: NonZeroU32,
    /// Measured time of each load in each round, after a tenth of it (at least 100 ms) of warm-up
    #[arg(long, default_value = "5s", value_parser = positive_duration)]
    pub(crate) duration: Duration,
    /// Sessions that make round trips, each one at a time
    #[arg(long, default_value = "100")]
    pub(crate) sessions: NonZeroU32,
    /// Bulk streams at once
    #[arg(long, default_value = "4")]
    pub(crate) bulk_streams: NonZeroU32,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct IdleOptions {
    #[command(flatten)]
    pub(crate) peers: PeerOptions,
    /// Idle sessions through each peer
    #[arg(long, default_value = "5000")]
    pub(crate) sessions: NonZeroU32,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct ServeOptions {
    /// Access points; port 0 takes a free one, a service after the address is for this one only
    #[arg(long, required = true, num_args = 1.., value_name = "ADDR[/SERVICE]")]
    pub(crate) listen: Vec<Listen>,
    /// What they do: echo, sink, source, source:BYTES or who
    #[arg(long, default_value = "echo")]
    pub(crate) service: Service,
    /// Id of the DC, as `who` tells it
    #[arg(long, default_value_t = 1)]
    pub(crate) dc: u16,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct HoldOptions {
    /// Where to connect
    #[arg(long)]
    pub(crate) target: SocketAddr,
    /// How many sessions
    #[arg(long)]
    pub(crate) sessions: u32,
}

/// An access point on the command line: `127.0.0.1:0` or `127.0.0.1:0/sink`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listen {
    pub(crate) address: SocketAddr,
    pub(crate) service: Option<Service>,
}

impl FromStr for Listen {
    type Err = ParseListenError;

    fn from_str(text: &str) -> Result<Listen, ParseListenError> {
        let bad = || ParseListenError(text.to_owned());
        let (address, service) = match text.split_once('/') {
            Some((address, service)) => (address, Some(service.parse().map_err(|_| bad())?)),
            None => (text, None),
        };
        Ok(Listen { address: address.parse().map_err(|_| bad())?, service })
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ParseListenError(String);

impl fmt::Display for ParseListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not IP:PORT or IP:PORT/SERVICE", self.0)
    }
}

impl Error for ParseListenError {}

fn positive_duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("must be longer than nothing".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn access_points_are_read_with_and_without_a_service() {
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        assert_eq!("127.0.0.1:80".parse(), Ok(Listen { address, service: None }));
        let sink = Listen { address, service: Some(Service::Sink) };
        assert_eq!("127.0.0.1:80/sink".parse(), Ok(sink));
        for text in ["", "127.0.0.1", "127.0.0.1:80/", "127.0.0.1:80/x", "localhost:80"] {
            assert!(text.parse::<Listen>().is_err(), "{text}");
        }
    }
}
