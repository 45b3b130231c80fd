//! Why a client has no upstream.

use std::fmt;

use super::announce::AnnounceError;
use super::connect::ConnectError;
use super::proxy_header::HeaderError;
use super::sniff::Heard;
use crate::routing::topology::NamedDc;
use crate::routing::{GiveUp, Limit, Refusal};

/// Why there is no upstream.
#[derive(Debug)]
pub(super) enum Refused {
    /// The same of a neighbour that speaks for itself.
    Neighbour(Box<Refused>),
    /// It is not known who connects.
    Header(HeaderError),
    /// The listener, or the client, has had its share.
    Limited(Limit),
    /// The client is dialled for once it says something, and has said nothing.
    Silent,
    /// What the client said leads nowhere.
    Sniff(Heard),
    /// It is not known where clients of the listener go.
    NoRoute,
    /// It has gone while it was dialled for: nobody has refused it anything.
    Gone,
    /// Rules are against it.
    Policy,
    /// Nobody answered.
    Connect(ConnectError),
    /// The DC could not be told who comes.
    Announce(AnnounceError),
}

impl Refused {
    /// What is counted of it; nothing of who is no client, or has gone.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Neighbour(_) | Self::Gone => None,
            Self::Header(_) => Some(Refusal::ProxyHeader),
            Self::Limited(_) => Some(Refusal::Limit),
            Self::Silent => Some(Refusal::Silent),
            Self::Sniff(_) => Some(Refusal::Sniff),
            Self::Policy => Some(Refusal::Policy),
            Self::Connect(ConnectError(GiveUp::Full)) => Some(Refusal::Overflow),
            Self::NoRoute
            | Self::Announce(_)
            | Self::Connect(ConnectError(
                GiveUp::NoCandidate | GiveUp::Failed | GiveUp::Deadline,
            )) => Some(Refusal::NoDc),
        }
    }

    /// The limit that is reached, if it is one.
    pub(super) fn limit(&self) -> Option<Limit> {
        match self {
            Self::Limited(limit) => Some(*limit),
            Self::Neighbour(_)
            | Self::Header(_)
            | Self::Silent
            | Self::Sniff(_)
            | Self::NoRoute
            | Self::Gone
            | Self::Policy
            | Self::Connect(_)
            | Self::Announce(_) => None,
        }
    }
}

impl From<HeaderError> for Refused {
    fn from(error: HeaderError) -> Self {
        Self::Header(error)
    }
}

impl From<ConnectError> for Refused {
    fn from(error: ConnectError) -> Self {
        Self::Connect(error)
    }
}

impl From<AnnounceError> for Refused {
    fn from(error: AnnounceError) -> Self {
        Self::Announce(error)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Neighbour(why) => why.fmt(f),
            Self::Header(error) => error.fmt(f),
            Self::Limited(limit) => f.write_str(limit.key()),
            Self::Silent | Self::Sniff(Heard::Nothing) => {
                f.write_str("the client has said nothing")
            }
            Self::Sniff(heard) => match heard.named_dc() {
                Some(NamedDc { id, proved: true }) => {
                    write!(f, "the client proves that it wants DC {id}, which is not here")
                }
                Some(NamedDc { id, proved: false }) => {
                    write!(f, "the client names DC {id} and proves nothing")
                }
                None => write!(f, "the client names no DC: {}", heard.result().as_str()),
            },
            Self::NoRoute => f.write_str("the listener has no route"),
            Self::Gone => f.write_str("the client has gone"),
            Self::Policy => f.write_str("policy"),
            Self::Connect(error) => error.fmt(f),
            Self::Announce(error) => error.fmt(f),
        }
    }
}
