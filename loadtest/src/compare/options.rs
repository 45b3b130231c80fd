//! What is measured, and how long.

use crate::cli::{PeerOptions, positive_duration};
use crate::load::{Pace, Transport, Workload};
use crate::peers::User;
use clap::{Args, ValueEnum};
use std::num::NonZeroU32;
use std::time::Duration;

pub(crate) const EXAMPLES: &str = "\
Examples:
  loadtest compare                                  six loads, six peers, five rounds: 18 minutes
  loadtest compare --only udp --envoy ./envoy       UDP alone
  loadtest compare --only udp-upload --udp-bulk-flows 4 --flood
  loadtest compare --only upload,download --unprivileged --bulk-streams 200
  loadtest compare --peers nearpoint,direct --rounds 1 --duration 1s --json

HAProxy has no UDP: its rows say so. A peer that cannot be measured makes the exit code 1.";

#[derive(Args, Clone, Debug)]
pub(crate) struct CompareOptions {
    #[command(flatten)]
    pub(crate) peers: PeerOptions,
    /// Rounds; each measures every load through every peer once
    #[arg(long, default_value = "5")]
    pub(crate) rounds: NonZeroU32,
    /// Measured time of each load in each round, after a tenth of it (at least 100 ms) of warm-up
    #[arg(long, default_value = "5s", value_parser = positive_duration)]
    pub(crate) duration: Duration,
    /// Sessions that make round trips, each one at a time
    #[arg(long, default_value = "100")]
    pub(crate) sessions: NonZeroU32,
    /// Bulk streams at once
    #[arg(long, default_value = "4")]
    pub(crate) bulk_streams: NonZeroU32,
    /// Loads to measure: all of tcp or of udp, or some by name
    #[arg(long, value_delimiter = ',', default_value = "tcp,udp", value_name = "LOADS")]
    pub(crate) only: Vec<Selection>,
    /// Flows of UDP that make round trips, each one datagram at a time
    #[arg(long, default_value = "50")]
    pub(crate) udp_flows: NonZeroU32,
    /// Bulk flows of UDP at once
    #[arg(long, default_value = "1")]
    pub(crate) udp_bulk_flows: NonZeroU32,
    /// Senders of the bulk upload by UDP go as fast as their sockets take datagrams, whatever arrives,
    /// instead of as fast as nearly all arrives
    #[arg(long)]
    pub(crate) flood: bool,
    /// Proxies run as user 65534 without capabilities, as in a container: the kernel gives such a user small
    /// pipes beyond fs.pipe-user-pages-soft. It takes root
    #[arg(long)]
    pub(crate) unprivileged: bool,
}

impl CompareOptions {
    /// Who proxies run as.
    pub(crate) fn user(&self) -> User {
        match self.unprivileged {
            true => User::Nobody,
            false => User::Own,
        }
    }

    /// The loads that were chosen, each once.
    pub(crate) fn workloads(&self) -> Vec<Workload> {
        let (sessions, streams) = (self.sessions.get(), self.bulk_streams.get());
        let flows = self.udp_bulk_flows.get();
        let pace = if self.flood { Pace::Flood } else { Pace::Window };
        let all = [
            Workload::RoundTrips { sessions, bytes: 64 },
            Workload::Upload { streams },
            Workload::Download { streams },
            Workload::UdpRoundTrips { flows: self.udp_flows.get() },
            Workload::UdpUpload { flows, pace },
            Workload::UdpDownload { flows },
        ];
        let chosen = |workload: &Workload| self.only.iter().any(|only| only.includes(*workload));
        all.into_iter().filter(chosen).collect()
    }
}

/// Some loads of `compare`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Selection {
    /// The three with TCP
    Tcp,
    /// The three with UDP
    Udp,
    RoundTrips,
    Upload,
    Download,
    UdpRoundTrips,
    UdpUpload,
    UdpDownload,
}

impl Selection {
    fn includes(self, workload: Workload) -> bool {
        match self {
            Selection::Tcp => workload.transport() == Transport::Tcp,
            Selection::Udp => workload.transport() == Transport::Udp,
            Selection::RoundTrips => matches!(workload, Workload::RoundTrips { .. }),
            Selection::Upload => matches!(workload, Workload::Upload { .. }),
            Selection::Download => matches!(workload, Workload::Download { .. }),
            Selection::UdpRoundTrips => matches!(workload, Workload::UdpRoundTrips { .. }),
            Selection::UdpUpload => matches!(workload, Workload::UdpUpload { .. }),
            Selection::UdpDownload => matches!(workload, Workload::UdpDownload { .. }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    #[test]
    fn loads_are_chosen_by_transport_or_name_and_measured_once_in_their_order() {
        let names = |only: &[&str]| -> Vec<&str> {
            let args = [&["loadtest", "compare"], only].concat();
            match Cli::try_parse_from(args).unwrap().command {
                Command::Compare(options) => {
                    options.workloads().into_iter().map(crate::compare::report::name).collect()
                }
                other => panic!("{other:?}"),
            }
        };
        let tcp = ["round_trips", "upload", "download"];
        let udp = ["udp_round_trips", "udp_upload", "udp_download"];
        assert_eq!(names(&[]), [tcp, udp].concat());
        assert_eq!(names(&["--only", "tcp"]), tcp);
        assert_eq!(names(&["--only", "udp,udp-upload"]), udp);
        let some =
            ["--only", "udp-download,upload,udp-round-trips,round-trips,download,udp-upload"];
        assert_eq!(names(&some), [tcp, udp].concat());
        assert_eq!(names(&["--only", "udp-upload,upload"]), ["upload", "udp_upload"]);
    }
}
