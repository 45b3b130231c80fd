//! Asks a person before something is done that others feel.

use std::io::{self, IsTerminal, Write};

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Confirmed {
    /// It is to be done.
    Yes,
    /// It is not.
    No,
    /// There is nobody to ask.
    Nobody,
}

/// Whether to do what `question` says. Anything but `y` or `yes` is no.
pub(super) fn confirm(question: &str) -> Confirmed {
    if !io::stdin().is_terminal() {
        return Confirmed::Nobody;
    }
    // Where the answer goes may be a file.
    let mut stderr = io::stderr();
    let asked = write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush());
    let mut line = String::new();
    match asked.and_then(|()| io::stdin().read_line(&mut line)) {
        Ok(_) if is_yes(&line) => Confirmed::Yes,
        Ok(_) | Err(_) => Confirmed::No,
    }
}

fn is_yes(line: &str) -> bool {
    ["y", "yes"].iter().any(|yes| line.trim().eq_ignore_ascii_case(yes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_one() {
        assert!(["y\n", "Yes\n", " YES "].into_iter().all(is_yes));
        assert!(!["", "\n", "n\n", "yess\n", "ja\n"].into_iter().any(is_yes));
    }
}
