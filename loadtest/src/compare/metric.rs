//! What is measured of a case: each figure knows its name, its unit, and which direction is better, so
//! that all reports are made of them in one way.

use crate::load::Unit;

/// A figure, in the order in which reports have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Metric {
    /// Work done in a second.
    Rate,
    /// Of datagrams, the share of what was sent that arrived or was answered.
    Delivered,
    /// Bulk beside the work of a mixture.
    Bulk,
    /// Processor time of the proxy for a unit of work.
    Cpu,
    /// The part of it in the program, and that in the kernel.
    CpuUser,
    CpuSystem,
    /// Processor time of the proxy for a datagram that it has forwarded.
    CpuDatagram,
    /// Latencies of operations: from the begin of a round trip, or of a connect, to its end.
    P50,
    P90,
    P99,
    P999,
    Max,
    /// Proportional set size that the proxy has gained for each session.
    UserMemory,
    /// What the machine's kernel has gained for each session, less the same without a proxy.
    KernelMemory,
    /// Proportional set size of the proxy without sessions.
    BaseMemory,
    /// Processors busy on average with the proxy, with making load, with the backend.
    ProxyCores,
    LoadCores,
    BackendCores,
}

/// Which direction is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    Less,
    More,
}

/// Figures that are told in one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aspect {
    Work,
    Latency,
    Memory,
}

impl Aspect {
    pub(crate) const ALL: [Aspect; 3] = [Aspect::Work, Aspect::Latency, Aspect::Memory];
}

/// How much of a figure a table tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Median, spread, and the ratio to the best other proxy.
    Compared,
    /// Median and spread.
    Spread,
    /// The median alone.
    Median,
}

impl Metric {
    #[cfg(test)]
    pub(crate) const ALL: [Metric; 18] = [
        Metric::Rate,
        Metric::Delivered,
        Metric::Bulk,
        Metric::Cpu,
        Metric::CpuUser,
        Metric::CpuSystem,
        Metric::CpuDatagram,
        Metric::P50,
        Metric::P90,
        Metric::P99,
        Metric::P999,
        Metric::Max,
        Metric::UserMemory,
        Metric::KernelMemory,
        Metric::BaseMemory,
        Metric::ProxyCores,
        Metric::LoadCores,
        Metric::BackendCores,
    ];

    /// Those of latency, with the share of operations that took no longer.
    pub(crate) const PERCENTILES: [(Metric, f64); 5] = [
        (Metric::P50, 0.5),
        (Metric::P90, 0.9),
        (Metric::P99, 0.99),
        (Metric::P999, 0.999),
        (Metric::Max, 1.0),
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Metric::Rate => "rate",
            Metric::Delivered => "delivered",
            Metric::Bulk => "bulk beside",
            Metric::Cpu => "CPU",
            Metric::CpuUser => "user",
            Metric::CpuSystem => "system",
            Metric::CpuDatagram => "CPU",
            Metric::P50 => "p50",
            Metric::P90 => "p90",
            Metric::P99 => "p99",
            Metric::P999 => "p99.9",
            Metric::Max => "max",
            Metric::UserMemory => "user memory",
            Metric::KernelMemory => "kernel memory",
            Metric::BaseMemory => "without sessions",
            Metric::ProxyCores => "cores: proxy",
            Metric::LoadCores => "load",
            Metric::BackendCores => "backend",
        }
    }

    /// For work that is counted so.
    pub(crate) fn unit(self, work: Unit) -> &'static str {
        match self {
            Metric::Rate => match work {
                Unit::RoundTrip => "round trips/s",
                Unit::Session => "sessions/s",
                Unit::Byte => "GB/s",
            },
            Metric::Cpu | Metric::CpuUser | Metric::CpuSystem => match work {
                Unit::RoundTrip => "us/round trip",
                Unit::Session => "us/session",
                Unit::Byte => "s/GB",
            },
            Metric::Delivered => "%",
            Metric::Bulk => "MB/s",
            Metric::CpuDatagram => "us/datagram",
            Metric::P50 | Metric::P90 | Metric::P99 | Metric::P999 | Metric::Max => "us",
            Metric::UserMemory | Metric::KernelMemory => "KiB/session",
            Metric::BaseMemory => "MiB",
            Metric::ProxyCores | Metric::LoadCores | Metric::BackendCores => "",
        }
    }

    /// As reports for machines have it, with its unit.
    pub(crate) fn key(self, work: Unit) -> &'static str {
        match (self, work) {
            (Metric::Rate, Unit::RoundTrip) => "rate_round_trips_per_second",
            (Metric::Rate, Unit::Session) => "rate_sessions_per_second",
            (Metric::Rate, Unit::Byte) => "rate_gb_per_second",
            (Metric::Delivered, _) => "delivered_percent",
            (Metric::Bulk, _) => "bulk_mb_per_second",
            (Metric::Cpu, Unit::RoundTrip) => "cpu_us_per_round_trip",
            (Metric::Cpu, Unit::Session) => "cpu_us_per_session",
            (Metric::Cpu, Unit::Byte) => "cpu_s_per_gb",
            (Metric::CpuUser, Unit::RoundTrip) => "cpu_user_us_per_round_trip",
            (Metric::CpuUser, Unit::Session) => "cpu_user_us_per_session",
            (Metric::CpuUser, Unit::Byte) => "cpu_user_s_per_gb",
            (Metric::CpuSystem, Unit::RoundTrip) => "cpu_system_us_per_round_trip",
            (Metric::CpuSystem, Unit::Session) => "cpu_system_us_per_session",
            (Metric::CpuSystem, Unit::Byte) => "cpu_system_s_per_gb",
            (Metric::CpuDatagram, _) => "cpu_us_per_datagram",
            (Metric::P50, _) => "latency_p50_us",
            (Metric::P90, _) => "latency_p90_us",
            (Metric::P99, _) => "latency_p99_us",
            (Metric::P999, _) => "latency_p999_us",
            (Metric::Max, _) => "latency_max_us",
            (Metric::UserMemory, _) => "user_memory_kib_per_session",
            (Metric::KernelMemory, _) => "kernel_memory_kib_per_session",
            (Metric::BaseMemory, _) => "memory_without_sessions_mib",
            (Metric::ProxyCores, _) => "proxy_cores",
            (Metric::LoadCores, _) => "load_cores",
            (Metric::BackendCores, _) => "backend_cores",
        }
    }

    /// Behind the point.
    fn digits(self, work: Unit) -> usize {
        match (self, work) {
            (Metric::Rate, Unit::RoundTrip | Unit::Session)
            | (Metric::Bulk | Metric::P50 | Metric::P90 | Metric::P99, _)
            | (Metric::P999 | Metric::Max, _) => 0,
            (Metric::Delivered | Metric::BaseMemory, _)
            | (Metric::Cpu | Metric::CpuUser | Metric::CpuSystem, Unit::Session) => 1,
            (Metric::Rate, Unit::Byte)
            | (Metric::Cpu | Metric::CpuUser | Metric::CpuSystem, Unit::RoundTrip)
            | (Metric::UserMemory | Metric::KernelMemory, _)
            | (Metric::ProxyCores | Metric::LoadCores | Metric::BackendCores, _) => 2,
            (Metric::Cpu | Metric::CpuUser | Metric::CpuSystem, Unit::Byte)
            | (Metric::CpuDatagram, _) => 3,
        }
    }

    /// The number alone.
    pub(crate) fn text(self, work: Unit, value: f64) -> String {
        format!("{value:.*}", self.digits(work))
    }

    /// The number and its unit.
    pub(crate) fn phrase(self, work: Unit, value: f64) -> String {
        format!("{} {}", self.text(work, value), self.unit(work)).trim_end().to_owned()
    }

    /// As a column has it.
    pub(crate) fn heading(self, work: Unit) -> String {
        match self {
            Metric::Rate => self.unit(work).to_owned(),
            Metric::CpuUser | Metric::CpuSystem => self.name().to_owned(),
            _ => format!("{} {}", self.name(), self.unit(work)).trim_end().to_owned(),
        }
    }

    /// `None` of what is only told beside.
    pub(crate) fn better(self) -> Option<Better> {
        match self {
            Metric::Rate | Metric::Delivered | Metric::Bulk => Some(Better::More),
            Metric::Cpu
            | Metric::CpuUser
            | Metric::CpuSystem
            | Metric::CpuDatagram
            | Metric::P50
            | Metric::P90
            | Metric::P99
            | Metric::P999
            | Metric::Max
            | Metric::UserMemory
            | Metric::KernelMemory => Some(Better::Less),
            Metric::BaseMemory | Metric::ProxyCores | Metric::LoadCores | Metric::BackendCores => {
                None
            }
        }
    }

    pub(crate) fn aspect(self) -> Aspect {
        match self {
            Metric::Rate
            | Metric::Delivered
            | Metric::Bulk
            | Metric::Cpu
            | Metric::CpuUser
            | Metric::CpuSystem
            | Metric::CpuDatagram
            | Metric::ProxyCores
            | Metric::LoadCores
            | Metric::BackendCores => Aspect::Work,
            Metric::P50 | Metric::P90 | Metric::P99 | Metric::P999 | Metric::Max => Aspect::Latency,
            Metric::UserMemory | Metric::KernelMemory | Metric::BaseMemory => Aspect::Memory,
        }
    }

    pub(crate) fn detail(self) -> Detail {
        match self {
            Metric::Rate | Metric::Cpu | Metric::UserMemory | Metric::KernelMemory => {
                Detail::Compared
            }
            Metric::P50 | Metric::P90 | Metric::P99 | Metric::P999 | Metric::Max => Detail::Spread,
            Metric::Delivered
            | Metric::Bulk
            | Metric::CpuUser
            | Metric::CpuSystem
            | Metric::CpuDatagram
            | Metric::BaseMemory
            | Metric::ProxyCores
            | Metric::LoadCores
            | Metric::BackendCores => Detail::Median,
        }
    }

    /// Of a proxy it is told less the same of the direct connection: clients and backend are in it.
    pub(crate) fn is_beyond_direct(self) -> bool {
        self == Metric::KernelMemory
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn keys_are_different_and_end_in_their_unit() {
        for work in [Unit::RoundTrip, Unit::Session, Unit::Byte] {
            let keys: BTreeSet<_> = Metric::ALL.iter().map(|metric| metric.key(work)).collect();
            assert_eq!(keys.len(), Metric::ALL.len());
            for key in keys {
                let units = ["_second", "_percent", "_us", "_mib", "_cores", "_session"];
                let units = [&units[..], &["_round_trip", "_gb", "_datagram"]].concat();
                assert!(units.iter().any(|unit| key.ends_with(unit)), "{key}");
            }
        }
    }

    #[test]
    fn figures_have_digits_and_units_of_the_work() {
        assert_eq!(Metric::Cpu.phrase(Unit::RoundTrip, 8.957), "8.96 us/round trip");
        assert_eq!(Metric::Cpu.phrase(Unit::Byte, 0.0671), "0.067 s/GB");
        assert_eq!(Metric::Rate.phrase(Unit::Session, 12_345.6), "12346 sessions/s");
        assert_eq!(Metric::ProxyCores.phrase(Unit::Byte, 0.5), "0.50");
        assert_eq!(Metric::Cpu.heading(Unit::Session), "CPU us/session");
        assert_eq!(Metric::CpuUser.heading(Unit::Session), "user");
        assert_eq!(Metric::P999.heading(Unit::Session), "p99.9 us");
    }

    #[test]
    fn what_is_compared_has_a_better_direction() {
        for metric in Metric::ALL {
            let is_compared = metric.detail() == Detail::Compared;
            assert!(!is_compared || metric.better().is_some(), "{metric:?}");
        }
    }
}
