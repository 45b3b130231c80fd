//! What commands print: answers on standard output, failures on standard error.

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;

use super::FAILED;

/// Prints an answer, ended by a line feed. A reader that has seen enough (`| head`) is no failure.
pub(super) fn print(text: &str) -> ExitCode {
    let mut stdout = io::stdout().lock();
    let written = writeln!(stdout, "{}", text.trim_end()).and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            fail(&format!("cannot write the answer: {error}"), FAILED)
        }
        Ok(()) | Err(_) => ExitCode::SUCCESS,
    }
}

/// Prints an answer as JSON for machines.
pub(super) fn print_json(view: &impl Serialize) -> ExitCode {
    match serde_json::to_string_pretty(view) {
        Ok(text) => print(&text),
        Err(error) => fail(&format!("cannot write the answer: {error}"), FAILED),
    }
}

/// Says what went wrong, and with which code to end.
pub(super) fn fail(message: &str, code: u8) -> ExitCode {
    // Nobody is left to tell when standard error is gone.
    let _ = writeln!(io::stderr(), "nearpoint: {message}");
    ExitCode::from(code)
}
