//! Scenario by scenario, who did best at what.

use super::{NEARPOINT, Report, Run, ScenarioReport};
use crate::failover::outcome::{BackToNormal, Outcome};
use crate::failover::phase::Phase;
use crate::report::{Section, table};
use comfy_table::{CellAlignment, Table, TableStyle};

/// A figure of which less is better.
#[derive(Clone, Copy, Debug)]
struct Figure {
    name: &'static str,
    cell: fn(&Outcome) -> Cell,
}

/// A figure of one run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cell {
    pub(super) text: String,
    /// For comparison; infinite for what did not happen at all. `None` if there is nothing to compare.
    pub(super) value: Option<f64>,
}

const FIGURES: [Figure; 4] = [
    Figure { name: "failed", cell: failed },
    Figure { name: "p99 during", cell: p99_during },
    Figure { name: "back to normal", cell: back_to_normal },
    Figure { name: "held: longest outage", cell: longest_outage },
];

impl Report {
    /// `best` marks the best figures of a scenario.
    pub(super) fn summary(&self, style: TableStyle, best: fn(&str) -> String) -> Table {
        let names = FIGURES.map(|figure| figure.name);
        let columns = ["scenario", "peer"].into_iter().chain(names).chain(["remark"]);
        let section = Section {
            title: "Summary".to_owned(),
            columns: columns.map(str::to_owned).collect(),
            rows: self.scenarios.iter().flat_map(|scenario| scenario.rows(best)).collect(),
        };
        let mut table = table(section, style);
        // What is not a number.
        for column in [1, 2 + FIGURES.len()] {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Left);
            }
        }
        table
    }
}

impl ScenarioReport {
    fn rows(&self, best: fn(&str) -> String) -> Vec<Vec<String>> {
        let columns = FIGURES.map(|figure| {
            self.runs.iter().map(|run| (figure.cell)(&run.outcome)).collect::<Vec<Cell>>()
        });
        let row = |(number, run): (usize, &Run)| {
            let name = if number == 0 { self.name.clone() } else { String::new() };
            let mut row = vec![name, run.peer.clone()];
            for column in &columns {
                let Cell { text, .. } = &column[number];
                let marked = is_best(&column[number], column).then(|| best(text));
                row.push(marked.unwrap_or_else(|| text.clone()));
            }
            row.push(if run.peer == NEARPOINT { self.remark() } else { String::new() });
            row
        };
        self.runs.iter().enumerate().map(row).collect()
    }

    /// For who waits: a line for each peer with its main figures, and what nearpoint was asked for in vain.
    pub(crate) fn brief(&self) -> Vec<String> {
        let figures = |run: &Run| {
            let [failed, p99, normal, _] = FIGURES
                .map(|figure| format!("{} {}", figure.name, (figure.cell)(&run.outcome).text));
            format!("{:<17}  {failed}, {p99}, {normal}", run.peer)
        };
        let broken = self.outcomes.iter().filter(|verdict| !verdict.holds);
        let broken = broken.map(|verdict| format!("BROKEN: {verdict}"));
        self.runs.iter().map(figures).chain(broken).collect()
    }

    /// Where a peer is better than nearpoint, by what is printed: empty if it is nowhere.
    pub(super) fn remark(&self) -> String {
        let Some(ours) = self.ours() else { return String::new() };
        let better = FIGURES.iter().filter_map(|figure| {
            let cell = (figure.cell)(ours);
            let others = self.runs.iter().filter(|run| run.peer != NEARPOINT);
            let best = others
                .map(|run| (run, (figure.cell)(&run.outcome)))
                .filter(|(_, other)| other.text != cell.text && is_less(other, &cell))
                .min_by(|(_, a), (_, b)| order(a).total_cmp(&order(b)));
            let (run, other) = best?;
            Some(format!("{}, {} {} against {}", run.peer, figure.name, other.text, cell.text))
        });
        let better: Vec<String> = better.collect();
        if better.is_empty() { String::new() } else { format!("better: {}", better.join("; ")) }
    }
}

/// Whether nobody is better, and somebody is worse.
fn is_best(cell: &Cell, column: &[Cell]) -> bool {
    let same = |other: &Cell| other.text == cell.text;
    cell.value.is_some_and(f64::is_finite)
        && !column.iter().any(|other| !same(other) && is_less(other, cell))
        && column.iter().any(|other| !same(other))
}

fn is_less(a: &Cell, b: &Cell) -> bool {
    a.value.zip(b.value).is_some_and(|(a, b)| a < b)
}

fn order(cell: &Cell) -> f64 {
    cell.value.unwrap_or(f64::INFINITY)
}

pub(super) fn failed(outcome: &Outcome) -> Cell {
    let failed = outcome.failed();
    Cell { text: failed.to_string(), value: Some(failed as f64) }
}

pub(super) fn p99_during(outcome: &Outcome) -> Cell {
    let during = &outcome.new[Phase::Fault];
    match during.p99 {
        Some(time) => Cell { text: time.to_string(), value: Some(time.seconds()) },
        None if during.tried == during.caught => Cell { text: "-".to_owned(), value: None },
        None => Cell { text: "failed".to_owned(), value: Some(f64::INFINITY) },
    }
}

pub(super) fn back_to_normal(outcome: &Outcome) -> Cell {
    let (text, value) = match outcome.back_to_normal {
        BackToNormal::Undisturbed => ("undisturbed".to_owned(), 0.0),
        BackToNormal::After(time) => (time.to_string(), time.seconds()),
        BackToNormal::NotWithinTheFault => ("not within the fault".to_owned(), f64::INFINITY),
    };
    Cell { text, value: Some(value) }
}

pub(super) fn longest_outage(outcome: &Outcome) -> Cell {
    let held = &outcome.held;
    if held.sessions == 0 {
        return Cell { text: "-".to_owned(), value: None };
    }
    if held.never_back > 0 {
        let text = format!("{} never back", held.never_back);
        return Cell { text, value: Some(f64::INFINITY) };
    }
    match held.longest_outage {
        Some(time) => Cell { text: time.to_string(), value: Some(time.seconds()) },
        None => Cell { text: "none".to_owned(), value: Some(0.0) },
    }
}
