//! What becomes of flows and datagrams, in words fixed for metrics.

use super::limit::Limit;
use super::outcome::Refusal;

/// Why a flow has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowEnd {
    /// No datagram for `udp.idle`.
    Idle,
    /// The upstream never answered, for `udp.unanswered_idle`.
    Unanswered,
    /// Another flow needed the room.
    Evicted,
    /// Its listener is gone.
    Closed,
    /// The process is about to be.
    Shutdown,
    /// An operator ended it.
    Killed,
}

impl FlowEnd {
    /// All of them, for metrics.
    pub const ALL: [Self; 6] =
        [Self::Idle, Self::Unanswered, Self::Evicted, Self::Closed, Self::Shutdown, Self::Killed];

    /// A fixed word, the metric label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Unanswered => "unanswered",
            Self::Evicted => "evicted",
            Self::Closed => "closed",
            Self::Shutdown => "shutdown",
            Self::Killed => "killed",
        }
    }
}

/// Why a flow has chosen again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowMove {
    /// Its access point is Down.
    Down,
    /// Nobody listens there, or the network says that there is no way.
    Refused,
    /// Its access point has left the list, or the operator has taken it out.
    Removed,
}

impl FlowMove {
    /// All of them, for metrics.
    pub const ALL: [Self; 3] = [Self::Down, Self::Refused, Self::Removed];

    /// A fixed word, the metric label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Refused => "refused",
            Self::Removed => "removed",
        }
    }
}

/// Why a datagram was not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatagramDrop {
    /// Policy leaves its client no DC.
    Policy,
    /// No DC can be used.
    NoDc,
    /// Every DC that could be used has as many sessions and flows as it may have.
    Overflow,
    /// More new flows than `limits.new_per_second`.
    Rate,
    /// More new flows of its client than `limits.new_per_second_per_client`.
    ClientRate,
    /// Its client has as many flows as `udp.flows_per_client`.
    ClientLimit,
    /// As many flows as `udp.flows`, and none here to make room.
    FlowLimit,
    /// No descriptor, and no flow here to make room.
    NoDescriptor,
    /// No source port, and no flow here to make room.
    NoPort,
    /// This edge has failed to make a socket in another way.
    Local,
    /// It would begin a flow, and the listener ends.
    Draining,
    /// It was longer than anything that UDP carries, or the kernel told less of it than there is.
    Truncated,
    /// It was sent to a broadcast or multicast address.
    NotUnicast,
    /// It came to a socket of a flow, and not from its access point.
    Stranger,
    /// There is no room in the socket or device that it leaves by, towards the DC.
    UpstreamFull,
    /// The same towards the client.
    DownstreamFull,
    /// The kernel does not send it to the DC.
    UpstreamError,
    /// The kernel does not send it to the client.
    DownstreamError,
}

impl DatagramDrop {
    /// All of them, for metrics.
    pub const ALL: [Self; 18] = [
        Self::Policy,
        Self::NoDc,
        Self::Overflow,
        Self::Rate,
        Self::ClientRate,
        Self::ClientLimit,
        Self::FlowLimit,
        Self::NoDescriptor,
        Self::NoPort,
        Self::Local,
        Self::Draining,
        Self::Truncated,
        Self::NotUnicast,
        Self::Stranger,
        Self::UpstreamFull,
        Self::DownstreamFull,
        Self::UpstreamError,
        Self::DownstreamError,
    ];

    /// A fixed word, the metric label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::NoDc => "no_dc",
            Self::Overflow => "overflow",
            Self::Rate => "rate",
            Self::ClientRate => "client_rate",
            Self::ClientLimit => "client_limit",
            Self::FlowLimit => "flow_limit",
            Self::NoDescriptor => "no_descriptor",
            Self::NoPort => "no_port",
            Self::Local => "local",
            Self::Draining => "draining",
            Self::Truncated => "truncated",
            Self::NotUnicast => "not_unicast",
            Self::Stranger => "stranger",
            Self::UpstreamFull => "upstream_full",
            Self::DownstreamFull => "downstream_full",
            Self::UpstreamError => "upstream_error",
            Self::DownstreamError => "downstream_error",
        }
    }

    /// As what the client is refused, if it is refused a flow.
    #[must_use]
    pub fn refusal(self) -> Option<Refusal> {
        match self {
            Self::Policy => Some(Refusal::Policy),
            Self::NoDc => Some(Refusal::NoDc),
            Self::Overflow => Some(Refusal::Overflow),
            Self::Rate
            | Self::ClientRate
            | Self::ClientLimit
            | Self::FlowLimit
            | Self::NoDescriptor
            | Self::NoPort
            | Self::Local
            | Self::Draining
            | Self::Truncated
            | Self::NotUnicast
            | Self::Stranger
            | Self::UpstreamFull
            | Self::DownstreamFull
            | Self::UpstreamError
            | Self::DownstreamError => self.limit().map(|_| Refusal::Limit),
        }
    }

    /// The limit of the listener that refuses the client a flow, if one does.
    #[must_use]
    pub fn limit(self) -> Option<Limit> {
        match self {
            Self::Rate => Some(Limit::NewPerSecond),
            Self::ClientRate => Some(Limit::NewPerSecondPerClient),
            Self::ClientLimit => Some(Limit::FlowsPerClient),
            Self::FlowLimit => Some(Limit::Flows),
            Self::Policy
            | Self::NoDc
            | Self::Overflow
            | Self::NoDescriptor
            | Self::NoPort
            | Self::Local
            | Self::Draining
            | Self::Truncated
            | Self::NotUnicast
            | Self::Stranger
            | Self::UpstreamFull
            | Self::DownstreamFull
            | Self::UpstreamError
            | Self::DownstreamError => None,
        }
    }
}

impl From<Limit> for DatagramDrop {
    fn from(limit: Limit) -> Self {
        match limit {
            Limit::NewPerSecond => Self::Rate,
            Limit::NewPerSecondPerClient => Self::ClientRate,
            Limit::SessionsPerClient | Limit::FlowsPerClient => Self::ClientLimit,
            Limit::Sessions | Limit::Flows => Self::FlowLimit,
        }
    }
}
