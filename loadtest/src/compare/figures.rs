//! Samples of all rounds summed up, peer beside peer.

use super::case::Case;
use super::measure::Sample;
use super::metric::{Better, Metric};
use super::run::{Measured, Run};
use crate::peers::Peer;
use crate::stats::Summary;
use serde::Serialize;
use std::collections::BTreeMap;

/// What was found of all cases.
pub(crate) struct Figures(Vec<Row>);

/// One peer in one case.
pub(crate) struct Row {
    /// Place in the list of cases.
    pub(crate) case: usize,
    pub(crate) peer: Peer,
    pub(crate) rounds: usize,
    pub(crate) values: BTreeMap<Metric, Value>,
}

/// One figure over all rounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Value {
    #[serde(flatten)]
    pub(crate) over_rounds: Summary,
    /// Median by that of the best other proxy; absent without one.
    pub(crate) by_best: Option<f64>,
}

impl Figures {
    /// Cases in their order, and in each the peers in theirs.
    pub(crate) fn of(run: &Run) -> Figures {
        let peers: Vec<Peer> = run.cast.peers().collect();
        Figures::new(&run.cases, &peers, &run.measured)
    }

    fn new(cases: &[Case], peers: &[Peer], measured: &[Measured]) -> Figures {
        let mut figures = Figures(Vec::new());
        for case in 0..cases.len() {
            for &peer in peers {
                let samples = measured.iter().filter(|it| (it.case, it.peer) == (case, peer));
                let samples: Vec<&Sample> = samples.map(|it| &it.sample).collect();
                if !samples.is_empty() {
                    let (rounds, values) = (samples.len(), summed_up(&samples));
                    figures.0.push(Row { case, peer, rounds, values });
                }
            }
            figures.take_off_direct(case);
            figures.compare(case);
        }
        figures
    }

    /// What clients and backend are in, too, is told less the median without a proxy. Where that is not
    /// known, nothing is told.
    fn take_off_direct(&mut self, case: usize) {
        let direct = self.get(case, Peer::Direct).map(|row| row.values.clone());
        for row in self.0.iter_mut().filter(|row| row.case == case && row.peer != Peer::Direct) {
            row.values.retain(|metric, value| {
                if !metric.is_beyond_direct() {
                    return true;
                }
                let Some(direct) = direct.as_ref().and_then(|it| it.get(metric)) else {
                    return false;
                };
                let direct = direct.over_rounds.median;
                let Summary { median, min, max } = value.over_rounds;
                value.over_rounds =
                    Summary { median: median - direct, min: min - direct, max: max - direct };
                true
            });
        }
    }

    fn compare(&mut self, case: usize) {
        let metrics: Vec<Metric> =
            self.in_case(case).flat_map(|row| row.values.keys().copied()).collect();
        let best: BTreeMap<Metric, f64> = metrics
            .into_iter()
            .filter_map(|metric| Some((metric, self.best(case, metric)?.1)))
            .collect();
        for row in self.0.iter_mut().filter(|row| row.case == case) {
            for (metric, value) in &mut row.values {
                if metric.is_beyond_direct() && row.peer == Peer::Direct {
                    continue;
                }
                value.by_best = best.get(metric).map(|best| value.over_rounds.median / best);
            }
        }
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.0
    }

    pub(crate) fn in_case(&self, case: usize) -> impl Iterator<Item = &Row> {
        self.0.iter().filter(move |row| row.case == case)
    }

    pub(crate) fn get(&self, case: usize, peer: Peer) -> Option<&Row> {
        self.in_case(case).find(|row| row.peer == peer)
    }

    pub(crate) fn value(&self, case: usize, peer: Peer, metric: Metric) -> Option<Value> {
        self.get(case, peer)?.values.get(&metric).copied()
    }

    /// nearpoint's median by that of the other build, where there is one.
    pub(crate) fn by_baseline(&self, case: usize, metric: Metric) -> Option<f64> {
        let median = |peer| Some(self.value(case, peer, metric)?.over_rounds.median);
        Some(median(Peer::Nearpoint)? / median(Peer::NearpointBaseline)?)
    }

    /// The best of the proxies that are not nearpoint, and its median.
    pub(crate) fn best(&self, case: usize, metric: Metric) -> Option<(Peer, f64)> {
        let better = metric.better()?;
        let others = self.in_case(case).filter(|row| is_other_proxy(row.peer));
        let medians = others
            .filter_map(|row| Some((row.peer, row.values.get(&metric)?.over_rounds.median)))
            .filter(|(_, median)| *median > 0.0);
        medians.reduce(|best, next| {
            let is_better = match better {
                Better::Less => next.1 < best.1,
                Better::More => next.1 > best.1,
            };
            if is_better { next } else { best }
        })
    }
}

fn is_other_proxy(peer: Peer) -> bool {
    match peer {
        Peer::Haproxy | Peer::HaproxySplice | Peer::Nginx | Peer::Envoy => true,
        Peer::Nearpoint | Peer::NearpointBaseline | Peer::Direct => false,
    }
}

/// What was measured in some rounds only, or in none, counts as far as it goes.
fn summed_up(samples: &[&Sample]) -> BTreeMap<Metric, Value> {
    let mut values: BTreeMap<Metric, Vec<f64>> = BTreeMap::new();
    for (metric, value) in samples.iter().copied().flatten() {
        values.entry(*metric).or_default().push(*value);
    }
    let value = |(metric, values)| {
        Some((metric, Value { over_rounds: Summary::of(values)?, by_best: None }))
    };
    values.into_iter().filter_map(value).collect()
}

/// For tests of reports: so much CPU for a round trip of 64 B, and its p99, in each of some rounds.
#[cfg(test)]
pub(super) fn example(rounds: &[(Peer, f64, f64)]) -> (Vec<Case>, Figures) {
    let cases = vec![Case::round_trips(100)];
    let mut peers: Vec<Peer> = rounds.iter().map(|(peer, ..)| *peer).collect();
    peers.dedup();
    let measured = |&(peer, cpu, p99): &(Peer, f64, f64)| {
        let sample = [(Metric::Rate, 1e6 / cpu), (Metric::Cpu, cpu), (Metric::P99, p99)].into();
        Measured { case: 0, peer, sample }
    };
    let measured: Vec<Measured> = rounds.iter().map(measured).collect();
    let figures = Figures::new(&cases, &peers, &measured);
    (cases, figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_medians_with_their_range_and_the_ratio_to_the_best_other_proxy() {
        let (_, figures) = example(&[
            (Peer::Nearpoint, 9.0, 100.0),
            (Peer::Nearpoint, 6.0, 300.0),
            (Peer::Nearpoint, 8.0, 200.0),
            (Peer::NearpointBaseline, 1.0, 1.0),
            (Peer::Nginx, 10.0, 400.0),
            (Peer::Envoy, 16.0, 50.0),
            (Peer::Direct, 1.0, 1.0),
        ]);
        let ours = figures.value(0, Peer::Nearpoint, Metric::Cpu).unwrap();
        assert_eq!(ours.over_rounds, Summary { median: 8.0, min: 6.0, max: 9.0 });
        assert_eq!(ours.by_best, Some(0.8));
        assert_eq!(figures.best(0, Metric::Cpu), Some((Peer::Nginx, 10.0)));
        assert_eq!(figures.best(0, Metric::Rate), Some((Peer::Nginx, 1e5)));
        assert_eq!(figures.best(0, Metric::P99), Some((Peer::Envoy, 50.0)));
        let p99 = figures.value(0, Peer::Nearpoint, Metric::P99).unwrap();
        assert_eq!((p99.over_rounds.median, p99.by_best), (200.0, Some(4.0)));
        assert_eq!(figures.by_baseline(0, Metric::Cpu), Some(8.0));
        assert_eq!(figures.get(0, Peer::Nearpoint).map(|row| row.rounds), Some(3));
        assert!(figures.get(0, Peer::Haproxy).is_none());
    }

    #[test]
    fn without_another_proxy_there_is_no_ratio() {
        let (_, figures) = example(&[(Peer::Nearpoint, 9.0, 1.0), (Peer::Direct, 1.0, 1.0)]);
        assert_eq!(figures.value(0, Peer::Nearpoint, Metric::Cpu).unwrap().by_best, None);
    }

    fn kernel(of: &[(Peer, f64)]) -> Figures {
        let peers: Vec<Peer> = of.iter().map(|(peer, _)| *peer).collect();
        let measured: Vec<Measured> = of
            .iter()
            .map(|&(peer, kib)| {
                let sample = [(Metric::KernelMemory, kib)].into();
                Measured { case: 0, peer, sample }
            })
            .collect();
        Figures::new(&[Case::round_trips(1)], &peers, &measured)
    }

    #[test]
    fn memory_of_the_kernel_is_told_less_that_of_clients_and_backend() {
        let of = [(Peer::Nearpoint, 17.0), (Peer::Nginx, 19.0), (Peer::Direct, 9.0)];
        let figures = kernel(&of);
        let value = |peer| figures.value(0, peer, Metric::KernelMemory);
        let ours = value(Peer::Nearpoint).unwrap();
        assert_eq!((ours.over_rounds.median, ours.by_best), (8.0, Some(0.8)));
        let direct = value(Peer::Direct).unwrap();
        assert_eq!((direct.over_rounds.median, direct.by_best), (9.0, None));
        assert!(kernel(&of[..2]).value(0, Peer::Nearpoint, Metric::KernelMemory).is_none());
    }
}
