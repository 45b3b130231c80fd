//! A worker that does not turn any more.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::support::client::Client;
use crate::support::doors::Doors;
use crate::support::eventually;
use crate::support::lab::Lab;
use crate::support::process::{Killed, address, command};

/// Nobody reads the log any more, and the workers have much to say: they are stuck in the middle of a line
/// for ever, as a defect would have them.
#[tokio::test]
async fn livez_tells_of_workers_that_are_stuck() {
    const LISTENERS: &str = "[{name: clients, bind: ['127.0.0.1:0'], \
         proxy_protocol: {accept_from: [127.0.0.0/8]}}]";
    let lab = Lab::new(1);
    lab.configure(&[("listeners", LISTENERS), ("log", "{level: debug, format: json}")]);
    let mut daemon = command(&["run", &lab.main().display().to_string()]);
    daemon.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut daemon = Killed(daemon.spawn().expect("a process"));
    let mut log = BufReader::new(daemon.0.stderr.take().expect("piped"));
    let serving = loop {
        let mut line = String::new();
        log.read_line(&mut line).expect("a log");
        let line: Value = serde_json::from_str(&line).expect("JSON");
        if line["message"] == "serving" {
            break line;
        }
    };
    let doors = Doors { admin: address(&serving["admin"]), metrics: address(&serving["metrics"]) };
    let at = address(&serving["listeners"]);
    assert_eq!(doors.get("/livez").await.0, 200);

    // Each is refused, and told of in a line.
    for _ in 0..2000 {
        if let Ok(mut client) = Client::plain(at).await {
            // The reset may be there first.
            let _ = client.send(b"GET / HTTP/1.1\r\n\r\n").await;
        }
    }
    let told = eventually("it is told", async || {
        let (status, told) = doors.get("/livez").await;
        (status == 503).then_some(told)
    })
    .await;
    assert!(told.contains("is stuck for"), "{told}");
    assert!(daemon.0.try_wait().expect("a child").is_none(), "it is for others to end it");
    drop(log);
}
