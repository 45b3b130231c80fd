//! What happened, as operators are told: over HTTP, by the command line, and in status.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Stdio};

use nearpoint::routing::Health;
use nearpoint::stub::Fault;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::support::lab::{AMSTERDAM, DCS, Lab};
use crate::support::process::{Process, command, output};
use crate::support::{eventually, within};

/// A site of two DCs, and one of one.
const SITES: &str = "[{id: 1, name: mia, site: east}, {id: 2, name: ams, site: east}, \
     {id: 5, name: sin, site: west}]";

#[tokio::test]
async fn a_dc_that_dies_and_returns_is_told_in_order_with_causes() {
    let lab = Lab::new(2);
    lab.configure(&[("dcs", SITES)]);
    let edge = lab.start().await;
    let before = edge.doors.json("/v1/events").await;
    let after = before["last"].as_u64().expect("a number");
    let doors = edge.doors;
    let waiting = tokio::spawn(async move {
        doors.json(&format!("/v1/events?after={after}&dc=2&wait=60s")).await
    });

    lab.dc(AMSTERDAM).kill_everywhere().await.expect("killed");
    let woken = within("the change wakes who waits", waiting).await.expect("an answer");
    let first = &woken["events"][0];
    assert_eq!((&first["dc"], &first["dc_name"]), (&2.into(), &"ams".into()));
    edge.until_access_points_are(&[AMSTERDAM], Health::Down).await;
    let status = edge.doors.json("/v1/status").await;
    assert_eq!(status["dcs"][1]["standing"], "down");
    assert_eq!(status["sites"][0]["name"], "east");
    assert_eq!(status["sites"][0]["standing"], "degraded");
    assert_eq!(status["sites"][0]["says"], "2 of 4 access points up; DC 2 down");
    assert_eq!(status["sites"][1]["standing"], "serving");
    assert_eq!((&status["ready"], &status["isolated"]), (&true.into(), &false.into()));

    lab.dc(AMSTERDAM).set_fault_everywhere(Fault::None).await.expect("healed");
    edge.until_access_points_are(&[AMSTERDAM], Health::Up).await;
    let told = edge.doors.json(&format!("/v1/events?after={after}&dc=2")).await;
    let events = told["events"].as_array().expect("a list");
    for address in lab.dc(AMSTERDAM).local_addrs() {
        let address = address.to_string();
        let of_it = events.iter().filter(|it| it["access_point"] == *address);
        let changes: Vec<_> = of_it.map(|it| (&it["from"], &it["to"], &it["cause"])).collect();
        let (up, down) = (&Value::from("up"), &Value::from("down"));
        let refused = &Value::from("probe failed: refused");
        let answered = &Value::from("probe answered");
        assert_eq!(changes, [(up, down, refused), (down, up, answered)], "{told}");
    }
    let at = |event: &Value| event["at"].as_str().expect("a time").to_owned();
    assert!(events.is_sorted_by(|a, b| a["id"].as_u64() < b["id"].as_u64()), "{told}");
    assert!(events.is_sorted_by_key(at), "{told}");
    assert_eq!(edge.doors.json("/v1/status").await["sites"][0]["standing"], "serving");
}

#[tokio::test]
async fn the_command_line_tells_what_the_daemon_tells() {
    let lab = Lab::new(2);
    let edge = lab.start().await;
    lab.dc(AMSTERDAM).kill_everywhere().await.expect("killed");
    edge.until_access_points_are(&[AMSTERDAM], Health::Down).await;
    let admin = format!("http://{}", edge.doors.admin);
    let events = async |arguments: &[&str]| {
        let output = output(&[&["events", "--admin", &admin], arguments].concat()).await;
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let told = edge.doors.json("/v1/events?dc=2").await;
    let printed = events(&["--json", "--dc", "2"]).await;
    let lines = printed.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    assert_eq!(lines.collect::<Vec<Value>>(), *told["events"].as_array().expect("a list"));

    let lines = events(&[]).await;
    for address in lab.dc(AMSTERDAM).local_addrs() {
        let down = format!("Z  access point {address} of DC 2 ams is down: probe failed: refused");
        assert!(lines.lines().any(|line| line.contains(&down)), "{lines}");
    }
    assert!(!events(&["--dc", "1"]).await.contains("DC 2"));
    assert_eq!(events(&["--since", "0s"]).await, "");
    assert_eq!(events(&["--since", "1h"]).await, lines);

    let status = output(&["status", "--admin", &admin]).await;
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    let line = |begins: &str| status.lines().find(|line| line.trim_start().starts_with(begins));
    let told = line("2  ams").expect("a line of the DC");
    assert!(told.contains(" down ") && told.contains("no access point up"), "{status}");
    let told = line("52.37,4.90").expect("a line of its site");
    assert!(told.contains(" down ") && told.contains("no access point up"), "{status}");
}

#[tokio::test]
async fn who_follows_outlives_a_restart_of_the_daemon_and_ends_well_at_ctrl_c() {
    let lab = Lab::new(1);
    let admin = format!("127.0.0.1:{}", quiet_port());
    lab.configure(&[("admin", &format!("{{bind: '{admin}'}}"))]);
    let mut daemon = Process::start(&lab).await;
    let mut follower = Follower::start(&admin, &["--json"]);
    // Of each access point, and of its DC.
    for id in 1..=2 * DCS.len() {
        assert_eq!(follower.event().await["id"], id);
    }
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.exit_code().await, 0);
    follower.told("trying again").await;

    let _daemon = Process::start(&lab).await;
    follower.told("connected again").await;
    assert_eq!(follower.event().await["id"], 1, "its events begin anew");
    assert!(follower.has_told("the daemon was restarted; its events begin anew"));
    assert_eq!(follower.interrupt().await, Some(0));
}

#[tokio::test]
async fn who_follows_ends_when_nobody_reads_though_nothing_happens() {
    let lab = Lab::new(1);
    let edge = lab.start().await;
    let admin = edge.doors.admin.to_string();
    let mut following = command(&["events", "--follow", "--admin", &format!("http://{admin}")])
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process");
    let mut lines = BufReader::new(following.stdout.take().expect("piped"));
    // The daemon is on this thread.
    let first = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        lines.read_line(&mut line).map(|_| line)
    });
    let line = within("a line", first).await.expect("it ends").expect("a line");
    let ended = eventually("it ends", async || following.try_wait().expect("a child")).await;
    assert_eq!(ended.code(), Some(0), "after {line:?}");
}

#[tokio::test]
async fn who_waits_for_events_does_not_hold_up_the_end() {
    let lab = Lab::new(1);
    let mut daemon = Process::start(&lab).await;
    let last = &daemon.doors.json("/v1/events").await["last"];
    let mut waiting = TcpStream::connect(daemon.doors.admin).await.expect("it listens");
    let request =
        format!("GET /v1/events?after={last}&wait=60s HTTP/1.1\r\nHost: localhost\r\n\r\n");
    waiting.write_all(request.as_bytes()).await.expect("a request");
    assert_eq!(daemon.doors.get("/livez").await.0, 200, "it has had time to read it");

    daemon.signal(Signal::TERM);
    assert_eq!(daemon.exit_code().await, 0);
    let mut answer = String::new();
    // Cut off, in whichever way.
    let _ = waiting.read_to_string(&mut answer).await;
    assert_eq!(answer, "");
}

/// A port that no connection of another test has taken for its own end: below those that the kernel
/// gives out.
fn quiet_port() -> u16 {
    let first = 12_000 + (std::process::id() % 15_000) as u16;
    let mut ports = first..first + 1000;
    let free = ports.find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    free.expect("a free port")
}

/// `nearpoint events --follow`. Killed when dropped.
struct Follower {
    child: Child,
    events: UnboundedReceiver<String>,
    notes: UnboundedReceiver<String>,
    heard: Vec<String>,
}

impl Follower {
    fn start(admin: &str, arguments: &[&str]) -> Self {
        let url = format!("http://{admin}");
        let mut command = command(&["events", "--follow", "--admin", &url]);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("a process");
        let events = lines(child.stdout.take().expect("piped"));
        let notes = lines(child.stderr.take().expect("piped"));
        Self { child, events, notes, heard: Vec::new() }
    }

    /// The next event that it prints.
    async fn event(&mut self) -> Value {
        let line = within("an event", self.events.recv()).await.expect("it goes on");
        serde_json::from_str(&line).expect("JSON")
    }

    /// Waits until it says so on standard error.
    async fn told(&mut self, what: &str) {
        while !self.has_told(what) {
            let note = within(what, self.notes.recv()).await.expect("it goes on");
            self.heard.push(note);
        }
    }

    fn has_told(&self, what: &str) -> bool {
        self.heard.iter().any(|note| note.contains(what))
    }

    /// Ctrl-C: how it ends.
    async fn interrupt(&mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), Signal::INT).expect("it lives");
        let ended = async || self.child.try_wait().expect("a child");
        eventually("it ends", ended).await.code()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Line after line, as they come.
fn lines(from: impl Read + Send + 'static) -> UnboundedReceiver<String> {
    let (sender, receiver) = unbounded_channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
