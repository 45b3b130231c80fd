//! Lists that are pushed, and what operators want: checked, kept, and told.

mod command;
mod intents;
mod killed;
mod precedence;
mod racing;

use std::fs;

use serde_json::Value;

use crate::support::doors::{Doors, Told};
use crate::support::lab::{Edge, Lab};

/// An edge that keeps what survives a restart.
const KEPT: &str = "{name: lab, workers: 2, state_dir: state}";

const LIST: &str = "/v1/dc_options";

/// A list that is like no other: each access point but one, and a line that names it.
fn list(lab: &Lab, number: usize) -> String {
    let left_out = lab.dc_options_of(|dc, at| dc != 1 || at != number % 3);
    format!("# list {number}\n{left_out}")
}

/// Pushes a list over that of this ETag, or any for `*`.
async fn push(doors: &Doors, over: &str, query: &str, list: &str) -> Told {
    let over = if over == "*" { over.to_owned() } else { format!("\"{over}\"") };
    let headers = [("If-Match", over.as_str()), ("Content-Type", "application/yaml")];
    doors.send(("PUT", &format!("{LIST}{query}")), &headers, list).await
}

/// The list in force.
async fn live(doors: &Doors) -> Told {
    let told = doors.send(("GET", LIST), &[], "").await;
    assert_eq!(told.status, 200, "{told:?}");
    told
}

/// Its ETag.
async fn etag(doors: &Doors) -> String {
    live(doors).await.etag.expect("a list has an ETag")
}

/// The entries of the history, the newest first.
async fn history(doors: &Doors) -> Vec<Value> {
    let told = doors.json("/v1/dc_options/history?limit=100").await;
    told["entries"].as_array().expect("a list").clone()
}

async fn end(edge: Edge) {
    edge.app.shut_down().await;
}

/// The list that stands in the file.
fn in_file(lab: &Lab) -> String {
    fs::read_to_string(lab.path("dc_options.yaml")).expect("the list of the laboratory")
}
