//! What `compare` found, for machines and for people.

use super::case::{Bar, Case};
use super::figures::{Figures, Row, Value};
use super::metric::{Aspect, Detail, Metric};
use super::page::{Chapter, Head, Page, Picture};
use super::plot;
use crate::load::Unit;
use crate::peers::Peer;
use crate::picture::PlotError;
use crate::report::Section;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Serialize)]
pub(super) struct Report<'a> {
    #[serde(flatten)]
    head: &'a Head,
    cases: Vec<CaseReport<'a>>,
    figures: Vec<FigureReport<'a>>,
}

/// What a case is, and how nearpoint does in its headline.
#[derive(Serialize)]
struct CaseReport<'a> {
    name: &'a str,
    title: String,
    group: &'static str,
    /// The key of the figure that it is there for.
    headline: &'static str,
    nearpoint: Option<Value>,
    best_other: Option<&'static str>,
    best_other_median: Option<f64>,
    /// nearpoint's median by that of the other build; absent without `--baseline`.
    by_baseline: Option<f64>,
    /// What nearpoint is to reach at most, by the best other proxy or in the unit of the headline.
    ratio_bar: Option<f64>,
    ratio_aim: Option<f64>,
    value_bar: Option<f64>,
    /// Absent without a bar, or a figure.
    bar_met: Option<bool>,
}

#[derive(Serialize)]
struct FigureReport<'a> {
    case: &'a str,
    peer: &'static str,
    rounds: usize,
    figures: BTreeMap<&'static str, Value>,
}

impl<'a> Report<'a> {
    pub(super) fn new(head: &'a Head, cases: &'a [Case], figures: &Figures) -> Report<'a> {
        let of_case = |(number, case): (usize, &'a Case)| CaseReport::new(number, case, figures);
        let of_row = |row: &Row| {
            let unit = cases[row.case].plan.workload.unit();
            FigureReport {
                case: &cases[row.case].name,
                peer: row.peer.name(),
                rounds: row.rounds,
                figures: row.values.iter().map(|(it, value)| (it.key(unit), *value)).collect(),
            }
        };
        Report {
            head,
            cases: cases.iter().enumerate().map(of_case).collect(),
            figures: figures.rows().iter().map(of_row).collect(),
        }
    }
}

impl<'a> CaseReport<'a> {
    fn new(number: usize, case: &'a Case, figures: &Figures) -> CaseReport<'a> {
        let ours = figures.value(number, Peer::Nearpoint, case.headline);
        let best = figures.best(number, case.headline);
        let (ratio_bar, ratio_aim, value_bar) = match case.bar {
            Some(Bar::Ratio { most, aim }) => (Some(most), aim, None),
            Some(Bar::Value { most }) => (None, None, Some(most)),
            None => (None, None, None),
        };
        CaseReport {
            name: &case.name,
            title: case.title(),
            group: case.group.name(),
            headline: case.headline.key(case.plan.workload.unit()),
            nearpoint: ours,
            best_other: best.map(|(peer, _)| peer.name()),
            best_other_median: best.map(|(_, median)| median),
            by_baseline: figures.by_baseline(number, case.headline),
            ratio_bar,
            ratio_aim,
            value_bar,
            bar_met: case.bar.zip(ours).and_then(|(bar, ours)| is_met(bar, ours)),
        }
    }
}

/// `None` where there is nobody to compare with.
fn is_met(bar: Bar, ours: Value) -> Option<bool> {
    match bar {
        Bar::Ratio { most, .. } => ours.by_best.map(|ratio| ratio <= most),
        Bar::Value { most } => Some(ours.over_rounds.median <= most),
    }
}

const HOW_TO_READ: &str = "\
Medians of the rounds, and in parentheses the lowest and the highest. **x best** is the ratio to the best \
*other* proxy. CPU is that of the proxy process, user and system. What the figures mean and what they do \
not is said in the README of loadtest.";

pub(super) fn page(head: &Head, cases: &[Case], figures: &Figures) -> Result<Page, PlotError> {
    let words = vec![HOW_TO_READ.to_owned()];
    let ratios = plot::ratios(cases, figures)?.map(|svg| Picture { name: "ratios", svg });
    let summary = summary(cases, figures);
    let mut chapters =
        vec![Chapter { title: "Summary".into(), words, picture: ratios, tables: vec![summary] }];
    if let Some(svg) = plot::latencies(cases, figures)? {
        let picture = Some(Picture { name: "latencies", svg });
        chapters.push(Chapter { title: "Latencies".into(), picture, ..Chapter::default() });
    }
    for (number, case) in cases.iter().enumerate() {
        let mut tables = tables(case, &figures.in_case(number).collect::<Vec<_>>());
        let without = head.without_figure(&case.name);
        if !without.is_empty() {
            tables.push(Section {
                title: String::new(),
                columns: ["without a figure", "why"].map(str::to_owned).into(),
                rows: without.into_iter().map(|(peer, why)| vec![peer.to_owned(), why]).collect(),
            });
        }
        let title = format!("{}: {}", case.name, case.title());
        chapters.push(Chapter { title, tables, ..Chapter::default() });
    }
    Ok(Page { title: "What forwarding costs: nearpoint beside its peers", chapters })
}

/// The headline of each case.
fn summary(cases: &[Case], figures: &Figures) -> Section {
    let has_baseline = figures.rows().iter().any(|row| row.peer == Peer::NearpointBaseline);
    let row = |(number, case): (usize, &Case)| {
        let (metric, unit) = (case.headline, case.plan.workload.unit());
        let ours = figures.value(number, Peer::Nearpoint, metric);
        let best = figures.best(number, metric);
        let bar = match case.bar {
            Some(Bar::Value { most }) => metric.phrase(unit, most),
            Some(bar @ Bar::Ratio { .. }) => bar.to_string(),
            None => "-".to_owned(),
        };
        let by_baseline = figures.by_baseline(number, metric);
        let mut cells = vec![
            case.name.clone(),
            format!("{} {}", metric.name(), metric.unit(unit)),
            ours.map_or("-".to_owned(), |ours| with_spread(metric, unit, ours)),
            best.map_or("-".to_owned(), |(peer, median)| {
                format!("{} {}", metric.text(unit, median), peer.name())
            }),
            ratio(ours.and_then(|ours| ours.by_best)),
            bar,
            verdict(case.bar, ours).to_owned(),
        ];
        if has_baseline {
            cells.push(ratio(by_baseline));
        }
        cells
    };
    let columns =
        ["case", "figure", "nearpoint", "best other proxy", "x best", "bar, at most", "bar is"];
    let columns = columns.into_iter().chain(has_baseline.then_some("x baseline"));
    Section {
        title: String::new(),
        columns: columns.map(str::to_owned).collect(),
        rows: cases.iter().enumerate().map(row).collect(),
    }
}

fn verdict(bar: Option<Bar>, ours: Option<Value>) -> &'static str {
    let Some(bar) = bar else { return "-" };
    match ours.and_then(|ours| Some((is_met(bar, ours)?, ours.by_best))) {
        None => "not measured",
        Some((false, _)) => "MISSED",
        Some((true, by_best)) => match bar {
            Bar::Ratio { aim: Some(aim), .. } if by_best.is_some_and(|it| it <= aim) => {
                "met, and the aim"
            }
            Bar::Ratio { .. } | Bar::Value { .. } => "met",
        },
    }
}

/// A table for each aspect that was measured.
fn tables(case: &Case, rows: &[&Row]) -> Vec<Section> {
    let unit = case.plan.workload.unit();
    let metrics: BTreeSet<Metric> =
        rows.iter().flat_map(|row| row.values.keys().copied()).collect();
    let table = |aspect: Aspect| {
        let metrics: Vec<Metric> =
            metrics.iter().copied().filter(|metric| metric.aspect() == aspect).collect();
        let columns = metrics.iter().flat_map(|metric| match metric.detail() {
            Detail::Compared => vec![metric.heading(unit), "x best".to_owned()],
            Detail::Spread | Detail::Median => vec![metric.heading(unit)],
        });
        let row = |row: &&Row| {
            let cells = metrics.iter().flat_map(|metric| cells(*metric, unit, row));
            std::iter::once(row.peer.name().to_owned()).chain(cells).collect()
        };
        (!metrics.is_empty()).then(|| Section {
            title: String::new(),
            columns: std::iter::once("peer".to_owned()).chain(columns).collect(),
            rows: rows.iter().map(row).collect(),
        })
    };
    Aspect::ALL.into_iter().filter_map(table).collect()
}

fn cells(metric: Metric, unit: Unit, row: &Row) -> Vec<String> {
    let value = row.values.get(&metric).copied();
    let text = |told: &dyn Fn(Value) -> String| value.map_or("-".to_owned(), told);
    match metric.detail() {
        Detail::Compared => vec![
            text(&|value| with_spread(metric, unit, value)),
            ratio(value.and_then(|value| value.by_best)),
        ],
        Detail::Spread => vec![text(&|value| with_spread(metric, unit, value))],
        Detail::Median => vec![text(&|value| metric.text(unit, value.over_rounds.median))],
    }
}

/// As `8.96 (7.97 .. 9.25)`.
pub(super) fn with_spread(metric: Metric, unit: Unit, value: Value) -> String {
    let text = |value: f64| metric.text(unit, value);
    let over_rounds = value.over_rounds;
    let [median, min, max] = [over_rounds.median, over_rounds.min, over_rounds.max].map(text);
    format!("{median} ({min} .. {max})")
}

fn ratio(by_best: Option<f64>) -> String {
    by_best.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"))
}

#[cfg(test)]
mod tests {
    use super::super::{figures, page as head};
    use super::*;

    const ROUNDS: [(Peer, f64, f64); 4] = [
        (Peer::Nearpoint, 9.0, 100.0),
        (Peer::Nearpoint, 7.0, 300.0),
        (Peer::Nginx, 10.0, 400.0),
        (Peer::Direct, 1.0, 50.0),
    ];

    fn with_bar(bar: Bar) -> (Vec<Case>, Figures) {
        let (mut cases, figures) = figures::example(&ROUNDS);
        cases[0].bar = Some(bar);
        (cases, figures)
    }

    #[test]
    fn summary_tells_the_best_other_proxy_and_whether_the_bar_is_met() {
        for (bar, text, verdict) in [
            (Bar::Ratio { most: 1.0, aim: Some(0.75) }, "1 x best (aim 0.75)", "met"),
            (Bar::Ratio { most: 1.0, aim: Some(0.8) }, "1 x best (aim 0.8)", "met, and the aim"),
            (Bar::Ratio { most: 0.6, aim: None }, "0.6 x best", "MISSED"),
            (Bar::Value { most: 8.0 }, "8.00 us/round trip", "met"),
            (Bar::Value { most: 7.0 }, "7.00 us/round trip", "MISSED"),
        ] {
            let (cases, figures) = with_bar(bar);
            let row = summary(&cases, &figures).rows.remove(0);
            assert_eq!(
                row,
                [
                    "rt-64b-100",
                    "CPU us/round trip",
                    "8.00 (7.00 .. 9.00)",
                    "10.00 nginx",
                    "0.80",
                    text,
                    verdict
                ]
            );
        }
    }

    #[test]
    fn another_build_is_compared_in_a_column_of_its_own() {
        let rounds = [(Peer::Nearpoint, 8.0, 1.0), (Peer::NearpointBaseline, 10.0, 1.0)];
        let (cases, figures) = figures::example(&rounds);
        let summary = summary(&cases, &figures);
        let last = (summary.columns.last(), summary.rows[0].last());
        assert_eq!(last, (Some(&"x baseline".to_owned()), Some(&"0.80".to_owned())));
    }

    #[test]
    fn a_case_has_a_table_of_work_and_one_of_latencies() {
        let (cases, figures) = figures::example(&ROUNDS);
        let rows: Vec<&Row> = figures.in_case(0).collect();
        let tables = tables(&cases[0], &rows);
        assert_eq!(tables.len(), 2);
        assert_eq!(
            tables[0].columns,
            ["peer", "round trips/s", "x best", "CPU us/round trip", "x best"]
        );
        assert_eq!(
            tables[0].rows[1],
            ["nginx", "100000 (100000 .. 100000)", "1.00", "10.00 (10.00 .. 10.00)", "1.00"]
        );
        assert_eq!(tables[1].columns, ["peer", "p99 us"]);
        assert_eq!(tables[1].rows[0], ["nearpoint", "200 (100 .. 300)"]);
    }

    #[test]
    fn page_has_a_chapter_for_each_case_and_says_who_has_no_figure() {
        let (cases, figures) = with_bar(Bar::BULK);
        let page = page(&head::example(), &cases, &figures).unwrap();
        let titles: Vec<&str> = page.chapters.iter().map(|it| it.title.as_str()).collect();
        let case = "rt-64b-100: 64 B round trips over 100 sessions";
        assert_eq!(titles, ["Summary", "Latencies", case]);
        let last = page.chapters[2].tables.last().unwrap();
        assert_eq!(last.rows[1], ["envoy", "NOT MEASURED: it ended"]);
    }

    #[test]
    fn json_names_figures_with_their_units() {
        let (cases, figures) = with_bar(Bar::BULK);
        let head = head::example();
        let json = serde_json::to_value(Report::new(&head, &cases, &figures)).unwrap();
        let case = &json["cases"][0];
        assert_eq!((&case["bar_met"], &case["ratio_bar"]), (&false.into(), &0.6.into()));
        assert_eq!(case["best_other"], "nginx");
        assert_eq!(case["headline"], "cpu_us_per_round_trip");
        let ours = &json["figures"][0];
        assert_eq!((&ours["peer"], &ours["rounds"]), (&"nearpoint".into(), &2.into()));
        let cpu = &ours["figures"]["cpu_us_per_round_trip"];
        assert_eq!((&cpu["median"], &cpu["by_best"]), (&8.0.into(), &0.8.into()));
        assert_eq!((&json["partial"], &json["rounds"]), (&true.into(), &3.into()));
    }
}
