//! Who would move, for people.

use crate::admin::view::{MovesView, OverloadView, WayView};

/// Ways that are shown; of many DCs there are as many as their squares.
const MOST: usize = 12;

/// Lines without an end.
pub(in crate::cli) fn render(moves: &MovesView) -> String {
    let Some(share) = moves.share else {
        return "who moves: no client was seen lately".to_owned();
    };
    let MovesView { clients, moved, known_by_place_only, bound_refused, .. } = moves;
    let mut lines = vec![format!(
        "who moves: {} of the clients seen lately ({moved} of {clients} looked at)",
        percent(share)
    )];
    for WayView { from, to, clients, share } in moves.ways.iter().take(MOST) {
        let (from, to) = (named(*from), named(*to));
        lines.push(format!("  {from} -> {to}: {} ({clients})", percent(*share)));
    }
    if let Some(more) = moves.ways.len().checked_sub(MOST).filter(|more| *more > 0) {
        lines.push(format!("  and {more} ways more (--json has them all)"));
    }
    if *bound_refused > 0 {
        lines.push(format!("  {bound_refused} of them are bound to their DC and would be refused"));
    }
    for OverloadView { dc, expected, max_sessions } in &moves.overloaded {
        lines.push(format!(
            "  DC {dc} would have {expected} sessions, and may have {max_sessions} (max_sessions)"
        ));
    }
    if *known_by_place_only > 0 {
        lines.push(format!(
            "  of {known_by_place_only} clients only the place is known, from before the daemon was \
             started: rules about networks and another database say nothing of them"
        ));
    }
    lines.join("\n")
}

fn named(dc: Option<u16>) -> String {
    dc.map_or_else(|| "refused".to_owned(), |dc| format!("DC {dc}"))
}

/// Tenths of a percent are enough.
fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_moves_is_told_with_what_speaks_against_it() {
        let way = |from, to, clients, share| WayView { from, to, clients, share };
        let moves = MovesView {
            clients: 400,
            known_by_place_only: 7,
            moved: 100,
            share: Some(0.25),
            bound_refused: 3,
            ways: vec![way(Some(2), Some(4), 97, 0.2425), way(Some(2), None, 3, 0.0075)],
            expected: Vec::new(),
            overloaded: vec![OverloadView { dc: 4, expected: 1200, max_sessions: 1000 }],
        };
        let told = render(&moves);
        assert_eq!(
            told,
            "who moves: 25.0% of the clients seen lately (100 of 400 looked at)\n  \
             DC 2 -> DC 4: 24.2% (97)\n  DC 2 -> refused: 0.8% (3)\n  \
             3 of them are bound to their DC and would be refused\n  \
             DC 4 would have 1200 sessions, and may have 1000 (max_sessions)\n  \
             of 7 clients only the place is known, from before the daemon was started: rules about \
             networks and another database say nothing of them",
            "\n{told}"
        );
        assert_eq!(render(&MovesView::default()), "who moves: no client was seen lately");
    }
}
