//! Why there is no demo.

use std::error::Error;
use std::fmt;
use std::io;

use crate::app::StartError;
use crate::config::ConfigError;
use crate::stub::{BindError, FaultError};

/// Why a demo did not start, or ended early.
#[derive(Debug)]
pub enum DemoError {
    /// Signals cannot be caught.
    Signals(io::Error),
    /// The configuration cannot be written to a temporary directory.
    Files(io::Error),
    /// The embedded configuration has problems.
    Config(ConfigError),
    /// A stub DC cannot listen.
    Stub(BindError),
    /// The daemon did not start.
    Daemon(StartError),
    /// A stub DC did not do as it was told.
    Power(FaultError),
    /// Standard output takes no more.
    Output(io::Error),
}

impl fmt::Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signals(error) => write!(f, "cannot catch signals: {error}"),
            Self::Files(error) => write!(f, "cannot write the demo's configuration: {error}"),
            Self::Config(error) => error.fmt(f),
            Self::Stub(error) => {
                error.fmt(f)?;
                error.source().map_or(Ok(()), |source| write!(f, ": {source}"))
            }
            Self::Daemon(error) => error.fmt(f),
            Self::Power(error) => error.fmt(f),
            Self::Output(error) => write!(f, "cannot show the demo: {error}"),
        }?;
        match is_taken(self) {
            true => f.write_str("; is another demo running?"),
            false => Ok(()),
        }
    }
}

impl Error for DemoError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Signals(error) | Self::Files(error) | Self::Output(error) => Some(error),
            Self::Config(error) => Some(error),
            Self::Stub(error) => Some(error),
            Self::Daemon(error) => Some(error),
            Self::Power(error) => Some(error),
        }
    }
}

/// Whether, at the bottom of it, somebody else has the address.
fn is_taken(error: &DemoError) -> bool {
    let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
    let taken = |cause: &(dyn Error + 'static)| match cause.downcast_ref::<io::Error>() {
        Some(error) => error.kind() == io::ErrorKind::AddrInUse,
        None => false,
    };
    causes.any(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stub::{Service, StubDc};

    #[tokio::test]
    async fn an_address_that_is_taken_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let taken = listener.local_addr().expect("it is bound");
        let error = StubDc::bind(2, &[(taken, Service::Who)]).expect_err("it is taken");
        let text = DemoError::Stub(error).to_string();
        assert!(text.contains(&taken.to_string()), "{text}");
        assert!(text.ends_with("; is another demo running?"), "{text}");
    }

    #[test]
    fn other_errors_blame_no_other_demo() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let text = DemoError::Files(full).to_string();
        assert!(!text.contains("another"), "{text}");
    }
}
