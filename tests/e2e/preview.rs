//! `nearpoint check --against-running`: what a reload would change, told before it happens.

use serde_json::Value;

use crate::places::ip;
use crate::support::client::who_answers;
use crate::support::eventually;
use crate::support::lab::{AMSTERDAM, Edge, Lab};
use crate::support::process::output;

#[tokio::test]
async fn a_changed_configuration_is_previewed_as_it_will_happen() {
    let lab = Lab::new(2);
    let edge = lab.start().await;
    let running = lab.main();
    let (code, told) = preview(&running.display().to_string(), &edge, &[]).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("goes by the same configuration"), "{told}");

    let candidate = lab.path("candidate.yaml");
    let main = std::fs::read_to_string(&running).expect("the main file");
    let main = main.replace("policy: {objective: distance}", "policy: {objective: latency}");
    let main = main.replace("level: info", "level: warn");
    std::fs::write(&candidate, &main).expect("a file of the test");
    let (code, told) = preview(&candidate.display().to_string(), &edge, &[]).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("at once:\n    policy.objective: distance -> latency\n"), "{told}");
    assert!(told.contains("after a restart:\n    log.level: info -> warn\n"), "{told}");

    lab.write("nearpoint.yaml", &main);
    edge.app.reload().await;
    eventually("what waits is all that differs", async || {
        let (_, told) = preview(&candidate.display().to_string(), &edge, &["--json"]).await;
        let told: Value = serde_json::from_str(&told).expect("JSON");
        let changes = &told["against_running"]["plan"]["changes"];
        let paths: Vec<&str> =
            changes.as_array()?.iter().filter_map(|it| it["path"].as_str()).collect();
        (paths == ["log.level"]).then_some(())
    })
    .await;
    who_answers(edge.clients(), ip("145.97.1.1")).await.expect("a session");
}

#[tokio::test]
async fn what_guards_would_refuse_is_told_with_exit_code_1_and_a_bad_file_with_64() {
    let lab = Lab::new(2);
    let edge = lab.start().await;
    let list = lab.dc_options_of(|dc, _| dc != AMSTERDAM);
    lab.write("fewer.yaml", list);
    let main = std::fs::read_to_string(lab.main()).expect("the main file");
    lab.write("candidate.yaml", format!("dc_options: fewer.yaml\n{main}"));
    let candidate = lab.path("candidate.yaml").display().to_string();
    let (code, told) = preview(&candidate, &edge, &[]).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("would be refused: DC 2 would lose its last access point"), "{told}");
    lab.write("candidate.yaml", format!("xyzzy: 1\n{main}"));
    let (code, told) = preview(&candidate, &edge, &[]).await;
    assert_eq!(code, Some(64), "{told}");
    assert!(told.contains("xyzzy: unknown key"), "{told}");
}

#[tokio::test]
async fn a_daemon_that_is_not_there_is_said() {
    let lab = Lab::new(1);
    let main = lab.main().display().to_string();
    let nobody = "http://127.0.0.1:1";
    let output = output(&["check", &main, "--against-running", "--admin", nobody]).await;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("nothing listens at http://127.0.0.1:1"), "{said}");
}

async fn preview(config: &str, edge: &Edge, more: &[&str]) -> (Option<i32>, String) {
    let admin = format!("http://{}", edge.doors.admin);
    let arguments = ["check", config, "--against-running", "--admin", &admin];
    let output = output(&[&arguments, more].concat()).await;
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}
