//! Why something in the lab could not be done.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

#[derive(Debug)]
pub(crate) enum LabError {
    /// No lab can be built on this machine, or not by this user: the sentence says why.
    Missing(String),
    /// The kernel refused.
    Io { doing: String, source: io::Error },
    /// A program (`ip`, `nft`) ended with a failure. `said` is what it wrote to standard error.
    Failed { program: String, said: String },
    /// A program did not end in time and was killed.
    TimedOut { program: String, at_most: Duration },
}

impl LabError {
    /// For `map_err`: what was being done when the kernel refused.
    pub(super) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> LabError {
        let doing = doing.into();
        move |source| LabError::Io { doing, source }
    }
}

impl fmt::Display for LabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LabError::Missing(why) => write!(f, "no lab can be built here: {why}"),
            LabError::Io { doing, .. } => write!(f, "cannot {doing}"),
            LabError::Failed { program, said } if said.is_empty() => {
                write!(f, "{program} failed, silently")
            }
            LabError::Failed { program, said } => write!(f, "{program} failed: {said}"),
            LabError::TimedOut { program, at_most } => {
                write!(f, "{program} did not end within {}", humantime::format_duration(*at_most))
            }
        }
    }
}

impl Error for LabError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            LabError::Io { source, .. } => Some(source),
            LabError::Missing(_) | LabError::Failed { .. } | LabError::TimedOut { .. } => None,
        }
    }
}
