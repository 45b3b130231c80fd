//! Arguments of commands about who is connected.

use std::net::IpAddr;

use clap::Args;

use super::DaemonArgs;
use crate::routing::DialAddress;

pub(super) const AFTER_KILL: &str = "\
Examples:
  nearpoint kill --client 203.0.113.7         whatever this client has
  nearpoint kill --dc 2 --yes                 all that goes to DC 2, without asking
  nearpoint kill --all                        everything";

/// Arguments of `sessions`.
#[derive(Debug, Args)]
pub struct SessionsArgs {
    /// Which.
    #[command(flatten)]
    pub which: WhichArgs,
    /// So many at most.
    #[arg(long, value_name = "COUNT")]
    pub limit: Option<usize>,
    /// The daemon that is asked.
    #[command(flatten)]
    pub daemon: DaemonArgs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `kill`.
#[derive(Debug, Args)]
pub struct KillArgs {
    /// Which.
    #[command(flatten)]
    pub which: WhichArgs,
    /// All of them.
    #[arg(long, conflicts_with_all = ["listener", "dc", "access_point", "client"])]
    pub all: bool,
    /// Why, for the log.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
    /// The daemon that is asked.
    #[command(flatten)]
    pub daemon: DaemonArgs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Which sessions and flows.
#[derive(Clone, Debug, Args)]
pub struct WhichArgs {
    /// Those of this listener.
    #[arg(long, value_name = "NAME")]
    pub listener: Option<String>,
    /// Those with this DC.
    #[arg(long, value_name = "DC", value_parser = clap::value_parser!(u16).range(1..))]
    pub dc: Option<u16>,
    /// Those with this access point: `192.0.2.1:443`, or `192.0.2.1:443/udp`.
    #[arg(long, value_name = "ADDRESS")]
    pub access_point: Option<DialAddress>,
    /// Those of this client: an IPv4 address, or any of its IPv6 /64.
    #[arg(long, value_name = "IP")]
    pub client: Option<IpAddr>,
}

impl WhichArgs {
    /// Whether all of them are meant.
    pub(in crate::cli) fn says_nothing(&self) -> bool {
        let Self { listener, dc, access_point, client } = self;
        listener.is_none() && dc.is_none() && access_point.is_none() && client.is_none()
    }
}
