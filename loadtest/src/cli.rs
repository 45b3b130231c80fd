//! The command line.

use crate::compare::{CompareOptions, GrowthOptions};
use crate::failover::FailoverOptions;
use crate::generate::{TcpOptions, UdpOptions};
use crate::lab::{InsideOptions, LabOptions};
use crate::peers::{Peer, Places};
use crate::reload::ReloadOptions;
use clap::{Args, Parser, Subcommand, ValueEnum};
use nearpoint::mtproto::{Secret, SecretKind};
use nearpoint::stub::Service;
use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Measures nearpoint beside HAProxy, nginx stream, Envoy and a direct connection.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// A load by TCP on whatever listens: round trips, bulk, connects, idle sessions, or all of them
    #[command(after_long_help = crate::generate::TCP_EXAMPLES)]
    Tcp(TcpOptions),
    /// A load by UDP on whatever answers: round trips, or bulk that the kernel segments
    #[command(after_long_help = crate::generate::UDP_EXAMPLES)]
    Udp(UdpOptions),
    /// nearpoint beside HAProxy, nginx, Envoy and a direct connection: processor time, rate, latency, memory
    ///
    /// Every case goes through one peer after the other, in rounds. Each measurement has a fresh proxy and a
    /// fresh backend on loopback, with the same number of threads for all; what counts is the processor time
    /// of the proxy for an operation. Medians of the rounds are told with their spread, and the ratio to the
    /// best other proxy. A page (--out FILE.md) has pictures beside it.
    #[command(after_long_help = crate::compare::EXAMPLES)]
    Compare(CompareOptions),
    /// What an operation costs while sessions, or DCs, become more: flat, or by how much it grows
    ///
    /// 64 B round trips over 10 to 5,000 sessions through every peer, and connect-echo-close with 3 to 300
    /// DCs to choose from through nearpoint. Measured as `compare` does.
    #[command(after_long_help = crate::compare::GROWTH_EXAMPLES)]
    Growth(GrowthOptions),
    /// Which peers are here, and whether each does what it is configured for
    ///
    /// Each peer is asked whether its configuration is one, for each thing that it can do, and one session
    /// or datagram goes through it. Exit code 1 if a peer is missing, or does not.
    Peers(PeerOptions),
    /// Clients of live DCs while thousands of other access points fail together
    ///
    /// Starts three DCs that live, nearpoint, and a crowd of access points in other DCs, all on
    /// loopback. Clients of the live DCs make round trips in sessions that stay, and connect, echo
    /// and close, without a pause. Meanwhile the crowd is well and fails, in turn; what clients felt
    /// is printed side by side, with the daemon's processor time, how late its probes were, and how
    /// long a new list took to be in force (500 ms of which it waits for the file to hold still).
    ///
    /// The crowd is one socket: every address of 127.0.0.0/8 is this machine. Nothing leaves it.
    #[command(after_long_help = STORM_EXAMPLES)]
    Storm(StormOptions),
    /// New lists of thousands of access points while clients are served, through nearpoint and its peers
    ///
    /// Each peer gets one list after the other in its own way while the same load goes on: sessions that stay
    /// and make round trips, and sessions that connect, echo and close, at fixed times. How long a list
    /// took to be in force, what it cost, and what clients felt is told beside the load alone.
    ///
    /// All access points lead to one stub: every address of 127.0.0.0/8 is this machine.
    #[command(after_long_help = crate::reload::EXAMPLES)]
    Reload(ReloadOptions),
    /// The same failures through nearpoint and its peers, in a simulated internet
    ///
    /// Builds a small network of hosts in network namespaces: clients, a router, the edge, and three DCs
    /// behind lines with a delay. New clients come all the time, others hold their sessions open; then
    /// something fails, and is well again. How long clients waited for their answer, and who got none,
    /// is told side by side. Needs root, `ip` and `nft`; nothing leaves the namespaces.
    #[command(after_long_help = crate::failover::EXAMPLES)]
    Failover(FailoverOptions),
    /// Run a stub DC; takes commands on standard input, prints events as lines of JSON
    Serve(ServeOptions),
    /// A small internet on this machine: clients, an edge, three DCs, delays and faults between them
    ///
    /// Made of network namespaces, which need root, iproute2 and nftables. Nothing leaves it.
    /// Without what it needs, the exit code is 77.
    Lab(LabOptions),
    /// Become a program inside a namespace of the lab, and die with the lab
    #[command(hide = true)]
    Inside(InsideOptions),
}

#[derive(Args, Clone, Debug)]
pub(crate) struct PeerOptions {
    /// Peers to measure, in this order
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "nearpoint,haproxy,haproxy-splice,nginx,envoy,direct"
    )]
    pub(crate) peers: Vec<Peer>,
    /// The nearpoint binary [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    pub(crate) nearpoint: Option<PathBuf>,
    /// Another nearpoint binary, measured beside it as `nearpoint-baseline`: it is no other proxy
    #[arg(long, value_name = "PATH")]
    pub(crate) baseline: Option<PathBuf>,
    /// The Envoy binary [default: `envoy` in PATH]
    #[arg(long, value_name = "PATH")]
    pub(crate) envoy: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

impl PeerOptions {
    pub(crate) fn places(&self) -> Places<'_> {
        Places {
            nearpoint: self.nearpoint.as_deref(),
            baseline: self.baseline.as_deref(),
            envoy: self.envoy.as_deref(),
        }
    }

    /// With the baseline, if there is one, behind nearpoint.
    pub(crate) fn peers(&self) -> Vec<Peer> {
        let mut peers = self.peers.clone();
        if self.baseline.is_some() && !peers.contains(&Peer::NearpointBaseline) {
            let after = peers.iter().position(|peer| *peer == Peer::Nearpoint);
            peers.insert(after.map_or(0, |at| at + 1), Peer::NearpointBaseline);
        }
        peers
    }
}

#[derive(Args, Clone, Debug)]
pub(crate) struct OutputOptions {
    /// Print JSON instead of tables
    #[arg(long)]
    pub(crate) json: bool,
    /// Also write the report here: JSON if the name ends in .json, else Markdown
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

const STORM_EXAMPLES: &str = "\
Examples:
  loadtest storm                                    40 s of phases, and as long between them
  loadtest storm --failure refuse --out storm.md    the crowd refuses instead of being silent
  loadtest storm --duration 30s --rounds 5          on a machine that has other things to do

Every client has to be served in every phase: one that is not makes the exit code 1.";

#[derive(Args, Clone, Debug)]
pub(crate) struct StormOptions {
    /// Access points that fail together
    #[arg(long, default_value = "10000", value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub(crate) access_points: u32,
    /// How they fail
    #[arg(long, value_enum, default_value_t = Failure::Blackhole)]
    pub(crate) failure: Failure,
    /// Rounds; each measures with a crowd that is well, and with one that fails
    #[arg(long, default_value = "2")]
    pub(crate) rounds: NonZeroU32,
    /// Measured time of each phase
    #[arg(long, default_value = "10s", value_parser = positive_duration)]
    pub(crate) duration: Duration,
    /// Sessions that stay and make round trips, each one at a time
    #[arg(long, default_value = "20")]
    pub(crate) sessions: NonZeroU32,
    /// Clients that connect, echo and close, each one session at a time
    #[arg(long, default_value = "4")]
    pub(crate) connects: NonZeroU32,
    /// The nearpoint binary [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    pub(crate) nearpoint: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

/// How access points of a storm fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Failure {
    /// No SYN is answered: probes wait until they time out
    Blackhole,
    /// Nobody listens: probes are refused at once
    Refuse,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Failure::Blackhole => "blackhole",
            Failure::Refuse => "refuse",
        })
    }
}

#[derive(Args, Clone, Debug)]
pub(crate) struct ServeOptions {
    /// Access points; port 0 takes a free one, a service after the address is for this one only
    #[arg(long, required = true, num_args = 1.., value_name = "ADDR[/SERVICE]")]
    pub(crate) listen: Vec<Listen>,
    /// What they do: echo, sink, source, source:BYTES, who, http, mtproto, mtproto:strict; with UDP
    /// udp:echo, udp:who, udp:sink or udp:source
    #[arg(long, default_value = "echo")]
    pub(crate) service: Service,
    /// Serve only who comes by this network interface: with `lo`, 0.0.0.0 is all of loopback
    #[arg(long)]
    pub(crate) device: Option<String>,
    /// Id of the DC, as `who` tells it, and the fingerprints of `mtproto`
    #[arg(long, default_value_t = 1)]
    pub(crate) dc: u16,
    /// Serve only who begins with a PROXY header, of version 1 or 2; it is taken off, and not part of what
    /// is echoed or counted
    #[arg(long)]
    pub(crate) expects_header: bool,
    /// Secrets that clients of `mtproto` may use, in hex: 32 digits, or 34 from dd on
    #[arg(long = "secret", num_args = 1.., value_name = "HEX", value_parser = secret)]
    pub(crate) secrets: Vec<Secret>,
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

/// A secret that a stub can use.
fn secret(text: &str) -> Result<Secret, String> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    let (pairs, rest) = digits.as_deref().map_or((&[][..], &[][..]), <[u8]>::as_chunks::<2>);
    let bytes: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
    Secret::new(&bytes)
        .filter(|secret| rest.is_empty() && secret.kind() != SecretKind::FakeTls)
        .ok_or_else(|| "not 32 digits of hex, or 34 from dd on".to_owned())
}

pub(crate) fn positive_duration(text: &str) -> Result<Duration, String> {
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

    /// Examples in the documents and in `--help`: what starts with the program's name, after a prompt.
    #[test]
    fn every_command_that_is_shown_is_understood() {
        let mut commands = Vec::new();
        for text in [
            include_str!("../../README.md"),
            include_str!("../README.md"),
            include_str!("../lab/README.md"),
            crate::compare::EXAMPLES,
            crate::compare::GROWTH_EXAMPLES,
            crate::generate::TCP_EXAMPLES,
            crate::generate::UDP_EXAMPLES,
            STORM_EXAMPLES,
            crate::reload::EXAMPLES,
            crate::failover::EXAMPLES,
        ] {
            for line in text.lines().map(str::trim_start) {
                let line = line.strip_prefix("$ ").unwrap_or(line);
                let line = line.strip_prefix("target/release/").unwrap_or(line);
                if line.starts_with("loadtest ") {
                    // What follows two spaces is said of it.
                    commands.push(line.split("  ").next().unwrap_or(line).to_owned());
                }
            }
        }
        assert!(commands.len() > 20, "{commands:#?}");
        for command in commands {
            if let Err(error) = Cli::try_parse_from(command.split_whitespace()) {
                panic!("{command}: {error}");
            }
        }
    }

    #[test]
    fn secrets_are_hex_of_a_kind_that_is_spoken() {
        let key = "00112233445566778899aabbccddeeff";
        assert_eq!(secret(key).map(|it| it.kind()), Ok(SecretKind::Plain));
        let padded = format!("DD{key}");
        assert_eq!(secret(&padded).map(|it| it.kind()), Ok(SecretKind::Padded));
        let fake = format!("ee{key}6578616d706c652e636f6d");
        for text in ["", "0011", &fake, &key.replace('0', "x"), &format!("{key}0"), &key[..31]] {
            assert!(secret(text).is_err(), "{text}");
        }
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
