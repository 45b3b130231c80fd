//! How sessions begin and end, and what became of hedges, in words fixed for metrics and logs.

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
    /// The client had spoken, and the upstream sent no byte for `timeouts.first_byte`.
    FirstByte,
    /// The access point is Down, and sent no byte since it began to fail: `on_down`.
    OnDown,
    /// The drain deadline passed.
    Shutdown,
    /// An operator ended it.
    Killed,
}

impl Ending {
    /// All of them, for metrics.
    pub const ALL: [Self; 10] = [
        Self::Closed,
        Self::Reset,
        Self::Vanished,
        Self::Stalled,
        Self::Idle,
        Self::HalfClose,
        Self::FirstByte,
        Self::OnDown,
        Self::Shutdown,
        Self::Killed,
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
            Self::FirstByte => "first_byte",
            Self::OnDown => "on_down",
            Self::Shutdown => "shutdown",
            Self::Killed => "killed",
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
    /// The listener, or this client of it, has as many sessions as it may have, or too many new ones.
    Limit,
    /// Every candidate has as many sessions, or connects in flight, as it may have.
    Overflow,
    /// The required PROXY header was missing, late or damaged.
    ProxyHeader,
    /// What the client said first leads to no DC, or it said nothing.
    Sniff,
    /// The client said nothing, where its DC is dialled once it does.
    Silent,
}

impl Refusal {
    /// All of them, for metrics.
    pub const ALL: [Self; 7] = [
        Self::Policy,
        Self::NoDc,
        Self::Limit,
        Self::Overflow,
        Self::ProxyHeader,
        Self::Sniff,
        Self::Silent,
    ];

    /// A fixed word, the metric label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::NoDc => "no_dc",
            Self::Limit => "limit",
            Self::Overflow => "overflow",
            Self::ProxyHeader => "proxy_header",
            Self::Sniff => "sniff",
            Self::Silent => "silent",
        }
    }
}

/// What the first bytes of a client came to, on a listener that routes by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SniffResult {
    /// A header that fits a secret: the DC in it is a fact.
    Proved,
    /// A header that fits none: the DC in it is a hint.
    Hint,
    /// A transport of MTProto without a header.
    Plain,
    /// A request of HTTP.
    Http,
    /// The beginning of a TLS handshake.
    Tls,
    /// Nothing that is known.
    Unrecognised,
    /// Too little to tell, or nothing, until the client was waited for no more.
    Short,
}

impl SniffResult {
    /// All of them, for metrics.
    pub const ALL: [Self; 7] = [
        Self::Proved,
        Self::Hint,
        Self::Plain,
        Self::Http,
        Self::Tls,
        Self::Unrecognised,
        Self::Short,
    ];

    /// A fixed word, the metric label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::Hint => "hint",
            Self::Plain => "plain",
            Self::Http => "http",
            Self::Tls => "tls",
            Self::Unrecognised => "unrecognised",
            Self::Short => "short",
        }
    }
}

/// What came of the hedge of a silent dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HedgeResult {
    /// It connected first.
    Won,
    /// The dial that it hedged connected first.
    Lost,
    /// Neither of them did: it failed, another dial connected, or the session gave up.
    Failed,
    /// It was not made: the DC has used up its hedges.
    NoBudget,
}

impl HedgeResult {
    /// All of them, for metrics.
    pub const ALL: [Self; 4] = [Self::Won, Self::Lost, Self::Failed, Self::NoBudget];

    /// A fixed word, the metric label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Failed => "failed",
            Self::NoBudget => "no_budget",
        }
    }
}
