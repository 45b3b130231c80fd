//! The same failures through nearpoint and its peers, in the lab.

mod config;
pub(crate) mod peers;
mod record;

use crate::cli::{FailoverCommand, FailoverOptions};
use crate::peers::PeerError;

pub(crate) fn run(options: &FailoverOptions) -> Result<(), PeerError> {
    match &options.command {
        FailoverCommand::Config(options) => config::write(options),
    }
}
