//! A picture of a scenario: how long clients waited, peer by peer, over the time of the run.
//!
//! Panels are one above the other and share their axes, so that a glance down a column compares peers at
//! one moment. Every dot is one session or a few that were alike, in the colour of the DC that answered;
//! every cross is sessions that failed.

use super::outcome::is_caught;
use super::record::{Recording, Teller};
use super::scenario::Phases;
use super::scenario::schedule::Broken;
use crate::picture::{
    Area, BLUE, FAINT, GREEN, GRID, INK, ORANGE, PlotError, RED, svg, text, told,
};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What a picture shows.
#[derive(Clone, Debug)]
pub(crate) struct Picture<'a> {
    pub(crate) title: &'a str,
    /// What happens, beside the word "fault".
    pub(crate) fault: &'a str,
    pub(crate) phases: Phases,
    /// When something was broken, since the begin of the fault.
    pub(crate) broken: &'a [Broken],
    pub(crate) panels: Vec<Panel<'a>>,
}

/// One peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panel<'a> {
    pub(crate) peer: &'a str,
    pub(crate) recording: &'a Recording,
}

const WIDTH: u32 = 960;
const HEADER: u32 = 76;
const PANEL: u32 = 168;
const FOOTER: u32 = 46;
/// Above the axes of a panel: its name.
const CAPTION: u32 = 26;
const LEFT: u32 = 72;
const RIGHT: u32 = 22;

/// The axis of waits, in milliseconds.
const SHORTEST: f64 = 1.0;
const LONGEST: f64 = 10_000.0;
/// Above the longest wait is the band of those who wait for ever.
const TOP: f64 = 90_000.0;
const BAND: f64 = 34_000.0;

/// Dots of a panel. What is drawn nearer than a bin is one dot.
const MOST_DOTS: usize = 1_500;

/// Of the phase `fault`, and of the times in which something is broken.
const PHASE: RGBColor = RGBColor(0xfd, 0xf8, 0xf4);
const SHADE: RGBColor = RGBColor(0xfb, 0xea, 0xe0);
/// Of DCs 1, 2 and 3.
const OF_DC: [RGBColor; 3] = [BLUE, GREEN, ORANGE];

type Waits =
    plotters::coord::combinators::WithKeyPoints<plotters::coord::combinators::LogCoord<f64>>;
type Axes = Cartesian2d<RangedCoordf64, Waits>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Axes>;

/// Draws an SVG.
pub(crate) fn draw(picture: &Picture) -> Result<String, PlotError> {
    let panels = picture.panels.len() as u32;
    svg((WIDTH, HEADER + panels * PANEL + FOOTER), |root| {
        let (header, rest) = root.split_vertically(HEADER);
        let (rest, footer) = rest.split_vertically(panels * PANEL);
        picture.header(&header)?;
        let areas = rest.split_evenly((picture.panels.len().max(1), 1));
        for (area, panel) in areas.iter().zip(&picture.panels) {
            picture.panel(area, panel)?;
        }
        picture.footer(&footer)
    })
}

impl Picture<'_> {
    fn from(&self) -> f64 {
        -self.phases.before.as_secs_f64()
    }

    fn to(&self) -> f64 {
        (self.phases.fault + self.phases.after).as_secs_f64()
    }

    /// Where a time of the run is in the picture.
    fn pixel(&self, seconds: f64) -> i32 {
        let width = f64::from(WIDTH - LEFT - RIGHT);
        LEFT as i32 + (width * (seconds - self.from()) / (self.to() - self.from())) as i32
    }

    /// Title, colours, and the names of the phases.
    fn header(&self, area: &Area) -> Result<(), PlotError> {
        let title = ("sans-serif", 19).into_font().style(FontStyle::Bold).color(&INK);
        area.draw_text(self.title, &title, (LEFT as i32, 8)).map_err(told)?;
        let legend = text(13, INK, HPos::Left, VPos::Center);
        let mut x = LEFT as i32 + 5;
        for (dc, color) in (1..).zip(OF_DC) {
            area.draw(&Circle::new((x, 46), 4, color.filled())).map_err(told)?;
            area.draw_text(&format!("answered by dc{dc}"), &legend, (x + 9, 46)).map_err(told)?;
            x += 126;
        }
        area.draw(&Cross::new((x, 46), 4, RED.stroke_width(2))).map_err(told)?;
        area.draw_text("failed", &legend, (x + 10, 46)).map_err(told)?;
        x += 66;
        area.draw(&Cross::new((x, 46), 4, FAINT.stroke_width(1))).map_err(told)?;
        area.draw_text("under way when it broke", &legend, (x + 10, 46)).map_err(told)?;
        let fault = text(13, RED, HPos::Left, VPos::Bottom);
        let label = format!("fault: {}", self.fault);
        self.shade(area, 58, HEADER)?;
        area.draw_text(&label, &fault, (self.pixel(0.0) + 5, 74)).map_err(told)?;
        Ok(())
    }

    /// Colours the background of what is broken.
    fn shade(&self, area: &Area, top: u32, bottom: u32) -> Result<(), PlotError> {
        let fill = |from: Duration, to: Duration, color: RGBColor| {
            let [from, to] = [from, to].map(|at| self.pixel(at.as_secs_f64()));
            let corners = [(from, top as i32), (to, bottom as i32)];
            area.draw(&Rectangle::new(corners, color.filled())).map_err(told)
        };
        fill(Duration::ZERO, self.phases.fault, PHASE)?;
        self.broken.iter().try_for_each(|broken| fill(broken.from, broken.to, SHADE))
    }

    fn footer(&self, area: &Area) -> Result<(), PlotError> {
        let tick = text(12, INK, HPos::Center, VPos::Top);
        for second in self.seconds() {
            let label = format!("{second}");
            area.draw_text(&label, &tick, (self.pixel(second), 4)).map_err(told)?;
        }
        let middle = (self.pixel(self.from()) + self.pixel(self.to())) / 2;
        let axis = text(13, INK, HPos::Center, VPos::Top);
        let what = "seconds since the fault began; up: time from connect to answer, log scale";
        area.draw_text(what, &axis, (middle, 22)).map_err(told)?;
        Ok(())
    }

    /// Where the axis of time has its ticks.
    fn seconds(&self) -> Vec<f64> {
        let step = if self.to() - self.from() > 40.0 {
            5.0
        } else if self.to() - self.from() > 16.0 {
            2.0
        } else {
            1.0
        };
        let (first, last) = ((self.from() / step).ceil() as i32, (self.to() / step) as i32);
        (first..=last).map(|tick| f64::from(tick) * step).collect()
    }

    fn panel(&self, area: &Area, panel: &Panel) -> Result<(), PlotError> {
        let (caption, axes) = area.split_vertically(CAPTION);
        self.shade(area, 0, PANEL)?;
        let name = ("sans-serif", 15).into_font().style(FontStyle::Bold).color(&INK);
        let name = name.pos(Pos::new(HPos::Left, VPos::Bottom));
        caption.draw_text(panel.peer, &name, (LEFT as i32, CAPTION as i32 - 4)).map_err(told)?;
        let count = text(13, FAINT, HPos::Right, VPos::Bottom);
        let at = ((WIDTH - RIGHT) as i32, CAPTION as i32 - 4);
        caption.draw_text(&self.summary(panel), &count, at).map_err(told)?;

        let waits = (SHORTEST..TOP).log_scale();
        let mut chart = ChartBuilder::on(&axes)
            .y_label_area_size(LEFT)
            .margin_right(RIGHT)
            .build_cartesian_2d(
                self.from()..self.to(),
                waits.with_key_points(vec![1.0, 10.0, 100.0, 1_000.0, LONGEST]),
            )
            .map_err(told)?;
        let ticks = self.seconds().into_iter();
        let ticks = ticks.map(|at| PathElement::new([(at, SHORTEST), (at, TOP)], GRID));
        chart.draw_series(ticks).map_err(told)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(0)
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .axis_style(FAINT)
            .label_style(("sans-serif", 12).into_font().color(&INK))
            .y_label_formatter(&|wait| {
                if *wait < 1_000.0 { format!("{wait} ms") } else { format!("{} s", wait / 1e3) }
            })
            .draw()
            .map_err(told)?;
        let (left, height) = chart.backend_coord(&(self.from(), BAND));
        let (x, y) = axes.get_base_pixel();
        let band = text(12, RED, HPos::Right, VPos::Center);
        axes.draw_text("failed", &band, (left - x - 9, height - y)).map_err(told)?;
        self.dots(&mut chart, panel.recording)?;
        self.crosses(&mut chart, panel.recording)?;
        self.marks(&mut chart, panel.recording)
    }

    fn summary(&self, panel: &Panel) -> String {
        let Recording { arrivals, strikes, .. } = panel.recording;
        let failed = arrivals.iter().filter(|it| it.outcome.is_err());
        let failed = failed.filter(|it| !is_caught(it, strikes)).count();
        format!("{failed} of {} sessions failed", arrivals.len())
    }

    /// Answered sessions.
    fn dots(&self, chart: &mut Chart, recording: &Recording) -> Result<(), PlotError> {
        let answered: Vec<(f64, f64, u16)> = recording
            .arrivals
            .iter()
            .filter_map(|arrival| {
                let wait = arrival.took.as_secs_f64() * 1e3;
                let at = since(arrival.began, recording.fault_began);
                Some((at, wait.clamp(SHORTEST, LONGEST), arrival.outcome.ok()?))
            })
            .filter(|(at, ..)| (self.from()..self.to()).contains(at))
            .collect();
        let dots = (3..).map(|pixels| self.bins(&answered, f64::from(pixels)));
        let dots = dots.into_iter().find(|dots| dots.len() <= MOST_DOTS).unwrap_or_default();
        let circles = dots.into_iter().map(|(at, wait, dc)| {
            let color = OF_DC[usize::from(dc.clamp(1, 3)) - 1];
            Circle::new((at, wait), 2, color.mix(0.75).filled())
        });
        chart.draw_series(circles).map_err(told)?;
        Ok(())
    }

    /// One dot for all sessions in a square of so many pixels. Where several DCs answered, their colours
    /// take turns, some squares each, so that none hides another.
    fn bins(&self, answered: &[(f64, f64, u16)], pixels: f64) -> Vec<(f64, f64, u16)> {
        const RUN: i64 = 3;
        let across = (self.to() - self.from()) / f64::from(WIDTH - LEFT - RIGHT) * pixels;
        let up = (TOP / SHORTEST).ln() / f64::from(PANEL - CAPTION) * pixels;
        let mut bins: BTreeMap<(i64, i64), BTreeSet<u16>> = BTreeMap::new();
        for (at, wait, dc) in answered {
            let bin = ((at / across).floor() as i64, (wait.ln() / up).floor() as i64);
            bins.entry(bin).or_default().insert(*dc);
        }
        let middle = |bin: i64| bin as f64 + 0.5;
        bins.into_iter()
            .filter_map(|((x, y), dcs)| {
                let turn = (x / RUN).rem_euclid(dcs.len() as i64) as usize;
                let dc = dcs.into_iter().nth(turn)?;
                Some((middle(x) * across, (middle(y) * up).exp(), dc))
            })
            .collect()
    }

    /// Those that failed: in a band above the longest wait, at the time at which they began.
    fn crosses(&self, chart: &mut Chart, recording: &Recording) -> Result<(), PlotError> {
        const PIXELS: f64 = 4.0;
        let across = (self.to() - self.from()) / f64::from(WIDTH - LEFT - RIGHT) * PIXELS;
        // Whether all of a bin were caught.
        let mut bins: BTreeMap<i64, bool> = BTreeMap::new();
        for arrival in recording.arrivals.iter().filter(|arrival| arrival.outcome.is_err()) {
            let at = since(arrival.began, recording.fault_began);
            if (self.from()..self.to()).contains(&at) {
                let caught = is_caught(arrival, &recording.strikes);
                *bins.entry((at / across).floor() as i64).or_insert(true) &= caught;
            }
        }
        let crosses = bins.into_iter().map(|(bin, caught)| {
            let style = if caught { FAINT.stroke_width(1) } else { RED.stroke_width(1) };
            Cross::new(((bin as f64 + 0.5) * across, BAND), 4, style)
        });
        chart.draw_series(crosses).map_err(told)?;
        Ok(())
    }

    /// What nearpoint said.
    fn marks(&self, chart: &mut Chart, recording: &Recording) -> Result<(), PlotError> {
        let mut last_label = f64::NEG_INFINITY;
        let mut row = 0;
        for (at, said) in self.said(recording) {
            let line = [(at, SHORTEST), (at, LONGEST)];
            chart.draw_series([PathElement::new(line, INK.stroke_width(1))]).map_err(told)?;
            // Labels that would touch are put under each other.
            let room = 130.0 * (self.to() - self.from()) / f64::from(WIDTH - LEFT - RIGHT);
            row = if at - last_label < room { (row + 1) % 2 } else { 0 };
            last_label = at;
            let height = [4.8, 1.9][row];
            let is_right = at + room > self.to();
            let (anchor, aside) = if is_right { (HPos::Right, -4) } else { (HPos::Left, 4) };
            let style = text(12, INK, anchor, VPos::Center);
            let (x, y) = chart.backend_coord(&(at, height));
            let (left, top) = chart.plotting_area().get_base_pixel();
            let (x, y) = (x + aside - left, y - top);
            chart
                .plotting_area()
                .strip_coord_spec()
                .draw_text(&said, &style, (x, y))
                .map_err(told)?;
        }
        Ok(())
    }

    /// What nearpoint said at which time; what it said at about the same time is one.
    fn said(&self, recording: &Recording) -> Vec<(f64, String)> {
        let mut said: Vec<(f64, Option<bool>, String)> = Vec::new();
        let near = 6.0 * (self.to() - self.from()) / f64::from(WIDTH - LEFT - RIGHT);
        for mark in recording.marks.iter().filter(|mark| mark.whose == Teller::Edge) {
            let at = since(mark.at, recording.fault_began);
            if !(self.from()..self.to()).contains(&at) {
                continue;
            }
            if let Some(isolated) = mark.isolated {
                let what = if isolated { "edge cut off" } else { "edge connected again" };
                said.push((at, None, what.to_owned()));
            }
            let Some((dc, in_use)) = mark.dc_in_use else { continue };
            match said.last_mut() {
                Some((last, Some(same), who)) if *same == in_use && at - *last < near => {
                    who.push_str(&format!(", dc{dc}"));
                }
                Some(_) | None => said.push((at, Some(in_use), format!("dc{dc}"))),
            }
        }
        let sentence = |(at, in_use, who): (f64, Option<bool>, String)| match in_use {
            None => (at, who),
            Some(true) => (at, format!("{who} used again")),
            Some(false) => (at, format!("{who} out of use")),
        };
        said.into_iter().map(sentence).collect()
    }
}

fn since(at: Duration, fault_began: Duration) -> f64 {
    at.as_secs_f64() - fault_began.as_secs_f64()
}

#[cfg(test)]
mod tests;
