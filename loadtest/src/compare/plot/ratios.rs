//! nearpoint by the best other proxy, case by case.

use super::{Scale, WIDTH, line, title};
use crate::compare::case::{Bar, Case};
use crate::compare::figures::Figures;
use crate::peers::Peer;
use crate::picture::{Area, BLUE, FAINT, GRID, INK, PlotError, RED, svg, text, told};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

const HEADER: i32 = 84;
const ROW: i32 = 30;
const FOOTER: i32 = 40;
/// Where bars begin, and where their axis ends; right of it is what they stand for.
const LEFT: i32 = 300;
const RIGHT: i32 = 690;

/// The axis reaches as far as the worst ratio, but no farther than this; the number beside it tells.
const FARTHEST: f64 = 2.0;

struct Ratio {
    name: String,
    figure: String,
    median: f64,
    /// Of the rounds of nearpoint.
    spread: (f64, f64),
    bar: Option<f64>,
    aim: Option<f64>,
    ours: String,
    best: String,
}

/// `None` if there is nobody to compare with.
pub(crate) fn ratios(cases: &[Case], figures: &Figures) -> Result<Option<String>, PlotError> {
    let all = cases.iter().enumerate();
    let ratios: Vec<Ratio> =
        all.filter_map(|(number, case)| ratio(number, case, figures)).collect();
    if ratios.is_empty() {
        return Ok(None);
    }
    let height = HEADER + ROW * ratios.len() as i32 + FOOTER;
    svg((WIDTH, height as u32), |area| draw(area, &ratios)).map(Some)
}

fn ratio(number: usize, case: &Case, figures: &Figures) -> Option<Ratio> {
    let (metric, unit) = (case.headline, case.plan.workload.unit());
    let ours = figures.value(number, Peer::Nearpoint, metric)?;
    let (best, best_median) = figures.best(number, metric)?;
    let (bar, aim) = match case.bar {
        Some(Bar::Ratio { most, aim }) => (Some(most), aim),
        Some(Bar::Value { most }) => (Some(most / best_median), None),
        None => (None, None),
    };
    Some(Ratio {
        name: case.name.clone(),
        figure: format!("{} {}", metric.name(), metric.unit(unit)),
        median: ours.by_best?,
        spread: (ours.over_rounds.min / best_median, ours.over_rounds.max / best_median),
        bar,
        aim,
        ours: metric.text(unit, ours.over_rounds.median),
        best: format!("{} {}", best.name(), metric.text(unit, best_median)),
    })
}

fn draw(area: &Area, ratios: &[Ratio]) -> Result<(), PlotError> {
    title(area, "nearpoint by the best other proxy: less is better", 20)?;
    let farthest = ratios.iter().map(|it| it.spread.1.max(it.median)).fold(1.2, f64::max);
    let to = ((farthest * 4.0).ceil() / 4.0).min(FARTHEST);
    let scale = Scale { values: (0.0, to), pixels: (LEFT, RIGHT), is_log: false };
    let bottom = HEADER + ROW * ratios.len() as i32;
    let label = text(12, FAINT, HPos::Center, VPos::Top);
    for quarter in 0..=(to * 4.0) as u32 {
        let value = f64::from(quarter) / 4.0;
        let x = scale.at(value);
        let is_one = quarter == 4;
        let style = if is_one { INK.stroke_width(2) } else { GRID.stroke_width(1) };
        line(area, &[(x, HEADER - 6), (x, bottom)], style)?;
        area.draw_text(&format!("{value}"), &label, (x, bottom + 6)).map_err(told)?;
    }
    legend(area, scale)?;
    for (y, ratio) in (HEADER + ROW / 2..).step_by(ROW as usize).zip(ratios) {
        row(area, scale, y, ratio)?;
    }
    Ok(())
}

/// What bars and lines are, above them.
fn legend(area: &Area, scale: Scale) -> Result<(), PlotError> {
    const Y: i32 = 50;
    let words = text(13, INK, HPos::Left, VPos::Center);
    area.draw(&Rectangle::new([(20, Y - 6), (48, Y + 6)], BLUE.mix(0.85).filled()))
        .map_err(told)?;
    area.draw_text("nearpoint, median of the rounds", &words, (54, Y)).map_err(told)?;
    spread(area, (262, 290), Y)?;
    area.draw_text("lowest and highest", &words, (298, Y)).map_err(told)?;
    line(area, &[(438, Y - 9), (438, Y + 9)], RED.stroke_width(3))?;
    area.draw_text("bar, at most", &words, (446, Y)).map_err(told)?;
    line(area, &[(548, Y - 9), (548, Y + 9)], RED.stroke_width(1))?;
    area.draw_text("aim", &words, (556, Y)).map_err(told)?;
    let right = text(12, FAINT, HPos::Left, VPos::Center);
    let top = HEADER - 14;
    area.draw_text("x best", &right, (RIGHT + 14, top)).map_err(told)?;
    area.draw_text("nearpoint", &right, (RIGHT + 60, top)).map_err(told)?;
    area.draw_text("best other proxy", &right, (RIGHT + 130, top)).map_err(told)?;
    let one = text(12, INK, HPos::Center, VPos::Center);
    area.draw_text("best other proxy", &one, (scale.at(1.0), top)).map_err(told)
}

fn spread(area: &Area, (from, to): (i32, i32), y: i32) -> Result<(), PlotError> {
    let style = INK.stroke_width(1);
    line(area, &[(from, y), (to, y)], style)?;
    for x in [from, to] {
        line(area, &[(x, y - 4), (x, y + 4)], style)?;
    }
    Ok(())
}

fn row(area: &Area, scale: Scale, y: i32, ratio: &Ratio) -> Result<(), PlotError> {
    let name = text(13, INK, HPos::Left, VPos::Center);
    let faint = text(12, FAINT, HPos::Right, VPos::Center);
    area.draw_text(&ratio.name, &name, (20, y)).map_err(told)?;
    area.draw_text(&ratio.figure, &faint, (LEFT - 10, y)).map_err(told)?;
    let corners = [(LEFT, y - 8), (scale.at(ratio.median), y + 8)];
    area.draw(&Rectangle::new(corners, BLUE.mix(0.85).filled())).map_err(told)?;
    let (low, high) = ratio.spread;
    spread(area, (scale.at(low), scale.at(high)), y)?;
    if ratio.median.max(high) > scale.values.1 {
        // It goes on.
        let arrow = [(RIGHT, y - 8), (RIGHT + 8, y), (RIGHT, y + 8)];
        area.draw(&Polygon::new(arrow, BLUE.filled())).map_err(told)?;
    }
    for (at, width) in [(ratio.aim, 1), (ratio.bar, 3)] {
        if let Some(at) = at {
            let x = scale.at(at);
            line(area, &[(x, y - 12), (x, y + 12)], RED.stroke_width(width))?;
        }
    }
    let number = format!("{:.2}", ratio.median);
    area.draw_text(&number, &name, (RIGHT + 14, y)).map_err(told)?;
    area.draw_text(&ratio.ours, &name, (RIGHT + 60, y)).map_err(told)?;
    area.draw_text(&ratio.best, &name, (RIGHT + 130, y)).map_err(told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::figures::example;
    use roxmltree::Document;

    #[test]
    fn every_case_with_a_ratio_is_a_row_of_a_picture_that_is_xml() {
        let rounds =
            [(Peer::Nearpoint, 9.0, 1.0), (Peer::Nearpoint, 7.0, 1.0), (Peer::Envoy, 10.0, 1.0)];
        let (mut cases, figures) = example(&rounds);
        cases[0].bar = Some(Bar::Ratio { most: 1.0, aim: Some(0.75) });
        let svg = ratios(&cases, &figures).unwrap().unwrap();
        let svg = Document::parse(&svg).unwrap();
        let texts: Vec<_> = svg.descendants().filter_map(|node| node.text()).collect();
        for text in ["rt-64b-100", "0.80", "8.00", "envoy 10.00"] {
            assert!(texts.iter().any(|it| it.trim() == text), "{text} is not in {texts:?}");
        }
    }

    #[test]
    fn without_another_proxy_there_is_no_picture() {
        let (cases, figures) = example(&[(Peer::Nearpoint, 9.0, 1.0)]);
        assert!(ratios(&cases, &figures).unwrap().is_none());
    }
}
