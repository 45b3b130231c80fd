//! One request as the admin side takes it: its head, a body that nobody has read yet, and who sent it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use tokio::time::timeout;

/// A request.
#[derive(Debug)]
pub struct Asked {
    /// All of it but the body.
    pub head: Request<()>,
    /// The body.
    pub body: Body,
    /// At the other end.
    pub peer: Peer,
    /// Whom the certificate is about that they have shown.
    pub certificate: Option<Arc<str>>,
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Whoever has this address.
    Tcp(SocketAddr),
    /// A process of this machine, as the kernel says (`SO_PEERCRED`, unix(7)).
    Unix {
        /// Its user.
        uid: u32,
        /// Its number, where that means something here.
        pid: Option<i32>,
    },
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix { uid, pid: Some(pid) } => write!(f, "uid {uid} pid {pid}"),
            Self::Unix { uid, pid: None } => write!(f, "uid {uid}"),
        }
    }
}

/// The body of a request, which costs nothing until it is read.
#[derive(Debug)]
pub enum Body {
    /// It is still to come.
    Coming {
        /// In parts.
        body: Incoming,
        /// For all of it.
        patience: Duration,
    },
    /// It is here.
    Here(Bytes),
}

/// Why a body was not read.
#[derive(Debug)]
pub enum BodyError {
    /// It has more than so many bytes.
    TooLarge(usize),
    /// It took longer than this.
    TooSlow(Duration),
    /// It broke off.
    Broken(String),
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(most) => write!(f, "the body has more than {most} bytes"),
            Self::TooSlow(patience) => write!(f, "the body took more than {patience:?}"),
            Self::Broken(error) => write!(f, "the body broke off: {error}"),
        }
    }
}

impl std::error::Error for BodyError {}

impl Body {
    /// Reads it, if it has no more than `most` bytes.
    ///
    /// # Errors
    /// See [`BodyError`].
    pub async fn read(self, most: usize) -> Result<Bytes, BodyError> {
        let (coming, patience) = match self {
            Self::Coming { body, patience } => (body, patience),
            Self::Here(bytes) if bytes.len() > most => return Err(BodyError::TooLarge(most)),
            Self::Here(bytes) => return Ok(bytes),
        };
        let read = timeout(patience, Limited::new(coming, most).collect()).await;
        match read.map_err(|_| BodyError::TooSlow(patience))? {
            Ok(collected) => Ok(collected.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(BodyError::TooLarge(most)),
            Err(error) => Err(BodyError::Broken(error.to_string())),
        }
    }
}
