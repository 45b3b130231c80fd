//! `nearpoint explain --file` for people.

use comfy_table::Cell;

use super::super::explain::SummaryView;
use super::{Look, NOTHING, number, plural, table, text};
use crate::admin::view::{DEFAULT, shortened};

/// Who is counted, whom the rules hit, who goes where, and who nowhere.
pub(in crate::cli) fn render(view: &SummaryView, look: Look) -> String {
    let mut parts = vec![headline(view)];
    if !view.rules.is_empty() {
        parts.push(rules(view, look));
    }
    parts.push(dcs(view, look));
    parts.join("\n\n")
}

fn headline(view: &SummaryView) -> String {
    let count = |count: u64, what: &str| (count > 0).then(|| format!("{count} {what}"));
    let addresses = usize::try_from(view.addresses).unwrap_or(usize::MAX);
    let refused = view.refused.iter().filter_map(|(reason, refused)| match reason.as_str() {
        "policy" => count(*refused, "refused by policy"),
        reason => count(*refused, &format!("refused: {reason}")),
    });
    let others = [
        count(view.audited, "would be refused by policy, and are only counted"),
        count(view.unknown_location, "at an unknown location"),
        count(view.bad_lines, "bad lines"),
    ];
    let mut parts = vec![plural(addresses, "address", "addresses")];
    parts.extend(refused.chain(others.into_iter().flatten()));
    let health = match view.basis.as_str() {
        "presumed" => "presumed up",
        _ => "as measured",
    };
    let listener = match view.listener.as_str() {
        "" => String::new(),
        name => format!("\nlistener {name}, health {health}"),
    };
    format!("{}{listener}", parts.join(", "))
}

fn rules(view: &SummaryView, look: Look) -> String {
    let mut table = table(look, &["RULE", "ADDRESSES", "SHARE", "DECIDED", "TEXT"]);
    for rule in &view.rules {
        table.add_row(vec![
            Cell::new(&rule.rule),
            number(rule.addresses),
            share(rule.share),
            number(rule.decided),
            Cell::new(rule.text.as_deref().map_or(NOTHING.into(), shortened)),
        ]);
    }
    table.add_row(vec![
        Cell::new(DEFAULT),
        number(NOTHING),
        number(NOTHING),
        number(view.default_decided),
        Cell::new(&view.default),
    ]);
    text(&table)
}

fn dcs(view: &SummaryView, look: Look) -> String {
    let mut table = table(look, &["DC", "NAME", "ADDRESSES", "SHARE", "WHY"]);
    for dc in &view.dcs {
        let why: Vec<String> =
            dc.why.iter().map(|(word, count)| format!("{count} {word}")).collect();
        table.add_row(vec![
            number(dc.id),
            Cell::new(&dc.name),
            number(dc.addresses),
            share(dc.share),
            Cell::new(why.join(", ")),
        ]);
    }
    text(&table)
}

fn share(share: Option<f64>) -> Cell {
    number(share.map_or_else(|| NOTHING.to_owned(), |share| format!("{:.1}%", share * 100.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::explain::{DcSummary, RuleSummary};

    #[test]
    fn an_operator_reads_whom_a_change_hits() {
        let rule = |index: usize, text: &str, addresses: u64, decided: u64| RuleSummary {
            rule: format!("policy.rules[{index}]"),
            text: Some(text.into()),
            addresses,
            share: Some(addresses as f64 / 1000.0),
            decided,
        };
        let dc = |id: u16, name: &str, addresses: u64, why: &[(&str, u64)]| DcSummary {
            id,
            name: name.into(),
            addresses,
            share: Some(addresses as f64 / 1000.0),
            why: why.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect(),
        };
        let view = SummaryView {
            listener: "clients".into(),
            basis: "presumed".into(),
            addresses: 1000,
            bad_lines: 3,
            rules: vec![
                rule(0, "deny cidr 192.0.2.0/24", 12, 12),
                rule(1, &format!("restrict country {} to DC 2", "DE, ".repeat(40)), 600, 595),
            ],
            default: "allow".into(),
            default_decided: 393,
            dcs: vec![dc(1, "mia", 0, &[]), dc(2, "ams", 988, &[("nearest", 900), ("tie", 88)])],
            refused: [("no_dc".to_owned(), 0), ("policy".to_owned(), 12)].into(),
            audited: 0,
            unknown_location: 7,
        };
        let expected = "\
1000 addresses, 12 refused by policy, 7 at an unknown location, 3 bad lines
listener clients, health presumed up

 RULE             ADDRESSES  SHARE  DECIDED  TEXT
 policy.rules[0]         12   1.2%       12  deny cidr 192.0.2.0/24
 policy.rules[1]        600  60.0%      595  restrict country DE, DE, DE, DE, DE, DE, DE, DE, DE, DE, DE, DE,...
 policy.default           -      -      393  allow

 DC  NAME  ADDRESSES  SHARE  WHY
  1  mia           0   0.0%
  2  ams         988  98.8%  900 nearest, 88 tie";
        let rendered = render(&view, Look::Plain);
        assert_eq!(rendered, expected, "\n{rendered}");
    }
}
