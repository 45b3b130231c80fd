//! What `compare` found, for machines and for people.

use super::{CompareOptions, Sample};
use crate::load::{BULK_DATAGRAM, Workload};
use crate::peers::{Duty, Peer};
use crate::report::{Cast, Host, PeerReport, Section, Tables, best_of_others};
use crate::stats::Summary;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    host: Host,
    settings: Settings,
    peers: Vec<PeerReport>,
    figures: Vec<Figure>,
    /// Peers that cannot do a load at all.
    unable: Vec<Unable>,
}

#[derive(Debug, Serialize)]
struct Settings {
    rounds: u32,
    duration_seconds: f64,
    sessions: u32,
    bulk_streams: u32,
    udp_flows: u32,
    udp_bulk_flows: u32,
    flood: bool,
    unprivileged: bool,
}

#[derive(Debug, Serialize)]
struct Unable {
    scenario: &'static str,
    peer: &'static str,
    why: &'static str,
}

/// One peer under one load, over all rounds.
#[derive(Debug, Serialize)]
struct Figure {
    scenario: &'static str,
    peer: &'static str,
    rounds: usize,
    /// Work done in a second.
    rate: Summary,
    rate_unit: &'static str,
    /// Median rate by that of the best other proxy; absent without one.
    rate_by_best: Option<f64>,
    /// Processor time of the proxy for a unit of work; absent without a proxy.
    cpu: Option<Summary>,
    cpu_unit: &'static str,
    /// Median processor time by that of the best other proxy.
    cpu_by_best: Option<f64>,
    /// What nearpoint is to reach there, at most.
    cpu_by_best_bar: f64,
    /// Of datagrams; absent with TCP.
    #[serde(flatten)]
    datagrams: Option<Datagrams>,
    /// Processors busy on average: with the proxy, with making load, with the backend. Where load
    /// or backend come near 1.0, they and not the proxy bound the rate.
    proxy_cores: Option<Summary>,
    load_cores: Summary,
    backend_cores: Summary,
    #[serde(skip)]
    title: String,
}

/// What is told of datagrams beside.
#[derive(Clone, Copy, Debug, Serialize)]
struct Datagrams {
    /// How much of what was sent has arrived, or was answered: 1 is all of it.
    delivered: Summary,
    /// Datagrams that the proxy has forwarded, in a second: two for each round trip.
    datagrams_per_second: Summary,
    /// Processor time of the proxy for one, in microseconds; absent without a proxy.
    cpu_us_per_datagram: Option<Summary>,
}

/// How work is told.
struct Units {
    rate: &'static str,
    /// Work in one unit of rate.
    amount: f64,
    cpu: &'static str,
    /// Processor time units in a second.
    cpu_scale: f64,
    /// What nearpoint is to need at most, by the best other proxy.
    bar: f64,
    /// Datagrams in one unit of work; `None` with TCP.
    datagrams: Option<f64>,
}

/// As it is called in reports.
pub(super) fn name(workload: Workload) -> &'static str {
    match workload {
        Workload::RoundTrips { .. } => "round_trips",
        Workload::Upload { .. } => "upload",
        Workload::Download { .. } => "download",
        Workload::Connects { .. } => "connects",
        Workload::Idle { .. } => "idle",
        Workload::Mixed { .. } => "mixed",
        Workload::UdpRoundTrips { .. } => "udp_round_trips",
        Workload::UdpUpload { .. } => "udp_upload",
        Workload::UdpDownload { .. } => "udp_download",
    }
}

fn units(scenario: Workload) -> Units {
    let small = Units {
        rate: "round trips/s",
        amount: 1.0,
        cpu: "us/round trip",
        cpu_scale: 1e6,
        bar: 1.0,
        datagrams: None,
    };
    let bulk =
        Units { rate: "GB/s", amount: 1e9, cpu: "s/GB", cpu_scale: 1.0, bar: 0.6, datagrams: None };
    match scenario {
        Workload::RoundTrips { .. }
        | Workload::Connects { .. }
        | Workload::Idle { .. }
        | Workload::Mixed { .. } => small,
        Workload::Upload { .. } | Workload::Download { .. } => bulk,
        Workload::UdpRoundTrips { .. } => Units { bar: 0.9, datagrams: Some(2.0), ..small },
        Workload::UdpUpload { .. } | Workload::UdpDownload { .. } => {
            Units { bar: 0.1, datagrams: Some(1.0 / BULK_DATAGRAM as f64), ..bulk }
        }
    }
}

impl Report {
    pub(super) fn new(
        options: &CompareOptions,
        cast: &Cast,
        scenarios: &[Workload],
        measured: &[(Peer, Workload, Sample)],
    ) -> Report {
        let mut figures = Vec::new();
        for &scenario in scenarios {
            let of_scenario: Vec<(Peer, Figure)> = cast
                .peers()
                .filter_map(|peer| {
                    let samples: Vec<Sample> = measured
                        .iter()
                        .filter(|(by, of, _)| (*by, *of) == (peer, scenario))
                        .map(|(_, _, sample)| *sample)
                        .collect();
                    Some((peer, figure(peer, scenario, &samples)?))
                })
                .collect();
            figures.extend(with_ratios(of_scenario));
        }
        Report {
            host: Host::read(),
            settings: Settings {
                rounds: options.rounds.get(),
                duration_seconds: options.duration.as_secs_f64(),
                sessions: options.sessions.get(),
                bulk_streams: options.bulk_streams.get(),
                udp_flows: options.udp_flows.get(),
                udp_bulk_flows: options.udp_bulk_flows.get(),
                flood: options.flood,
                unprivileged: options.unprivileged,
            },
            peers: cast.report(),
            figures,
            unable: unable(cast, scenarios),
        }
    }
}

fn unable(cast: &Cast, scenarios: &[Workload]) -> Vec<Unable> {
    let of = |scenario: &Workload| {
        let (scenario, transport) = (name(*scenario), Duty::plain(scenario.transport()));
        cast.peers().filter_map(move |peer| {
            let why = peer.inability(transport)?;
            Some(Unable { scenario, peer: peer.name(), why })
        })
    };
    scenarios.iter().flat_map(of).collect()
}

/// `None` without samples. Work that was not done makes no figure of processor time either.
fn figure(peer: Peer, scenario: Workload, samples: &[Sample]) -> Option<Figure> {
    let units = units(scenario);
    let of = |value: &dyn Fn(&Sample) -> Option<f64>| Summary::of(samples.iter().filter_map(value));
    let cpu = |sample: &Sample, scale: f64, amount: f64| {
        let worked = sample.work > 0.0;
        worked.then_some(sample.proxy? * scale / (sample.work / amount))
    };
    let datagrams = units.datagrams.and_then(|each| {
        Some(Datagrams {
            // What was under way when it was looked would make it a little more than all.
            delivered: of(&|it| (it.offered > 0.0).then(|| (it.work / it.offered).min(1.0)))?,
            datagrams_per_second: of(&|it| Some(it.work * each / it.seconds))?,
            cpu_us_per_datagram: of(&|it| cpu(it, 1e6, 1.0 / each)),
        })
    });
    Some(Figure {
        scenario: name(scenario),
        peer: peer.name(),
        rounds: samples.len(),
        rate: of(&|sample| Some(sample.work / units.amount / sample.seconds))?,
        rate_unit: units.rate,
        rate_by_best: None,
        cpu: of(&|sample| cpu(sample, units.cpu_scale, units.amount)),
        cpu_unit: units.cpu,
        cpu_by_best: None,
        cpu_by_best_bar: units.bar,
        datagrams,
        proxy_cores: of(&|sample| Some(sample.proxy? / sample.seconds)),
        load_cores: of(&|sample| Some(sample.load / sample.seconds))?,
        backend_cores: of(&|sample| Some(sample.backend / sample.seconds))?,
        title: scenario.to_string(),
    })
}

fn with_ratios(figures: Vec<(Peer, Figure)>) -> Vec<Figure> {
    let medians = |value: &dyn Fn(&Figure) -> Option<f64>| -> Vec<(Peer, f64)> {
        figures.iter().filter_map(|(peer, figure)| Some((*peer, value(figure)?))).collect()
    };
    let best_rate = best_of_others(&medians(&|figure| Some(figure.rate.median)), f64::max);
    let best_cpu = best_of_others(&medians(&|figure| Some(figure.cpu?.median)), f64::min);
    figures
        .into_iter()
        .map(|(_, figure)| Figure {
            rate_by_best: best_rate.map(|best| figure.rate.median / best),
            cpu_by_best: figure.cpu.zip(best_cpu).map(|(cpu, best)| cpu.median / best),
            ..figure
        })
        .filter(|figure| figure.rounds > 0)
        .collect()
}

impl Tables for Report {
    fn host(&self) -> &Host {
        &self.host
    }

    fn peers(&self) -> &[PeerReport] {
        &self.peers
    }

    fn sections(&self) -> Vec<Section> {
        let sections = self.figures.chunk_by(|one, next| one.title == next.title);
        sections.filter_map(|figures| self.section(figures)).collect()
    }
}

impl Report {
    /// The figures of one scenario, and those who have none.
    fn section(&self, figures: &[Figure]) -> Option<Section> {
        let first = figures.first()?;
        let unable = self.unable.iter().filter(|unable| unable.scenario == first.scenario);
        let unable = unable.map(|unable| vec![unable.peer.to_owned(), unable.why.to_owned()]);
        let by_whom = if self.settings.unprivileged { ", proxies without privileges" } else { "" };
        Some(Section {
            title: format!("{}{by_whom}", first.title),
            columns: first.columns(),
            rows: figures.iter().map(Figure::cells).chain(unable).collect(),
        })
    }
}

impl Figure {
    fn columns(&self) -> Vec<String> {
        let mut columns = vec![
            "peer".to_owned(),
            self.rate_unit.to_owned(),
            "min .. max".to_owned(),
            "x best".to_owned(),
            format!("CPU {}", self.cpu_unit),
            "min .. max".to_owned(),
            format!("x best (bar {:.1})", self.cpu_by_best_bar),
        ];
        if self.datagrams.is_some() {
            columns.extend(["delivered", "datagrams/s", "CPU us/datagram"].map(str::to_owned));
        }
        columns.extend(["cores: proxy", "load", "backend"].map(str::to_owned));
        columns
    }

    fn cells(&self) -> Vec<String> {
        // Round trips come in ten thousands, gigabytes in single ones.
        let digits = if self.rate.median >= 100.0 { 0 } else { 2 };
        let number = |value: f64| format!("{value:.digits$}");
        let small = |value: f64| format!("{value:.2}");
        let fine = |value: f64| format!("{value:.3}");
        let or_none = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        let mut cells = vec![
            self.peer.to_owned(),
            number(self.rate.median),
            format!("{} .. {}", number(self.rate.min), number(self.rate.max)),
            or_none(self.rate_by_best.map(small)),
            or_none(self.cpu.map(|cpu| fine(cpu.median))),
            or_none(self.cpu.map(|cpu| format!("{} .. {}", fine(cpu.min), fine(cpu.max)))),
            or_none(self.cpu_by_best.map(small)),
        ];
        if let Some(datagrams) = &self.datagrams {
            cells.extend([
                format!("{:.1}%", datagrams.delivered.median * 100.0),
                format!("{:.0}", datagrams.datagrams_per_second.median),
                or_none(datagrams.cpu_us_per_datagram.map(|cpu| fine(cpu.median))),
            ]);
        }
        cells.extend([
            or_none(self.proxy_cores.map(|cores| small(cores.median))),
            small(self.load_cores.median),
            small(self.backend_cores.median),
        ]);
        cells
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPLOAD: Workload = Workload::Upload { streams: 4 };

    fn sample(gigabytes: f64, proxy: Option<f64>) -> Sample {
        Sample { seconds: 2.0, work: gigabytes * 1e9, offered: 0.0, proxy, load: 1.0, backend: 0.5 }
    }

    #[test]
    fn rates_and_processor_time_are_per_second_and_per_unit_of_work() {
        let bulk = figure(Peer::Nginx, UPLOAD, &[sample(4.0, Some(1.0))]).unwrap();
        assert_eq!((bulk.rate.median, bulk.cpu.unwrap().median), (2.0, 0.25));
        assert_eq!((bulk.load_cores.median, bulk.backend_cores.median), (0.5, 0.25));
        let trips = Sample { work: 1000.0, ..sample(0.0, Some(0.01)) };
        let trips =
            figure(Peer::Nginx, Workload::RoundTrips { sessions: 1, bytes: 64 }, &[trips]).unwrap();
        assert_eq!((trips.rate.median, trips.cpu.unwrap().median), (500.0, 10.0));
    }

    #[test]
    fn datagrams_are_told_with_what_was_delivered_of_them_and_what_each_has_cost() {
        const MANY: Workload = Workload::UdpDownload { flows: 1 };
        // 1 GB of 1.25 in 2 s.
        let bulk = Sample { offered: 1.25e9, ..sample(1.0, Some(0.5)) };
        let bulk = figure(Peer::Envoy, MANY, &[bulk]).unwrap();
        assert_eq!((bulk.cpu.unwrap().median, bulk.cpu_by_best_bar), (0.5, 0.1));
        let datagrams = bulk.datagrams.unwrap();
        assert_eq!(datagrams.delivered.median, 0.8);
        assert!((datagrams.datagrams_per_second.median - 1e9 / 1200.0 / 2.0).abs() < 1.0);
        assert!((datagrams.cpu_us_per_datagram.unwrap().median - 0.6).abs() < 1e-9);

        let trips = Sample { work: 1000.0, offered: 1010.0, ..sample(0.0, Some(0.01)) };
        let few = Workload::UdpRoundTrips { flows: 1 };
        let trips = figure(Peer::Envoy, few, &[trips]).unwrap().datagrams.unwrap();
        assert_eq!(trips.datagrams_per_second.median, 1000.0);
        assert_eq!(trips.cpu_us_per_datagram.unwrap().median, 5.0);
    }

    #[test]
    fn ratios_are_to_the_best_other_proxy() {
        let figures = [
            (Peer::Nearpoint, sample(4.0, Some(1.0))),
            (Peer::Envoy, sample(2.0, Some(1.0))),
            (Peer::Nginx, sample(1.0, Some(1.0))),
            (Peer::Direct, sample(8.0, None)),
        ]
        .map(|(peer, sample)| (peer, figure(peer, UPLOAD, &[sample]).unwrap()));
        let figures = with_ratios(figures.into());
        let ratios: Vec<_> = figures.iter().map(|f| (f.rate_by_best, f.cpu_by_best)).collect();
        let expected = [
            (Some(2.0), Some(0.5)),
            (Some(1.0), Some(1.0)),
            (Some(0.5), Some(2.0)),
            (Some(4.0), None),
        ];
        assert_eq!(ratios, expected);
    }

    #[test]
    fn nothing_measured_is_no_figure_and_no_work_has_no_processor_time() {
        assert!(figure(Peer::Nginx, UPLOAD, &[]).is_none());
        let idle = figure(Peer::Nginx, UPLOAD, &[sample(0.0, Some(0.1))]).unwrap();
        assert_eq!((idle.rate.median, idle.cpu), (0.0, None));
    }
}
