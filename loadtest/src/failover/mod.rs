//! The same failures through nearpoint and its peers, in the lab.

mod config;
mod outcome;
pub(crate) mod peers;
mod phase;
mod plot;
mod record;
mod report;
mod scenario;
mod time;
mod verdict;

use crate::cli::{FailoverCommand, FailoverOptions};
use crate::peers::PeerError;

pub(crate) fn run(options: &FailoverOptions) -> Result<(), PeerError> {
    match &options.command {
        FailoverCommand::Config(options) => config::write(options),
    }
}
