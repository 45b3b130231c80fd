//! What sockets towards a DC leave by, and what they say first.

use std::sync::Arc;

/// What a socket leaves by, beside its address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Egress {
    /// The mark of its packets, by which the host routes them (`SO_MARK`).
    pub mark: Option<u32>,
    /// The only interface that it uses (`SO_BINDTODEVICE`).
    pub interface: Option<Arc<str>>,
}

/// The PROXY header that access points expect first (HAProxy's `proxy-protocol.txt`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendProxy {
    /// Version 1, a line of text; there is none for UDP.
    V1,
    /// Version 2, with what else is known of the session; before every datagram of a flow.
    V2,
}

impl SendProxy {
    /// The word of configuration and API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }
}
