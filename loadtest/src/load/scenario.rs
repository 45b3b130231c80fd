//! What a load consists of.

use super::{round_trips, udp};
use clap::ValueEnum;
use nearpoint::stub::{Service, UdpService};
use std::fmt;

/// What the clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// Each of `sessions` clients sends 64 bytes and waits for them to come back.
    RoundTrips { sessions: u32 },
    /// `streams` clients send as fast as they can.
    Upload { streams: u32 },
    /// `streams` clients receive as fast as they can.
    Download { streams: u32 },
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

/// What the proxy forwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Transport {
    Tcp,
    Udp,
}

impl Scenario {
    /// Name in reports and on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Scenario::RoundTrips { .. } => "round_trips",
            Scenario::Upload { .. } => "upload",
            Scenario::Download { .. } => "download",
            Scenario::UdpRoundTrips { .. } => "udp_round_trips",
            Scenario::UdpUpload { .. } => "udp_upload",
            Scenario::UdpDownload { .. } => "udp_download",
        }
    }

    pub(crate) fn transport(self) -> Transport {
        match self {
            Scenario::RoundTrips { .. } | Scenario::Upload { .. } | Scenario::Download { .. } => {
                Transport::Tcp
            }
            Scenario::UdpRoundTrips { .. }
            | Scenario::UdpUpload { .. }
            | Scenario::UdpDownload { .. } => Transport::Udp,
        }
    }

    /// The service of the backend that it needs.
    pub(crate) fn service(self) -> Service {
        match self {
            Scenario::RoundTrips { .. } => Service::Echo,
            Scenario::Upload { .. } => Service::Sink,
            Scenario::Download { .. } => Service::Source { bytes: None },
            Scenario::UdpRoundTrips { .. } => Service::Udp(UdpService::Echo),
            Scenario::UdpUpload { .. } => Service::Udp(UdpService::Sink),
            Scenario::UdpDownload { .. } => Service::Udp(UdpService::Source),
        }
    }

    pub(super) fn clients(self) -> u32 {
        match self {
            Scenario::RoundTrips { sessions } => sessions,
            Scenario::Upload { streams } | Scenario::Download { streams } => streams,
            Scenario::UdpRoundTrips { flows }
            | Scenario::UdpUpload { flows, .. }
            | Scenario::UdpDownload { flows } => flows,
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = udp::BULK_DATAGRAM;
        match self {
            Scenario::RoundTrips { sessions } => {
                write!(f, "{} B round trips over {sessions} sessions", round_trips::BYTES)
            }
            Scenario::Upload { streams } => write!(f, "bulk upload, {streams} streams"),
            Scenario::Download { streams } => write!(f, "bulk download, {streams} streams"),
            Scenario::UdpRoundTrips { flows } => {
                write!(f, "UDP: {} B round trips over {}", udp::QUESTION, Flows(*flows))
            }
            Scenario::UdpUpload { flows, pace } => {
                let pace = match pace {
                    Pace::Window => "",
                    Pace::Flood => ", as a flood",
                };
                write!(f, "UDP: bulk upload of {bytes} B datagrams, {}{pace}", Flows(*flows))
            }
            Scenario::UdpDownload { flows } => {
                write!(f, "UDP: bulk download of {bytes} B datagrams, {}", Flows(*flows))
            }
        }
    }
}

struct Flows(u32);

impl fmt::Display for Flows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("1 flow"),
            flows => write!(f, "{flows} flows"),
        }
    }
}
