//! The `nearpoint` daemon.

use std::process::ExitCode;

use clap::Parser;
use nearpoint::cli::{self, Cli};

fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => cli::execute(cli),
        Err(error) => {
            // Nobody is left to tell when the terminal is gone.
            let _ = error.print();
            match error.use_stderr() {
                true => ExitCode::from(cli::BAD_CONFIG),
                false => ExitCode::SUCCESS,
            }
        }
    }
}
