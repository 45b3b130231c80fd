//! The command line of `failover`.

use super::peers::{Peer, Probe};
use crate::cli::OutputOptions;
use crate::lab::layout;
use clap::{Args, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

pub(crate) const EXAMPLES: &str = "\
Examples:
  loadtest failover --peers nearpoint --scenarios killed,blackholed
  loadtest failover --scenarios my-own.yaml --out my-own.md
  loadtest failover --out loadtest/results/failover.md    everything; takes half an hour

The exit code is 1 if nearpoint did not do what a scenario expects, or a peer could not be run.";

#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct FailoverOptions {
    #[command(subcommand)]
    pub(super) command: Option<FailoverCommand>,
    /// Peers to run scenarios through, in this order
    #[arg(long, value_delimiter = ',', default_value = "nearpoint,haproxy,nginx,envoy")]
    pub(super) peers: Vec<Peer>,
    /// Scenarios, by their names (`loadtest failover list`), or files of YAML [default: all there are]
    #[arg(long, value_delimiter = ',', value_name = "NAME|FILE")]
    pub(super) scenarios: Vec<PathBuf>,
    /// Run the short versions, which continuous integration runs
    #[arg(long)]
    pub(super) short: bool,
    /// The nearpoint binary [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    pub(super) nearpoint: Option<PathBuf>,
    /// The Envoy binary [default: the one in PATH]
    #[arg(long, value_name = "PATH")]
    pub(super) envoy: Option<PathBuf>,
    #[command(flatten)]
    pub(super) output: OutputOptions,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum FailoverCommand {
    /// List the scenarios
    List,
    /// Write the configuration that a peer is given, and print how the peer is started
    Config(FailoverConfigOptions),
}

#[derive(Args, Clone, Debug)]
pub(crate) struct FailoverConfigOptions {
    /// For this one; its program need not be here
    #[arg(long, value_enum)]
    pub(super) peer: Peer,
    /// How access points are asked whether they are well
    #[arg(long, value_enum, default_value_t)]
    pub(super) probe: Probe,
    /// Into this directory
    #[arg(long, value_name = "DIR")]
    pub(super) dir: PathBuf,
    /// Where clients connect
    #[arg(long, value_name = "ADDR", default_value_t = layout::edge())]
    pub(super) listen: SocketAddr,
}
