//! What was measured, for people and for programs.

use super::measure::Measured;
use super::options::Job;
use super::processes::ProcessFigures;
use crate::load::{
    Appetite, Arrival, Failure, Opening, PACE_BYTES_PER_SECOND, Transport, Unit, Workload,
};
use crate::report::{Host, PeerReport, Section, Tables};
use serde::Serialize;
use std::net::SocketAddr;
use std::time::Duration;

/// With more, this program of one thread is what is measured.
const MOST_CORES: f64 = 0.9;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    host: Host,
    settings: Settings,
    /// Measured time.
    seconds: f64,
    interrupted: bool,
    /// What is counted: `round_trip`, `session` or `byte`.
    unit: &'static str,
    done: u64,
    /// Absent for idle sessions, which are opened once.
    per_second: Option<f64>,
    /// By UDP: what was sent, in the same unit, and the share of it that arrived or was answered.
    offered: Option<u64>,
    delivered: Option<f64>,
    /// Of operations; absent for bulk.
    latency: Option<Latency>,
    /// In the whole run.
    failed: u64,
    failures: Vec<Failure>,
    /// In an open loop: due, and neither done nor failed in the end.
    unfinished: Option<u64>,
    /// Of a mixture: what came back of its bulk, and what was to come; of one that takes all it gets, what was sent.
    bulk_bytes_per_second: Option<f64>,
    bulk_offered_bytes_per_second: Option<f64>,
    /// Processors that this program kept busy; near 1 it is what is measured.
    load_cores: f64,
    processes: Vec<Process>,
}

#[derive(Debug, Serialize)]
struct Settings {
    load: String,
    target: SocketAddr,
    /// `closed`, or `open` with a rate.
    arrival: &'static str,
    rate_per_second: Option<f64>,
    opening: Option<&'static str>,
    sources: u32,
    verify: bool,
    warm_up_seconds: f64,
    duration_seconds: f64,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Latency {
    count: u64,
    p50_us: f64,
    p90_us: f64,
    p99_us: f64,
    p999_us: f64,
    max_us: f64,
}

#[derive(Debug, Serialize)]
struct Process {
    #[serde(flatten)]
    figures: ProcessFigures,
    /// Of operations done; absent for bulk.
    cpu_us_per_operation: Option<f64>,
    /// Of 10^9 bytes done; absent but for bulk.
    cpu_seconds_per_gb: Option<f64>,
    /// What its memory has grown by, shared among the sessions or flows; absent if they do not stay.
    pss_bytes_per_session: Option<f64>,
}

impl Report {
    pub(super) fn new(job: &Job, measured: Measured) -> Report {
        let unit = job.plan.workload.unit();
        let Measured { counts, lasted, own_cpu, .. } = measured;
        let latencies = &measured.latencies;
        let seconds = lasted.as_secs_f64();
        let is_udp = job.plan.workload.transport() == Transport::Udp;
        let at = |share| latencies.quantile(share).map(micros);
        let latency = || {
            Some(Latency {
                count: latencies.count(),
                p50_us: at(0.5)?,
                p90_us: at(0.9)?,
                p99_us: at(0.99)?,
                p999_us: at(0.999)?,
                max_us: latencies.max().map(micros)?,
            })
        };
        let mixture = job.plan.workload.mixture();
        let staying = match job.plan.workload {
            Workload::Connects { .. } => None,
            workload => Some(workload.clients()),
        };
        // Of idle sessions the time is that of holding them, and not of opening them.
        let is_idle = job.plan.workload.is_idle();
        let work = if is_idle { 0 } else { counts.done };
        let process = |figures| Process::new(figures, unit, work, staying);
        Report {
            host: Host::read(),
            settings: Settings::new(job),
            seconds,
            interrupted: measured.interrupted,
            unit: match unit {
                Unit::RoundTrip => "round_trip",
                Unit::Session => "session",
                Unit::Byte => "byte",
            },
            done: counts.done,
            per_second: (!is_idle).then_some(counts.done as f64 / seconds),
            offered: is_udp.then_some(counts.offered),
            delivered: (is_udp && counts.offered > 0)
                .then(|| (counts.done as f64 / counts.offered as f64).min(1.0)),
            latency: latency(),
            failed: measured.failures.iter().map(|failure| failure.count).sum(),
            failures: measured.failures,
            unfinished: measured.unfinished,
            bulk_bytes_per_second: mixture.map(|_| counts.beside as f64 / seconds),
            bulk_offered_bytes_per_second: mixture.and_then(|(shares, appetite)| match appetite {
                Appetite::Modest => Some(f64::from(shares.bulk) * PACE_BYTES_PER_SECOND as f64),
                Appetite::Greedy => None,
            }),
            load_cores: own_cpu.as_secs_f64() / seconds,
            processes: measured.processes.into_iter().map(process).collect(),
        }
    }

    /// Whether nothing has failed.
    pub(super) fn is_without_failure(&self) -> bool {
        self.failed == 0
    }
}

impl Settings {
    fn new(job: &Job) -> Settings {
        let plan = &job.plan;
        let rate_per_second = match plan.arrival {
            Arrival::Open { per_second } => Some(per_second),
            Arrival::Closed => None,
        };
        let opening = match plan.opening {
            Opening::Plain => "plain",
            Opening::Obfuscated => "obfuscated",
            Opening::ProxyHeader => "proxy",
        };
        let load = match plan.workload.mixture() {
            Some((shares, appetite)) => format!("mixture: {shares}{appetite}"),
            None => plan.workload.to_string(),
        };
        Settings {
            load,
            target: job.common.target,
            arrival: if rate_per_second.is_some() { "open" } else { "closed" },
            rate_per_second,
            opening: (plan.workload.transport() == Transport::Tcp).then_some(opening),
            sources: plan.sources.count(),
            verify: plan.verify,
            warm_up_seconds: job.warm_up.as_secs_f64(),
            duration_seconds: job.common.duration.as_secs_f64(),
        }
    }
}

impl Process {
    fn new(figures: ProcessFigures, unit: Unit, done: u64, staying: Option<u32>) -> Process {
        let cpu = figures.cpu_seconds.filter(|_| done > 0);
        let each = cpu.map(|seconds| seconds / done as f64);
        let grown = figures.pss_bytes.zip(figures.pss_before_bytes);
        let grown = grown.map(|(after, before)| after as f64 - before as f64);
        let of_each = grown.zip(staying).map(|(bytes, staying)| bytes / f64::from(staying));
        let is_bulk = unit == Unit::Byte;
        Process {
            cpu_us_per_operation: each.filter(|_| !is_bulk).map(|seconds| seconds * 1e6),
            cpu_seconds_per_gb: each.filter(|_| is_bulk).map(|seconds| seconds * 1e9),
            pss_bytes_per_session: of_each,
            figures,
        }
    }
}

impl Tables for Report {
    fn host(&self) -> &Host {
        &self.host
    }

    fn peers(&self) -> &[PeerReport] {
        &[]
    }

    fn sections(&self) -> Vec<Section> {
        let Settings { load, target, rate_per_second, .. } = &self.settings;
        let arrival = match rate_per_second {
            Some(rate) => format!("open loop, {rate} a second"),
            None => "closed loop".to_owned(),
        };
        let seconds = self.seconds;
        let early = if self.interrupted { ", interrupted" } else { "" };
        vec![Section {
            title: format!("{load} to {target}; {arrival}, {seconds:.1} s{early}"),
            columns: ["", "measured"].map(str::to_owned).into(),
            rows: self.rows(),
        }]
    }
}

impl Report {
    fn rows(&self) -> Vec<Vec<String>> {
        let mut rows = self.work_rows();
        let mut row = |name: &str, value: String| rows.push(vec![name.to_owned(), value]);
        row("failed", grouped(self.failed));
        for Failure { kind, count, first } in &self.failures {
            row(&format!("{kind}: {}", grouped(*count)), first.clone());
        }
        if let Some(unfinished) = self.unfinished {
            row("due, and not done in the end", grouped(unfinished));
        }
        let limit = if self.load_cores < MOST_CORES { "" } else { ", the limit" };
        row("cores of this program", format!("{:.2}{limit}", self.load_cores));
        for process in &self.processes {
            let ProcessFigures { pid, name, cpu_seconds, pss_bytes, .. } = &process.figures;
            let mut row = |what: &str, value: Option<String>| {
                let value = value.unwrap_or_else(|| "?".to_owned());
                rows.push(vec![format!("{name} ({pid}): {what}"), value]);
            };
            row("cores", cpu_seconds.map(|cpu| format!("{:.2}", cpu / self.seconds)));
            if let Some(seconds) = process.cpu_seconds_per_gb {
                row("CPU s/GB", Some(format!("{seconds:.3}")));
            }
            if let Some(micros) = process.cpu_us_per_operation {
                let unit = self.unit.replace('_', " ");
                row(&format!("CPU us/{unit}"), Some(format!("{micros:.2}")));
            }
            let mib = |bytes: u64| format!("{:.1}", bytes as f64 / f64::from(1 << 20));
            row("PSS, MiB", pss_bytes.map(mib));
            if let Some(bytes) = process.pss_bytes_per_session {
                row("PSS, KiB/session", Some(format!("{:.2}", bytes / 1024.0)));
            }
        }
        rows
    }

    fn work_rows(&self) -> Vec<Vec<String>> {
        let row = |name: &str, value: String| vec![name.to_owned(), value];
        let mut rows = match self.unit {
            "byte" => vec![row("GB", format!("{:.3}", self.done as f64 / 1e9))],
            unit => vec![row(&format!("{}s", unit.replace('_', " ")), grouped(self.done))],
        };
        match (self.unit, self.per_second) {
            ("byte", Some(bytes)) => rows.push(row("GB/s", format!("{:.3}", bytes / 1e9))),
            (_, Some(rate)) => rows.push(row("a second", grouped(rate.round() as u64))),
            (_, None) => {}
        }
        if let Some(delivered) = self.delivered {
            rows.push(row("delivered, %", format!("{:.2}", delivered * 100.0)));
        }
        if let Some(Latency { p50_us, p90_us, p99_us, p999_us, max_us, .. }) = self.latency {
            let times = [
                ("p50, us", p50_us),
                ("p90, us", p90_us),
                ("p99, us", p99_us),
                ("p99.9, us", p999_us),
                ("max, us", max_us),
            ];
            rows.extend(times.map(|(name, micros)| row(name, grouped(micros as u64))));
        }
        if let Some(came) = self.bulk_bytes_per_second {
            let megabytes = |bytes: f64| format!("{:.1}", bytes / 1e6);
            let value = match self.bulk_offered_bytes_per_second {
                Some(offered) => format!("{} of {}", megabytes(came), megabytes(offered)),
                None => megabytes(came),
            };
            rows.push(row("bulk beside, MB/s", value));
        }
        rows
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// `12,345/s`, or `1.25 GB/s`.
pub(super) fn rate_text(unit: Unit, per_second: f64) -> String {
    match unit {
        Unit::Byte => format!("{:.2} GB/s", per_second / 1e9),
        Unit::RoundTrip | Unit::Session => format!("{}/s", grouped(per_second.round() as u64)),
    }
}

/// `80 us`, or `1.25 s`.
pub(super) fn time_text(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{} us", grouped(time.as_micros() as u64)),
        _ => format!("{:.2} s", time.as_secs_f64()),
    }
}

/// With a comma after every thousand.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_times_have_units() {
        let grouped = [0, 999, 1_000, 12_345, 1_234_567].map(grouped);
        assert_eq!(grouped, ["0", "999", "1,000", "12,345", "1,234,567"]);
        assert_eq!(time_text(Duration::from_micros(1_234)), "1,234 us");
        assert_eq!(time_text(Duration::from_millis(1_250)), "1.25 s");
        assert_eq!(rate_text(Unit::Session, 1234.4), "1,234/s");
    }
}
