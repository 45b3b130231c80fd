//! How dials and probes fail, and what that says about whom, in words fixed for metrics and logs.

use std::{fmt, io};

/// How far somebody got with an access point. What got deeper proves more: a connection that is
/// accepted says nothing of the service behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Depth {
    /// A connection.
    Connect,
    /// A first byte of the upstream, whatever it was.
    FirstByte,
    /// The right answer to a probe.
    Answer,
}

/// Why a dial, of a session or of a probe, came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectFailure {
    /// Nobody listens there.
    Refused,
    /// The connection was reset.
    Reset,
    /// The network says there is no way.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// A failure of this edge: nobody's evidence.
    Local(LocalFailure),
}

/// What this edge lacks or forbids itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LocalFailure {
    /// No descriptor: `EMFILE`, `ENFILE`.
    NoDescriptor,
    /// No source port, or none of the source addresses: `EADDRNOTAVAIL`, and `EADDRINUSE` of UDP.
    NoPort,
    /// No memory for sockets: `ENOBUFS`, `ENOMEM`.
    NoBuffer,
    /// No route, or no network at all: `ENETUNREACH`, `ENETDOWN`.
    NoRoute,
    /// A filter of its own, or a privilege that it lacks: `EPERM`, `EACCES`.
    Filtered,
    /// The interface to leave by is not there: `ENODEV`.
    NoInterface,
    /// The answer had come and was looked at too late.
    HeldUp,
    /// Anything else that connect(2) said before a packet had left.
    Other,
}

/// Why a probe failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProbeFailure {
    /// It did not get a connection.
    Connect(ConnectFailure),
    /// The connection was closed or reset before a byte came.
    Closed,
    /// The connection stood and no answer came in time.
    Silent,
    /// There was an answer, and it was wrong.
    WrongAnswer,
    /// There was an answer that no DC gives.
    Foreign(Foreign),
    /// A front end says that it knows of no key, nor of anybody behind it: -404 of MTProto.
    NoBackEnd,
    /// Another error of MTProto's transport: its number, which is negative.
    ErrorCode(i32),
    /// It is not the DC as which it was asked: -444 of MTProto. The question was wrong, and nothing is
    /// known of who refused it.
    WrongDc,
}

/// What is foreign about an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Foreign {
    /// It answers another question.
    Nonce,
    /// It is none.
    Bytes,
}

impl ConnectFailure {
    /// All of them, for metrics.
    pub const ALL: [Self; 12] = [
        Self::Refused,
        Self::Reset,
        Self::Unreachable,
        Self::Timeout,
        Self::Local(LocalFailure::NoDescriptor),
        Self::Local(LocalFailure::NoPort),
        Self::Local(LocalFailure::NoBuffer),
        Self::Local(LocalFailure::NoRoute),
        Self::Local(LocalFailure::Filtered),
        Self::Local(LocalFailure::NoInterface),
        Self::Local(LocalFailure::HeldUp),
        Self::Local(LocalFailure::Other),
    ];

    /// What an error of connect(2) shows, or one of sending to who had answered. `sent` tells whether it came after the first packet had
    /// left: then whatever it is, it is the network's word (`ENETUNREACH` from a router whose site
    /// is gone, `EACCES` from a firewall); before, only what a peer can have done is not ours.
    #[must_use]
    pub fn new(error: &io::Error, sent: bool) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            // A reset by who had ended the connection in order before.
            | io::ErrorKind::BrokenPipe => Self::Reset,
            io::ErrorKind::HostUnreachable => Self::Unreachable,
            io::ErrorKind::TimedOut => Self::Timeout,
            _ if sent => Self::Unreachable,
            _ => Self::Local(LocalFailure::new(error)),
        }
    }

    /// A fixed word, the metric label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Local(failure) => failure.as_str(),
        }
    }

    /// Whether it says anything about the access point.
    #[must_use]
    pub fn is_evidence(self) -> bool {
        !matches!(self, Self::Local(_))
    }
}

impl LocalFailure {
    /// What an error of a socket that sent nothing shows.
    #[must_use]
    pub fn new(error: &io::Error) -> Self {
        // Linux; most of these have no kind of their own.
        match error.raw_os_error() {
            Some(EMFILE | ENFILE) => Self::NoDescriptor,
            Some(EADDRNOTAVAIL | EADDRINUSE) => Self::NoPort,
            Some(ENOBUFS | ENOMEM) => Self::NoBuffer,
            Some(ENETUNREACH | ENETDOWN) => Self::NoRoute,
            Some(EPERM | EACCES) => Self::Filtered,
            Some(ENODEV) => Self::NoInterface,
            Some(_) | None => Self::Other,
        }
    }

    /// A fixed word, the metric label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoDescriptor => "no_descriptor",
            Self::NoPort => "no_port",
            Self::NoBuffer => "no_buffer",
            Self::NoRoute => "no_route",
            Self::Filtered => "filtered",
            Self::NoInterface => "no_interface",
            Self::HeldUp => "held_up",
            Self::Other => "local",
        }
    }
}

impl ProbeFailure {
    /// A fixed word, the metric label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect(failure) => failure.as_str(),
            Self::Closed => "closed",
            Self::Silent => "silent",
            Self::WrongAnswer => "wrong_answer",
            Self::Foreign(_) => "foreign_answer",
            Self::NoBackEnd => "no_back_end",
            Self::ErrorCode(_) => "error_code",
            Self::WrongDc => "wrong_dc",
        }
    }

    /// How deep the access point failed; `None` for a failure of this edge, or of how it asks, which is
    /// nobody's evidence.
    #[must_use]
    pub fn depth(self) -> Option<Depth> {
        match self {
            Self::Connect(failure) => failure.is_evidence().then_some(Depth::Connect),
            Self::Closed | Self::Silent => Some(Depth::FirstByte),
            Self::WrongAnswer | Self::Foreign(_) | Self::NoBackEnd | Self::ErrorCode(_) => {
                Some(Depth::Answer)
            }
            Self::WrongDc => None,
        }
    }
}

/// The word, and what else is known.
impl fmt::Display for ProbeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        match self {
            Self::ErrorCode(code) => write!(f, " {code}"),
            Self::Foreign(Foreign::Nonce) => f.write_str(", to another question"),
            Self::Foreign(Foreign::Bytes) => f.write_str(", no MTProto"),
            Self::Connect(_)
            | Self::Closed
            | Self::Silent
            | Self::WrongAnswer
            | Self::NoBackEnd
            | Self::WrongDc => Ok(()),
        }
    }
}

/// What a probe shows of the way between this edge and an access point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Something came back, and be it a refusal.
    Open,
    /// Nothing came back, or somebody on the way said that there is none.
    Silent,
    /// Nothing was sent.
    Untried,
}

impl ProbeFailure {
    /// What it shows of the way there.
    #[must_use]
    pub fn way(self) -> Way {
        match self {
            Self::Connect(ConnectFailure::Refused | ConnectFailure::Reset)
            | Self::Closed
            | Self::Silent
            | Self::WrongAnswer
            | Self::Foreign(_)
            | Self::NoBackEnd
            | Self::ErrorCode(_)
            | Self::WrongDc => Way::Open,
            // No route of its own is what an edge has whose uplink is down.
            Self::Connect(
                ConnectFailure::Timeout
                | ConnectFailure::Unreachable
                | ConnectFailure::Local(LocalFailure::NoRoute),
            ) => Way::Silent,
            Self::Connect(ConnectFailure::Local(
                LocalFailure::NoDescriptor
                | LocalFailure::NoPort
                | LocalFailure::NoBuffer
                | LocalFailure::Filtered
                | LocalFailure::NoInterface
                | LocalFailure::HeldUp
                | LocalFailure::Other,
            )) => Way::Untried,
        }
    }
}

impl From<ConnectFailure> for ProbeFailure {
    fn from(failure: ConnectFailure) -> Self {
        Self::Connect(failure)
    }
}

const EPERM: i32 = 1;
const ENOMEM: i32 = 12;
const EACCES: i32 = 13;
const ENODEV: i32 = 19;
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;
const EADDRINUSE: i32 = 98;
const EADDRNOTAVAIL: i32 = 99;
const ENETDOWN: i32 = 100;
const ENETUNREACH: i32 = 101;
const ENOBUFS: i32 = 105;

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
        for (errno, reason) in [
            (EMFILE, "no_descriptor"),
            (ENFILE, "no_descriptor"),
            (EADDRNOTAVAIL, "no_port"),
            (EADDRINUSE, "no_port"),
            (ENOBUFS, "no_buffer"),
            (ENOMEM, "no_buffer"),
            (ENETUNREACH, "no_route"),
            (ENETDOWN, "no_route"),
            (EPERM, "filtered"),
            (EACCES, "filtered"),
            (ENODEV, "no_interface"),
            (22, "local"),
        ] {
            assert!(!failure(errno).is_evidence(), "errno {errno}");
            assert_eq!(failure(errno).as_str(), reason);
        }
        for errno in [ENETUNREACH, EACCES, EPERM] {
            let sent = ConnectFailure::new(&io::Error::from_raw_os_error(errno), true);
            assert_eq!(sent, ConnectFailure::Unreachable, "errno {errno}, from the way");
        }
    }

    #[test]
    fn an_answer_in_mtproto_is_deep_and_one_to_a_wrong_question_is_no_evidence() {
        let deep = Some(Depth::Answer);
        for (failure, depth, told) in [
            (ProbeFailure::NoBackEnd, deep, "no_back_end"),
            (ProbeFailure::ErrorCode(-403), deep, "error_code -403"),
            (ProbeFailure::Foreign(Foreign::Nonce), deep, "foreign_answer, to another question"),
            (ProbeFailure::Foreign(Foreign::Bytes), deep, "foreign_answer, no MTProto"),
            (ProbeFailure::WrongDc, None, "wrong_dc"),
            (ProbeFailure::Closed, Some(Depth::FirstByte), "closed"),
        ] {
            assert_eq!((failure.depth(), failure.way()), (depth, Way::Open));
            assert_eq!(failure.to_string(), told);
            assert!(told.starts_with(failure.as_str()));
        }
    }

    #[test]
    fn every_reason_has_a_word_of_its_own() {
        let words: std::collections::BTreeSet<_> =
            ConnectFailure::ALL.iter().map(|it| it.as_str()).collect();
        assert_eq!(words.len(), ConnectFailure::ALL.len());
    }
}
