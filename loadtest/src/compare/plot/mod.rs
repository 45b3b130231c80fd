//! Pictures of what was found: ratios to the best other proxy, latencies, growth.
//!
//! Every peer has a colour and a mark of its own in all of them, so that neither is needed alone.

mod growth;
mod latencies;
mod ratios;

pub(super) use growth::growth;
pub(super) use latencies::latencies;
pub(super) use ratios::ratios;

use crate::peers::Peer;
use crate::picture::{
    Area, BLUE, FAINT, GREEN, GRID, INK, ORANGE, PURPLE, PlotError, SKY, VERMILION, text, told,
};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

const WIDTH: u32 = 960;

fn color(peer: Peer) -> RGBColor {
    match peer {
        Peer::Nearpoint => BLUE,
        Peer::NearpointBaseline => SKY,
        Peer::Haproxy => ORANGE,
        Peer::HaproxySplice => VERMILION,
        Peer::Nginx => GREEN,
        Peer::Envoy => PURPLE,
        Peer::Direct => FAINT,
    }
}

/// The mark of a peer.
fn mark(area: &Area, peer: Peer, (x, y): (i32, i32)) -> Result<(), PlotError> {
    let color = color(peer);
    let fill = color.filled();
    let polygon = |corners: &[(i32, i32)]| {
        let corners: Vec<_> = corners.iter().map(|(dx, dy)| (x + dx, y + dy)).collect();
        area.draw(&Polygon::new(corners, fill)).map_err(told)
    };
    match peer {
        Peer::Nearpoint => area.draw(&Circle::new((x, y), 5, fill)).map_err(told),
        Peer::NearpointBaseline => {
            area.draw(&Circle::new((x, y), 4, color.stroke_width(2))).map_err(told)
        }
        Peer::Haproxy => polygon(&[(-4, -4), (4, -4), (4, 4), (-4, 4)]),
        Peer::HaproxySplice => polygon(&[(0, -6), (6, 0), (0, 6), (-6, 0)]),
        Peer::Nginx => polygon(&[(0, -6), (5, 4), (-5, 4)]),
        Peer::Envoy => polygon(&[(0, 6), (5, -4), (-5, -4)]),
        Peer::Direct => area.draw(&Cross::new((x, y), 4, color.stroke_width(2))).map_err(told),
    }
}

/// The marks and names of these peers on a line, from the left.
fn legend(area: &Area, peers: &[Peer], (left, y): (i32, i32)) -> Result<(), PlotError> {
    const LETTER: i32 = 8;
    let style = text(13, INK, HPos::Left, VPos::Center);
    let mut x = left + 6;
    for &peer in peers {
        mark(area, peer, (x, y))?;
        area.draw_text(peer.name(), &style, (x + 11, y)).map_err(told)?;
        x += 34 + LETTER * peer.name().len() as i32;
    }
    Ok(())
}

fn title(area: &Area, title: &str, left: i32) -> Result<(), PlotError> {
    let style = ("sans-serif", 19).into_font().style(FontStyle::Bold).color(&INK);
    area.draw_text(title, &style, (left, 10)).map_err(told)
}

fn line(area: &Area, points: &[(i32, i32)], style: impl Into<ShapeStyle>) -> Result<(), PlotError> {
    area.draw(&PathElement::new(points.to_vec(), style)).map_err(told)
}

/// From the lowest to the highest, with caps.
fn whisker(area: &Area, x: i32, (low, high): (i32, i32), color: RGBColor) -> Result<(), PlotError> {
    let style = color.stroke_width(1);
    line(area, &[(x, low), (x, high)], style)?;
    for y in [low, high] {
        line(area, &[(x - 3, y), (x + 3, y)], style)?;
    }
    Ok(())
}

/// Values on an axis.
#[derive(Clone, Copy, Debug)]
struct Scale {
    values: (f64, f64),
    pixels: (i32, i32),
    is_log: bool,
}

impl Scale {
    /// What is beyond an end of the axis is at that end.
    fn at(&self, value: f64) -> i32 {
        let of = |value: f64| if self.is_log { value.max(f64::MIN_POSITIVE).ln() } else { value };
        let ((low, high), (from, to)) = (self.values, self.pixels);
        let share = ((of(value) - of(low)) / (of(high) - of(low))).clamp(0.0, 1.0);
        from + (share * f64::from(to - from)).round() as i32
    }

    /// Lines across a panel at these values, with labels left of it.
    fn grid(
        &self,
        area: &Area,
        (left, right): (i32, i32),
        ticks: &[(f64, String)],
    ) -> Result<(), PlotError> {
        let style = text(12, FAINT, HPos::Right, VPos::Center);
        for (value, label) in ticks {
            let y = self.at(*value);
            line(area, &[(left, y), (right, y)], GRID)?;
            area.draw_text(label, &style, (left - 6, y)).map_err(told)?;
        }
        Ok(())
    }
}

/// Round numbers from 0 to beyond `most`, about five of them.
fn round_ticks(most: f64) -> Vec<f64> {
    let rough = (most / 4.0).max(f64::MIN_POSITIVE);
    let decade = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|it| it * decade);
    let step = step.into_iter().find(|step| *step >= rough * 0.999).unwrap_or(rough);
    let count = (most / step).ceil().max(1.0) as u32;
    (0..=count).map(|tick| f64::from(tick) * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_reach_beyond_the_highest() {
        assert_eq!(round_ticks(9.3), [0.0, 2.5, 5.0, 7.5, 10.0]);
        assert_eq!(round_ticks(68.0), [0.0, 20.0, 40.0, 60.0, 80.0]);
        assert_eq!(round_ticks(1.0), [0.0, 0.25, 0.5, 0.75, 1.0]);
    }

    #[test]
    fn values_are_where_their_scale_has_them() {
        let linear = Scale { values: (0.0, 10.0), pixels: (100, 0), is_log: false };
        assert_eq!([0.0, 5.0, 10.0, 20.0].map(|it| linear.at(it)), [100, 50, 0, 0]);
        let log = Scale { values: (10.0, 1000.0), pixels: (0, 100), is_log: true };
        assert_eq!([0.0, 10.0, 100.0, 1000.0].map(|it| log.at(it)), [0, 0, 50, 100]);
    }
}
