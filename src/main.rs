//! The `nearpoint` daemon.

use std::process::ExitCode;

use clap::Parser;
use nearpoint::cli::{self, Cli};

/// A session is three allocations aligned to cache lines and a dozen small ones. This allocator spends half the
/// instructions on them that glibc's does, and leaves no gaps before those that are aligned. Without huge pages:
/// these would stay resident for a handful of sessions each.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
