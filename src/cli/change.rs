//! What is common to commands that change something in a running daemon: how they ask, and how they end.

use std::process::ExitCode;
use std::time::Duration;

use super::args::DaemonArgs;
use super::client::{Conversation, FetchError};
use super::confirm::{Confirmed, confirm};
use super::{exit, output};

/// Files that do not hold still, and lists that are kept on disk, take their time.
const WAIT: Duration = Duration::from_secs(30);

/// Why a command that changes something ends without having done so.
#[derive(Debug)]
pub(super) enum NotDone {
    /// The daemon did not do it, or did not answer.
    Asked(FetchError),
    /// Guards would forbid it.
    Guarded,
    /// The operator said no.
    Declined,
    /// There is nobody to ask.
    NobodyToAsk,
    /// What was to be sent, or shown, cannot be.
    Io(String),
}

impl From<FetchError> for NotDone {
    fn from(error: FetchError) -> Self {
        Self::Asked(error)
    }
}

/// A conversation with a daemon that may take a while to answer.
pub(super) fn conversation(daemon: &DaemonArgs) -> Conversation {
    Conversation::waiting(daemon, WAIT)
}

/// Says why, and with which code to end.
pub(super) fn fail(why: &NotDone) -> ExitCode {
    match why {
        NotDone::Asked(error) => exit::refused(error),
        NotDone::Guarded => output::fail("guards forbid it; --force overrides them", exit::GUARDED),
        NotDone::Declined => output::fail("nothing was changed", exit::DECLINED),
        NotDone::NobodyToAsk => {
            let text = "nobody is here to be asked: --yes does it without";
            output::fail(text, exit::BAD_CONFIG)
        }
        NotDone::Io(text) => output::fail(text, exit::FAILED),
    }
}

/// Asks whether to go on.
pub(super) fn ask(question: &str) -> Result<(), NotDone> {
    match confirm(question) {
        Confirmed::Yes => Ok(()),
        Confirmed::No => Err(NotDone::Declined),
        Confirmed::Nobody => Err(NotDone::NobodyToAsk),
    }
}
