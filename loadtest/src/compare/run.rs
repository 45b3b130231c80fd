//! Rounds: every case through every peer, one after the other.
//!
//! Within a round each case runs through one peer after the other, so that whatever the machine does
//! meanwhile (another job, its clock, its temperature) meets all of them. Each round begins with another one:
//! who comes first finds the machine as the case before has left it.

use super::RunOptions;
use super::case::Case;
use super::measure::{Sample, expected, measure};
use super::metric::{Detail, Metric};
use super::progress::Progress;
use crate::peers::{Installed, Peer};
use crate::report::{Cast, with_sources};
use serde::Serialize;

/// What was asked for, and what has come of it so far.
pub(crate) struct Run<'a> {
    pub(crate) options: &'a RunOptions,
    pub(crate) cast: Cast,
    pub(crate) cases: Vec<Case>,
    pub(crate) measured: Vec<Measured>,
    pub(crate) failed: Vec<Failed>,
    /// It was ended early.
    pub(crate) is_partial: bool,
}

/// One measurement.
#[derive(Debug)]
pub(crate) struct Measured {
    /// Place in the list of cases.
    pub(crate) case: usize,
    pub(crate) peer: Peer,
    pub(crate) sample: Sample,
}

/// A peer that could not be measured in a case; from then on it is left out there.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Failed {
    pub(crate) case: String,
    pub(crate) peer: &'static str,
    pub(crate) why: String,
}

impl<'a> Run<'a> {
    /// Looks for the peers, and measures nothing yet.
    pub(crate) async fn new(options: &'a RunOptions, cases: Vec<Case>) -> Run<'a> {
        let cast = Cast::find(&options.peers).await;
        let (measured, failed) = (Vec::new(), Vec::new());
        Run { options, cast, cases, measured, failed, is_partial: false }
    }

    /// Runs to the end, or until `interrupted`.
    pub(crate) async fn measure(&mut self, interrupted: impl Future<Output = ()>) {
        self.is_partial = tokio::select! {
            // Who is dropped in the middle of a measurement kills its children.
            () = self.rounds() => false,
            () = interrupted => true,
        };
    }

    /// Whether every peer was measured in every case that it can do.
    pub(crate) fn is_complete(&self) -> bool {
        self.cast.complete() && self.failed.is_empty() && !self.is_partial
    }

    async fn rounds(&mut self) {
        let Run { options, cast, cases, measured, failed, .. } = self;
        let peers = cast.present();
        let peers: Vec<Installed> =
            peers.into_iter().map(|peer| peer.run_by(options.user())).collect();
        let mut pairs: Vec<(usize, &Installed)> = Vec::new();
        for (case, Case { duty, .. }) in cases.iter().enumerate() {
            let able = peers.iter().filter(|peer| peer.peer.inability(*duty).is_none());
            pairs.extend(able.map(|peer| (case, peer)));
        }
        let rounds = options.rounds.get() as usize;
        let mut progress = Progress::new(rounds * pairs.len(), expected(options.duration));
        for round in 1..=rounds {
            let mut able = Vec::with_capacity(pairs.len());
            for (number, installed) in pairs {
                let (case, peer) = (&cases[number], installed.peer);
                progress.begin(&case.name, peer.name());
                match measure(installed, case, options.duration).await {
                    Ok(sample) => {
                        progress.end(&brief(case, &sample));
                        measured.push(Measured { case: number, peer, sample });
                        able.push((number, installed));
                    }
                    Err(error) => {
                        let why = with_sources(&error);
                        progress.end(&format!("NOT MEASURED: {why}"));
                        progress.skip(rounds - round);
                        failed.push(Failed { case: case.name.clone(), peer: peer.name(), why });
                    }
                }
            }
            pairs = able;
            take_turns(&mut pairs);
        }
    }
}

/// In every case the next one begins.
fn take_turns<T>(pairs: &mut [(usize, T)]) {
    pairs
        .chunk_by_mut(|(case, _), (other, _)| case == other)
        .for_each(|peers| peers.rotate_left(1));
}

/// The main figures on a line.
fn brief(case: &Case, sample: &Sample) -> String {
    let unit = case.plan.workload.unit();
    let is_main = |metric: Metric| {
        metric.detail() == Detail::Compared || matches!(metric, Metric::P50 | Metric::P99)
    };
    let main = sample.iter().filter(|(metric, _)| is_main(**metric));
    let phrase = |(metric, value): (&Metric, &f64)| {
        let phrase = metric.phrase(unit, *value);
        let is_rate = *metric == Metric::Rate;
        if is_rate { phrase } else { format!("{} {phrase}", metric.name()) }
    };
    main.map(phrase).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_take_turns_within_each_case() {
        let mut pairs = vec![(0, 'a'), (0, 'b'), (0, 'c'), (1, 'a'), (1, 'c')];
        take_turns(&mut pairs);
        assert_eq!(pairs, [(0, 'b'), (0, 'c'), (0, 'a'), (1, 'c'), (1, 'a')]);
    }

    #[test]
    fn a_result_is_a_line_of_its_main_figures() {
        let case = Case::round_trips(100);
        let sample = Sample::from([
            (Metric::Rate, 110_125.0),
            (Metric::Cpu, 8.957),
            (Metric::CpuUser, 1.0),
            (Metric::P50, 840.0),
            (Metric::P90, 850.0),
            (Metric::P99, 1_900.0),
        ]);
        let expected = "110125 round trips/s, CPU 8.96 us/round trip, p50 840 us, p99 1900 us";
        assert_eq!(brief(&case, &sample), expected);
    }
}
