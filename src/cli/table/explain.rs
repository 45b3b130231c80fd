//! `nearpoint explain` for people.

use comfy_table::Cell;

use super::{Look, NOTHING, kilometers, millis, number, table, text, word};
use crate::admin::view::{AttemptView, ExplainView, RankedView};

/// The sentence, the ranking behind it, and the dials that would follow.
pub(in crate::cli) fn render(view: &ExplainView, look: Look) -> String {
    let mut parts = vec![headline(view), ranking(&view.dcs, look)];
    if !view.attempts.is_empty() {
        parts.push(dials(&view.attempts, look));
    }
    parts.join("\n\n")
}

fn headline(view: &ExplainView) -> String {
    let mut lines = vec![view.sentence.clone()];
    if let Some(asked) = &view.unwrapped_from {
        lines.push(format!("{asked} carries the IPv4 address {}.", view.client));
    }
    lines.push(format!(
        "listener {} ({}), objective {}, ties within {} ms",
        view.listener, view.route, view.objective, view.tie_margin_ms
    ));
    lines.join("\n")
}

fn ranking(dcs: &[RankedView], look: Look) -> String {
    let mut table = table(
        look,
        &[
            "",
            "DC",
            "NAME",
            "DISTANCE",
            "CLIENT-DC",
            "EDGE-DC",
            "COST",
            "EXCESS",
            "GROUP",
            "HEALTH",
            "ADMIN",
            "LEFT OUT",
        ],
    );
    for dc in dcs {
        let excess = (dc.excess_ms > 0.0).then_some(dc.excess_ms);
        table.add_row(vec![
            Cell::new(if dc.chosen { "*" } else { "" }),
            number(dc.id),
            Cell::new(&dc.name),
            kilometers(dc.distance_km),
            millis(dc.client_to_dc_ms),
            millis(dc.edge_to_dc_ms),
            millis(dc.cost_ms),
            millis(excess),
            number(dc.group.map_or_else(|| NOTHING.to_owned(), |group| (group + 1).to_string())),
            word(&dc.health),
            word(&dc.admin),
            Cell::new(dc.exclusion.as_deref().unwrap_or_default()),
        ]);
    }
    text(&table)
}

fn dials(attempts: &[AttemptView], look: Look) -> String {
    let mut table = table(look, &["DIAL", "DC", "ACCESS POINT", "HEALTH"]);
    for attempt in attempts {
        table.add_row(vec![
            number(attempt.number),
            number(attempt.dc),
            Cell::new(&attempt.access_point),
            word(&attempt.health),
        ]);
    }
    text(&table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::fixture::{all_up, set_health, three_dcs};
    use crate::admin::view::explain;
    use crate::routing::Health;

    #[test]
    fn an_operator_reads_where_a_client_goes_and_why() {
        let mut snapshot = all_up(three_dcs());
        set_health(&mut snapshot, 2, Health::Down);
        let client = "::ffff:203.0.113.7".parse().expect("an address");
        let view = explain(&snapshot, "clients", client).expect("a listener");
        let expected = "\
203.0.113.7 (DE, database) goes to DC 1 mia, 7995 km away: \
DC 2 ams comes first and is out of use (down).
::ffff:203.0.113.7 carries the IPv4 address 203.0.113.7.
listener clients (nearest), objective balanced, ties within 5 ms

    DC  NAME  DISTANCE  CLIENT-DC  EDGE-DC  COST    EXCESS  GROUP  HEALTH  ADMIN  LEFT OUT
     2  ams     576 km     5.8 ms    12 ms  5.8 ms       -      1  down    ready  down
 *   1  mia    7995 km      80 ms    24 ms   80 ms       -      2  up      ready
     5  sin    9917 km      99 ms    36 ms   99 ms       -      3  up      ready

 DIAL  DC  ACCESS POINT  HEALTH
    1   1  10.0.1.1:443  up
    2   1  10.0.1.2:443  up
    3   5  10.0.5.2:443  up
    4   5  10.0.5.1:443  up";
        let rendered = render(&view, Look::Plain);
        assert_eq!(rendered, expected, "\n{rendered}");
    }
}
