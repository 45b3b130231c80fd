//! What the clients of a load do.

use super::mixed::Shares;
use super::udp;
use nearpoint::stub::{Service, UdpService};
use std::fmt;

/// What the clients do, as often or as fast as they are answered unless their arrivals are paced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workload {
    /// Each of `sessions` clients sends so many bytes and waits for them to come back.
    RoundTrips { sessions: u32, bytes: u32 },
    /// `streams` clients send as fast as they can.
    Upload { streams: u32 },
    /// `streams` clients receive as fast as they can.
    Download { streams: u32 },
    /// Each of `clients` connects, sends so many bytes, waits for them to come back, and closes.
    Connects { clients: u32, bytes: u32 },
    /// Each of `sessions` clients sends one byte, waits for it to come back, and is silent.
    Idle { sessions: u32 },
    /// Of `sessions` clients 90% are idle, 9% chat, and 1% move bulk: a messenger in the evening. See
    /// [`Shares`].
    Mixed { sessions: u32, appetite: Appetite },
    /// Each of `flows` clients sends a datagram of 200 bytes and waits for it to come back.
    UdpRoundTrips { flows: u32 },
    /// `flows` clients send datagrams of 1,200 bytes.
    UdpUpload { flows: u32, pace: Pace },
    /// `flows` clients receive datagrams of 1,200 bytes.
    UdpDownload { flows: u32 },
}

/// How fast a sender of datagrams goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// With a window, which loss makes smaller: as fast as nearly all arrives.
    Window,
    /// As fast as its socket takes them, whatever arrives.
    Flood,
}

/// What a chat says in 25 minutes at its usual rhythm, and a greedy stream within a moment.
pub(crate) const LONGEST_CHAT: u64 = 16 << 20;

/// How much the bulk of a mixture takes; in words, what is to be said of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Appetite {
    /// A large file over a good line: 20 MB in a second.
    Modest,
    /// All that it gets, and only upwards but for the first moment: the backend ceases to send it back.
    Greedy,
}

/// What the proxy forwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Udp,
}

/// What work is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    RoundTrip,
    /// From the connect to the close; of one that stays, to its first answer.
    Session,
    Byte,
}

impl Workload {
    pub(crate) fn transport(self) -> Transport {
        match self {
            Workload::RoundTrips { .. }
            | Workload::Upload { .. }
            | Workload::Download { .. }
            | Workload::Connects { .. }
            | Workload::Idle { .. }
            | Workload::Mixed { .. } => Transport::Tcp,
            Workload::UdpRoundTrips { .. }
            | Workload::UdpUpload { .. }
            | Workload::UdpDownload { .. } => Transport::Udp,
        }
    }

    /// Whether all that is looked at is how sessions open, and that they are there.
    pub(crate) fn is_idle(self) -> bool {
        match self {
            Workload::Idle { .. } => true,
            Workload::RoundTrips { .. }
            | Workload::Upload { .. }
            | Workload::Download { .. }
            | Workload::Connects { .. }
            | Workload::Mixed { .. }
            | Workload::UdpRoundTrips { .. }
            | Workload::UdpUpload { .. }
            | Workload::UdpDownload { .. } => false,
        }
    }

    /// What is counted as work. Of a mixture it is the round trips of those who chat, of idle sessions how
    /// many were opened.
    pub(crate) fn unit(self) -> Unit {
        match self {
            Workload::RoundTrips { .. }
            | Workload::Mixed { .. }
            | Workload::UdpRoundTrips { .. } => Unit::RoundTrip,
            Workload::Connects { .. } | Workload::Idle { .. } => Unit::Session,
            Workload::Upload { .. }
            | Workload::Download { .. }
            | Workload::UdpUpload { .. }
            | Workload::UdpDownload { .. } => Unit::Byte,
        }
    }

    /// The service of the backend that it needs.
    pub(crate) fn service(self) -> Service {
        match self {
            Workload::RoundTrips { .. }
            | Workload::Connects { .. }
            | Workload::Idle { .. }
            | Workload::Mixed { appetite: Appetite::Modest, .. } => Service::Echo,
            // What chats wait for is to be the proxy, and not the backend.
            Workload::Mixed { appetite: Appetite::Greedy, .. } => {
                Service::EchoFirst { bytes: LONGEST_CHAT }
            }
            Workload::Upload { .. } => Service::Sink,
            Workload::Download { .. } => Service::Source { bytes: None },
            Workload::UdpRoundTrips { .. } => Service::Udp(UdpService::Echo),
            Workload::UdpUpload { .. } => Service::Udp(UdpService::Sink),
            Workload::UdpDownload { .. } => Service::Udp(UdpService::Source),
        }
    }

    /// The shares of a mixture, and how much its bulk takes.
    pub(crate) fn mixture(self) -> Option<(Shares, Appetite)> {
        match self {
            Workload::Mixed { sessions, appetite } => Some((Shares::of(sessions), appetite)),
            _ => None,
        }
    }

    pub(crate) fn clients(self) -> u32 {
        match self {
            Workload::RoundTrips { sessions, .. }
            | Workload::Idle { sessions }
            | Workload::Mixed { sessions, .. } => sessions,
            Workload::Upload { streams } | Workload::Download { streams } => streams,
            Workload::Connects { clients, .. } => clients,
            Workload::UdpRoundTrips { flows }
            | Workload::UdpUpload { flows, .. }
            | Workload::UdpDownload { flows } => flows,
        }
    }
}

impl fmt::Display for Appetite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Appetite::Modest => Ok(()),
            Appetite::Greedy => f.write_str(" that takes all it gets"),
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let datagram = udp::BULK_DATAGRAM;
        match *self {
            Workload::RoundTrips { sessions, bytes } => {
                write!(f, "{} round trips over {}", Size(bytes), Count(sessions, "session"))
            }
            Workload::Upload { streams } => write!(f, "bulk upload, {}", Count(streams, "stream")),
            Workload::Download { streams } => {
                write!(f, "bulk download, {}", Count(streams, "stream"))
            }
            Workload::Connects { clients, bytes } => {
                write!(f, "connect, {} echo, close; {}", Size(bytes), Count(clients, "client"))
            }
            Workload::Idle { sessions } => write!(f, "idle, {}", Count(sessions, "session")),
            Workload::Mixed { sessions, appetite } => {
                write!(f, "{}: 90% idle, 9% chat, 1% bulk{appetite}", Count(sessions, "session"))
            }
            Workload::UdpRoundTrips { flows } => {
                write!(f, "UDP: {} B round trips over {}", udp::QUESTION, Count(flows, "flow"))
            }
            Workload::UdpUpload { flows, pace } => {
                let pace = match pace {
                    Pace::Window => "",
                    Pace::Flood => ", as a flood",
                };
                let flows = Count(flows, "flow");
                write!(f, "UDP: bulk upload of {datagram} B datagrams, {flows}{pace}")
            }
            Workload::UdpDownload { flows } => {
                write!(f, "UDP: bulk download of {datagram} B datagrams, {}", Count(flows, "flow"))
            }
        }
    }
}

/// So many of something.
pub(super) struct Count(pub(super) u32, pub(super) &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Count(count, what) = self;
        let plural = if *count == 1 { "" } else { "s" };
        write!(f, "{count} {what}{plural}")
    }
}

/// Bytes of a message: `64 B`, `16 KiB`.
struct Size(u32);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes >= 1024 && bytes % 1024 == 0 => write!(f, "{} KiB", bytes / 1024),
            bytes => write!(f, "{bytes} B"),
        }
    }
}
