//! Arguments of the commands that change something in a running daemon.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::DaemonArgs;
use crate::routing::Protocol;

pub(super) const CHANGE_CODES: &str = "\
Exit codes: 0 done, or nothing to do; 1 it failed; 2 guards forbid it (--force overrides them, and that \
is recorded); 3 somebody else changed it meanwhile: look again; 4 you may not; 5 you said no; 64 the list \
or the command line is invalid.";

pub(super) const AFTER_PUSH: &str = "\
Exit codes: 0 done, or nothing to do; 1 it failed; 2 guards forbid it (--force overrides them, and that \
is recorded); 3 somebody else changed it meanwhile: look again; 4 you may not; 5 you said no; 64 the list \
or the command line is invalid.

Examples:
  nearpoint push dc_options.yaml --dry-run    what it would do, and no more
  nearpoint push dc_options.yaml --reason 'hall 3 opens'
                                              shows that, and asks
  make-list | nearpoint push - --yes          from a script; nothing is asked
  nearpoint push fewer.yaml --force           although guards forbid it";

pub(super) const AFTER_ROLLBACK: &str = "\
Exit codes: those of nearpoint push.

Examples:
  nearpoint rollback                          the list before this one
  nearpoint history                           which there are
  nearpoint rollback 17 --dry-run             what going back to number 17 would do";

pub(super) const AFTER_HISTORY: &str = "\
Examples:
  nearpoint history                           the last twenty lists, the newest first
  nearpoint history 17                        number 17, and what it changed
  nearpoint history --json | jq -r '.entries[] | select(.forced) | .by'
                                              who overrode guards";

pub(super) const AFTER_INTENT: &str = "\
What is wanted is kept over restarts (edge.state_dir), shown by `nearpoint status`, and ends with --for.

Exit codes: 0 done; 1 it failed; 2 it would refuse clients that no other DC may serve, or leave a \
listener nothing (--force does it all the same); 4 you may not; 64 the command line is invalid.

Examples:
  nearpoint drain 2 --for 1h --reason 'new disks'
                                              no new sessions for an hour
  nearpoint maint 2 --access-point 192.0.2.10:443
                                              one access point is as if absent
  nearpoint ready 2                           DC 2 serves again";

/// How something is changed.
#[derive(Debug, Args)]
pub struct SendArgs {
    /// Say what it would do, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Do it even if guards forbid it.
    #[arg(long)]
    pub force: bool,
    /// Do not ask: for scripts.
    #[arg(long, short, conflicts_with = "dry_run")]
    pub yes: bool,
    /// Why; it is kept in the history, in events and in the log.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub reason: String,
    /// The daemon that is asked.
    #[command(flatten)]
    pub daemon: DaemonArgs,
    /// Print JSON; what is shown before it is asked goes to standard error.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `push`.
#[derive(Debug, Args)]
pub struct PushArgs {
    /// The list, YAML or JSON; `-` is standard input.
    pub file: PathBuf,
    /// How.
    #[command(flatten)]
    pub send: SendArgs,
}

/// Arguments of `rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The number of the list in the history; without it, the newest one that differs from the one in force.
    pub number: Option<u64>,
    /// How.
    #[command(flatten)]
    pub send: SendArgs,
}

/// Arguments of `history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Show this one, and what it changed.
    pub number: Option<u64>,
    /// So many at most.
    #[arg(long, default_value_t = 20, conflicts_with = "number")]
    pub limit: u32,
    /// The daemon that is asked.
    #[command(flatten)]
    pub daemon: DaemonArgs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `reload`.
#[derive(Debug, Args)]
pub struct ReloadArgs {
    /// Put it into force even if guards forbid it.
    #[arg(long)]
    pub force: bool,
    /// Why; it is kept in the history, in events and in the log.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub reason: String,
    /// The daemon that is asked.
    #[command(flatten)]
    pub daemon: DaemonArgs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `drain`, `ready` and `maint`.
#[derive(Debug, Args)]
pub struct IntentArgs {
    /// The number of the DC.
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub dc: u16,
    /// Only this access point of it: `192.0.2.10:443`, or `[2001:db8::1]:443`.
    #[arg(long, value_name = "ADDRESS")]
    pub access_point: Option<std::net::SocketAddr>,
    /// Only what the access point serves so; both without it.
    #[arg(long, requires = "access_point", value_parser = protocol)]
    pub protocol: Option<Protocol>,
    /// For so long, then it is ready again; without it, until somebody says otherwise.
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub lasting: Option<Duration>,
    /// Why; it is shown wherever the state is.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub reason: String,
    /// Do it even if clients would be refused.
    #[arg(long)]
    pub force: bool,
    /// The daemon that is asked.
    #[command(flatten)]
    pub daemon: DaemonArgs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

fn protocol(text: &str) -> Result<Protocol, &'static str> {
    let found = Protocol::ALL.into_iter().find(|protocol| protocol.as_str() == text);
    found.ok_or("is tcp or udp")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::{Cli, Command};
    use super::*;

    fn parse(line: &str) -> Result<Command, clap::Error> {
        Cli::try_parse_from(line.split_whitespace()).map(|cli| cli.command)
    }

    #[test]
    fn a_push_is_asked_or_not_and_a_dry_run_never_is() {
        let Ok(Command::Push(args)) = parse("nearpoint push - --yes --force --reason why") else {
            panic!("standard input is a list");
        };
        assert_eq!(
            (args.send.yes, args.send.force, args.send.reason.as_str()),
            (true, true, "why")
        );
        for bad in ["push", "push a --yes --dry-run", "rollback x", "history 3 --limit 2"] {
            assert!(parse(&format!("nearpoint {bad}")).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_intent_is_about_a_dc_or_an_access_point_and_has_a_time_with_its_unit() {
        let line = "nearpoint drain 2 --access-point [2001:db8::1]:443 --protocol udp --for 1h";
        let Ok(Command::Drain(args)) = parse(line) else { panic!("an access point") };
        assert_eq!((args.dc, args.lasting), (2, Some(Duration::from_secs(3600))));
        assert_eq!(args.protocol, Some(Protocol::Udp));
        for bad in ["drain", "drain 0", "drain 2 --for 10", "maint 2 --protocol tcp", "ready x"] {
            assert!(parse(&format!("nearpoint {bad}")).is_err(), "{bad}");
        }
    }
}
