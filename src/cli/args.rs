//! The command line as clap reads it.

mod change;
mod files;
mod sessions;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use super::client::AdminUrl;

use change::{AFTER_HISTORY, AFTER_INTENT, AFTER_PUSH, AFTER_ROLLBACK, CHANGE_CODES};
pub use change::{HistoryArgs, IntentArgs, PushArgs, ReloadArgs, RollbackArgs, SendArgs};
pub use files::{CheckArgs, ExplainArgs, GeoipArgs, ImportArgs};
pub use sessions::{KillArgs, SessionsArgs, WhichArgs};

use sessions::AFTER_KILL;

const AFTER_HELP: &str = "\
Units: time is written 300ms, 5s, 10m, 2h, 7d; sizes are KiB, MiB, GiB.

Exit codes: 0 done; 1 it failed: a daemon could not start, or did not answer; 2 guards refuse it, and \
--force may help; 3 something else is in force by now; 4 not permitted: no token, not this one, or too \
many wrong ones; 5 declined or aborted; 64 bad configuration, list or command line.

Examples:
  nearpoint demo                              the picture of it, on loopback
  nearpoint check nearpoint.yaml              every problem of a configuration at once
  nearpoint check nearpoint.yaml --against-running
                                              and what a reload would change
  nearpoint run nearpoint.yaml                the daemon; SIGHUP reloads, SIGTERM drains
  nearpoint status                            what the daemon here does now
  nearpoint push dc_options.yaml              another list, shown before it goes live
  nearpoint rollback                          the list before this one
  nearpoint drain 2 --for 1h --reason disks   no new sessions for DC 2
  nearpoint events --since 10m                what happened here, and why
  nearpoint explain 203.0.113.7               where this client would go, and why
  nearpoint geoip 203.0.113.7                 what is known of this address
  nearpoint import config.json -o dc_options.yaml
                                              a list of what a client was told";

const AFTER_EVENTS: &str = "\
Examples:
  nearpoint events --since 10m                what happened in the last ten minutes
  nearpoint events --dc 2                     all that is known of DC 2
  nearpoint events --follow --since 0s        what happens from now on
  nearpoint events --json | jq -r 'select(.to == \"down\") | .says'
                                              what went down";

pub(super) const AFTER_IMPORT: &str = "\
Exit codes: 0 done; 1 a file cannot be read or written, or is there already; 64 it is no list, and \
standard error has all that is wrong with it.

Examples:
  nearpoint import config.json                a list on standard output
  nearpoint import config.json -o dc_options.yaml
                                              a new file; --force replaces one
  curl -s 'http://127.0.0.1:9900/v1/config?ip=203.0.113.7' | nearpoint import -
                                              what an edge tells this client
  nearpoint import config.json --json | jq '.dc_options | length'
                                              how many access points there are

From a dump that says
  {\"_\": \"config\", \"dc_options\": [
    {\"_\": \"dcOption\", \"id\": 2, \"ip_address\": \"192.0.2.20\", \"port\": 443, \"flags\": 2},
    {\"_\": \"dcOption\", \"id\": 2, \"ip_address\": \"192.0.2.10\", \"port\": 443, \"static\": true}]}
it makes
  # DC 2: 1 main, 1 media
  - {id: 2, ip_address: 192.0.2.10, port: 443, static: true}
  - {id: 2, ip_address: 192.0.2.20, port: 443, media_only: true}";

/// A layer-4 edge router that sends each client to the closest healthy data centre.
#[derive(Debug, Parser)]
#[command(name = "nearpoint", version, after_help = AFTER_HELP, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon in the foreground.
    ///
    /// SIGHUP reloads, as does a change of any of its files; SIGTERM and SIGINT drain: readiness
    /// first, then the listeners, then the sessions. A second signal ends at once.
    Run {
        /// The configuration.
        #[arg(default_value = "/etc/nearpoint/nearpoint.yaml")]
        config: PathBuf,
    },
    /// Report every problem of a configuration; exit with 64 if there is one.
    ///
    /// With --against-running it also says what a reload of the running daemon would change: what
    /// takes effect at once, what waits for a restart, and what guards would refuse (exit code 1).
    Check(CheckArgs),
    /// Drain a DC for a while, and tell how the others do.
    ///
    /// The daemon says first who would move, and refuses if clients would be refused or another DC would
    /// be too full, unless it is forced. Then it watches the others and gives the drill up by itself when
    /// they do not bear it; Ctrl-C ends it. Exits with 1 unless it lasted its time.
    Drill(DrillArgs),
    /// Say where clients would go, and why.
    ///
    /// Asks the running daemon, which answers with its live health and what it remembers; with
    /// --config nothing runs, and every access point is taken to be up.
    ///
    /// With --file it counts where many clients go: which rules hit whom, and how many go to each DC.
    /// With --config that is done in memory; a daemon is asked about one address after the other,
    /// which is slow.
    Explain(ExplainArgs),
    /// Show what the running daemon does now.
    Status(StatusArgs),
    /// Put another list of access points into force, after showing what that would do.
    ///
    /// Asks the daemon what would change, who would move and what guards say, and asks you on a terminal.
    /// The list stands for the daemon's file until that changes, over restarts too (edge.state_dir).
    #[command(after_help = AFTER_PUSH)]
    Push(PushArgs),
    /// Go back to a list that was in force before, after showing what that would do.
    #[command(after_help = AFTER_ROLLBACK)]
    Rollback(RollbackArgs),
    /// Show the lists that were in force, who brought them and why; or one of them, and what it changed.
    #[command(after_help = AFTER_HISTORY)]
    History(HistoryArgs),
    /// Have the running daemon read its files again, as SIGHUP does, and say what came of it.
    #[command(after_help = CHANGE_CODES)]
    Reload(ReloadArgs),
    /// Let no new session into a DC or an access point; those that are open stay.
    #[command(after_help = AFTER_INTENT)]
    Drain(IntentArgs),
    /// Let a DC or an access point serve again, as its health allows.
    #[command(after_help = AFTER_INTENT)]
    Ready(IntentArgs),
    /// Take a DC or an access point out, as if it were absent.
    #[command(after_help = AFTER_INTENT)]
    Maint(IntentArgs),
    /// Tell what happened to access points, DCs and this edge, and why.
    ///
    /// One line each, oldest first, with its time in UTC. The daemon keeps its last 4096 changes of
    /// state in memory: what happened before it was started, or before those, only its log knows.
    #[command(after_help = AFTER_EVENTS)]
    Events(EventsArgs),
    /// Show who is connected.
    ///
    /// The sessions and flows that fit all that is said, the oldest first.
    Sessions(SessionsArgs),
    /// End sessions and flows.
    ///
    /// Those that fit all that is said. Sessions are reset: their clients come back, and go where anybody
    /// would go now. It says first how many these are, and asks.
    #[command(after_help = AFTER_KILL)]
    Kill(KillArgs),
    /// Say what is known of addresses: country, coordinates, autonomous system, and who says so.
    ///
    /// Looks into databases, asks no daemon: those of --config, or the files that are named, or the
    /// embedded one.
    Geoip(GeoipArgs),
    /// Make a list of access points of the `config` that a client was given.
    ///
    /// Reads JSON or YAML: a dump of Telegram's help.getConfig in any of the shapes that clients and
    /// libraries write, or a list. Writes YAML for `dc_options`: each access point once, by DC, main ones
    /// before those for media and of a CDN, flags where they are set, secrets in hex. What was merged or
    /// noticed is told on standard error, and in the head of the file.
    #[command(after_help = AFTER_IMPORT)]
    Import(ImportArgs),
    /// Print the JSON Schema (2020-12) of a file of the configuration.
    ///
    /// Editors check and complete with it: a file that begins with a line
    /// `# yaml-language-server: $schema=nearpoint.schema.json` names it.
    Schema {
        /// Of this file.
        #[arg(default_value = "config")]
        of: SchemaOf,
    },
    /// Print a completion script.
    ///
    /// For bash: nearpoint completions bash > /etc/bash_completion.d/nearpoint
    Completions {
        /// For this shell.
        shell: Shell,
    },
    /// Show it at work: three stub DCs on loopback, clients from many countries, a power loss.
    ///
    /// Distances are pretended, everything else is the real daemon. Exits with 1 if a new session
    /// failed.
    Demo(DemoArgs),
}

/// A file of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// The main file, and files that it includes.
    Config,
    /// The list of access points.
    DcOptions,
}

/// Arguments of `drill`.
#[derive(Debug, Args)]
pub struct DrillArgs {
    /// The DC that is to be without new sessions.
    #[arg(value_name = "DC", value_parser = clap::value_parser!(u16).range(1..))]
    pub dc: u16,
    /// For how long.
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub lasting: Duration,
    /// Why, for the record.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,
    /// Begin it even if clients would be refused or a DC would be too full.
    #[arg(long)]
    pub force: bool,
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
    /// Print the report as JSON.
    #[arg(long, conflicts_with = "markdown")]
    pub json: bool,
    /// Print the report as Markdown.
    #[arg(long)]
    pub markdown: bool,
    /// Write the report to this file.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The daemon that is asked.
    #[command(flatten)]
    pub daemon: DaemonArgs,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The daemon that is asked.
    #[command(flatten)]
    pub daemon: DaemonArgs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `events`.
#[derive(Debug, Args)]
pub struct EventsArgs {
    /// Go on with what happens, until Ctrl-C; restarts of the daemon are outlived.
    #[arg(long, short)]
    pub follow: bool,
    /// Leave out what happened longer ago than this.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub since: Option<Duration>,
    /// Only what is about this DC and its access points.
    #[arg(long, value_name = "DC", value_parser = clap::value_parser!(u16).range(1..))]
    pub dc: Option<u16>,
    /// The daemon that is asked.
    #[command(flatten)]
    pub daemon: DaemonArgs,
    /// Print JSON: one line for each event, written at once.
    #[arg(long)]
    pub json: bool,
}

/// Which daemon to ask, and what to show to it.
#[derive(Clone, Debug, Args)]
pub struct DaemonArgs {
    /// Where the daemon's `admin.bind` is: http://HOST:PORT, https://HOST:PORT or unix:/PATH.
    /// The variable NEARPOINT_ADMIN sets the default.
    #[arg(long, value_name = "URL", default_value = usual_daemon())]
    pub admin: AdminUrl,
    /// A file with a token of the daemon's `admin.tokens_file`, as its first line; without it, the
    /// variable NEARPOINT_TOKEN. A token is not sent in clear beyond this machine.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// For https: the certificates, in PEM, of the issuers that are believed.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// For https: our certificate, in PEM.
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,
    /// For https: its private key, in PEM.
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
}

/// As a default, so that the environment contradicts nothing that is written on the command line.
fn usual_daemon() -> String {
    let said = std::env::var("NEARPOINT_ADMIN").ok().filter(|said| !said.is_empty());
    said.unwrap_or_else(|| "http://127.0.0.1:9900".to_owned())
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// End by itself after this time; without it, at Ctrl-C.
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub duration: Option<Duration>,
    /// Print lines instead of a live table, as is done when the output is no terminal.
    #[arg(long)]
    pub plain: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Command, clap::Error> {
        let parsed = Cli::try_parse_from(line.split_whitespace());
        parsed.map(|cli| cli.command)
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn run_has_a_usual_place_for_its_configuration() {
        let Ok(Command::Run { config }) = parse("nearpoint run") else {
            panic!("run needs no argument");
        };
        assert_eq!(config, PathBuf::from("/etc/nearpoint/nearpoint.yaml"));
    }

    #[test]
    fn explain_asks_a_daemon_or_reads_a_file_but_not_both() {
        let Ok(Command::Explain(args)) = parse("nearpoint explain 203.0.113.7 2001:db8::1") else {
            panic!("two addresses are enough");
        };
        assert_eq!(args.ips.len(), 2);
        assert_eq!(args.daemon.admin.to_string(), "http://127.0.0.1:9900");
        assert!(parse("nearpoint explain ::1 --config x.yaml").is_ok());
        assert!(parse("nearpoint explain --file - --config x.yaml --each").is_ok());
        for bad in [
            "nearpoint explain ::1 --file seen.log",
            "nearpoint explain ::1 --each",
            "nearpoint explain",
            "nearpoint explain 203.0.113",
            "nearpoint explain ::1 --config x.yaml --admin http://[::1]:9900",
            "nearpoint explain ::1 --admin https://edge-1",
            "nearpoint explain ::1 --admin unix:admin.sock",
            "nearpoint explain ::1 --cert cert.pem",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn geoip_reads_a_configuration_or_files_but_not_both() {
        let Ok(Command::Geoip(args)) = parse("nearpoint geoip ::1 --asn-database asn.mmdb") else {
            panic!("a file of autonomous systems is enough");
        };
        assert_eq!(args.asn_database, Some(PathBuf::from("asn.mmdb")));
        assert!(parse("nearpoint geoip ::1 --database a.mmdb --asn-database a.mmdb").is_ok());
        for bad in [
            "nearpoint geoip",
            "nearpoint geoip nowhere",
            "nearpoint geoip ::1 --config x.yaml --database a.mmdb",
            "nearpoint geoip ::1 --config x.yaml --asn-database a.mmdb",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn import_forces_nothing_but_a_file() {
        let Ok(Command::Import(args)) = parse("nearpoint import - -o list.yaml --force") else {
            panic!("standard input is a dump");
        };
        assert_eq!((args.file, args.output), ("-".into(), Some("list.yaml".into())));
        for bad in ["nearpoint import", "nearpoint import a b", "nearpoint import a --force"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn events_takes_a_time_with_its_unit_and_the_number_of_a_dc() {
        let Ok(Command::Events(args)) = parse("nearpoint events --follow --since 10m --dc 2")
        else {
            panic!("10m is a time, and 2 may be a DC");
        };
        assert_eq!((args.since, args.dc), (Some(Duration::from_secs(600)), Some(2)));
        for bad in ["--since 10", "--dc 0", "--dc ams", "ams"] {
            assert!(parse(&format!("nearpoint events {bad}")).is_err(), "{bad}");
        }
    }

    #[test]
    fn drill_needs_a_dc_and_a_time() {
        let Ok(Command::Drill(args)) = parse("nearpoint drill 2 --for 10m --markdown -y") else {
            panic!("a DC and a time are enough");
        };
        assert_eq!((args.dc, args.lasting.as_secs(), args.yes), (2, 600, true));
        for bad in ["", "2", "0 --for 1m", "2 --for 10", "2 --for 1m --json --markdown"] {
            assert!(parse(&format!("nearpoint drill {bad}")).is_err(), "{bad}");
        }
        assert!(parse("nearpoint check x.yaml --who-moves").is_err(), "of which daemon?");
    }

    #[test]
    fn demo_takes_a_time_with_its_unit() {
        let Ok(Command::Demo(args)) = parse("nearpoint demo --for 20s") else {
            panic!("20s is a time");
        };
        assert_eq!(args.duration, Some(Duration::from_secs(20)));
        assert!(parse("nearpoint demo --for 20").is_err());
    }
}
