//! All figures of a scenario, as tables.

use super::summary::{back_to_normal, longest_outage};
use super::{Report, Run, ScenarioReport};
use crate::failover::outcome::{Held, Outcome, Sessions};
use crate::failover::phase::Phase;
use crate::failover::time::Time;
use crate::report::{Section, machine, table};
use comfy_table::presets;
use std::collections::BTreeMap;
use std::fmt::{Display, Write};

impl Report {
    /// For a terminal.
    pub(super) fn text(&self) -> String {
        let mut text = machine(&self.host, &self.peers);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", self.circumstances.sentence());
        let summary = self.summary(presets::UTF8_BORDERS_ONLY, str::to_owned);
        let _ = write!(text, "\nSummary\n\n{summary}\n");
        let mut show = |section: Section| {
            let title = section.title.clone();
            let table = table(section, presets::UTF8_BORDERS_ONLY);
            let _ = write!(text, "\n{title}\n\n{table}\n");
        };
        for scenario in &self.scenarios {
            for section in scenario.sections() {
                show(section);
            }
        }
        for scenario in &self.scenarios {
            for (kind, verdicts) in [("outcome", &scenario.outcomes), ("bar", &scenario.bars)] {
                for verdict in verdicts.iter().filter(|verdict| !verdict.holds) {
                    let _ = writeln!(text, "{}: {kind} missed: {verdict}", scenario.name);
                }
            }
        }
        text
    }
}

impl ScenarioReport {
    /// New sessions, then what became of those that were held, then flows of UDP if there were any.
    pub(super) fn sections(&self) -> Vec<Section> {
        let phases = |run: &Run| {
            let row = |(phase, sessions): (Phase, &Sessions)| {
                let name = if phase == Phase::Before { run.peer.clone() } else { String::new() };
                let mut row = vec![name, phase.to_string()];
                row.extend(cells(sessions));
                row
            };
            run.outcome.new.each().map(row)
        };
        let new = Section {
            title: format!("{}: new sessions, {} a second", self.title, self.new_sessions_a_second),
            columns: columns("peer, phase, tried, failed, how, caught, p50, p99, max, answered by"),
            rows: self.runs.iter().flat_map(phases).collect(),
        };
        let whole = |run: &Run| {
            let mut row = vec![run.peer.clone()];
            row.extend(whole(&run.outcome));
            row
        };
        let rest = Section {
            title: format!("{}: recovery, and {} held sessions", self.title, self.held_sessions),
            columns: columns(
                "peer, back to normal, out of use, answers again, used again, interrupted, moved, \
                 median outage, longest outage",
            ),
            rows: self.runs.iter().map(whole).collect(),
        };
        let mut sections = vec![new, rest];
        sections.extend(self.flows());
        sections.extend(self.crowd());
        sections
    }

    /// New sessions of the crowd.
    fn crowd(&self) -> Option<Section> {
        let new = self.crowd_a_second?;
        let rows = |run: &Run| {
            let crowd = run.outcome.crowd.as_ref();
            let row = |(phase, sessions): (Phase, &Sessions)| {
                let row = [run.peer.clone(), phase.to_string()];
                row.into_iter().chain(cells(sessions)).collect::<Vec<_>>()
            };
            crowd.map_or_else(Vec::new, |crowd| crowd.each().map(row).to_vec())
        };
        Some(Section {
            title: format!("{}: the crowd, {new} a second", self.title),
            columns: columns("peer, phase, tried, failed, how, caught, p50, p99, max, answered by"),
            rows: self.runs.iter().flat_map(rows).collect(),
        })
    }

    /// New flows, and in the row of a whole run what became of those that were held.
    fn flows(&self) -> Option<Section> {
        let (new, held) = self.new_flows_a_second.zip(self.held_flows)?;
        let rows = |run: &Run| {
            let Some(flows) = &run.outcome.flows else {
                let no_udp = vec![run.peer.clone(), "serves no UDP here".to_owned()];
                return vec![no_udp.into_iter().chain(vec![String::new(); 10]).collect()];
            };
            let row = |(phase, sessions): (Phase, &Sessions)| {
                let is_first = phase == Phase::Before;
                let name = if is_first { run.peer.clone() } else { String::new() };
                let mut row = vec![name, phase.to_string()];
                row.extend(cells(sessions));
                let outage = |held: &Held| match (held.never_back, held.longest_outage) {
                    (0, outage) => outage.map_or("-".to_owned(), |time| time.to_string()),
                    (lost, _) => format!("{lost} never back"),
                };
                row.extend(match is_first {
                    true => [flows.held.moved.to_string(), outage(&flows.held)],
                    false => [String::new(), String::new()],
                });
                row
            };
            flows.new.each().map(row).to_vec()
        };
        Some(Section {
            title: format!("{}: new flows of UDP, {new} a second, and {held} held", self.title),
            columns: columns(
                "peer, phase, tried, failed, how, caught, p50, p99, max, answered by, held: moved, \
                 held: longest outage",
            ),
            rows: self.runs.iter().flat_map(rows).collect(),
        })
    }
}

fn columns(names: &str) -> Vec<String> {
    names.split(", ").map(str::to_owned).collect()
}

fn cells(sessions: &Sessions) -> [String; 8] {
    let time = |time: Option<Time>| match time {
        Some(time) => time.to_string(),
        None if sessions.failed > 0 => "failed".to_owned(),
        None => "-".to_owned(),
    };
    let answered_by = sessions.share_by_dc.iter();
    let answered_by: Vec<String> =
        answered_by.map(|(dc, share)| format!("dc{dc} {:.0}%", share * 100.0)).collect();
    [
        sessions.tried.to_string(),
        sessions.failed.to_string(),
        counted(&sessions.failed_how),
        sessions.caught.to_string(),
        time(sessions.p50),
        time(sessions.p99),
        sessions.max.map_or("-".to_owned(), |max| max.to_string()),
        or_none(answered_by.join(", ")),
    ]
}

fn whole(outcome: &Outcome) -> [String; 8] {
    let news = &outcome.news;
    let told = |time: Option<Time>| match time {
        Some(time) => time.to_string(),
        None if news.out_of_use.is_empty() => "-".to_owned(),
        None => "never".to_owned(),
    };
    let held = &outcome.held;
    [
        back_to_normal(outcome).text,
        news.all_out_of_use().map_or("-".to_owned(), |time| time.to_string()),
        outcome.answers_again.map_or("never".to_owned(), |time| time.to_string()),
        told(news.all_used_again()),
        match held.stalled {
            0 => format!("{} of {}", held.interrupted, held.sessions),
            stalled => format!("{} of {}, {stalled} stalled", held.interrupted, held.sessions),
        },
        held.moved.to_string(),
        held.median_outage.map_or("-".to_owned(), |time| time.to_string()),
        longest_outage(outcome).text,
    ]
}

fn counted<T: Display>(counts: &BTreeMap<T, usize>) -> String {
    let counts = counts.iter().map(|(what, count)| format!("{count} {what}"));
    or_none(counts.collect::<Vec<_>>().join(", "))
}

fn or_none(text: String) -> String {
    if text.is_empty() { "-".to_owned() } else { text }
}
