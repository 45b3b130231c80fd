//! Arguments of the commands that look into files: of a configuration, of databases, of dumps.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;

use super::DaemonArgs;

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The configuration.
    pub config: PathBuf,
    /// Compare it with what the running daemon goes by.
    #[arg(long)]
    pub against_running: bool,
    /// Say who would move to another DC, of the clients that the daemon has seen lately.
    #[arg(long, requires = "against_running")]
    pub who_moves: bool,
    /// The daemon that is asked.
    #[command(flatten)]
    pub daemon: DaemonArgs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Addresses of clients, IPv4 or IPv6; NAT64 and other forms that carry an IPv4 address are
    /// looked up as that.
    #[arg(required_unless_present = "file", conflicts_with = "file", value_name = "IP")]
    pub ips: Vec<IpAddr>,
    /// Count where the clients of this file go; `-` is standard input. An address begins each line, and
    /// what follows it is not looked at; blank lines and those that begin with # are passed over.
    #[arg(long, short, value_name = "ADDRESSES")]
    pub file: Option<PathBuf>,
    /// Print a line for each address of the file instead of counting: the address, its country, its
    /// DC or `refused`, why, and what in the policy decided.
    #[arg(long, conflicts_with = "ips")]
    pub each: bool,
    /// The listener they come to; needed when there are several.
    #[arg(long, short)]
    pub listener: Option<String>,
    /// The DC that they name in their MTProto header, of an `mtproto` listener: negative for media, and
    /// beyond 10000 in a test network. They are taken to prove it with a secret; without this, they
    /// name none.
    #[arg(long, value_name = "ID", allow_negative_numbers = true)]
    pub dc: Option<i16>,
    /// Explain by this configuration, without a daemon.
    #[arg(long, short, value_name = "FILE", conflicts_with = "admin")]
    pub config: Option<PathBuf>,
    /// The daemon that is asked.
    #[command(flatten)]
    pub daemon: DaemonArgs,
    /// Print JSON: a list with one answer per address; with --file the counts, with --each one line
    /// of JSON per address.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `geoip`.
#[derive(Debug, Args)]
pub struct GeoipArgs {
    /// Addresses, IPv4 or IPv6; NAT64 and other forms that carry an IPv4 address are looked up as
    /// that.
    #[arg(required = true, value_name = "IP")]
    pub ips: Vec<IpAddr>,
    /// Look up as this configuration does: its databases, overrides and default.
    #[arg(long, short, value_name = "FILE", conflicts_with_all = ["database", "asn_database"])]
    pub config: Option<PathBuf>,
    /// Look for places in this .mmdb file.
    #[arg(long, value_name = "FILE")]
    pub database: Option<PathBuf>,
    /// Look for autonomous systems in this .mmdb file.
    #[arg(long, value_name = "FILE")]
    pub asn_database: Option<PathBuf>,
    /// Print JSON: a list with one answer per address.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The dump; `-` is standard input.
    pub file: PathBuf,
    /// Write this file instead of standard output, as a whole or not at all.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the file if it is there.
    #[arg(long, requires = "output")]
    pub force: bool,
    /// Print JSON: the list and what was noticed. A file is written in YAML nevertheless.
    #[arg(long)]
    pub json: bool,
}
