//! What load is made, of whom, and for how long.

use crate::cli::{OutputOptions, positive_duration};
use crate::load::{
    Appetite, Arrival, OnFailure, Opening, Pace, Plan, Shares, Sources, Workload, warm_up,
};
use bytesize::ByteSize;
use clap::{Args, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

/// The longest message: what is under way in both directions fits into memory a thousand times.
const LONGEST: u64 = 1 << 20;

#[derive(Args, Clone, Debug)]
pub(crate) struct TcpOptions {
    #[command(subcommand)]
    pub(super) load: TcpLoad,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct UdpOptions {
    #[command(subcommand)]
    pub(super) load: UdpLoad,
}

#[derive(Clone, Debug, Subcommand)]
pub(super) enum TcpLoad {
    /// Messages that come back, each before the next, in sessions that stay
    RoundTrips {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        opening: OpeningOption,
        #[command(flatten)]
        rate: Rate,
        /// Sessions, each with one message under way at a time
        #[arg(long, default_value = "100")]
        sessions: NonZeroU32,
        /// Bytes of a message
        #[arg(long, default_value = "64", value_parser = message, value_name = "BYTES")]
        size: u32,
    },
    /// Streams to a sink, as fast as they go
    Upload {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        opening: OpeningOption,
        /// In the end each stream asks the sink how many bytes it has received
        #[arg(long)]
        verify: bool,
        /// Streams at once
        #[arg(long, default_value = "4")]
        streams: NonZeroU32,
    },
    /// Streams from a source, as fast as they go
    Download {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        opening: OpeningOption,
        /// Look at every byte, which takes this program longer than the proxy
        #[arg(long)]
        verify: bool,
        /// Streams at once
        #[arg(long, default_value = "4")]
        streams: NonZeroU32,
    },
    /// Sessions that connect, send a message, get it back and close
    Connects {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        opening: OpeningOption,
        #[command(flatten)]
        rate: Rate,
        /// Clients, each with one session at a time; with --rate the most sessions at once [default: 10,
        /// with --rate 1000]
        #[arg(long)]
        clients: Option<NonZeroU32>,
        /// Bytes of a message
        #[arg(long, default_value = "64", value_parser = message, value_name = "BYTES")]
        size: u32,
    },
    /// Sessions that send one byte, get it back, and are silent until the end
    Idle {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        opening: OpeningOption,
        /// Sessions
        #[arg(long, default_value = "1000")]
        sessions: NonZeroU32,
    },
    /// 90% silent sessions, 9% chats, 1% bulk: what do the chats feel of the others?
    ///
    /// A chat sends a message of 64 to 1,024 bytes every 50 ms, whatever became of the one before, and
    /// gets it back. A session of bulk sends 20 MB a second and gets them back, or as much as it can.
    /// Figures are of the chats.
    Mixed {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        opening: OpeningOption,
        /// Messages of all chats together in a second [default: 20 for each chat]
        #[arg(long, value_parser = rate, value_name = "N")]
        rate: Option<f64>,
        /// Look at every byte of the bulk, too
        #[arg(long)]
        verify: bool,
        /// Bulk takes all it gets, instead of 20 MB a second each way
        #[arg(long)]
        greedy: bool,
        /// Sessions of all kinds
        #[arg(long, default_value = "1000", value_parser = clap::value_parser!(u32).range(3..))]
        sessions: u32,
    },
}

#[derive(Clone, Debug, Subcommand)]
pub(super) enum UdpLoad {
    /// Datagrams of 200 bytes that come back, each before the next, or are sent again after 100 ms
    RoundTrips {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        rate: Rate,
        /// Flows, each with one datagram under way at a time
        #[arg(long, default_value = "50")]
        flows: NonZeroU32,
    },
    /// Datagrams of 1,200 bytes to a sink that sends receipts, as fast as nearly all of them arrive
    Upload {
        #[command(flatten)]
        common: Common,
        /// A receipt of what was never sent, or came twice, is a failure
        #[arg(long)]
        verify: bool,
        /// As fast as sockets take datagrams, whatever arrives
        #[arg(long)]
        flood: bool,
        /// Flows at once
        #[arg(long, default_value = "1")]
        flows: NonZeroU32,
    },
    /// Datagrams of 1,200 bytes from a source that is given credit, as fast as nearly all of them arrive
    Download {
        #[command(flatten)]
        common: Common,
        /// A datagram that nobody asked for, of another size, or that came twice is a failure
        #[arg(long)]
        verify: bool,
        /// Flows at once
        #[arg(long, default_value = "1")]
        flows: NonZeroU32,
    },
}

#[derive(Args, Clone, Debug)]
pub(super) struct Common {
    /// Where clients go: a proxy, or the backend itself
    #[arg(long, value_name = "IP:PORT")]
    pub(super) target: SocketAddr,
    /// Measured time
    #[arg(long, default_value = "10s", value_parser = positive_duration)]
    pub(super) duration: Duration,
    /// Time before that, which does not count [default: a tenth of the duration, at least 100 ms; idle: 0s]
    #[arg(long, value_parser = humantime::parse_duration)]
    pub(super) warm_up: Option<Duration>,
    /// Client addresses: the first so many of 127.0.0.0/8 from 127.0.1.1 on, in turn. One is what the kernel
    /// chooses
    #[arg(long, default_value = "1", value_parser = sources, value_name = "N")]
    pub(super) sources: Sources,
    /// Tell CPU time and memory of this process and its children, the proxy for example; can be repeated
    #[arg(long, value_name = "PID")]
    pub(super) pid: Vec<u32>,
    /// No progress on standard error
    #[arg(long, short)]
    pub(super) quiet: bool,
    #[command(flatten)]
    pub(super) output: OutputOptions,
}

#[derive(Args, Clone, Debug)]
pub(super) struct Rate {
    /// Open loop: begin so many operations in a second, all clients together, whatever became of those
    /// before; their times count from when they were due. Without it the loop is closed
    #[arg(long, value_parser = rate, value_name = "N")]
    rate: Option<f64>,
}

#[derive(Args, Clone, Debug)]
pub(super) struct OpeningOption {
    /// What a session sends before its load
    #[arg(long, value_enum, default_value_t = OpeningKind::Plain)]
    opening: OpeningKind,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OpeningKind {
    /// Nothing
    Plain,
    /// The 64 bytes of an obfuscated MTProto client that names DC 1; they reach the backend
    Obfuscated,
    /// A PROXY header of version 2 that announces another client for each session; proxy or backend has to
    /// expect it
    Proxy,
}

/// A load, and what is told of it.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) plan: Plan,
    pub(super) warm_up: Duration,
    pub(super) common: Common,
}

impl Job {
    fn new(workload: Workload, common: &Common) -> Job {
        let warm_up = match workload.is_idle() {
            true => Duration::ZERO,
            false => warm_up(common.duration),
        };
        let plan = Plan {
            sources: common.sources,
            on_failure: OnFailure::BeginAnew,
            ..Plan::new(workload)
        };
        Job { plan, warm_up: common.warm_up.unwrap_or(warm_up), common: common.clone() }
    }

    fn at(mut self, per_second: Option<f64>) -> Job {
        if let Some(per_second) = per_second {
            self.plan.arrival = Arrival::Open { per_second };
        }
        self
    }

    fn verified(mut self, verify: bool) -> Job {
        self.plan.verify = verify;
        self
    }

    fn opened(mut self, OpeningOption { opening }: &OpeningOption) -> Job {
        self.plan.opening = match opening {
            OpeningKind::Plain => Opening::Plain,
            OpeningKind::Obfuscated => Opening::Obfuscated,
            OpeningKind::Proxy => Opening::ProxyHeader,
        };
        self
    }
}

impl TcpLoad {
    pub(super) fn job(&self) -> Job {
        match self {
            TcpLoad::RoundTrips { common, opening, rate, sessions, size } => {
                let workload = Workload::RoundTrips { sessions: sessions.get(), bytes: *size };
                Job::new(workload, common).opened(opening).at(rate.rate)
            }
            TcpLoad::Upload { common, opening, verify, streams } => {
                let workload = Workload::Upload { streams: streams.get() };
                Job::new(workload, common).opened(opening).verified(*verify)
            }
            TcpLoad::Download { common, opening, verify, streams } => {
                let workload = Workload::Download { streams: streams.get() };
                Job::new(workload, common).opened(opening).verified(*verify)
            }
            TcpLoad::Connects { common, opening, rate, clients, size } => {
                let default = if rate.rate.is_some() { 1000 } else { 10 };
                let clients = clients.map_or(default, NonZeroU32::get);
                let workload = Workload::Connects { clients, bytes: *size };
                Job::new(workload, common).opened(opening).at(rate.rate)
            }
            TcpLoad::Idle { common, opening, sessions } => {
                let workload = Workload::Idle { sessions: sessions.get() };
                Job::new(workload, common).opened(opening)
            }
            TcpLoad::Mixed { common, opening, rate, verify, greedy, sessions } => {
                let appetite = if *greedy { Appetite::Greedy } else { Appetite::Modest };
                let workload = Workload::Mixed { sessions: *sessions, appetite };
                let rate = rate.unwrap_or_else(|| Shares::of(*sessions).per_second());
                Job::new(workload, common).opened(opening).at(Some(rate)).verified(*verify)
            }
        }
    }
}

impl UdpLoad {
    pub(super) fn job(&self) -> Job {
        match self {
            UdpLoad::RoundTrips { common, rate, flows } => {
                let workload = Workload::UdpRoundTrips { flows: flows.get() };
                Job::new(workload, common).at(rate.rate)
            }
            UdpLoad::Upload { common, verify, flood, flows } => {
                let pace = if *flood { Pace::Flood } else { Pace::Window };
                let workload = Workload::UdpUpload { flows: flows.get(), pace };
                Job::new(workload, common).verified(*verify)
            }
            UdpLoad::Download { common, verify, flows } => {
                let workload = Workload::UdpDownload { flows: flows.get() };
                Job::new(workload, common).verified(*verify)
            }
        }
    }
}

fn message(text: &str) -> Result<u32, String> {
    let bytes: ByteSize = text.parse()?;
    match bytes.as_u64() {
        bytes @ 1..=LONGEST => Ok(bytes as u32),
        _ => Err(format!("not from 1 byte to {} MiB", LONGEST >> 20)),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "not a number")?;
    match (1e-3..=1e7).contains(&rate) {
        true => Ok(rate),
        false => Err("not from 0.001 to 10,000,000 in a second".to_owned()),
    }
}

fn sources(text: &str) -> Result<Sources, String> {
    let sources = text.parse().ok().and_then(Sources::new);
    sources.ok_or_else(|| format!("not a number from 1 to {}", Sources::MOST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    fn job(arguments: &str) -> Job {
        let line = format!("loadtest {arguments} --target 127.0.0.1:1");
        match Cli::try_parse_from(line.split(' ')).unwrap().command {
            Command::Tcp(options) => options.load.job(),
            Command::Udp(options) => options.load.job(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in
            [("64", Ok(64)), ("16KiB", Ok(16_384)), ("1 kB", Ok(1000)), ("1MiB", Ok(1 << 20))]
        {
            assert_eq!(message(text), bytes, "{text}");
        }
        for text in ["", "0", "2MiB", "-1", "x", "1 elephant"] {
            assert!(message(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rates_and_sources_are_more_than_nothing() {
        assert_eq!((rate("0.5"), rate("1e4")), (Ok(0.5), Ok(10_000.0)));
        for text in ["0", "-1", "1e-300", "NaN", "inf", "fast"] {
            assert!(rate(text).is_err(), "{text}");
        }
        assert_eq!(sources("7"), Ok(Sources::new(7).unwrap()));
        for text in ["0", "-1", "all", "99999999"] {
            assert!(sources(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_loop_is_open_with_a_rate_and_then_has_room_for_many_sessions() {
        let closed = job("tcp connects");
        assert_eq!(closed.plan.arrival, Arrival::Closed);
        assert_eq!(closed.plan.workload, Workload::Connects { clients: 10, bytes: 64 });
        let open = job("tcp connects --rate 200 --size 1KiB");
        assert_eq!(open.plan.arrival, Arrival::Open { per_second: 200.0 });
        assert_eq!(open.plan.workload, Workload::Connects { clients: 1000, bytes: 1024 });
    }

    #[test]
    fn chats_of_a_mixture_have_a_rhythm_unless_another_is_asked_for() {
        let arrival = |arguments: &str| job(arguments).plan.arrival;
        assert_eq!(arrival("tcp mixed"), Arrival::Open { per_second: 1800.0 });
        assert_eq!(arrival("tcp mixed --rate 5"), Arrival::Open { per_second: 5.0 });
    }

    #[test]
    fn warm_up_is_a_part_of_the_duration_but_for_idle_sessions() {
        assert_eq!(job("tcp upload").warm_up, Duration::from_secs(1));
        assert_eq!(job("udp upload --duration 1ms").warm_up, Duration::from_millis(100));
        assert_eq!(job("udp download --warm-up 0s").warm_up, Duration::ZERO);
        assert_eq!(job("tcp idle").warm_up, Duration::ZERO);
    }
}
