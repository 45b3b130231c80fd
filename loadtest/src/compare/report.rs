//! What `compare` found, for machines and for people.

use super::Sample;
use crate::cli::CompareOptions;
use crate::load::Scenario;
use crate::peers::Peer;
use crate::report::{Cast, Host, PeerReport, Section, Tables, best_of_others};
use crate::stats::Summary;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    host: Host,
    settings: Settings,
    peers: Vec<PeerReport>,
    figures: Vec<Figure>,
}

#[derive(Debug, Serialize)]
struct Settings {
    rounds: u32,
    duration_seconds: f64,
    sessions: u32,
    bulk_streams: u32,
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
    /// Processors busy on average: with the proxy, with making load, with the backend. Where load
    /// or backend come near 1.0, they and not the proxy bound the rate.
    proxy_cores: Option<Summary>,
    load_cores: Summary,
    backend_cores: Summary,
    #[serde(skip)]
    title: String,
}

/// How work is told.
struct Units {
    rate: &'static str,
    /// Work in one unit of rate.
    amount: f64,
    cpu: &'static str,
    /// Processor time units in a second.
    cpu_scale: f64,
}

fn units(scenario: Scenario) -> Units {
    match scenario {
        Scenario::RoundTrips { .. } => {
            Units { rate: "round trips/s", amount: 1.0, cpu: "us/round trip", cpu_scale: 1e6 }
        }
        Scenario::Upload { .. } | Scenario::Download { .. } => {
            Units { rate: "GB/s", amount: 1e9, cpu: "s/GB", cpu_scale: 1.0 }
        }
    }
}

impl Report {
    pub(super) fn new(
        options: &CompareOptions,
        cast: &Cast,
        scenarios: &[Scenario],
        measured: &[(Peer, Scenario, Sample)],
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
            },
            peers: cast.report(),
            figures,
        }
    }
}

/// `None` without samples. Work that was not done makes no figure of processor time either.
fn figure(peer: Peer, scenario: Scenario, samples: &[Sample]) -> Option<Figure> {
    let units = units(scenario);
    let of = |value: &dyn Fn(&Sample) -> Option<f64>| Summary::of(samples.iter().filter_map(value));
    Some(Figure {
        scenario: scenario.name(),
        peer: peer.name(),
        rounds: samples.len(),
        rate: of(&|sample| Some(sample.work / units.amount / sample.seconds))?,
        rate_unit: units.rate,
        rate_by_best: None,
        cpu: of(&|sample| {
            let worked = sample.work > 0.0;
            worked.then_some(sample.proxy? * units.cpu_scale / (sample.work / units.amount))
        }),
        cpu_unit: units.cpu,
        cpu_by_best: None,
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
        let mut sections: Vec<Section> = Vec::new();
        for figure in &self.figures {
            if sections.last().is_none_or(|last| last.title != figure.title) {
                sections.push(Section {
                    title: figure.title.clone(),
                    columns: vec![
                        "peer".to_owned(),
                        figure.rate_unit.to_owned(),
                        "min .. max".to_owned(),
                        "x best".to_owned(),
                        format!("CPU {}", figure.cpu_unit),
                        "min .. max".to_owned(),
                        "x best".to_owned(),
                        "cores: proxy".to_owned(),
                        "load".to_owned(),
                        "backend".to_owned(),
                    ],
                    rows: Vec::new(),
                });
            }
            if let Some(section) = sections.last_mut() {
                section.rows.push(figure.cells());
            }
        }
        sections
    }
}

impl Figure {
    fn cells(&self) -> Vec<String> {
        // Round trips come in ten thousands, gigabytes in single ones.
        let digits = if self.rate.median >= 100.0 { 0 } else { 2 };
        let number = |value: f64| format!("{value:.digits$}");
        let small = |value: f64| format!("{value:.2}");
        let fine = |value: f64| format!("{value:.3}");
        let or_none = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        vec![
            self.peer.to_owned(),
            number(self.rate.median),
            format!("{} .. {}", number(self.rate.min), number(self.rate.max)),
            or_none(self.rate_by_best.map(small)),
            or_none(self.cpu.map(|cpu| fine(cpu.median))),
            or_none(self.cpu.map(|cpu| format!("{} .. {}", fine(cpu.min), fine(cpu.max)))),
            or_none(self.cpu_by_best.map(small)),
            or_none(self.proxy_cores.map(|cores| small(cores.median))),
            small(self.load_cores.median),
            small(self.backend_cores.median),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPLOAD: Scenario = Scenario::Upload { streams: 4 };

    fn sample(gigabytes: f64, proxy: Option<f64>) -> Sample {
        Sample { seconds: 2.0, work: gigabytes * 1e9, proxy, load: 1.0, backend: 0.5 }
    }

    #[test]
    fn rates_and_processor_time_are_per_second_and_per_unit_of_work() {
        let bulk = figure(Peer::Nginx, UPLOAD, &[sample(4.0, Some(1.0))]).unwrap();
        assert_eq!((bulk.rate.median, bulk.cpu.unwrap().median), (2.0, 0.25));
        assert_eq!((bulk.load_cores.median, bulk.backend_cores.median), (0.5, 0.25));
        let trips = Sample { work: 1000.0, ..sample(0.0, Some(0.01)) };
        let trips = figure(Peer::Nginx, Scenario::RoundTrips { sessions: 1 }, &[trips]).unwrap();
        assert_eq!((trips.rate.median, trips.cpu.unwrap().median), (500.0, 10.0));
    }

    #[test]
    fn ratios_are_to_the_best_other_proxy() {
        let figures = [
            (Peer::Nearpoint, sample(4.0, Some(1.0))),
            (Peer::Haproxy, sample(2.0, Some(1.0))),
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
