//! Percentiles of latencies, peer beside peer, a panel for each case.

use super::{Scale, WIDTH, color, legend, line, mark, title};
use crate::compare::case::Case;
use crate::compare::figures::Figures;
use crate::compare::metric::Metric;
use crate::peers::Peer;
use crate::picture::{Area, FAINT, INK, PlotError, svg, text, told};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

const COLUMNS: usize = 3;
const HEADER: i32 = 72;
const PANEL: (i32, i32) = (WIDTH as i32 / COLUMNS as i32, 230);
/// Of the axes, within a panel.
const LEFT: i32 = 62;
const RIGHT: i32 = 16;
const TOP: i32 = 34;
const BOTTOM: i32 = 34;

/// `None` if no case has latencies.
pub(crate) fn latencies(cases: &[Case], figures: &Figures) -> Result<Option<String>, PlotError> {
    let has_latencies =
        |number: &usize| figures.in_case(*number).any(|row| row.values.contains_key(&Metric::P99));
    let numbers: Vec<usize> = (0..cases.len()).filter(has_latencies).collect();
    if numbers.is_empty() {
        return Ok(None);
    }
    let mut peers: Vec<Peer> = Vec::new();
    for row in numbers.iter().flat_map(|number| figures.in_case(*number)) {
        if !peers.contains(&row.peer) {
            peers.push(row.peer);
        }
    }
    let rows = numbers.len().div_ceil(COLUMNS) as i32;
    let size = (WIDTH, (HEADER + rows * PANEL.1) as u32);
    svg(size, |area| {
        title(area, "Latencies, medians of the rounds: less is better", 20)?;
        legend(area, &peers, (20, 52))?;
        for (place, number) in numbers.iter().enumerate() {
            let (column, row) = ((place % COLUMNS) as i32, (place / COLUMNS) as i32);
            let corner = (column * PANEL.0, HEADER + row * PANEL.1);
            panel(area, corner, &cases[*number].name, &lines(*number, figures))?;
        }
        Ok(())
    })
    .map(Some)
}

struct Line {
    peer: Peer,
    /// By place among the percentiles, in microseconds.
    points: Vec<(usize, f64)>,
}

fn lines(number: usize, figures: &Figures) -> Vec<Line> {
    let rows = figures.in_case(number);
    rows.map(|row| {
        let points = Metric::PERCENTILES.iter().enumerate().filter_map(|(place, (metric, _))| {
            Some((place, row.values.get(metric)?.over_rounds.median))
        });
        Line { peer: row.peer, points: points.collect() }
    })
    .filter(|line| !line.points.is_empty())
    .collect()
}

fn panel(area: &Area, (x, y): (i32, i32), name: &str, lines: &[Line]) -> Result<(), PlotError> {
    let (left, right) = (x + LEFT, x + PANEL.0 - RIGHT);
    let bottom = y + PANEL.1 - BOTTOM;
    let values = lines.iter().flat_map(|line| line.points.iter().map(|(_, value)| *value));
    let (lowest, highest) =
        values.fold((f64::MAX, 1.0_f64), |(low, high), it| (low.min(it), high.max(it)));
    // Whole decades, at least one of them.
    let low = lowest.max(1.0).log10().floor() as i32;
    let high = (highest.log10().ceil() as i32).max(low + 1);
    let decades = (10_f64.powi(low), 10_f64.powi(high));
    let scale = Scale { values: decades, pixels: (bottom, y + TOP), is_log: true };
    let ticks: Vec<(f64, String)> =
        (low..=high).map(|decade| 10_f64.powi(decade)).map(|it| (it, time(it))).collect();
    scale.grid(area, (left, right), &ticks)?;
    let heading = text(14, INK, HPos::Left, VPos::Center);
    area.draw_text(name, &heading, (left, y + 16)).map_err(told)?;
    let label = text(12, FAINT, HPos::Center, VPos::Top);
    let column = |place: usize| left + 20 + (right - left - 40) * place as i32 / 4;
    for (place, (metric, _)) in Metric::PERCENTILES.iter().enumerate() {
        area.draw_text(metric.name(), &label, (column(place), bottom + 6)).map_err(told)?;
    }
    // nearpoint, which is the first, is drawn last: nobody hides it.
    for Line { peer, points } in lines.iter().rev() {
        let places: Vec<(i32, i32)> =
            points.iter().map(|(place, value)| (column(*place), scale.at(*value))).collect();
        line(area, &places, color(*peer).stroke_width(2))?;
        for place in places {
            mark(area, *peer, place)?;
        }
    }
    Ok(())
}

/// A power of ten of microseconds.
fn time(micros: f64) -> String {
    match micros {
        it if it < 1e3 => format!("{it} us"),
        it if it < 1e6 => format!("{} ms", it / 1e3),
        it => format!("{} s", it / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::figures::example;
    use roxmltree::Document;

    #[test]
    fn a_case_with_latencies_is_a_panel_with_all_its_peers() {
        let (cases, figures) =
            example(&[(Peer::Nearpoint, 9.0, 150.0), (Peer::Direct, 1.0, 5_000.0)]);
        let svg = latencies(&cases, &figures).unwrap().unwrap();
        let svg = Document::parse(&svg).unwrap();
        let texts: Vec<_> = svg.descendants().filter_map(|node| node.text()).collect();
        for text in ["rt-64b-100", "nearpoint", "direct", "p99.9", "100 us", "1 ms", "10 ms"] {
            assert!(texts.iter().any(|it| it.trim() == text), "{text} is not in {texts:?}");
        }
    }
}
