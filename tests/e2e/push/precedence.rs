//! Which list is in force: that of the file, or one that was pushed; and the way back.

use nearpoint::reload::Outcome;
use serde_json::Value;

use super::{KEPT, LIST, end, etag, history, in_file, list, live, push};
use crate::support::doors::Doors;
use crate::support::eventually;
use crate::support::lab::{AMSTERDAM, Lab};
use crate::support::process::output;

async fn origin(doors: &Doors) -> Value {
    doors.json("/v1/status").await["dc_options"].clone()
}

#[tokio::test]
async fn a_push_stands_for_the_file_over_reloads_and_restarts_until_that_changes() {
    let lab = Lab::new(3);
    lab.configure(&[("edge", KEPT)]);
    let edge = lab.start().await;
    assert_eq!(origin(&edge.doors).await["origin"], "file");
    let pushed = list(&lab, 1);
    let told = push(&edge.doors, &etag(&edge.doors).await, "?reason=new%20hall", &pushed).await;
    assert_eq!((told.status, &told.json()["outcome"]), (200, &Value::from("accepted")), "{told:?}");
    assert_eq!(live(&edge.doors).await.body, pushed);
    assert_eq!(edge.app.reload().await, Outcome::Unchanged, "the file says what it said");
    assert_eq!(live(&edge.doors).await.body, pushed);
    let main = lab.main().display().to_string();
    let admin = format!("http://{}", edge.doors.admin);
    let checked = output(&["check", &main, "--against-running", "--admin", &admin]).await;
    let told = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(told.contains("goes by the same configuration"), "{told}");
    assert!(told.contains("pushed (number 2 of the history) would stay"), "{told}");
    end(edge).await;

    let edge = lab.start().await;
    assert_eq!(live(&edge.doors).await.body, pushed);
    let told = origin(&edge.doors).await;
    assert_eq!((&told["origin"], &told["push"]["number"]), (&"pushed".into(), &2.into()), "{told}");
    assert_eq!(told["push"]["reason"], "new hall");
    assert_eq!(history(&edge.doors).await.len(), 2, "the same list is in force");
    let changed = format!("# changed\n{}", in_file(&lab));
    lab.write("dc_options.yaml", &changed);
    eventually("the file has the word again", async || {
        (live(&edge.doors).await.body == changed).then_some(())
    })
    .await;
    assert_eq!(origin(&edge.doors).await["origin"], "file");
    let events = edge.doors.json("/v1/events").await.to_string();
    assert!(events.contains("the file has changed: push 2"), "{events}");
    end(edge).await;
    let edge = lab.start().await;
    assert_eq!(live(&edge.doors).await.body, changed);
    let sources: Vec<Value> =
        history(&edge.doors).await.iter().map(|it| it["source"].clone()).collect();
    assert_eq!(sources, ["file", "push", "start"]);
}

#[tokio::test]
async fn a_push_outlasts_a_file_that_is_no_list_and_can_be_put_over_it() {
    let lab = Lab::new(3);
    lab.configure(&[("edge", KEPT)]);
    let edge = lab.start().await;
    let pushed = list(&lab, 1);
    assert_eq!(push(&edge.doors, "*", "", &pushed).await.status, 200);
    lab.write("dc_options.yaml", "[]");
    assert_eq!(edge.app.reload().await.as_str(), "refused");
    end(edge).await;
    let edge = lab.start().await;
    assert_eq!(live(&edge.doors).await.body, pushed, "the file is no list, and this one was good");
    let told = push(&edge.doors, "*", "", &pushed).await;
    let view = told.json();
    assert_eq!((&view["outcome"], &view["number"]), (&"unchanged".into(), &3.into()), "{told:?}");
    let again = push(&edge.doors, "*", "", &pushed).await.json();
    assert_eq!((&again["outcome"], &again["number"]), (&"unchanged".into(), &Value::Null));
    end(edge).await;
    let edge = lab.start().await;
    assert_eq!(live(&edge.doors).await.body, pushed);
    assert_eq!(origin(&edge.doors).await["push"]["number"], 3);
}

#[tokio::test]
async fn a_damaged_push_costs_itself_and_a_push_without_a_directory_is_told_not_to_last() {
    let lab = Lab::new(3);
    lab.configure(&[("edge", KEPT)]);
    let edge = lab.start().await;
    assert_eq!(push(&edge.doors, "*", "", &list(&lab, 1)).await.status, 200);
    end(edge).await;
    lab.write("state/pushed", "nearpoint-list 1 00\nhalf of it");
    let edge = lab.start().await;
    assert_eq!(live(&edge.doors).await.body, in_file(&lab));
    assert!(lab.path("state/damaged-pushed").exists());
    end(edge).await;
    lab.configure(&[]);
    let edge = lab.start().await;
    let told = push(&edge.doors, "*", "", &list(&lab, 2)).await;
    assert_eq!(told.status, 200, "{told:?}");
    assert!(told.body.contains("without edge.state_dir"), "{told:?}");
    assert_eq!(origin(&edge.doors).await["push"]["survives_restart"], false);
}

#[tokio::test]
async fn a_rollback_goes_to_the_list_before_or_to_any_that_is_kept() {
    let lab = Lab::new(3);
    let edge = lab.start().await;
    let lists: Vec<String> = (1..=3).map(|number| list(&lab, number)).collect();
    for list in &lists {
        assert_eq!(push(&edge.doors, "*", "", list).await.status, 200);
    }
    let back = async |query: &str| {
        let path = format!("{LIST}/rollback{query}");
        edge.doors.send(("POST", &path), &[], "").await
    };
    let shown = back("?dry_run=1").await.json();
    assert_eq!((&shown["dry_run"], &shown["number"]), (&true.into(), &Value::Null));
    assert_eq!(live(&edge.doors).await.body, lists[2]);
    assert_eq!(back("?reason=oops").await.status, 200);
    assert_eq!(live(&edge.doors).await.body, lists[1]);
    assert_eq!(back("?to=1").await.status, 200);
    assert_eq!(live(&edge.doors).await.body, in_file(&lab));
    assert_eq!(back("?to=99").await.status, 404);
    let entries = history(&edge.doors).await;
    let of = |key: &str| entries.iter().map(|it| it[key].clone()).collect::<Vec<_>>();
    assert_eq!(of("source"), ["rollback", "rollback", "push", "push", "push", "start"]);
    assert_eq!(of("number"), [6, 5, 4, 3, 2, 1]);
    assert_eq!(entries[1]["reason"], "oops");
    let entry = edge.doors.json("/v1/dc_options/history/2").await;
    let diff = entry["diff"].as_array().expect("lines");
    assert_eq!((diff.len(), &entry["removed"]), (1, &1.into()), "{entry}");
    assert!(diff[0].as_str().is_some_and(|line| line.starts_with("- 1/127.0.0.1:")), "{entry}");
}

#[tokio::test]
async fn what_is_wrong_with_a_push_is_told_by_its_status_and_in_words() {
    let lab = Lab::new(3);
    let edge = lab.start().await;
    let (first, good) = (etag(&edge.doors).await, list(&lab, 1));
    let put = async |headers: &[(&str, &str)], body: &str| {
        edge.doors.send(("PUT", LIST), headers, body).await
    };
    assert_eq!(put(&[], &good).await.status, 428);
    assert_eq!(put(&[("If-Match", "yesterday's")], &good).await.status, 400);
    let stale = put(&[("If-Match", "\"0000000000000000\"")], &good).await;
    assert_eq!((stale.status, stale.etag.as_ref()), (412, Some(&first)), "{stale:?}");
    let html = [("If-Match", "*"), ("Content-Type", "text/html")];
    assert_eq!(put(&html, &good).await.status, 415);
    let json = [("If-Match", "*"), ("Content-Type", "application/json; charset=utf-8")];
    assert_eq!(put(&json, &good).await.status, 422, "YAML is no JSON");
    let bad = push(&edge.doors, "*", "", "- {id: 0, ip: 192.0.2.1, port: 0}").await;
    let problems = bad.json()["problems"].as_array().map(Vec::len);
    assert_eq!((bad.status, problems), (422, Some(2)), "{bad:?}");
    let fewer = lab.dc_options_of(|dc, _| dc != AMSTERDAM);
    let guarded = push(&edge.doors, "*", "", &fewer).await;
    assert_eq!(guarded.status, 409, "{guarded:?}");
    assert!(guarded.body.contains("DC 2 would lose its last access point"), "{guarded:?}");
    let shown = push(&edge.doors, "*", "?dry_run=1", &fewer).await.json();
    assert_eq!((&shown["outcome"], &shown["guards"][0].is_null()), (&"refused".into(), &false));
    assert_eq!(etag(&edge.doors).await, first, "nothing of all that went live");
    let forced = push(&edge.doors, "*", "?force=1", &fewer).await;
    assert_eq!(forced.status, 200, "{forced:?}");
    assert_eq!(history(&edge.doors).await[0]["forced"], true);
    let again = push(&edge.doors, &first, "", &fewer).await;
    assert_eq!(again.json()["outcome"], "unchanged", "who sends it again has it");
    let accepted = put(
        &[("If-Match", "*"), ("Content-Type", "application/json")],
        "[{\"id\": 2, \"ip\": \"127.0.0.1\", \"port\": 1}]",
    )
    .await;
    assert_eq!(accepted.status, 409, "JSON is read, and guards have their word");
}
