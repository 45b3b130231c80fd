//! How dials and sessions end, in words fixed for metrics and logs.

use std::io;

/// Why a dial, of a session or of a probe, came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectFailure {
    /// Nobody listens there.
    Refused,
    /// The connection was reset.
    Reset,
    /// The network says there is no way.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// A failure of this edge (no descriptor, no port, no buffer, no route, filtered by ourselves):
    /// nobody's evidence.
    Local,
}

impl ConnectFailure {
    /// All of them, for metrics.
    pub const ALL: [Self; 5] =
        [Self::Refused, Self::Reset, Self::Unreachable, Self::Timeout, Self::Local];

    /// A fixed word, the metric label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Local => "local",
        }
    }

    /// Whether it says anything about the access point.
    #[must_use]
    pub fn is_evidence(self) -> bool {
        self != Self::Local
    }
}

impl ConnectFailure {
    /// What an error of connect(2) shows. `sent` tells whether it came after the first packet had
    /// left: then whatever it is, it is the network's word (`ENETUNREACH` from a router whose site
    /// is gone, `EACCES` from a firewall); before, only what a peer can have done is not ours.
    #[must_use]
    pub fn new(error: &io::Error, sent: bool) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Self::Reset,
            io::ErrorKind::HostUnreachable => Self::Unreachable,
            io::ErrorKind::TimedOut => Self::Timeout,
            _ if sent => Self::Unreachable,
            _ => Self::Local,
        }
    }
}

/// Who ended a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Downstream.
    Client,
    /// Upstream.
    Upstream,
    /// The edge itself.
    Nearpoint,
}

impl Side {
    /// All of them, for metrics.
    pub const ALL: [Self; 3] = [Self::Client, Self::Upstream, Self::Nearpoint];

    /// A fixed word, the metric label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Upstream => "upstream",
            Self::Nearpoint => "nearpoint",
        }
    }
}

/// How a connected session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseReason {
    /// Who ended it: for an orderly end, who closed first.
    pub side: Side,
    /// In which way.
    pub ending: Ending,
}

/// The ways a session can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Both directions were closed in order.
    Closed,
    /// A reset, or another error of the socket.
    Reset,
    /// The peer stopped answering: keepalive or retransmissions ran out.
    Vanished,
    /// The peer answered but took no byte for `user_timeout`.
    Stalled,
    /// No byte in either direction for `timeouts.idle`.
    Idle,
    /// One direction was closed and the other had no byte for `timeouts.half_close`.
    HalfClose,
    /// The drain deadline passed.
    Shutdown,
}

impl Ending {
    /// All of them, for metrics.
    pub const ALL: [Self; 7] = [
        Self::Closed,
        Self::Reset,
        Self::Vanished,
        Self::Stalled,
        Self::Idle,
        Self::HalfClose,
        Self::Shutdown,
    ];

    /// A fixed word, the metric label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Reset => "reset",
            Self::Vanished => "vanished",
            Self::Stalled => "stalled",
            Self::Idle => "idle",
            Self::HalfClose => "half_close",
            Self::Shutdown => "shutdown",
        }
    }
}

/// Why a client was refused. Every refusal is a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A rule refuses it, or keeps it from every DC that it could use.
    Policy,
    /// No DC could be reached, or none was a candidate.
    NoDc,
    /// The listener has as many sessions as it may have.
    Limit,
    /// Every candidate has as many connects in flight as it may have.
    Overflow,
    /// The required PROXY header was missing, late or damaged.
    ProxyHeader,
}

impl Refusal {
    /// All of them, for metrics.
    pub const ALL: [Self; 5] =
        [Self::Policy, Self::NoDc, Self::Limit, Self::Overflow, Self::ProxyHeader];

    /// A fixed word, the metric label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::NoDc => "no_dc",
            Self::Limit => "limit",
            Self::Overflow => "overflow",
            Self::ProxyHeader => "proxy_header",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_other_side_did_is_evidence() {
        let failure = |errno| ConnectFailure::new(&io::Error::from_raw_os_error(errno), false);
        assert_eq!(failure(111), ConnectFailure::Refused);
        assert_eq!(failure(104), ConnectFailure::Reset);
        assert_eq!(failure(113), ConnectFailure::Unreachable);
        assert_eq!(failure(110), ConnectFailure::Timeout);
        // EMFILE, ENFILE, EADDRNOTAVAIL, ENOBUFS, ENOMEM, ENETUNREACH, EPERM, EACCES
        for errno in [24, 23, 99, 105, 12, 101, 1, 13] {
            assert!(!failure(errno).is_evidence(), "errno {errno}");
        }
        // ENETUNREACH, EACCES, EPERM that a router or a firewall on the way has sent
        for errno in [101, 13, 1] {
            let sent = ConnectFailure::new(&io::Error::from_raw_os_error(errno), true);
            assert_eq!(sent, ConnectFailure::Unreachable, "errno {errno}");
        }
    }
}
