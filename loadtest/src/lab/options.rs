//! The command line of the lab.

use super::layout::Dc;
use super::topology::{Wire, Wires};
use crate::cli::OutputOptions;
use clap::{Args, Subcommand};
use std::ffi::OsString;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Args, Clone, Debug)]
pub(crate) struct LabOptions {
    #[command(subcommand)]
    pub(crate) command: LabCommand,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum LabCommand {
    /// Build a lab and prove it: lines are as long as they should be, and faults are what they say
    Check(CheckOptions),
    /// Build a lab, say how to enter it, and keep it until SIGINT
    Hold(HoldOptions),
    /// Remove what killed labs have left behind; living ones are not touched
    Sweep {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args, Clone, Debug)]
pub(crate) struct CheckOptions {
    /// Connects that are timed over each line
    #[arg(long, default_value = "100")]
    pub(crate) connects: NonZeroU32,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct HoldOptions {
    /// Round trips of the lines to DCs 1, 2 and 3
    #[arg(long, num_args = 3, value_delimiter = ',', value_parser = humantime::parse_duration)]
    #[arg(default_value = "10ms,12ms,160ms", value_name = "TIME")]
    pub(crate) round_trips: Vec<Duration>,
    /// Each way takes up to so much longer
    #[arg(long, default_value = "0s", value_parser = humantime::parse_duration)]
    pub(crate) jitter: Duration,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl HoldOptions {
    pub(super) fn wires(&self) -> Wires {
        Wires::of(|dc: Dc| Wire {
            round_trip: self.round_trips.get(dc.index()).copied().unwrap_or_default(),
            jitter: self.jitter,
        })
    }
}

#[derive(Args, Clone, Debug)]
pub(crate) struct InsideOptions {
    /// The process to die with
    #[arg(long)]
    pub(crate) parent: i32,
    /// The file of the namespace
    #[arg(long)]
    pub(crate) namespace: PathBuf,
    /// What to become
    pub(crate) program: OsString,
    #[arg(last = false, allow_hyphen_values = true, trailing_var_arg = true)]
    pub(crate) arguments: Vec<OsString>,
}
