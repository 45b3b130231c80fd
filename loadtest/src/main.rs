//! Measures nearpoint beside its peers: HAProxy, nginx stream, Envoy and a direct connection.
//!
//! `tcp` and `udp` make one load on whatever listens; `compare` measures processor time and throughput
//! of every peer, `growth` how they grow, `storm` what clients feel while thousands of access points fail,
//! `reload` what a new list of access points costs; `peers` shows how peers are configured; `failover` puts
//! the same failures to nearpoint and its peers in a small internet, the `lab`; and `serve` runs a stub DC
//! as a process of its own, for these and for any other harness. The README beside this crate says what
//! the figures mean.
//!
//! Three processes take part in every comparison: this one makes the load on a single thread, a
//! child is the backend, another child the proxy. Children are killed by their handles, also when
//! the run is interrupted.

mod backend;
mod circumstances;
mod cli;
mod compare;
mod door;
mod event;
mod failover;
mod generate;
mod http;
mod lab;
mod load;
mod peers;
mod picture;
mod process;
mod procfs;
mod reload;
mod report;
mod serve;
mod stats;
mod storm;

use clap::Parser;
use cli::{Cli, Command};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::error::Error;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// What shells give for a process that SIGINT ended.
const INTERRUPTED: u8 = 130;

/// EX_NOPERM of sysexits(3): this machine, or this user, cannot have a lab.
const NO_PERMISSION: u8 = 77;

fn main() -> ExitCode {
    let cli = Cli::parse();
    raise_descriptor_limit();
    if let Command::Inside(options) = &cli.command {
        return fail(&lab::become_inside(options));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    // These tell what was measured until then.
    let reports_early = matches!(
        cli.command,
        Command::Tcp(_) | Command::Udp(_) | Command::Compare(_) | Command::Growth(_)
    );
    let outcome = runtime.block_on(async {
        let interrupted = interrupted();
        tokio::select! {
            outcome = run(cli.command) => outcome,
            () = interrupted, if !reports_early => ExitCode::from(INTERRUPTED),
        }
    });
    // A thread that waits for standard input must not keep the process.
    runtime.shutdown_background();
    outcome
}

async fn run(command: Command) -> ExitCode {
    let complete = match command {
        Command::Tcp(options) => match generate::run_tcp(&options, interrupted()).await {
            Ok(complete) => complete,
            Err(error) => return fail(&error),
        },
        Command::Udp(options) => match generate::run_udp(&options, interrupted()).await {
            Ok(complete) => complete,
            Err(error) => return fail(&error),
        },
        Command::Compare(options) => match compare::run(&options, interrupted()).await {
            Ok(complete) => complete,
            Err(error) => return fail(&error),
        },
        Command::Peers(options) => match peers::run(&options).await {
            Ok(complete) => complete,
            Err(error) => return fail(&error),
        },
        Command::Growth(options) => match compare::run_growth(&options, interrupted()).await {
            Ok(complete) => complete,
            Err(error) => return fail(&error),
        },
        Command::Storm(options) => match storm::run(&options).await {
            Ok(complete) => complete,
            Err(error) => return fail(&error),
        },
        Command::Reload(options) => match reload::run(&options).await {
            Ok(complete) => complete,
            Err(error) => return fail(&error),
        },
        Command::Failover(options) => match failover::run(&options).await {
            Ok(complete) => complete,
            Err(error) => return fail(&error),
        },
        Command::Serve(options) => match serve::run(&options).await {
            Ok(()) => true,
            Err(error) => return fail(&error),
        },
        Command::Lab(options) => match lab::run(&options).await {
            Ok(complete) => complete,
            Err(error) if error.is_missing() => {
                fail(&error);
                return ExitCode::from(NO_PERMISSION);
            }
            Err(error) => return fail(&error),
        },
        // Was dealt with before there was a runtime.
        Command::Inside(_) => true,
    };
    if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// SIGINT, SIGTERM or SIGHUP, caught from this call on, not from the first poll: whoever reads our first line
/// may send one.
/// Where they cannot be caught, they end the process in the usual way.
fn interrupted() -> impl Future<Output = ()> {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [interrupt, terminate, hangup] = kinds.map(signal);
    async {
        let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) = (interrupt, terminate, hangup)
        else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

/// Children inherit it: a proxy needs two descriptors for each session.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    // A refusal shows where it matters, as a failed connect.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

fn fail(error: &dyn Error) -> ExitCode {
    eprintln!("loadtest: {}", report::with_sources(error));
    ExitCode::FAILURE
}
