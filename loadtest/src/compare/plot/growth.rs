//! What an operation costs while something becomes more, a panel for each series.

use super::{Scale, WIDTH, color, legend, line, mark, round_ticks, title, whisker};
use crate::compare::growth::{Curve, Series};
use crate::peers::Peer;
use crate::picture::{Area, FAINT, INK, PlotError, svg, text, told};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

const HEADER: i32 = 72;
const PANEL: i32 = 330;
/// Of the axes, within a panel.
const LEFT: i32 = 62;
const RIGHT: i32 = 24;
const TOP: i32 = 36;
const BOTTOM: i32 = 52;

pub(crate) fn growth(series: &[Series]) -> Result<String, PlotError> {
    let mut peers: Vec<Peer> = Vec::new();
    for curve in series.iter().flat_map(|series| &series.curves) {
        if !peers.contains(&curve.peer) {
            peers.push(curve.peer);
        }
    }
    svg((WIDTH, (HEADER + PANEL) as u32), |area| {
        title(area, "Cost while something becomes more: flat is good", 20)?;
        legend(area, &peers, (20, 52))?;
        let width = WIDTH as i32 / series.len().max(1) as i32;
        for (place, series) in (0..).zip(series) {
            panel(area, (place * width, (place + 1) * width), series)?;
        }
        Ok(())
    })
}

fn panel(area: &Area, (from, to): (i32, i32), series: &Series) -> Result<(), PlotError> {
    let (left, right) = (from + LEFT, to - RIGHT);
    let (top, bottom) = (HEADER + TOP, HEADER + PANEL - BOTTOM);
    let points = || series.curves.iter().flat_map(|curve| &curve.points);
    let highest = points().map(|point| point.cost.max).fold(0.0, f64::max);
    let ticks = round_ticks(highest);
    let most = ticks.last().copied().unwrap_or(1.0);
    let costs = Scale { values: (0.0, most), pixels: (bottom, top), is_log: false };
    let ticks: Vec<(f64, String)> = ticks.into_iter().map(|it| (it, it.to_string())).collect();
    costs.grid(area, (left, right), &ticks)?;
    let heading = text(14, INK, HPos::Left, VPos::Center);
    area.draw_text(&series.title, &heading, (left, HEADER + 16)).map_err(told)?;

    let label = text(12, FAINT, HPos::Center, VPos::Top);
    let mut numbers: Vec<u32> = points().map(|point| point.at).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let ends = numbers.first().zip(numbers.last());
    let ends = ends.map_or((1.0, 10.0), |(first, last)| (f64::from(*first), f64::from(*last)));
    let across = Scale { values: ends, pixels: (left + 24, right - 24), is_log: true };
    for number in numbers {
        let x = across.at(f64::from(number));
        area.draw_text(&number.to_string(), &label, (x, bottom + 6)).map_err(told)?;
    }
    let middle = (left + right) / 2;
    area.draw_text(series.axis, &label, (middle, bottom + 26)).map_err(told)?;
    // nearpoint, which is the first, is drawn last: nobody hides it.
    for Curve { peer, points, .. } in series.curves.iter().rev() {
        let color = color(*peer);
        let mut places = Vec::new();
        for point in points {
            let x = across.at(f64::from(point.at));
            let ends = (costs.at(point.cost.min), costs.at(point.cost.max));
            whisker(area, x, ends, color)?;
            places.push((x, costs.at(point.cost.median)));
        }
        line(area, &places, color.stroke_width(2))?;
        for place in places {
            mark(area, *peer, place)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::growth::example;
    use roxmltree::Document;

    #[test]
    fn a_series_is_a_panel_with_its_numbers_and_peers() {
        let curve = example(&[(10, [7.0, 8.0, 9.0]), (5000, [9.0, 9.5, 11.0])]);
        let mut series = Series::empty("64 B round trips", "sessions");
        series.curves.push(curve);
        let svg = growth(&[series]).unwrap();
        let svg = Document::parse(&svg).unwrap();
        let texts: Vec<_> = svg.descendants().filter_map(|node| node.text()).collect();
        for text in ["64 B round trips", "sessions", "nearpoint", "10", "5000", "15"] {
            assert!(texts.iter().any(|it| it.trim() == text), "{text} is not in {texts:?}");
        }
    }
}
