//! Why a peer cannot be measured.

use super::ready::NotReady;
use crate::process::ProcessError;
use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitStatus;

#[derive(Debug)]
pub(crate) enum PeerError {
    /// There is no such program here.
    Missing { what: String },
    /// It does not even tell its version.
    Version(io::Error),
    /// Directory, ports or configuration files could not be made.
    Prepare(io::Error),
    /// Its configuration cannot be written as YAML.
    Yaml(serde_yaml::Error),
    /// The program could not be started.
    Start(ProcessError),
    /// It was started and does not serve. `said` is the end of its output.
    NotReady { why: NotReady, said: String },
    /// Its configuration is none, it says.
    Refused { said: String },
    /// It serves and does not find all access points up.
    NotUp(io::Error),
    /// It has ended while it was to serve. `said` is the end of its output.
    Ended { status: ExitStatus, said: String },
    /// Whether it runs cannot be told.
    Lost(io::Error),
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerError::Missing { what } => f.write_str(what),
            PeerError::Version(_) => f.write_str("cannot be asked for its version"),
            PeerError::Prepare(_) => f.write_str("cannot be prepared"),
            PeerError::Yaml(_) => f.write_str("its configuration cannot be written"),
            PeerError::Start(_) => f.write_str("cannot be started"),
            PeerError::NotReady { why, said } if said.is_empty() => write!(f, "{why}, silently"),
            PeerError::NotReady { why, said } => write!(f, "{why}; it said: {said}"),
            PeerError::Refused { said } => write!(f, "it refuses its configuration: {said}"),
            PeerError::NotUp(_) => f.write_str("not all of its access points came up"),
            PeerError::Ended { status, said } if said.is_empty() => {
                write!(f, "it ended while it served ({status}), silently")
            }
            PeerError::Ended { status, said } => {
                write!(f, "it ended while it served ({status}); it said: {said}")
            }
            PeerError::Lost(_) => f.write_str("it cannot be told whether it still runs"),
        }
    }
}

impl Error for PeerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            PeerError::Version(source)
            | PeerError::Prepare(source)
            | PeerError::NotUp(source)
            | PeerError::Lost(source) => Some(source),
            PeerError::Yaml(source) => Some(source),
            PeerError::Start(source) => Some(source),
            PeerError::Missing { .. }
            | PeerError::NotReady { .. }
            | PeerError::Refused { .. }
            | PeerError::Ended { .. } => None,
        }
    }
}
