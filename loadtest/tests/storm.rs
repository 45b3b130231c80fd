//! `loadtest storm` with a few hundred access points: everybody is served, and everything is told.
//! How fast is for machines that have nothing else to do.

use serde_json::Value;
use std::process::Command;

#[test]
fn clients_of_live_dcs_are_served_while_a_crowd_of_others_fails() {
    for failure in ["blackhole", "refuse"] {
        let directory = tempfile::tempdir().unwrap();
        let markdown = directory.path().join("storm.md");
        let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
        command.args(["storm", "--access-points", "300", "--duration", "2s", "--rounds", "1"]);
        command.args(["--sessions", "4", "--connects", "2", "--failure", failure, "--json"]);
        let output = command.arg("--out").arg(&markdown).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["settings"]["access_points"], 300);
        assert_eq!(report["settings"]["failure"], failure);
        for condition in ["well", "failing"] {
            let phase = &report[condition];
            assert_eq!(phase["failures"], 0, "{phase}");
            assert_eq!(phase["reloads"], 4, "{phase}");
            for kind in ["round_trips", "sessions"] {
                let count = phase[kind]["count"].as_u64();
                assert!(count.is_some_and(|count| count > 0), "{condition}, {kind}: {phase}");
            }
        }
        assert!(report["failing"]["access_points_not_up"].as_u64().unwrap() > 0, "{report}");

        let markdown = std::fs::read_to_string(markdown).unwrap();
        let title = format!("## 300 access points that fail together ({failure})");
        assert!(markdown.contains(&title), "{markdown}");
        assert!(markdown.contains("| connect, echo, close: p99, us "), "{markdown}");
    }
}

#[test]
fn a_storm_without_nearpoint_says_what_is_missing() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    let output = command.args(["storm", "--nearpoint", "/nowhere/nearpoint"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("there is no /nowhere/nearpoint"), "{said}");
}
