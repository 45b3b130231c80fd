//! The same from the command line.

use serde_json::Value;

use super::{etag, in_file, list, live};
use crate::support::lab::{AMSTERDAM, Edge, Lab};
use crate::support::process::output;

async fn run(edge: &Edge, arguments: &[&str]) -> (Option<i32>, String) {
    let admin = format!("http://{}", edge.doors.admin);
    let output = output(&[arguments, &["--admin", &admin]].concat()).await;
    let told = [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
    (output.status.code(), told.concat())
}

#[tokio::test]
async fn a_list_is_shown_before_it_is_pushed_and_nobody_is_taken_by_surprise() {
    let lab = Lab::new(3);
    let edge = lab.start().await;
    let first = etag(&edge.doors).await;
    lab.write("next.yaml", list(&lab, 1));
    let file = lab.path("next.yaml").display().to_string();
    let (code, told) = run(&edge, &["push", &file, "--dry-run"]).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("would be put into force") && told.contains("- dc_options[1/"), "{told}");
    let (code, told) = run(&edge, &["push", &file]).await;
    assert_eq!(code, Some(64), "{told}");
    assert!(told.contains("--yes does it"), "{told}");
    assert_eq!(etag(&edge.doors).await, first);
    let (code, told) = run(&edge, &["push", &file, "--yes", "--reason", "new hall"]).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("is in force, number 2 of the history"), "{told}");
    assert_eq!(live(&edge.doors).await.body, list(&lab, 1));
    let (code, told) = run(&edge, &["status"]).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("number 2 of the history") && told.contains(": new hall;"), "{told}");
    let (code, told) = run(&edge, &["rollback", "--yes", "--json"]).await;
    assert_eq!(code, Some(0), "{told}");
    let view: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!((&view["outcome"], &view["number"]), (&"accepted".into(), &3.into()));
    assert_eq!(live(&edge.doors).await.body, in_file(&lab));
    let (code, told) = run(&edge, &["history", "2"]).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("reason: new hall") && told.contains("  - 1/127.0.0.1:"), "{told}");
    let (code, told) = run(&edge, &["history"]).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.lines().any(|it| it.contains("live") && it.contains("rollback")), "{told}");
    let (code, told) = run(&edge, &["reload"]).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("is in force already"), "{told}");
}

#[tokio::test]
async fn what_went_wrong_is_an_exit_code() {
    let lab = Lab::new(2);
    let edge = lab.start().await;
    lab.write("bad.yaml", "- {id: 0, ip: 192.0.2.1, port: 0}");
    lab.write("fewer.yaml", lab.dc_options_of(|dc, _| dc != AMSTERDAM));
    let path = |name: &str| lab.path(name).display().to_string();
    let (code, told) = run(&edge, &["push", &path("bad.yaml"), "--yes"]).await;
    assert_eq!(code, Some(64), "{told}");
    assert!(told.contains("port: 0") && told.contains("id: 0"), "{told}");
    for how in ["--yes", "--dry-run"] {
        let (code, told) = run(&edge, &["push", &path("fewer.yaml"), how]).await;
        assert_eq!(code, Some(2), "{told}");
        assert!(told.contains("DC 2 would lose its last access point"), "{told}");
    }
    let (code, told) = run(&edge, &["push", &path("fewer.yaml"), "--yes", "--force"]).await;
    assert_eq!(code, Some(0), "{told}");
    let (code, told) = run(&edge, &["push", &path("nowhere.yaml"), "--yes"]).await;
    assert_eq!(code, Some(1), "{told}");
    let (code, told) = run(&edge, &["drain", "1", "--for", "1h", "--reason", "disks"]).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("DC 1 is drain until "), "{told}");
    let (code, told) = run(&edge, &["maint", "5"]).await;
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("nothing would be left"), "{told}");
    let (_, told) = run(&edge, &["status"]).await;
    assert!(told.contains("WANTED") && told.contains("disks"), "{told}");
    let (code, told) = run(&edge, &["ready", "1"]).await;
    assert_eq!(code, Some(0), "{told}");
}
