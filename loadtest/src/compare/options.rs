//! What is measured, and how long.

use super::case::{self, Case, Selection};
use crate::cli::{PeerOptions, positive_duration};
use crate::load::Pace;
use crate::peers::User;
use clap::Args;
use std::num::NonZeroU32;
use std::time::Duration;

pub(crate) const EXAMPLES: &str = "\
Examples:
  loadtest compare                                  the cases that have a bar, five rounds: 25 minutes
  loadtest compare --list                           all cases, with what happens and what is asked
  loadtest compare --only udp --envoy ./envoy       UDP alone
  loadtest compare --only rt-64b-100,bulk --rounds 9 --out loadtest/results/compare.md
  loadtest compare --only all --out all.json        everything: an hour and a half
  loadtest compare --only rt-64b-100,connects --baseline ./nearpoint.before --peers nearpoint,direct
  loadtest compare --only upload-32,download-32 --unprivileged
  loadtest compare --only udp-upload --flood --peers nginx,envoy,direct
  loadtest compare --only all --smoke               whether every case works: a minute

Processor time for an operation is what the daemon costs; it holds still when the machine is busy, and
rates and latencies do not. Two peers whose ranges overlap widely do not differ: take more rounds, or a
quieter machine. Where load or backend use a core, they and not the proxy bound the rate.

HAProxy has no UDP, and nobody but nearpoint looks into MTProto: their rows say so. A peer that is
missing or fails makes the exit code 1. SIGINT ends the run, and tells what was measured until then.";

pub(crate) const GROWTH_EXAMPLES: &str = "\
Examples:
  loadtest growth                                   three rounds: 10 minutes
  loadtest growth --peers nearpoint,haproxy --rounds 5 --out loadtest/results/growth.md

Flat means that the cost at the largest number is within the spread of the smallest cost.";

/// What every run of rounds needs to know.
#[derive(Args, Clone, Debug)]
pub(crate) struct RunOptions {
    #[command(flatten)]
    pub(crate) peers: PeerOptions,
    /// Rounds; each measures every case through every peer once
    #[arg(long, default_value = "5", default_value_if("smoke", "true", "1"))]
    pub(crate) rounds: NonZeroU32,
    /// Measured time of each case in each round, after a tenth of it (at least 50 ms) of warm-up
    #[arg(
        long,
        default_value = "5s",
        default_value_if("smoke", "true", "100ms"),
        value_parser = positive_duration
    )]
    pub(crate) duration: Duration,
    /// Proxies run as user 65534 without capabilities, as in a container: the kernel gives such a user small
    /// pipes beyond fs.pipe-user-pages-soft. It takes root
    #[arg(long)]
    pub(crate) unprivileged: bool,
    /// Few clients, one short round, and every byte is looked at: shows that it works, and no speed
    #[arg(long)]
    pub(crate) smoke: bool,
}

impl RunOptions {
    /// Who proxies run as.
    pub(crate) fn user(&self) -> User {
        match self.unprivileged {
            true => User::Nobody,
            false => User::Own,
        }
    }

    pub(crate) fn sized(&self, case: Case) -> Case {
        if self.smoke { case.smoke() } else { case }
    }
}

#[derive(Args, Clone, Debug)]
pub(crate) struct CompareOptions {
    /// Cases to measure, by name or by group (round-trips, bulk, sessions, udp): `bars` are those that
    /// nearpoint is to win, `all` is everything
    #[arg(long, value_delimiter = ',', default_value = "bars", value_name = "CASES")]
    pub(crate) only: Vec<Selection>,
    /// Print the cases and do nothing
    #[arg(long)]
    pub(crate) list: bool,
    /// Senders of the bulk upload by UDP go as fast as their sockets take datagrams, whatever arrives,
    /// instead of as fast as nearly all arrives
    #[arg(long)]
    pub(crate) flood: bool,
    #[command(flatten)]
    pub(crate) run: RunOptions,
}

impl CompareOptions {
    /// The cases that were chosen, each once.
    pub(crate) fn cases(&self) -> Vec<Case> {
        let pace = if self.flood { Pace::Flood } else { Pace::Window };
        let cases = case::select(pace, &self.only).into_iter();
        cases.map(|case| self.run.sized(case)).collect()
    }
}

#[derive(Args, Clone, Debug)]
pub(crate) struct GrowthOptions {
    #[command(flatten)]
    pub(crate) run: RunOptions,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    fn parsed(arguments: &[&str]) -> CompareOptions {
        let arguments = [&["loadtest", "compare"], arguments].concat();
        match Cli::try_parse_from(arguments).unwrap().command {
            Command::Compare(options) => options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn smoke_is_one_short_round_unless_another_is_asked_for() {
        let of = |arguments: &[&str]| {
            let RunOptions { rounds, duration, .. } = parsed(arguments).run;
            (rounds.get(), duration.as_millis())
        };
        assert_eq!(of(&[]), (5, 5000));
        assert_eq!(of(&["--smoke"]), (1, 100));
        assert_eq!(of(&["--smoke", "--rounds", "2", "--duration", "1s"]), (2, 1000));
    }

    #[test]
    fn only_what_is_known_can_be_chosen() {
        assert_eq!(parsed(&["--only", "connects,bulk"]).cases().len(), 7);
        let refused = Cli::try_parse_from(["loadtest", "compare", "--only", "tcp"]).unwrap_err();
        assert!(refused.to_string().contains("--list"), "{refused}");
    }
}
