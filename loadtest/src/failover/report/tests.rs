use super::*;
use crate::failover::example::{dc1_gone, ms};
use crate::failover::outcome::DISTURBED;
use clap::Parser;
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

fn blackholed() -> Scenario {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("lab/scenarios");
    Scenario::read(&folder.join("blackholed.yaml")).unwrap()
}

/// nearpoint beside a peer that finds out so late, and hedges after so long.
fn report(haproxy: Recording) -> Report {
    let scenario = blackholed();
    let runs = [("nearpoint", dc1_gone(ms(600), Some(ms(200)))), ("haproxy", haproxy)];
    let circumstances = Circumstances {
        command: "loadtest failover blackholed".to_owned(),
        when: UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        load_average: [Some(0.5), None],
        tcp_congestion_control: Some("cubic".to_owned()),
    };
    let peers = vec![
        PeerReport::measured("nearpoint", "nearpoint 0.1.0"),
        PeerReport::measured("haproxy", "HAProxy 2.6"),
    ];
    let scenario = ScenarioReport::new(&scenario, scenario.long, &runs).unwrap();
    Report::new(circumstances, peers, vec![scenario])
}

/// The cells of a line of a table in Markdown.
fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

#[test]
fn the_best_of_a_scenario_is_bold_and_nobody_who_failed_is() {
    let page = report(dc1_gone(ms(6_000), None)).markdown("failover");
    let row = |peer: &str| {
        let line = page.lines().find(|line| cells(line).get(1) == Some(&peer)).unwrap();
        cells(line).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let ours = ["blackholed", "nearpoint", "**0**", "**283 ms**", "**580 ms**", "950 ms", ""];
    assert_eq!(row("nearpoint"), ours);
    assert_eq!(row("haproxy"), ["", "haproxy", "297", "failed", "5.98 s", "950 ms", ""]);
}

#[test]
fn where_a_peer_is_better_the_remark_says_so() {
    let better = dc1_gone(ms(300), Some(ms(100)));
    let report = report(better);
    assert_eq!(
        report.scenarios[0].remark(),
        "better: haproxy, p99 during 182 ms against 283 ms; haproxy, back to normal 280 ms \
         against 580 ms"
    );
    let same = self::report(dc1_gone(ms(600), Some(ms(200))));
    assert_eq!(same.scenarios[0].remark(), "");
}

#[test]
fn a_page_has_everything_that_a_reader_asks_for() {
    let page = report(dc1_gone(ms(6_000), None)).markdown("failover");
    for text in [
        "- haproxy: HAProxy 2.6\n",
        "`loadtest failover blackholed`, 2027-01-15T08:00:00Z; load average of the machine 0.50 \
         at the start, ? at the end; TCP with cubic.",
        "## blackholed: DC 1 is blackholed\n",
        "A host that lost its power",
        "![DC 1 is blackholed](failover/blackholed.svg)",
        "297 silent",
        "dc1 50%, dc2 50%",
        "- holds: new sessions that fail in the phase fault: 0 (seen: 0 of 1000)\n",
        "- met: out of use <= 1.00 s (seen: 600 ms)\n",
        "   +0.600 s  nearpoint  DC 1 is out of use\n",
    ] {
        assert!(page.contains(text), "{text:?} is not in\n{page}");
    }
    assert!(!page.contains("BROKEN") && !page.contains("missed"), "{page}");
}

#[test]
fn every_document_has_the_time_from_which_a_session_is_disturbed() {
    let page = report(dc1_gone(ms(6_000), None)).markdown("failover");
    let [readme, lab] =
        [include_str!("../../../README.md"), include_str!("../../../lab/README.md")];
    let told = format!("took more than {}", Time(DISTURBED));
    for document in [page.as_str(), readme, lab] {
        assert!(document.contains(&told), "{told:?} is not in\n{document}");
    }
}

#[test]
fn a_terminal_gets_tables_and_what_was_missed() {
    let mut report = report(dc1_gone(ms(6_000), None));
    assert_eq!(report.broken().count(), 0);
    let text = report.text();
    assert!(text.contains("DC 1 is blackholed: new sessions, 100 a second"), "{text}");
    assert!(!text.contains("**") && !text.contains("missed"), "{text}");
    report.scenarios[0].bars[0].holds = false;
    report.scenarios[0].outcomes[0].holds = false;
    assert_eq!(report.broken().map(|(name, _)| name).collect::<Vec<_>>(), ["blackholed"]);
    let text = report.text();
    assert!(text.contains("blackholed: bar missed: p99 of the first 5 s"), "{text}");
    assert!(text.contains("blackholed: outcome missed: new sessions that fail"), "{text}");
}

#[test]
fn who_waits_is_told_the_main_figures_and_what_is_broken() {
    let mut report = report(dc1_gone(ms(6_000), None));
    let scenario = &mut report.scenarios[0];
    let nearpoint = "nearpoint          failed 0, p99 during 283 ms, back to normal 580 ms";
    let haproxy = "haproxy            failed 297, p99 during failed, back to normal 5.98 s";
    assert_eq!(scenario.brief(), [nearpoint, haproxy]);
    scenario.outcomes[0].holds = false;
    let brief = scenario.brief();
    let broken = brief.last().unwrap();
    assert_eq!(broken, "BROKEN: new sessions that fail in the phase before: 0 (seen: 0 of 500)");
}

#[test]
fn machines_get_figures_in_seconds_and_no_pictures() {
    let json = serde_json::to_value(report(dc1_gone(ms(6_000), None))).unwrap();
    let scenario = &json["scenarios"][0];
    assert_eq!(scenario["name"], "blackholed");
    assert_eq!(scenario["phases"]["fault"], 10.0);
    assert_eq!(scenario["picture"], Value::Null);
    let [ours, haproxy] = [&scenario["runs"][0], &scenario["runs"][1]];
    assert_eq!(ours["peer"], "nearpoint");
    assert_eq!(ours["new"]["fault"]["failed"], 0);
    assert_eq!(ours["back_to_normal"]["after"], 0.58);
    assert_eq!(ours["news"]["out_of_use"][0]["after"], 0.6);
    assert_eq!(haproxy["new"]["fault"]["failed_how"]["silent"], 297);
    assert_eq!(haproxy["new"]["fault"]["p99"], Value::Null);
    assert_eq!(scenario["timeline"][1]["at_seconds"], 0.6);
    assert_eq!(scenario["outcomes"][0]["holds"], true);
}

#[test]
fn without_nearpoint_nothing_is_asked() {
    let scenario = blackholed();
    let runs = [("nginx", dc1_gone(ms(6_000), None))];
    let report = ScenarioReport::new(&scenario, scenario.long, &runs).unwrap();
    assert!(report.outcomes.is_empty() && report.bars.is_empty() && report.timeline.is_empty());
    assert_eq!(report.remark(), "");
}

#[test]
fn pictures_are_beside_the_page_that_shows_them() {
    #[derive(Parser)]
    struct Options {
        #[command(flatten)]
        output: OutputOptions,
    }
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("figures.md");
    let options = Options::parse_from(["test", "--json", "--out", &page.to_string_lossy()]).output;
    report(dc1_gone(ms(6_000), None)).emit(&options).unwrap();
    let shown = fs::read_to_string(&page).unwrap();
    assert!(shown.contains("](figures/blackholed.svg)"), "{shown}");
    let picture = fs::read_to_string(folder.path().join("figures/blackholed.svg")).unwrap();
    assert!(picture.contains("<svg") && picture.contains("DC 1 is blackholed"));
}
