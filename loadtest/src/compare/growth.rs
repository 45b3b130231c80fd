//! `loadtest growth`: what an operation costs while sessions, or DCs, become more.

use super::case::Case;
use super::figures::{Figures, Value};
use super::metric::Metric;
use super::page::{Chapter, Head, Page, Picture};
use super::report::with_spread;
use super::run::Run;
use super::{CompareError, GrowthOptions, plot};
use crate::circumstances::Circumstances;
use crate::load::Unit;
use crate::peers::Peer;
use crate::report::Section;
use crate::stats::Summary;
use serde::Serialize;
use std::fmt;

const SESSIONS: [u32; 4] = [10, 100, 1000, 5000];
const DCS: [u32; 3] = [3, 30, 300];

/// Costs while something becomes more.
#[derive(Debug, Serialize)]
pub(crate) struct Series {
    pub(crate) title: String,
    /// What becomes more.
    pub(crate) axis: &'static str,
    /// The key of the figure.
    figure: &'static str,
    #[serde(skip)]
    unit: Unit,
    pub(crate) curves: Vec<Curve>,
}

/// Those of one peer.
#[derive(Debug, Serialize)]
pub(crate) struct Curve {
    #[serde(serialize_with = "by_name")]
    pub(crate) peer: Peer,
    pub(crate) points: Vec<Point>,
    /// Absent with fewer than two points.
    verdict: Option<Verdict>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Point {
    pub(crate) at: u32,
    pub(crate) cost: Summary,
}

/// How the cost at the largest number is to the cheapest one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// Within the spread, or it is the cheapest itself.
    Flat,
    /// By this ratio of medians, from the cheapest on.
    Grows { since: u32, ratio: f64 },
}

impl Verdict {
    fn of(points: &[Point]) -> Option<Verdict> {
        let (last, before) = points.split_last()?;
        let by_median = |a: &&Point, b: &&Point| a.cost.median.total_cmp(&b.cost.median);
        let cheapest = before.iter().min_by(by_median)?;
        if last.cost.min <= cheapest.cost.max {
            return Some(Verdict::Flat);
        }
        let ratio = last.cost.median / cheapest.cost.median;
        Some(Verdict::Grows { since: cheapest.at, ratio })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Flat => f.write_str("flat within the spread"),
            Verdict::Grows { since, ratio } => {
                write!(f, "grows by {:.0}% from {since} on", (ratio - 1.0) * 100.0)
            }
        }
    }
}

#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    head: &'a Head,
    series: &'a [Series],
}

/// Whether every peer was measured.
pub(crate) async fn run(
    options: &GrowthOptions,
    interrupted: impl Future<Output = ()>,
) -> Result<bool, CompareError> {
    let sized = |case: Case| options.run.sized(case);
    let round_trips = SESSIONS.map(|count| sized(Case::round_trips(count)));
    let connects = DCS.map(|count| sized(Case::connects(count)));
    let cases = [&round_trips[..], &connects[..]].concat();
    let mut circumstances = Circumstances::begin();
    let mut run = Run::new(&options.run, cases).await;
    run.measure(interrupted).await;
    circumstances.end();

    let figures = Figures::of(&run);
    let series = [
        Series::new("64 B round trips", "sessions", &run, &figures, (0, &SESSIONS)),
        Series::new("connect, 64 B echo, close", "DCs", &run, &figures, (SESSIONS.len(), &DCS)),
    ];
    let head = Head::new(&run, circumstances);
    let svg = plot::growth(&series).map_err(CompareError::Plot)?;
    let mut chapters = vec![Chapter {
        title: "What an operation costs while something becomes more".into(),
        words: vec![HOW_TO_READ.into()],
        picture: Some(Picture { name: "growth", svg }),
        tables: Vec::new(),
    }];
    chapters.extend(series.iter().map(Series::chapter));
    let page = Page { title: "Growth: nearpoint beside its peers", chapters };
    let output = &options.run.peers.output;
    page.emit(&head, &Report { head: &head, series: &series }, output)
        .map_err(CompareError::Report)?;
    Ok(run.is_complete())
}

const HOW_TO_READ: &str = "\
CPU of the proxy process, user and system, for an operation. *Flat* means that the cost at the largest \
number is within the spread of the cheapest one; a growth is that of the medians from the cheapest on. Few \
sessions cost more for each round trip, since fewer are served at once.";

impl Series {
    /// Of so many cases from `first` on, one for each number.
    fn new(
        what: &str,
        axis: &'static str,
        run: &Run,
        figures: &Figures,
        (first, numbers): (usize, &[u32]),
    ) -> Series {
        let case = &run.cases[first];
        let (metric, unit) = (case.headline, case.plan.workload.unit());
        let curve = |peer: Peer| {
            let points: Vec<Point> = (first..)
                .zip(numbers)
                .filter_map(|(case, &at)| {
                    let cost = figures.value(case, peer, metric)?.over_rounds;
                    Some(Point { at, cost })
                })
                .collect();
            let verdict = Verdict::of(&points);
            (!points.is_empty()).then_some(Curve { peer, points, verdict })
        };
        Series {
            title: format!("{what}, {} {}", metric.name(), metric.unit(unit)),
            axis,
            figure: metric.key(unit),
            unit,
            curves: run.cast.peers().filter_map(curve).collect(),
        }
    }

    fn chapter(&self) -> Chapter {
        let mut numbers: Vec<u32> =
            self.curves.iter().flat_map(|curve| curve.points.iter().map(|it| it.at)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let row = |curve: &Curve| {
            let cell = |number: &u32| {
                let point = curve.points.iter().find(|point| point.at == *number);
                point.map_or("-".to_owned(), |point| self.text(point.cost))
            };
            let verdict = curve.verdict.map_or("-".to_owned(), |it| it.to_string());
            std::iter::once(curve.peer.name().to_owned())
                .chain(numbers.iter().map(cell))
                .chain([verdict])
                .collect()
        };
        let heading = |number: &u32| format!("{number} {}", self.axis);
        let section = Section {
            title: String::new(),
            columns: std::iter::once("peer".to_owned())
                .chain(numbers.iter().map(heading))
                .chain(["verdict".to_owned()])
                .collect(),
            rows: self.curves.iter().map(row).collect(),
        };
        Chapter { title: self.title.clone(), tables: vec![section], ..Chapter::default() }
    }

    fn text(&self, cost: Summary) -> String {
        with_spread(Metric::Cpu, self.unit, Value { over_rounds: cost, by_best: None })
    }
}

fn by_name<S: serde::Serializer>(peer: &Peer, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(peer.name())
}

#[cfg(test)]
impl Series {
    pub(super) fn empty(title: &str, axis: &'static str) -> Series {
        let (figure, unit) = ("cpu_us_per_round_trip", Unit::RoundTrip);
        Series { title: title.to_owned(), axis, figure, unit, curves: Vec::new() }
    }
}

/// For tests: what nearpoint has cost, lowest, median and highest.
#[cfg(test)]
pub(super) fn example(points: &[(u32, [f64; 3])]) -> Curve {
    let point = |&(at, [min, median, max]): &(u32, [f64; 3])| {
        let cost = Summary { median, min, max };
        Point { at, cost }
    };
    let points: Vec<Point> = points.iter().map(point).collect();
    let verdict = Verdict::of(&points);
    Curve { peer: Peer::Nearpoint, points, verdict }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_is_what_is_within_the_spread_of_the_cheapest() {
        let verdict = |points: &[(u32, [f64; 3])]| example(points).verdict;
        let cheap = (100, [7.0, 8.0, 9.0]);
        assert_eq!(verdict(&[cheap, (5000, [8.5, 10.0, 11.0])]), Some(Verdict::Flat));
        assert_eq!(verdict(&[cheap, (5000, [1.0, 2.0, 3.0])]), Some(Verdict::Flat));
        let grown = Verdict::Grows { since: 100, ratio: 1.25 };
        assert_eq!(verdict(&[cheap, (5000, [9.5, 10.0, 11.0])]), Some(grown));
        // Few sessions are dear, and hide no growth.
        assert_eq!(
            verdict(&[(10, [11.0, 12.0, 13.0]), cheap, (5000, [9.5, 10.0, 11.0])]),
            Some(grown)
        );
        assert_eq!(verdict(&[cheap]), None);
        assert_eq!(grown.to_string(), "grows by 25% from 100 on");
    }

    #[test]
    fn a_series_is_a_table_with_a_column_for_each_number() {
        let curve = example(&[(10, [7.0, 8.0, 9.0]), (5000, [7.0, 8.0, 9.0])]);
        let mut series = Series::empty("round trips", "sessions");
        series.curves.push(curve);
        let chapter = series.chapter();
        assert_eq!(chapter.tables[0].columns, ["peer", "10 sessions", "5000 sessions", "verdict"]);
        let costs = "8.00 (7.00 .. 9.00)";
        let row = ["nearpoint", costs, costs, "flat within the spread"];
        assert_eq!(chapter.tables[0].rows[0], row);
    }
}
