//! What a check has seen.

use super::host::Seen;
use crate::lab::layout::Dc;
use crate::lab::line::LineCounts;
use crate::report::{Host as Machine, PeerReport, Section, Tables};
use serde::Serialize;
use std::io;
use std::time::Duration;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) machine: Machine,
    /// In seconds, as humans wait for it.
    #[serde(rename = "build_seconds", serialize_with = "seconds")]
    pub(super) build: Duration,
    pub(super) lines: Vec<LineTiming>,
    pub(super) load: LoadReport,
    pub(super) observations: Vec<Observation>,
    /// All observations are as expected.
    pub(super) ok: bool,
}

/// Connects over a line, in microseconds.
#[derive(Debug, Serialize)]
pub(super) struct LineTiming {
    dc: String,
    round_trip: u64,
    connects: usize,
    failed: u32,
    least: u64,
    median: u64,
    p99: u64,
    /// Packets that the line carried, those of them that left more than a millisecond late, and by
    /// how much the latest was. What connects took longer than that, their own ends did.
    packets: u64,
    packets_late: u64,
    packets_latest: u64,
}

impl LineTiming {
    /// Of times in ascending order.
    pub(super) fn new(
        dc: Dc,
        round_trip: Duration,
        times: &[Duration],
        failed: u32,
        counts: LineCounts,
    ) -> LineTiming {
        let micros = |time: Duration| time.as_micros() as u64;
        // The lowest that so many of a hundred do not exceed.
        let percentile = |share: usize| {
            let rank = (times.len() * share).div_ceil(100).max(1);
            times.get(rank - 1).map_or(0, |time| micros(*time))
        };
        LineTiming {
            dc: dc.to_string(),
            round_trip: micros(round_trip),
            connects: times.len(),
            failed,
            least: times.first().map_or(0, |time| micros(*time)),
            median: percentile(50),
            p99: percentile(99),
            packets: counts.to_dc + counts.from_dc,
            packets_late: counts.late,
            packets_latest: micros(counts.latest),
        }
    }

    fn row(&self) -> Vec<String> {
        let late = |time: u64| format!("{:+}", time.cast_signed() - self.round_trip.cast_signed());
        vec![
            self.dc.clone(),
            (self.round_trip as f64 / 1_000.0).to_string(),
            self.connects.to_string(),
            self.failed.to_string(),
            late(self.least),
            late(self.median),
            late(self.p99),
            self.packets.to_string(),
            self.packets_late.to_string(),
            self.packets_latest.to_string(),
        ]
    }
}

/// A steady load over one line.
#[derive(Debug, Serialize)]
pub(super) struct LoadReport {
    pub(super) packets_per_second: f64,
    pub(super) sent: u64,
    pub(super) arrived: u64,
    pub(super) dropped_by_the_line: u64,
    /// By more than a millisecond.
    pub(super) late: u64,
    /// Processors that the thread of the line kept busy.
    pub(super) cores: f64,
}

/// Something that was looked at.
#[derive(Debug, Serialize)]
pub(super) struct Observation {
    fault: String,
    what: String,
    expected: String,
    /// Where it is not as expected, and there is more to say.
    seen: Option<String>,
    pub(super) ok: bool,
}

impl Observation {
    pub(super) fn new(fault: &str, what: &str, expected: &str, ok: bool) -> Observation {
        let [fault, what, expected] = [fault, what, expected].map(str::to_owned);
        Observation { fault, what, expected, seen: None, ok }
    }
}

/// What became of a connect, beside what should have: `connects`, `silence`, or the words of the
/// error's kind.
pub(super) fn verdict(fault: &str, what: &str, expected: &str, seen: &Seen) -> Observation {
    let met = match seen {
        Seen::Connected { .. } => "connects".to_owned(),
        Seen::Silence => "silence".to_owned(),
        Seen::Failed(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused => "refused".to_owned(),
            kind => kind.to_string(),
        },
    };
    let ok = met == expected;
    Observation { seen: (!ok).then_some(met), ..Observation::new(fault, what, expected, ok) }
}

impl Tables for Report {
    fn host(&self) -> &Machine {
        &self.machine
    }

    fn peers(&self) -> &[PeerReport] {
        &[]
    }

    fn sections(&self) -> Vec<Section> {
        let columns = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let LoadReport { packets_per_second, sent, arrived, dropped_by_the_line, late, cores } =
            self.load;
        let observation = |it: &Observation| {
            let wrong = it.seen.as_deref().unwrap_or("it is not so");
            let verdict = if it.ok { "yes".to_owned() } else { format!("NO: {wrong}") };
            vec![it.fault.clone(), it.what.clone(), it.expected.clone(), verdict]
        };
        let row = |name: &str, value: String| vec![name.to_owned(), value];
        vec![
            Section {
                title: format!("A lab, built in {:.0} ms", self.build.as_secs_f64() * 1_000.0),
                columns: columns(&[
                    "line",
                    "round trip, ms",
                    "connects",
                    "failed",
                    "late by, us: least",
                    "median",
                    "p99",
                    "packets",
                    "late by > 1 ms",
                    "latest, us",
                ]),
                rows: self.lines.iter().map(LineTiming::row).collect(),
            },
            Section {
                title: "A line under load".to_owned(),
                columns: columns(&["", "dc1"]),
                rows: vec![
                    row("packets/s", format!("{packets_per_second:.0}")),
                    row("sent", sent.to_string()),
                    row("arrived", arrived.to_string()),
                    row("dropped by the line", dropped_by_the_line.to_string()),
                    row("late by > 1 ms", late.to_string()),
                    row("cores", format!("{cores:.3}")),
                ],
            },
            Section {
                title: "Faults of the path".to_owned(),
                columns: columns(&["fault", "what", "expected", "so it is"]),
                rows: self.observations.iter().map(observation).collect(),
            },
        ]
    }
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}
