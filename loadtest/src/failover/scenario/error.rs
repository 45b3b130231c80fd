//! A scenario that cannot be used.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

#[derive(Debug)]
pub(crate) enum ScenarioError {
    Read {
        path: PathBuf,
        source: io::Error,
    },
    /// It is no YAML, or of another shape. The source says where.
    Yaml {
        path: PathBuf,
        source: serde_yaml::Error,
    },
    /// It has the right shape and makes no sense.
    Invalid {
        path: PathBuf,
        problems: Vec<Problem>,
    },
}

/// What is wrong, and at which key: `faults[0].share`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) key: String,
    pub(crate) what: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ScenarioError::Read { path, .. } => write!(f, "cannot read {}", path.display()),
            ScenarioError::Yaml { path, .. } => write!(f, "{}", path.display()),
            ScenarioError::Invalid { path, problems } => {
                write!(f, "{}", path.display())?;
                problems.iter().try_for_each(|problem| write!(f, ": {problem}"))
            }
        }
    }
}

impl Error for ScenarioError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ScenarioError::Read { source, .. } => Some(source),
            ScenarioError::Yaml { source, .. } => Some(source),
            ScenarioError::Invalid { .. } => None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { key, what } = self;
        write!(f, "{key}: {what}")
    }
}
