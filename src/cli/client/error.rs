//! Why a daemon was asked in vain, in words for people.

use std::error::Error;
use std::fmt;
use std::io;

use hyper::StatusCode;

use super::identity::IdentityError;
use super::url::AdminUrl;

/// How a token is given.
const GIVE: &str = "--token-file FILE, or in the environment as NEARPOINT_TOKEN";

/// Why a daemon was asked in vain.
#[derive(Debug)]
pub(in crate::cli) enum FetchError {
    /// There is nothing to show to the daemon that was asked for.
    Identity(IdentityError),
    /// A token would travel in clear.
    Exposed(AdminUrl),
    /// No connection.
    Connect(AdminUrl, io::Error),
    /// A connection or an answer took too long.
    Timeout(AdminUrl),
    /// What came back is not HTTP, or broke off.
    Http(AdminUrl, hyper::Error),
    /// The path cannot be asked for.
    Request(hyper::http::Error),
    /// The answer is an error: its words, and each problem of what was sent.
    Refused(StatusCode, String, Vec<String>),
    /// The answer is larger than any of a daemon's.
    TooLarge(AdminUrl),
    /// The answer is not what this version expects.
    Unexpected(AdminUrl, serde_json::Error),
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity(error) => error.fmt(f),
            Self::Exposed(url) => write!(
                f,
                "a token would travel to {url} in clear: use https:// and --ca, a Unix socket, or an \
                 address of this machine"
            ),
            Self::Connect(url, error) if is_nobody(error) => {
                write!(
                    f,
                    "nothing listens at {url}: is nearpoint running, and is that its admin.bind? \
                     (--admin URL asks another)"
                )
            }
            Self::Connect(url, error) => write!(f, "cannot connect to {url}: {error}"),
            Self::Timeout(url) => write!(f, "{url} does not answer"),
            Self::Http(url, error) => {
                match url {
                    AdminUrl::Https(_) => write!(f, "{url} breaks off: {error}")?,
                    AdminUrl::Http(_) | AdminUrl::Unix(_) => {
                        write!(f, "{url} does not speak HTTP to us: {error}")?;
                    }
                }
                let mut cause = error.source();
                while let Some(error) = cause {
                    write!(f, ": {error}")?;
                    cause = error.source();
                }
                Ok(())
            }
            Self::Request(error) => write!(f, "cannot ask that: {error}"),
            Self::Refused(status, message, problems) => {
                let told = refusal(message, problems);
                write!(f, "{told} ({})", status.as_u16())?;
                problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))?;
                match *status {
                    StatusCode::UNAUTHORIZED => write!(f, "\n  give one with {GIVE}"),
                    _ => Ok(()),
                }
            }
            Self::TooLarge(url) => write!(f, "the answer of {url} is too large"),
            Self::Unexpected(url, error) => {
                write!(f, "{url} answers in another shape, is it this version? {error}")
            }
        }
    }
}

impl FetchError {
    /// Whether the same request may do better a while later: nobody is there, or nobody has time.
    pub(in crate::cli) fn is_passing(&self) -> bool {
        match self {
            Self::Connect(..) | Self::Timeout(_) | Self::Http(..) => true,
            Self::Refused(status, ..) => status.is_server_error(),
            Self::Identity(_)
            | Self::Exposed(_)
            | Self::Request(_)
            | Self::TooLarge(_)
            | Self::Unexpected(..) => false,
        }
    }
}

impl Error for FetchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Identity(error) => Some(error),
            Self::Connect(_, error) => Some(error),
            Self::Http(_, error) => Some(error),
            Self::Request(error) => Some(error),
            Self::Unexpected(_, error) => Some(error),
            Self::Exposed(_) | Self::Timeout(_) | Self::Refused(..) | Self::TooLarge(_) => None,
        }
    }
}

/// Whether nobody listens there.
fn is_nobody(error: &io::Error) -> bool {
    [io::ErrorKind::ConnectionRefused, io::ErrorKind::NotFound].contains(&error.kind())
}

/// The words of a refusal, unless they only repeat the problems.
fn refusal(message: &str, problems: &[String]) -> String {
    match problems {
        [] => message.to_owned(),
        [_] if problems.join("\n") == message => "it has a problem".to_owned(),
        more if more.join("\n") == message => format!("it has {} problems", more.len()),
        _ => message.to_owned(),
    }
}
