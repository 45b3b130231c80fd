//! The command line of the lab.

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
    #[arg(long, default_value = "10ms,12ms,160ms", value_parser = round_trips)]
    #[arg(value_name = "TIME,TIME,TIME")]
    pub(crate) round_trips: [Duration; 3],
    /// Each way takes up to so much longer
    #[arg(long, default_value = "0s", value_parser = humantime::parse_duration)]
    pub(crate) jitter: Duration,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl HoldOptions {
    pub(super) fn wires(&self) -> Wires {
        Wires::of(|dc| Wire { round_trip: self.round_trips[dc.index()], jitter: self.jitter })
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

fn round_trips(text: &str) -> Result<[Duration; 3], String> {
    let times: Result<Vec<Duration>, _> = text.split(',').map(humantime::parse_duration).collect();
    let times = times.map_err(|error| error.to_string())?;
    times.try_into().map_err(|_| "there are three lines".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_a_round_trip() {
        let [a, b, c] = [10, 1_500, 0].map(Duration::from_millis);
        assert_eq!(round_trips("10ms,1500ms,0s"), Ok([a, b, c]));
        for wrong in ["", "10ms", "10ms,20ms", "1s,1s,1s,1s", "1s,1s,far"] {
            assert!(round_trips(wrong).is_err(), "{wrong}");
        }
    }
}
