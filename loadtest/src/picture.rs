//! What pictures have in common: colours, text, and how it is told that one cannot be drawn.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Of text and axes on white, which every picture brings along: it is read on dark pages too.
pub(crate) const INK: RGBColor = RGBColor(0x24, 0x29, 0x2f);
pub(crate) const FAINT: RGBColor = RGBColor(0x6e, 0x77, 0x81);
pub(crate) const GRID: RGBColor = RGBColor(0xe4, 0xe7, 0xeb);
pub(crate) const RED: RGBColor = RGBColor(0xc8, 0x1e, 0x1e);
/// Distinct for colour-blind eyes as well (Okabe and Ito).
pub(crate) const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xb2);
pub(crate) const GREEN: RGBColor = RGBColor(0x00, 0x9e, 0x73);
pub(crate) const ORANGE: RGBColor = RGBColor(0xd9, 0x8e, 0x04);
pub(crate) const VERMILION: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
pub(crate) const PURPLE: RGBColor = RGBColor(0xb0, 0x5a, 0x8c);
pub(crate) const SKY: RGBColor = RGBColor(0x56, 0xb4, 0xe9);

pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// It cannot be drawn.
pub(crate) type PlotError = Box<dyn std::error::Error + Send + Sync>;

pub(crate) fn told<E: std::error::Error + Send + Sync>(
    error: DrawingAreaErrorKind<E>,
) -> PlotError {
    error.to_string().into()
}

pub(crate) fn text(size: u32, color: RGBColor, h: HPos, v: VPos) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&color).pos(Pos::new(h, v))
}

/// An SVG of this size, drawn on white.
pub(crate) fn svg(
    size: (u32, u32),
    draw: impl FnOnce(&Area) -> Result<(), PlotError>,
) -> Result<String, PlotError> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&WHITE).map_err(told)?;
        draw(&root)?;
        root.present().map_err(told)?;
    }
    Ok(svg)
}
