//! What operators want, and where the list comes from, below the tables of status.

use comfy_table::{Cell, Color};

use super::{Look, NOTHING, number, table, text};
use crate::admin::view::{IntentView, OriginView, StandingPushView};

/// Intents that fit on the screen beside all else.
const MOST: usize = 20;

/// What operators want of DCs and access points, if they want anything.
pub(super) fn intents(intents: &[IntentView], look: Look) -> Option<String> {
    if intents.is_empty() {
        return None;
    }
    let mut table = table(look, &["WANTED", "DC", "ACCESS POINT", "UNTIL", "BY", "REASON"]);
    for intent in intents.iter().take(MOST) {
        let said = |text: &Option<String>| text.clone().unwrap_or_else(|| NOTHING.to_owned());
        table.add_row([
            Cell::new(&intent.state).fg(Color::Yellow),
            number(intent.dc),
            Cell::new(said(&intent.access_point)),
            Cell::new(said(&intent.until)),
            Cell::new(said(&intent.by)),
            Cell::new(said(&intent.reason)),
        ]);
    }
    Some(match intents.len().saturating_sub(MOST) {
        0 => text(&table),
        more => format!("{}\n and {more} more; --json has all", text(&table)),
    })
}

/// The push that stands for the file, in a line, if one does.
pub(super) fn push(origin: &OriginView) -> Option<String> {
    let StandingPushView { number, at, by, reason, survives_restart, over: _ } =
        origin.push.as_ref()?;
    let mut line = format!("  pushed {at}, number {number} of the history");
    if let Some(by) = by {
        line.push_str(&format!(", by {by}"));
    }
    if let Some(reason) = reason {
        line.push_str(&format!(": {reason}"));
    }
    line.push_str(match survives_restart {
        true => "; it stands for the file until that changes",
        false => {
            "; it stands for the file until that changes, or the daemon ends (no edge.state_dir)"
        }
    });
    Some(line)
}
