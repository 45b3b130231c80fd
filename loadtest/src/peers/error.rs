//! Why a peer cannot be measured.

use super::ready::NotReady;
use crate::process::ProcessError;
use std::error::Error;
use std::fmt;
use std::io;

#[derive(Debug)]
pub(crate) enum PeerError {
    /// There is no such program here.
    Missing { what: String },
    /// It does not even tell its version.
    Version(io::Error),
    /// Directory, ports or configuration files could not be made.
    Prepare(io::Error),
    /// What is to be merged into its configuration is no map of YAML.
    Extra(serde_yaml::Error),
    /// The program could not be started.
    Start(ProcessError),
    /// It was started and does not serve. `said` is the end of its output.
    NotReady { why: NotReady, said: String },
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerError::Missing { what } => f.write_str(what),
            PeerError::Version(_) => f.write_str("cannot be asked for its version"),
            PeerError::Prepare(_) => f.write_str("cannot be prepared"),
            PeerError::Extra(_) => f.write_str("what it is given beside is no map of YAML"),
            PeerError::Start(_) => f.write_str("cannot be started"),
            PeerError::NotReady { why, said } if said.is_empty() => write!(f, "{why}, silently"),
            PeerError::NotReady { why, said } => write!(f, "{why}; it said: {said}"),
        }
    }
}

impl Error for PeerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            PeerError::Version(source) | PeerError::Prepare(source) => Some(source),
            PeerError::Extra(source) => Some(source),
            PeerError::Start(source) => Some(source),
            PeerError::Missing { .. } | PeerError::NotReady { .. } => None,
        }
    }
}
