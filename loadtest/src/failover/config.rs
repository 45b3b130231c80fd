//! `loadtest failover config`: what a peer is given, for whoever wants to look or to check.

use super::options::FailoverConfigOptions;
use super::peers::{Setting, everywhere};
use crate::peers::PeerError;
use std::path;

/// As it would be in the lab, with all access points. Prints the command that starts the peer.
pub(super) fn write(options: &FailoverConfigOptions) -> Result<(), PeerError> {
    let FailoverConfigOptions { peer, probe, dir, listen } = options;
    let directory = path::absolute(dir).map_err(PeerError::Prepare)?;
    let setting = Setting { listen: *listen, ..Setting::new(everywhere(), *probe) };
    let args = peer.configure(&directory, &setting)?;
    let words: Vec<_> = args.iter().map(|arg| arg.to_string_lossy()).collect();
    println!("{} {}", peer.program(), words.join(" "));
    Ok(())
}
