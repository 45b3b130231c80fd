//! What the storm did, side by side.

use super::phase::Seen;
use crate::circumstances::Circumstances;
use crate::cli::StormOptions;
use crate::load::Latencies;
use crate::report::{Host, PeerReport, Section, Tables};
use crate::stats::Summary;
use serde::Serialize;
use std::time::Duration;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    host: Host,
    settings: Settings,
    circumstances: Circumstances,
    peers: Vec<PeerReport>,
    well: Phase,
    failing: Phase,
}

#[derive(Debug, Serialize)]
struct Settings {
    access_points: u32,
    failure: String,
    rounds: u32,
    duration_seconds: f64,
    sessions: u32,
    connects: u32,
}

/// One condition of the crowd, over all rounds.
#[derive(Debug, Serialize)]
struct Phase {
    seconds: f64,
    /// Round trips of 64 bytes in sessions that stay; `null` when there was none.
    round_trips: Option<Figures>,
    /// Whole sessions: connect, a round trip, and an orderly end.
    sessions: Option<Figures>,
    failures: u64,
    first_failure: Option<String>,
    /// Processors that the daemon kept busy: its data plane, and all else.
    worker_cores: f64,
    other_cores: f64,
    /// From the signal until a new list was published.
    reload_seconds: Option<Summary>,
    reloads: usize,
    probe_lag_seconds: f64,
    /// At the end of a phase, at most.
    access_points_not_up: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Figures {
    per_second: f64,
    count: u64,
    p50_us: f64,
    p99_us: f64,
    max_us: f64,
}

impl Figures {
    /// `None` while there is nothing to tell.
    fn of(latencies: &Latencies, seconds: f64) -> Option<Figures> {
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        Some(Figures {
            per_second: latencies.count() as f64 / seconds,
            count: latencies.count(),
            p50_us: latencies.quantile(0.5).map(micros)?,
            p99_us: latencies.quantile(0.99).map(micros)?,
            max_us: latencies.max().map(micros)?,
        })
    }
}

impl Report {
    pub(super) fn new(
        options: &StormOptions,
        version: &str,
        circumstances: Circumstances,
        [well, failing]: [Seen; 2],
    ) -> Report {
        Report {
            host: Host::read(),
            settings: Settings {
                access_points: options.access_points,
                failure: options.failure.to_string(),
                rounds: options.rounds.get(),
                duration_seconds: options.duration.as_secs_f64(),
                sessions: options.sessions.get(),
                connects: options.connects.get(),
            },
            circumstances,
            peers: vec![PeerReport::measured("nearpoint", version)],
            well: Phase::new(well),
            failing: Phase::new(failing),
        }
    }

    /// Whether every client was served.
    pub(super) fn is_without_failure(&self) -> bool {
        self.well.failures + self.failing.failures == 0
    }
}

impl Phase {
    fn new(seen: Seen) -> Phase {
        let seconds = seen.lasted.as_secs_f64();
        let cores = |time: Duration| time.as_secs_f64() / seconds;
        Phase {
            seconds,
            round_trips: Figures::of(&seen.clients.round_trips, seconds),
            sessions: Figures::of(&seen.clients.sessions, seconds),
            failures: seen.clients.failures,
            first_failure: seen.clients.first_failure,
            worker_cores: cores(seen.cpu.workers),
            other_cores: cores(seen.cpu.all.saturating_sub(seen.cpu.workers)),
            reloads: seen.operator.reloads.len(),
            reload_seconds: Summary::of(seen.operator.reloads.iter().map(Duration::as_secs_f64)),
            probe_lag_seconds: seen.operator.probe_lag,
            access_points_not_up: seen.operator.down,
        }
    }
}

impl Tables for Report {
    fn host(&self) -> &Host {
        &self.host
    }

    fn peers(&self) -> &[PeerReport] {
        &self.peers
    }

    fn circumstances(&self) -> Option<&Circumstances> {
        Some(&self.circumstances)
    }

    fn sections(&self) -> Vec<Section> {
        let Settings { access_points, failure, .. } = &self.settings;
        vec![Section {
            title: format!("{access_points} access points that fail together ({failure})"),
            columns: ["", "well", "failing"].map(str::to_owned).into(),
            rows: self.rows(),
        }]
    }
}

impl Report {
    fn rows(&self) -> Vec<Vec<String>> {
        let both = [&self.well, &self.failing];
        let row = |name: &str, cell: &dyn Fn(&Phase) -> String| {
            let [well, failing] = both.map(cell);
            vec![name.to_owned(), well, failing]
        };
        let mut rows = figure_rows("64 B round trip", both.map(|phase| phase.round_trips));
        rows.extend(figure_rows("connect, echo, close", both.map(|phase| phase.sessions)));
        let seconds = |seconds: f64| format!("{seconds:.3}");
        rows.extend([
            row("failed", &|it| it.failures.to_string()),
            row("cores: data plane", &|it| format!("{:.2}", it.worker_cores)),
            row("cores: all else", &|it| format!("{:.2}", it.other_cores)),
            row("list in force after, s (median)", &|it| {
                it.reload_seconds.map_or("-".to_owned(), |it| seconds(it.median))
            }),
            row("list in force after, s (most)", &|it| {
                it.reload_seconds.map_or("-".to_owned(), |it| seconds(it.max))
            }),
            row("probe lag, s (most)", &|it| seconds(it.probe_lag_seconds)),
            row("access points not up in the end", &|it| it.access_points_not_up.to_string()),
        ]);
        rows
    }
}

fn figure_rows(kind: &str, both: [Option<Figures>; 2]) -> Vec<Vec<String>> {
    let row = |name: &str, value: fn(Figures) -> f64| {
        let [well, failing] =
            both.map(|it| it.map_or("-".to_owned(), |it| format!("{:.0}", value(it))));
        vec![format!("{kind}: {name}"), well, failing]
    };
    vec![
        row("a second", |it| it.per_second),
        row("p50, us", |it| it.p50_us),
        row("p99, us", |it| it.p99_us),
        row("most, us", |it| it.max_us),
    ]
}
