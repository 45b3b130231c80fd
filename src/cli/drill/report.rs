//! What a drill came to, as text and as Markdown.

use crate::admin::view::{DrillView, MomentView, MovedView, SurvivorView};
use crate::cli::table;

/// For a terminal.
pub(super) fn text(view: &DrillView) -> String {
    let mut lines = vec![headline(view)];
    lines.extend(facts(view).into_iter().map(|(what, said)| format!("  {what}: {said}")));
    lines.push("the other DCs:".to_owned());
    lines.extend(view.survivors.iter().map(|it| {
        let [dc, sessions, failed, peak, before, during] = row(it);
        format!(
            "  DC {dc}: {sessions} new sessions, {failed} failed dials, at most {peak} at a time, \
             connects {before} before and {during} meanwhile"
        )
    }));
    lines.extend(
        view.forecast
            .as_ref()
            .map(|forecast| format!("forecast before it began:\n{}", table::moves(forecast))),
    );
    lines.push("what happened:".to_owned());
    let moments = view.timeline.iter();
    lines.extend(
        moments.map(|MomentView { at_seconds, what }| format!("  {at_seconds:>7.1} s  {what}")),
    );
    lines.join("\n")
}

/// For a ticket or a wiki.
pub(super) fn markdown(view: &DrillView) -> String {
    let mut lines = vec![format!("# {}", headline(view)), String::new()];
    lines.extend(facts(view).into_iter().map(|(what, said)| format!("- **{what}:** {said}")));
    let head =
        "| DC | new sessions | failed dials | most at a time | connects before | meanwhile |";
    lines
        .extend(["", "## The other DCs", "", head, "|---|---|---|---|---|---|"].map(str::to_owned));
    lines.extend(view.survivors.iter().map(|it| format!("| {} |", row(it).join(" | "))));
    if let Some(forecast) = &view.forecast {
        let heading = ["", "## Forecast before it began", "", "```text"].map(str::to_owned);
        lines.extend(heading);
        lines.extend([table::moves(forecast), "```".to_owned()]);
    }
    lines.extend(["", "## What happened", "", "| after | what |", "|---|---|"].map(str::to_owned));
    lines.extend(view.timeline.iter().map(|MomentView { at_seconds, what }| {
        format!("| {at_seconds:.1} s | {} |", what.replace('|', "\\|"))
    }));
    lines.push(String::new());
    lines.join("\n")
}

/// What became of it, in one line.
pub(super) fn headline(view: &DrillView) -> String {
    let DrillView { dc, name, state, lasted_seconds, why, .. } = view;
    let dc = match *name == format!("dc{dc}") {
        true => format!("DC {dc}"),
        false => format!("DC {dc} {name}"),
    };
    let told = match state.as_str() {
        "planned" => return format!("a drill of {dc} for {} s", view.for_seconds),
        "running" => format!("the drill of {dc} runs since {lasted_seconds} s"),
        other => format!("the drill of {dc} is {other} after {lasted_seconds} s"),
    };
    why.as_ref().map_or(told.clone(), |why| format!("{told}: {why}"))
}

fn facts(view: &DrillView) -> Vec<(&'static str, String)> {
    let said = |text: &Option<String>| text.clone().unwrap_or_else(|| "not said".to_owned());
    let forced = if view.forced { ", forced" } else { "" };
    let moved =
        view.moved.iter().map(|MovedView { to, sessions }| format!("{sessions} to DC {to}"));
    let moved: Vec<String> = moved.collect();
    vec![
        ("began", format!("{}, for {} s{forced}", view.began, view.for_seconds)),
        ("by", said(&view.by)),
        ("reason", said(&view.reason)),
        ("moved", if moved.is_empty() { "nobody".to_owned() } else { moved.join(", ") }),
        (
            "refused",
            format!(
                "{} for want of room, {} for want of a DC",
                view.refused_for_room, view.refused
            ),
        ),
        (
            "sessions of the DC",
            format!("{} at the begin, {} at the end", view.held.at_begin, view.held.at_end),
        ),
        (
            "time back",
            view.back_after_seconds.map_or_else(
                || "no new session was seen".to_owned(),
                |it| format!("{it:.1} s to its first new session"),
            ),
        ),
    ]
}

fn row(it: &SurvivorView) -> [String; 6] {
    let millis = |it: Option<f64>| it.map_or_else(|| "none".to_owned(), |it| format!("{it:.1} ms"));
    let most = it.max_sessions.map_or_else(String::new, |most| format!(" of {most}"));
    [
        it.dc.to_string(),
        it.sessions.to_string(),
        it.failed.to_string(),
        format!("{}{most}", it.peak),
        millis(it.connect_before_ms),
        millis(it.connect_during_ms),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::view::{HeldView, MovesView};

    fn view() -> DrillView {
        DrillView {
            dc: 2,
            name: "ams".into(),
            state: "aborted".into(),
            complete: true,
            why: Some("DC 4 has 95 of 100 sessions (max_sessions)".into()),
            by: Some("anna".into()),
            reason: None,
            forced: true,
            began: "2026-11-01T12:00:00Z".into(),
            for_seconds: 600,
            lasted_seconds: 12.5,
            forecast: Some(MovesView::default()),
            held: HeldView { at_begin: 40, at_end: 31 },
            moved: vec![MovedView { to: 4, sessions: 60 }],
            refused_for_room: 0,
            refused: 1,
            survivors: vec![SurvivorView {
                dc: 4,
                sessions: 60,
                failed: 2,
                peak: 95,
                max_sessions: Some(100),
                connect_before_ms: Some(10.04),
                connect_during_ms: None,
            }],
            back_after_seconds: Some(0.3),
            timeline: vec![MomentView { at_seconds: 12.5, what: "a|b".into() }],
        }
    }

    #[test]
    fn a_report_says_what_became_of_it_of_the_clients_and_of_the_others() {
        let told = text(&view());
        for part in [
            "the drill of DC 2 ams is aborted after 12.5 s: DC 4 has 95 of 100 sessions",
            "began: 2026-11-01T12:00:00Z, for 600 s, forced",
            "moved: 60 to DC 4",
            "refused: 0 for want of room, 1 for want of a DC",
            "sessions of the DC: 40 at the begin, 31 at the end",
            "time back: 0.3 s to its first new session",
            "DC 4: 60 new sessions, 2 failed dials, at most 95 of 100 at a time, connects 10.0 ms \
             before and none meanwhile",
        ] {
            assert!(told.contains(part), "{part} is not in\n{told}");
        }
    }

    #[test]
    fn markdown_has_the_same_in_tables() {
        let told = markdown(&view());
        assert!(told.starts_with("# the drill of DC 2 ams is aborted"), "{told}");
        assert!(told.contains("\n| 4 | 60 | 2 | 95 of 100 | 10.0 ms | none |\n"), "{told}");
        assert!(told.contains("\n| 12.5 s | a\\|b |\n"), "{told}");
    }
}
