//! What commands print: answers on standard output, failures on standard error.

use std::io::{self, Write};
use std::process::ExitCode;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;

use super::FAILED;

/// Prints an answer, ended by a line feed. A reader that has seen enough (`| head`) is no failure.
pub(super) fn print(text: &str) -> ExitCode {
    match print_line(text.trim_end()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => ended(&error),
    }
}

/// Prints an answer as JSON for machines.
pub(super) fn print_json(view: &impl Serialize) -> ExitCode {
    match serde_json::to_string_pretty(view) {
        Ok(text) => print(&text),
        Err(error) => fail(&format!("cannot write the answer: {error}"), FAILED),
    }
}

/// Prints one line of an answer that goes on.
///
/// # Errors
/// When it cannot be written: see [`ended`].
pub(super) fn print_line(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

/// How a command ends when its answer could not be written. A reader that has seen enough is no
/// failure.
pub(super) fn ended(error: &io::Error) -> ExitCode {
    match error.kind() {
        io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        _ => fail(&format!("cannot write the answer: {error}"), FAILED),
    }
}

/// Whether nobody reads standard output any more, as far as can be seen without writing to it.
pub(super) fn is_reader_gone() -> bool {
    let stdout = io::stdout();
    let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
    let looked = poll(&mut watched, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
    looked.is_ok() && watched[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
}

/// Tells something that is no part of the answer.
pub(super) fn note(message: &str) {
    // Nobody is left to tell when standard error is gone.
    let _ = writeln!(io::stderr(), "nearpoint: {message}");
}

/// Says what went wrong, and with which code to end.
pub(super) fn fail(message: &str, code: u8) -> ExitCode {
    note(message);
    ExitCode::from(code)
}
