//! What new lists did, peer beside peer.

use super::phase::Phase;
use super::{ReloadOptions, Way};
use crate::circumstances::Circumstances;
use crate::load::{Failure, Latencies};
use crate::report::{Host, PeerReport, Section, Tables};
use crate::stats::Summary;
use serde::Serialize;
use std::time::Duration;

/// For which nearpoint's files have to hold still before they are read.
const HOLDING_STILL: Duration = Duration::from_millis(500);

#[derive(Debug, Serialize)]
pub(super) struct Report {
    host: Host,
    circumstances: Circumstances,
    settings: Settings,
    peers: Vec<PeerReport>,
    figures: Vec<Figures>,
}

#[derive(Debug, Serialize)]
struct Settings {
    access_points: u32,
    reloads: u32,
    duration_seconds: f64,
    sessions: u32,
    round_trips_per_second: u32,
    connects_per_second: u32,
}

/// Of one peer.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    peer: &'static str,
    /// From telling the peer until new sessions are served by the new list.
    in_force_seconds: Option<Summary>,
    /// What of it was waiting for files to hold still.
    holding_still_seconds: f64,
    /// By nearpoint's own word: from the parsed list to the published one.
    published_seconds: Option<Summary>,
    /// Processor seconds of a new list, beyond what the load alone takes.
    cpu_seconds_per_list: f64,
    alone: Seen,
    reloading: Seen,
    /// What has failed, in both phases and before them.
    failures: Vec<Failure>,
}

/// One phase.
#[derive(Debug, Serialize)]
struct Seen {
    seconds: f64,
    cpu_seconds: f64,
    /// At the end, in bytes: proportional set size of all processes.
    memory_bytes: u64,
    round_trips: Option<Times>,
    connects: Option<Times>,
    /// Sessions that were not served.
    failed: u64,
    /// Operations that no client was free for.
    late: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Times {
    count: u64,
    p50_us: f64,
    p99_us: f64,
    max_us: f64,
}

impl Figures {
    pub(super) fn new(
        way: Way,
        alone: Phase,
        reloading: Phase,
        lists: &[Duration],
        published: &[Duration],
        failures: Vec<Failure>,
    ) -> Figures {
        let seconds = |times: &[Duration]| Summary::of(times.iter().map(Duration::as_secs_f64));
        let usual = alone.cpu.as_secs_f64() / alone.lasted.as_secs_f64();
        let more = reloading.cpu.as_secs_f64() - usual * reloading.lasted.as_secs_f64();
        Figures {
            peer: way.name(),
            in_force_seconds: seconds(lists),
            holding_still_seconds: match way {
                Way::Nearpoint => HOLDING_STILL.as_secs_f64(),
                Way::NearpointPush | Way::Haproxy | Way::Nginx | Way::Envoy => 0.0,
            },
            published_seconds: seconds(published),
            cpu_seconds_per_list: more / lists.len().max(1) as f64,
            alone: Seen::new(&alone),
            reloading: Seen::new(&reloading),
            failures,
        }
    }

    /// Sessions that were not served, in both phases.
    pub(super) fn failed(&self) -> u64 {
        self.alone.failed + self.reloading.failed
    }
}

impl Seen {
    fn new(phase: &Phase) -> Seen {
        Seen {
            seconds: phase.lasted.as_secs_f64(),
            cpu_seconds: phase.cpu.as_secs_f64(),
            memory_bytes: phase.memory,
            round_trips: Times::of(&phase.round_trips),
            connects: Times::of(&phase.connects),
            failed: phase.failed,
            late: phase.late,
        }
    }
}

impl Times {
    fn of(latencies: &Latencies) -> Option<Times> {
        let micros = |time: Option<Duration>| time.map(|time| time.as_secs_f64() * 1e6);
        Some(Times {
            count: latencies.count(),
            p50_us: micros(latencies.quantile(0.5))?,
            p99_us: micros(latencies.quantile(0.99))?,
            max_us: micros(latencies.max())?,
        })
    }
}

impl Report {
    pub(super) fn new(
        options: &ReloadOptions,
        circumstances: Circumstances,
        peers: Vec<PeerReport>,
        figures: Vec<Figures>,
    ) -> Report {
        let settings = Settings {
            access_points: options.access_points,
            reloads: options.reloads.get(),
            duration_seconds: options.duration.as_secs_f64(),
            sessions: options.sessions.get(),
            round_trips_per_second: options.round_trips.get(),
            connects_per_second: options.connects.get(),
        };
        Report { host: Host::read(), circumstances, settings, peers, figures }
    }

    fn lists(&self) -> Section {
        let rows = self.figures.iter().map(|figures| {
            let force = figures.in_force_seconds;
            let still = figures.holding_still_seconds;
            let mib = |seen: &Seen| format!("{:.1}", seen.memory_bytes as f64 / (1 << 20) as f64);
            vec![
                figures.peer.to_owned(),
                millis(force.map(|force| force.median)),
                millis(force.map(|force| (force.median - still).max(0.0))),
                millis(force.map(|force| (force.max - still).max(0.0))),
                millis(figures.published_seconds.map(|published| published.median)),
                millis(figures.published_seconds.map(|published| published.max)),
                millis(Some(figures.cpu_seconds_per_list)),
                mib(&figures.alone),
                mib(&figures.reloading),
            ]
        });
        let columns = [
            "peer",
            "in force, ms",
            "without holding still",
            "most",
            "parsed to published, ms",
            "most",
            "CPU ms of a list",
            "MiB before",
            "MiB after",
        ];
        let Settings { access_points, reloads, .. } = self.settings;
        Section {
            title: format!("{reloads} new lists of {access_points} access points under load"),
            columns: columns.map(str::to_owned).into(),
            rows: rows.collect(),
        }
    }

    fn clients(&self) -> Section {
        let row = |peer: &str, phase: &str, seen: &Seen| {
            let mut row = vec![format!("{peer}, {phase}")];
            for times in [seen.round_trips, seen.connects] {
                let cell = |value: fn(Times) -> f64| {
                    times.map_or("-".to_owned(), |times| format!("{:.0}", value(times)))
                };
                row.extend([cell(|it| it.p50_us), cell(|it| it.p99_us), cell(|it| it.max_us)]);
            }
            row.extend([seen.failed.to_string(), seen.late.to_string()]);
            row
        };
        let rows = self.figures.iter().flat_map(|figures| {
            [
                row(figures.peer, "alone", &figures.alone),
                row(figures.peer, "reloading", &figures.reloading),
            ]
        });
        let columns = [
            "peer, phase",
            "round trip p50, us",
            "p99",
            "max",
            "connect to close p50, us",
            "p99",
            "max",
            "failed",
            "late",
        ];
        let Settings { sessions, round_trips_per_second, connects_per_second, .. } = self.settings;
        Section {
            title: format!(
                "The clients: {round_trips_per_second} round trips a second over {sessions} sessions, \
                 {connects_per_second} connects a second"
            ),
            columns: columns.map(str::to_owned).into(),
            rows: rows.collect(),
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
        vec![self.lists(), self.clients()]
    }
}

fn millis(seconds: Option<f64>) -> String {
    seconds.map_or("-".to_owned(), |seconds| format!("{:.1}", seconds * 1e3))
}
