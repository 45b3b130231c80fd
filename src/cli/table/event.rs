//! `nearpoint events` for people: one line for each event.

use crossterm::style::{Color, Stylize};

use super::Look;
use crate::admin::view::EventView;

/// When, in UTC, and what.
pub(in crate::cli) fn render(event: &EventView, look: Look) -> String {
    let EventView { at, says, .. } = event;
    match (look, colour(event)) {
        (Look::Terminal, Some(colour)) => {
            format!("{}  {}", at.as_str().dark_grey(), says.as_str().with(colour))
        }
        (Look::Terminal, None) => format!("{}  {says}", at.as_str().dark_grey()),
        (Look::Plain, _) => format!("{at}  {says}"),
    }
}

fn colour(event: &EventView) -> Option<Color> {
    if event.kind == "alarm" {
        return Some(if event.to == "none" { Color::Green } else { Color::Red });
    }
    match event.to.as_str() {
        "up" | "connected" => Some(Color::Green),
        "unknown" | "suspect" | "drain" | "maint" => Some(Color::Yellow),
        "down" | "isolated" => Some(Color::Red),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_time_and_what_happened_and_a_colour_for_people() {
        let event = EventView {
            id: 7,
            at: "2026-11-01T12:00:00.250Z".into(),
            kind: "dc".into(),
            dc: Some(2),
            dc_name: Some("ams".into()),
            access_point: None,
            from: Some("up".into()),
            to: "down".into(),
            cause: None,
            fingerprints: None,
            held_for_ms: None,

            by: None,
            says: "DC 2 ams is out of use: no access point up".into(),
        };
        let line = "2026-11-01T12:00:00.250Z  DC 2 ams is out of use: no access point up";
        assert_eq!(render(&event, Look::Plain), line);
        assert_eq!(colour(&event), Some(Color::Red));
        assert_eq!(colour(&EventView { to: "ready".into(), ..event.clone() }), None);
        for (to, expected) in [("rate_limited", Color::Red), ("none", Color::Green)] {
            let alarm = EventView { kind: "alarm".into(), to: to.into(), ..event.clone() };
            assert_eq!(colour(&alarm), Some(expected));
        }
    }
}
