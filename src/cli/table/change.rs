//! What a push does or would do, the lists that were in force, and what operators want, for people.

use comfy_table::{Cell, Color};

use super::{Look, NOTHING, moves, number, table, text};
use crate::admin::view::{HistoryEntryView, HistorySummaryView, HistoryView, IntentView, PushView};
use crate::cli::preview;

/// What came of it, or would come of it.
pub(in crate::cli) fn push(view: &PushView) -> String {
    let PushView { dry_run, outcome, number, before, after, plan, moves: moved, guards, notes } =
        view;
    let headline = match (outcome.as_str(), dry_run) {
        ("unchanged", _) => format!("dc_options {before} is in force already: nothing changes"),
        ("refused", _) => format!("dc_options {before} -> {after} would be refused"),
        (_, true) => format!("dc_options {before} -> {after} would be put into force"),
        (_, false) if before == after => format!("in force, with dc_options {after}"),
        (_, false) => format!("dc_options {before} -> {after} is in force"),
    };
    let number = number.map(|number| format!(", number {number} of the history"));
    let mut lines = vec![format!("{headline}{}", number.unwrap_or_default())];
    lines.extend(preview::changes(plan));
    lines.extend(moved.as_ref().map(moves::render));
    let overridden = if outcome == "accepted" { " (forced)" } else { "" };
    lines.extend(guards.iter().map(|guard| format!("guard{overridden}: {guard}")));
    lines.extend(notes.iter().map(|note| format!("note: {note}")));
    lines.join("\n")
}

/// The lists that were in force.
pub(in crate::cli) fn history(view: &HistoryView, look: Look) -> String {
    let header = ["", "NUMBER", "AT", "SOURCE", "BY", "REVISION", "+", "-", "~", "REASON"];
    let mut table = table(look, &header);
    for entry in &view.entries {
        let live = Cell::new(if entry.live { "live" } else { "" }).fg(Color::Green);
        let said = |text: &Option<String>| text.clone().unwrap_or_else(|| NOTHING.to_owned());
        let source = match entry.forced {
            true => format!("{} (forced)", entry.source),
            false => entry.source.clone(),
        };
        table.add_row([
            live,
            number(entry.number),
            Cell::new(&entry.at),
            Cell::new(source),
            Cell::new(said(&entry.by)),
            Cell::new(&entry.revision),
            number(entry.added),
            number(entry.removed),
            number(entry.changed),
            Cell::new(said(&entry.reason)),
        ]);
    }
    text(&table)
}

/// One of them, and what it changed.
pub(in crate::cli) fn history_entry(view: &HistoryEntryView) -> String {
    let HistorySummaryView { number, at, source, revision, bytes, forced, live, .. } =
        &view.summary;
    let live = if *live { ", in force" } else { "" };
    let mut lines = vec![format!("number {number}: dc_options {revision}, {bytes} bytes{live}")];
    let forced = if *forced { ", forced" } else { "" };
    let HistorySummaryView { by, from, reason, .. } = &view.summary;
    let by = by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    let from = from.as_ref().map(|from| format!(" from {from}")).unwrap_or_default();
    lines.push(format!("{at}: {source}{by}{from}{forced}"));
    lines.extend(reason.iter().map(|reason| format!("reason: {reason}")));
    lines.extend(view.diff.iter().map(|line| format!("  {line}")));
    lines.join("\n")
}

/// What is wanted from now on.
pub(in crate::cli) fn intent(view: &IntentView) -> String {
    let IntentView { dc, access_point, state, until, .. } = view;
    let of = match access_point {
        Some(at) => format!("access point {at} of DC {dc}"),
        None => format!("DC {dc}"),
    };
    match until {
        Some(until) => format!("{of} is {state} until {until}"),
        None => format!("{of} is {state}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::view::MovesView;
    use crate::config::ReloadPlan;

    fn view(outcome: &str, dry_run: bool) -> PushView {
        PushView {
            dry_run,
            outcome: outcome.into(),
            number: (!dry_run).then_some(7),
            before: "aaaa".into(),
            after: "bbbb".into(),
            plan: ReloadPlan::default(),
            moves: None,
            guards: Vec::new(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn what_would_be_done_and_what_was_done_are_told_apart() {
        let told = |outcome, dry_run| push(&view(outcome, dry_run));
        assert_eq!(told("accepted", true), "dc_options aaaa -> bbbb would be put into force");
        let done = "dc_options aaaa -> bbbb is in force, number 7 of the history";
        assert_eq!(told("accepted", false), done);
        let mut refused = view("refused", true);
        refused.guards = vec!["DC 2 would be empty".into()];
        refused.moves = Some(MovesView { clients: 4, share: Some(0.0), ..MovesView::default() });
        assert_eq!(
            push(&refused),
            "dc_options aaaa -> bbbb would be refused\n\
             who moves: 0.0% of the clients seen lately (0 of 4 looked at)\n\
             guard: DC 2 would be empty"
        );
    }
}
