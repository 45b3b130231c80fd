//! Configurations that change while clients come.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nearpoint::reload::Outcome;
use nearpoint::routing::topology::Revision;
use sha2::{Digest, Sha256};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until};

use crate::places::{clients, ip};
use crate::support::client::{Client, who_answers};
use crate::support::doors::Doors;
use crate::support::lab::{AMSTERDAM, Edge, Lab};
use crate::support::load::Load;
use crate::support::process::Process;
use crate::support::{eventually, within};

/// How long new sessions are opened while lists change.
const LOAD: Duration = Duration::from_secs(20);

/// Closed loops.
const CLIENTS: usize = 64;

/// Lists of different content that go live.
const LISTS: usize = 20;

/// A file is read when it has held still for this long.
const TWO_LOOKS: Duration = Duration::from_millis(500);

#[tokio::test]
async fn twenty_lists_garbage_and_cut_files_cost_no_session() {
    let lab = Lab::new(3);
    lab.write("dc_options.yaml", list(&lab, 0));
    let edge = lab.start().await;
    let lives = Lives::watch(&edge);
    let mut open = Vec::new();
    for client in clients(16) {
        let mut session = Client::announced(edge.clients(), client).await.expect("a session");
        session.who().await.expect("an answer");
        open.push(session);
    }
    let end = Instant::now() + LOAD;
    let load = Load::start(edge.clients(), &clients(CLIENTS));

    for number in 1..=LISTS {
        let list = list(&lab, number);
        if number == LISTS / 4 {
            refused_by_watching(&lab, &edge, "\u{0}garbage: [", 1.0).await;
        }
        if number == LISTS / 2 {
            let cut = cut_for_less_than_two_looks(&lab, &edge, number).await;
            assert!(!lives.have_seen(&cut), "a half-written list went live");
        } else {
            lab.write("dc_options.yaml", &list);
        }
        if number % 2 == 0 {
            let outcome = within("a reload", edge.app.reload()).await;
            let by_watching = Outcome::Unchanged;
            assert!([Outcome::Accepted, by_watching].contains(&outcome), "{outcome:?}");
        }
        edge.until("the list is live", |it| it.topology.revision() == revision(&list)).await;
        assert_eq!(live_revision(&edge.doors).await, revision(&list).to_string());
    }
    let last = list(&lab, LISTS);
    let cut = first_entries(&last, 3);
    refused_by_watching(&lab, &edge, &cut, 2.0).await;
    let status = edge.doors.json("/v1/status").await;
    let problems = status["last_reload"]["problems"].to_string();
    assert!(problems.contains("would lose its last access point"), "{problems}");
    assert!(!lives.have_seen(&cut), "a list that guards refuse went live");
    assert_eq!(live_revision(&edge.doors).await, revision(&last).to_string());

    sleep_until(end).await;
    let outcomes = load.stop().await;
    println!("{} sessions", outcomes.len());
    assert!(outcomes.len() > CLIENTS * LISTS, "a load that stood still shows nothing");
    let failed: Vec<_> = outcomes.iter().filter(|outcome| outcome.answered.is_err()).collect();
    assert!(failed.is_empty(), "{} of {} failed: {:?}", failed.len(), outcomes.len(), failed[0]);
    for mut session in open {
        session.echo(b"still here").await.expect("sessions outlive every reload");
        session.finish().await.expect("an orderly end");
    }
    let scrape = edge.doors.scrape().await;
    assert_eq!(scrape.sum("config_reloads_total", &[("result", "accepted")]), LISTS as f64);
    assert_eq!(scrape.sum("config_reloads_total", &[("result", "refused")]), 2.0);
    assert_eq!(scrape.sum("refused_total", &[]), 0.0);
    let listed = edge
        .until("access points that left have retired", |it| {
            it.topology.access_points().iter().all(|access_point| !access_point.retiring)
        })
        .await;
    let listed =
        listed.topology.access_points().iter().map(|it| it.id.address.socket.port().to_string());
    for port in listed {
        assert!(last.contains(&port), "{port}");
    }
}

#[tokio::test]
async fn listeners_come_go_and_stay_with_their_sockets_and_sessions() {
    const HEADERS: &str = "proxy_protocol: {accept_from: [127.0.0.0/8]}";
    let listener = |name: &str, ip: &str| format!("{{name: {name}, bind: ['{ip}:0'], {HEADERS}}}");
    let lab = Lab::new(1);
    let (stays, leaves) = (listener("clients", "127.0.0.1"), listener("leaves", "127.0.0.2"));
    let comes = listener("comes", "127.0.0.3");
    lab.configure(&[("listeners", &format!("[{stays}, {leaves}]"))]);
    let edge = lab.start().await;
    let (stays_at, leaves_at) = (edge.clients(), edge.listener("leaves"));
    let client = ip("8.8.8.8");
    let sockets = listening_sockets(stays_at);
    assert_eq!(sockets.len(), 2, "one for each worker");
    let mut staying = Client::announced(stays_at, client).await.expect("a session");
    let mut left_behind = Client::announced(leaves_at, client).await.expect("a session");
    for session in [&mut staying, &mut left_behind] {
        session.who().await.expect("an answer");
    }

    lab.configure(&[("listeners", &format!("[{stays}, {comes}]"))]);
    let outcome = within("a reload", edge.app.reload()).await;
    assert!(matches!(outcome, Outcome::Accepted | Outcome::Unchanged), "{outcome:?}");
    assert_eq!(listening_sockets(stays_at), sockets, "the sockets are the same");
    who_answers(stays_at, client).await.expect("the unchanged listener serves");
    let status = edge.doors.json("/v1/status").await;
    let views = status["listeners"].as_array().expect("a list");
    assert_eq!(views.len(), 2);
    let view = views.iter().find(|view| view["name"] == "comes").expect("the new listener");
    let comes_at = view["addresses"][0].as_str().expect("an address");
    who_answers(comes_at.parse().expect("an address"), client).await.expect("it serves");
    eventually("the removed listener refuses", async || {
        let error = Client::plain(leaves_at).await.err()?;
        (error.kind() == io::ErrorKind::ConnectionRefused).then_some(())
    })
    .await;

    for session in [&mut staying, &mut left_behind] {
        session.echo(b"still here").await.expect("sessions outlive the reload");
    }
    let active = [("listener", "leaves")];
    assert_eq!(edge.doors.scrape().await.sum("sessions_active", &active), 1.0);
    left_behind.finish().await.expect("an orderly end");
    eventually("its end is counted", async || {
        (edge.doors.scrape().await.sum("sessions_active", &active) == 0.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn renames_and_swapped_symlinks_are_noticed() {
    let lab = Lab::new(2);
    let fewer = lab.dc_options_of(|dc, number| (dc, number) != (AMSTERDAM, 1));
    for (directory, list) in [("old", lab.dc_options()), ("new", fewer.clone())] {
        fs::create_dir(lab.path(directory)).expect("a directory");
        lab.write(&format!("{directory}/list.yaml"), list);
    }
    symlink("old", lab.path("current")).expect("a symlink");
    lab.configure(&[("dc_options", "current/list.yaml")]);
    let edge = lab.start().await;

    // As a deployment does: the link is replaced in one step.
    symlink("new", lab.path("next")).expect("a symlink");
    fs::rename(lab.path("next"), lab.path("current")).expect("swapped");
    edge.until("the other list is live", |it| it.topology.revision() == revision(&fewer)).await;

    // As editors do: a new file takes the place of the old one.
    let edited = format!("# edited\n{}", lab.dc_options());
    lab.write("new/list.yaml~", &edited);
    fs::rename(lab.path("new/list.yaml~"), lab.path("new/list.yaml")).expect("renamed");
    edge.until("the edited list is live", |it| it.topology.revision() == revision(&edited)).await;

    let accepted = [("source", "file"), ("result", "accepted")];
    eventually("both are counted", async || {
        let scrape = edge.doors.scrape().await;
        (scrape.sum("config_reloads_total", &accepted) == 2.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_broken_main_file_is_refused_with_all_problems_told_once() {
    let lab = Lab::new(1);
    let daemon = Process::start(&lab).await;
    let before = live_revision(&daemon.doors).await;
    let broken = [
        ("policy", "{objektive: distance}"),
        ("connect", "{timeout: 5 parsecs}"),
        ("guards", "{max_removed: 150%}"),
    ];
    lab.configure(&broken);
    let refused = [("source", "file"), ("result", "refused")];
    eventually("the refusal is counted", async || {
        let scrape = daemon.doors.scrape().await;
        (scrape.sum("config_reloads_total", &refused) == 1.0).then_some(())
    })
    .await;
    let reload = &daemon.doors.json("/v1/status").await["last_reload"];
    assert_eq!(reload["accepted"], false);
    let problems: Vec<&str> = reload["problems"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|it| it.as_str())
        .collect();
    assert_eq!(problems.len(), broken.len(), "{problems:?}");
    for part in ["did you mean `objective`", "connect.timeout", "guards.max_removed"] {
        let told = problems.iter().filter(|problem| problem.contains(part));
        assert_eq!(told.count(), 1, "{part}: {problems:?}");
    }
    assert_eq!(live_revision(&daemon.doors).await, before);
    who_answers(daemon.clients, ip("8.8.8.8")).await.expect("the last good one serves");

    // A file that is repaired is noticed; the refusal was no news at any look between.
    lab.configure(&[("connect", "{timeout: 2s}")]);
    eventually("the repaired file is live", async || {
        let status = daemon.doors.json("/v1/status").await;
        (status["last_reload"]["accepted"] == true).then_some(())
    })
    .await;
    assert_eq!(daemon.doors.scrape().await.sum("config_reloads_total", &refused), 1.0);
    for problem in problems {
        assert_eq!(daemon.count_logged(|line| line["message"] == *problem), 1, "{problem}");
    }
}

#[tokio::test]
async fn a_list_that_a_refused_main_file_names_is_read_when_it_is_repaired() {
    let lab = Lab::new(2);
    let edge = lab.start().await;
    lab.write("other.yaml", "- {id: 2, ip: 127.0.0.1, po");
    lab.configure(&[("dc_options", "other.yaml")]);
    until_refused(&edge, 1.0).await;

    // The main file stays as it is.
    let repaired = format!("# repaired\n{}", lab.dc_options());
    lab.write("other.yaml", &repaired);
    edge.until("the list is live", |it| it.topology.revision() == revision(&repaired)).await;
}

#[tokio::test]
async fn a_pipe_in_place_of_a_list_is_refused_and_keeps_nobody() {
    let lab = Lab::new(1);
    let edge = lab.start().await;
    let made = Command::new("mkfifo").arg(lab.path("pipe")).status().expect("mkfifo");
    assert!(made.success());
    lab.configure(&[("dc_options", "pipe")]);
    let outcome = within("a reload", edge.app.reload()).await;
    let Outcome::Refused(problems) = outcome else { panic!("{outcome:?}") };
    assert_eq!(problems, [format!("{}: is not a file", lab.path("pipe").display())]);
}

#[tokio::test]
async fn keys_that_wait_for_a_restart_are_named_until_they_are_taken_back() {
    let lab = Lab::new(1);
    let edge = lab.start().await;
    let later = ("memory", "{pipes: 0KiB}");
    let steps = [
        (vec![later], true),
        (vec![later, ("connect", "{timeout: 2s}")], true),
        (vec![("connect", "{timeout: 2s}")], false),
    ];
    for (sections, waits) in steps {
        let before = configured(&edge).await;
        lab.configure(&sections);
        let told = async || (configured(&edge).await > before).then_some(());
        eventually("the file is in force", told).await;
        // Answered after the reload before it has been told of.
        assert_eq!(within("a reload", edge.app.reload()).await, Outcome::Unchanged);
        let status = edge.doors.json("/v1/status").await;
        assert_eq!(status["last_reload"]["accepted"], true);
        let problems = status["last_reload"]["problems"].to_string();
        assert_eq!(problems.contains("memory.pipes: the new value waits"), waits, "{problems}");
    }
}

/// Configurations that have come into force, as events tell them.
async fn configured(edge: &Edge) -> usize {
    let told = edge.doors.json("/v1/events").await;
    let events = told["events"].as_array().expect("a list");
    events.iter().filter(|event| event["kind"] == "configuration").count()
}

/// A list that differs from those of other numbers: of each DC two access points, in turn.
fn list(lab: &Lab, number: usize) -> String {
    let list = lab.dc_options_of(|_, access_point| access_point != number % 3);
    format!("{list}# list {number}\n")
}

/// The beginning of a list, as if its writer had come no further.
fn first_entries(list: &str, count: usize) -> String {
    list.lines().take(count).map(|line| format!("{line}\n")).collect()
}

/// Writes a list in two steps that are closer together than two looks at it, with a reload that looks
/// between them, and returns what there was to be seen then. When this test is not given a processor
/// for so long, it tries again.
async fn cut_for_less_than_two_looks(lab: &Lab, edge: &Edge, number: usize) -> String {
    for attempt in 0.. {
        // One access point less than are live: guards would let it pass.
        let cut = format!("{}# attempt {attempt}\n", first_entries(&list(lab, number - 1), 5));
        let began = Instant::now();
        lab.write("dc_options.yaml", &cut);
        let completed = async {
            sleep(TWO_LOOKS / 2).await;
            lab.write("dc_options.yaml", list(lab, number));
            began.elapsed()
        };
        let both = async { tokio::join!(edge.app.reload(), completed) };
        let (_, took) = within("a reload", both).await;
        if took < TWO_LOOKS {
            return cut;
        }
    }
    unreachable!("it returns or goes on")
}

/// Writes a list that is refused, and waits until it has been.
async fn refused_by_watching(lab: &Lab, edge: &Edge, list: &str, count: f64) {
    let before = edge.app.reader.load_full().topology.revision();
    lab.write("dc_options.yaml", list);
    until_refused(edge, count).await;
    let status = edge.doors.json("/v1/status").await;
    assert_eq!(status["last_reload"]["accepted"], false);
    assert_eq!(status["last_reload"]["source"], "file");
    assert_eq!(status["revision"], before.to_string());
}

/// Waits until so many reloads of changed files have been refused.
async fn until_refused(edge: &Edge, count: f64) {
    eventually("the files are refused", async || {
        let scrape = edge.doors.scrape().await;
        let refused = [("source", "file"), ("result", "refused")];
        (scrape.sum("config_reloads_total", &refused) == count).then_some(())
    })
    .await;
}

/// Every revision that was ever live.
struct Lives {
    seen: Arc<Mutex<BTreeSet<[u8; 8]>>>,
    watching: AbortHandle,
}

impl Lives {
    fn watch(edge: &Edge) -> Self {
        let seen = Arc::new(Mutex::new(BTreeSet::new()));
        let (reader, into) = (edge.app.reader.clone(), Arc::clone(&seen));
        let watching = tokio::spawn(async move {
            let keep_watching = reader.wait_for(|snapshot| {
                let Revision(bytes) = snapshot.topology.revision();
                into.lock().unwrap_or_else(PoisonError::into_inner).insert(bytes);
                false
            });
            keep_watching.await;
        });
        Self { seen, watching: watching.abort_handle() }
    }

    fn have_seen(&self, list: &str) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(!seen.is_empty(), "somebody watches");
        seen.contains(&revision(list).0)
    }
}

impl Drop for Lives {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

/// The revision of a list: the first bytes of the hash of its text.
fn revision(list: &str) -> Revision {
    let digest = Sha256::digest(list);
    let (first, _) = digest.split_first_chunk().expect("more than eight bytes");
    Revision(*first)
}

async fn live_revision(doors: &Doors) -> String {
    let status = doors.json("/v1/status").await;
    status["revision"].as_str().expect("a revision").to_owned()
}

/// The inodes of the sockets of this process that listen there (proc_net(5)).
fn listening_sockets(at: SocketAddr) -> BTreeSet<u64> {
    const LISTEN: &str = "0A";
    let SocketAddr::V4(v4) = at else { panic!("{at} is no IPv4 address") };
    let local = format!("{:08X}:{:04X}", u32::from_le_bytes(v4.ip().octets()), v4.port());
    let table = fs::read_to_string("/proc/self/net/tcp").expect("the sockets of this machine");
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let listening = rows.filter(|row| row[1] == local && row[3] == LISTEN);
    listening.map(|row| row[9].parse().expect("an inode")).collect()
}
