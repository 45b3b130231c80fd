//! The command line: what it takes ([`args`]), how it asks a running daemon (`client`), and what
//! people read (`table`). Decides nothing: answers come from the admin API or from the same
//! functions that live traffic uses.

pub mod args;
mod change;
mod check;
mod client;
mod confirm;
mod drill;
mod events;
mod exit;
mod explain;
mod geoip;
mod history;
mod import;
mod intent;
mod output;
mod preview;
mod push;
mod run;
mod schema;
mod sessions;
mod status;
mod table;
mod who_moves;

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::demo::{self, Verdict};
use crate::routing::AdminState;
use args::DemoArgs;
pub use args::{Cli, Command};
pub use exit::{BAD_CONFIG, DECLINED, FAILED, GUARDED, NOT_PERMITTED, OVERTAKEN};

/// Carries a command out and says how the process ends.
#[must_use]
pub fn execute(cli: Cli) -> ExitCode {
    match cli.command {
        Command::Run { config } => run::run(&config),
        Command::Check(args) => check::check(&args),
        Command::Drill(args) => drill::run(&args),
        Command::Explain(args) => match &args.config {
            Some(config) => explain::offline(config, &args),
            None => explain::ask(&args),
        },
        Command::Status(args) => status::ask(&args),
        Command::Push(args) => push::push(&args),
        Command::Rollback(args) => push::roll_back(&args),
        Command::History(args) => history::ask(&args),
        Command::Reload(args) => push::reload(&args),
        Command::Drain(args) => intent::want(AdminState::Drain, &args),
        Command::Ready(args) => intent::want(AdminState::Ready, &args),
        Command::Maint(args) => intent::want(AdminState::Maint, &args),
        Command::Events(args) => events::ask(&args),
        Command::Sessions(args) => sessions::show(&args),
        Command::Kill(args) => sessions::kill(&args),
        Command::Geoip(args) => geoip::look_up(&args),
        Command::Import(args) => import::import(&args),
        Command::Schema { of } => schema::print(of),
        Command::Completions { shell } => completions(shell),
        Command::Demo(args) => show_demo(&args),
    }
}

fn show_demo(args: &DemoArgs) -> ExitCode {
    let options = demo::Options { duration: args.duration, plain: args.plain };
    match block_on(demo::run(options)) {
        Ok(Ok(Verdict::NoneFailed)) => ExitCode::SUCCESS,
        Ok(Ok(Verdict::SomeFailed)) => ExitCode::from(FAILED),
        Ok(Err(error)) => output::fail(&error.to_string(), FAILED),
        Err(error) => output::fail(&error.to_string(), FAILED),
    }
}

/// Runs one conversation with a daemon on a runtime of its own.
fn block_on<T>(conversation: impl Future<Output = T>) -> std::io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let said = runtime.block_on(conversation);
    // A file that is still being read keeps nobody.
    runtime.shutdown_background();
    Ok(said)
}

fn completions(shell: Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "nearpoint", &mut script);
    output::print(&String::from_utf8_lossy(&script))
}
