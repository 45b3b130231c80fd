//! `nearpoint explain` for people: the sentence, then what it rests on.

use std::collections::BTreeSet;

use comfy_table::Cell;

use super::{Look, NOTHING, kilometers, millis, number, plural, table, table_without_header};
use super::{text, word};
use crate::admin::view::{ExplainView, LocationView, PolicyView, RankedView, shortened};
use crate::routing::policy::Objective;
use crate::routing::{Asn, Coordinates, Origin, Protocol};

/// The sentence, the facts, the rules, the ranking, the state of its DCs, and what would be dialled.
pub(in crate::cli) fn render(view: &ExplainView, look: Look) -> String {
    let mut parts = vec![view.sentence.clone(), facts(view, look)];
    if !view.policy.fitting.is_empty() {
        parts.push(rules(&view.policy, look));
    }
    parts.extend([ranking(view, look), states(&view.dcs, look)]);
    parts.extend(access_points(view, look));
    parts.join("\n\n")
}

fn facts(view: &ExplainView, look: Look) -> String {
    let mut lines = table_without_header(look);
    let mut line = |what: &str, value: String| {
        lines.add_row(vec![Cell::new(what), Cell::new(value)]);
    };
    line("client", client(view));
    line("location", location(&view.location));
    let by = match view.protocol == Protocol::Udp.as_str() {
        true => ", UDP",
        false => "",
    };
    line("listener", format!("{} ({}{by})", view.listener, view.route));
    if let Some(header) = header(view) {
        line("header", header);
    }
    line("memory", memory(view));
    line("objective", format!("{}, ties within {} ms", view.objective, view.tie_margin_ms));
    line(
        "health",
        match view.basis.as_str() {
            "presumed" => "presumed up: no daemon was asked, nothing is measured".to_owned(),
            _ => format!("as measured, generation {}", view.generation),
        },
    );
    line("policy", policy(&view.policy));
    text(&lines)
}

/// Of a listener that looks for one.
fn header(view: &ExplainView) -> Option<String> {
    match view.named_dc {
        Some(dc) => Some(format!("names DC {dc}, taken to be proved by a secret")),
        None if view.route == "mtproto" => Some("names no DC".to_owned()),
        None => None,
    }
}

fn client(view: &ExplainView) -> String {
    match (&view.unwrapped_from, &view.carried_by) {
        (Some(asked), Some(form)) => format!("{}, carried by {asked} ({form})", view.client),
        (Some(_) | None, _) => view.client.clone(),
    }
}

fn location(location: &LocationView) -> String {
    let mut parts = Vec::new();
    if let (Some(code), Some(name)) = (&location.country, &location.country_name) {
        parts.push(format!("{code} {name}"));
    } else if let Some(code) = &location.country {
        parts.push(code.clone());
    }
    if let (Some(continent), Some(eu), Some(eea)) = (&location.continent, location.eu, location.eea)
    {
        let union = match (eu, eea) {
            (true, _) => "EU and EEA",
            (false, true) => "EEA, not EU",
            (false, false) => "neither EU nor EEA",
        };
        parts.push(format!("continent {continent}, {union}"));
    }
    let at = location.coordinates.and_then(|at| Coordinates::new(at.lat, at.lon).ok());
    parts.extend(at.map(|at| format!("at {at}")));
    parts.push(source(location).to_owned());
    if location.unknown_to_policy && location.origin != Origin::Unknown.as_str() {
        parts.push("country unknown to policy".to_owned());
    }
    parts.extend(location.asn.map(|number| Asn(number).to_string()));
    parts.join(", ")
}

/// Who says so.
fn source(location: &LocationView) -> &'static str {
    match Origin::ALL.into_iter().find(|origin| origin.as_str() == location.origin) {
        Some(Origin::Override) => "by geoip.overrides",
        Some(Origin::Database) => "by the database",
        Some(Origin::Country) => "centre of the database's country",
        Some(Origin::Default) => "by geoip.default, for cost only",
        Some(Origin::Unknown) | None => "unknown",
    }
}

fn memory(view: &ExplainView) -> String {
    match &view.memory {
        None if view.named_dc.is_some() => "of no account: the client names its DC".to_owned(),
        None => "the listener remembers nobody".to_owned(),
        Some(_) if view.basis == "presumed" => "no daemon was asked".to_owned(),
        Some(memory) => match (memory.dc, memory.counts) {
            (None, _) => "the client is new".to_owned(),
            (Some(dc), true) => format!("DC {dc}; when it is down: {}", memory.when_down),
            (Some(dc), false) => format!("DC {dc}, which may not serve the client any more"),
        },
    }
}

fn policy(policy: &PolicyView) -> String {
    let fit = match (policy.rules, policy.fitting.len()) {
        (0, _) => "no rules".to_owned(),
        (rules, 0) => format!("{}, none fits", plural(rules, "rule", "rules")),
        (rules, 1) => format!("{}, 1 fits", plural(rules, "rule", "rules")),
        (rules, fitting) => format!("{rules} rules, {fitting} fit"),
    };
    let decides = if policy.default_decides { ", which decides" } else { "" };
    format!("{fit}; default {}{decides}; {}", policy.default, policy.says)
}

/// The rules that fit. Texts come last: they may be long.
fn rules(policy: &PolicyView, look: Look) -> String {
    let mut table = table(look, &["RULE", "COUNTS", "TEXT"]);
    for rule in &policy.fitting {
        let counts = match (rule.decides, &rule.beaten_by) {
            (true, _) => "decides".to_owned(),
            (false, Some(by)) => format!("beaten by {by}"),
            (false, None) => "not asked".to_owned(),
        };
        table.add_row(vec![
            Cell::new(&rule.rule),
            Cell::new(counts),
            Cell::new(shortened(&rule.text)),
        ]);
    }
    text(&table)
}

/// What places the DCs. Columns that would say nothing are left out.
fn ranking(view: &ExplainView, look: Look) -> String {
    let dcs = &view.dcs;
    let settled = view.objective == Objective::Latency.as_str()
        || view.location.coordinates.is_none() && dcs.iter().any(|dc| dc.cost_ms.is_some());
    let slow = dcs.iter().any(|dc| dc.excess_ms > 0.0);
    let first = dcs.iter().any(|dc| ["remembered", "preferred"].contains(&&*dc.precedence));
    let columns = [
        (true, ""),
        (true, "DC"),
        (true, "NAME"),
        (true, "DISTANCE"),
        (true, "CLIENT-DC"),
        (true, "EDGE-DC"),
        (settled, "SETTLED"),
        (true, "COST"),
        (slow, "EXCESS"),
        (true, "GROUP"),
        (first, "PRECEDENCE"),
    ];
    let shown = |cells: Vec<Cell>| {
        let cells = cells.into_iter().zip(columns).filter(|(_, (shown, _))| *shown);
        cells.map(|(cell, _)| cell).collect::<Vec<_>>()
    };
    let header: Vec<&str> =
        columns.iter().filter(|(shown, _)| *shown).map(|(_, title)| *title).collect();
    let mut table = table(look, &header);
    for dc in dcs {
        let excess = (dc.excess_ms > 0.0).then_some(dc.excess_ms);
        table.add_row(shown(vec![
            Cell::new(if dc.chosen { "*" } else { "" }),
            number(dc.id),
            Cell::new(&dc.name),
            kilometers(dc.distance_km),
            millis(dc.client_to_dc_ms),
            millis(dc.edge_to_dc_ms),
            millis(dc.edge_to_dc_settled_ms),
            millis(dc.cost_ms),
            millis(excess),
            number(dc.group.map_or_else(|| NOTHING.to_owned(), |group| (group + 1).to_string())),
            Cell::new(dc.precedence.replace('_', " ")),
        ]));
    }
    text(&table)
}

/// How the DCs are, and why some are left out.
fn states(dcs: &[RankedView], look: Look) -> String {
    let columns =
        ["", "DC", "SITE", "HEALTH", "ADMIN", "SESSIONS", "CONNECTING", "PROXY", "LEFT OUT"];
    let has_headers = dcs.iter().any(|dc| dc.room.send_proxy.is_some());
    let shown = |title: &&str| has_headers || *title != "PROXY";
    let mut table = table(look, &columns.into_iter().filter(shown).collect::<Vec<_>>());
    for dc in dcs {
        let proxy = Cell::new(dc.room.send_proxy.as_deref().unwrap_or(NOTHING));
        let row = [
            Cell::new(if dc.chosen { "*" } else { "" }),
            number(dc.id),
            Cell::new(&dc.site),
            word(&dc.health),
            word(&dc.admin),
            match dc.room.max_sessions {
                None => number(dc.sessions_active),
                Some(most) => number(format!("{} of {most}", dc.room.placed)),
            },
            number(format!("{} of {}", dc.connecting, dc.max_connecting)),
        ];
        let left_out = Cell::new(dc.exclusion_says.as_deref().unwrap_or_default());
        table.add_row(row.into_iter().chain(has_headers.then_some(proxy)).chain([left_out]));
    }
    text(&table)
}

/// The access points of the DCs that would be dialled, and of those that have none for this client.
fn access_points(view: &ExplainView, look: Look) -> Option<String> {
    let dialled: BTreeSet<u16> = view.attempts.iter().map(|dial| dial.dc).collect();
    let not_offered = |dc: &RankedView| dc.exclusion.as_deref() == Some("not_offered");
    let shown = view.dcs.iter().filter(|dc| dialled.contains(&dc.id) || not_offered(dc));
    let header = [
        "DIAL",
        "DC",
        "ACCESS POINT",
        "HEALTH",
        "ADMIN",
        "EDGE-DC",
        "WEIGHT",
        "FLAGS",
        "LEFT OUT",
        "FOR",
    ];
    let mut table = table(look, &header);
    for (dc, it) in shown.flat_map(|dc| dc.access_points.iter().map(move |it| (dc, it))) {
        let retiring = it.retiring.then_some("retiring");
        let flags: Vec<&str> = it.flags.iter().map(String::as_str).chain(retiring).collect();
        table.add_row(vec![
            number(it.dial.map_or_else(|| NOTHING.to_owned(), |dial| dial.to_string())),
            number(dc.id),
            Cell::new(&it.address),
            word(&it.health),
            word(&it.admin),
            millis(it.round_trip_ms),
            number(it.weight),
            Cell::new(flags.join(", ")),
            Cell::new(it.exclusion.as_deref().unwrap_or_default().replace('_', " ")),
            Cell::new(shortened(&it.offered_to.join("; "))),
        ]);
    }
    (!table.is_empty()).then(|| text(&table))
}

#[cfg(test)]
mod tests;
