//! The real process: signals, the drain, and too few descriptors.

use std::io::ErrorKind;
use std::process::Stdio;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::net::UnixDatagram;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::places::{clients, ip};
use crate::support::client::{Client, End, who_answers};
use crate::support::lab::{AMSTERDAM, DCS, Lab};
use crate::support::process::{Killed, Process, command};
use crate::support::{eventually, within};

/// A session that stays.
async fn open(daemon: &Process) -> Client {
    let mut session = Client::announced(daemon.clients, ip("8.8.8.8")).await.expect("a session");
    session.who().await.expect("an answer");
    session
}

async fn until_listeners_are_closed(daemon: &Process) {
    eventually("the listeners are closed", async || {
        let error = Client::plain(daemon.clients).await.err()?;
        (error.kind() == ErrorKind::ConnectionRefused).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_drain_goes_by_readiness_then_listeners_then_sessions() {
    let lab = Lab::new(1);
    lab.configure(&[("shutdown", "{grace: 2s, deadline: 4s}")]);
    let mut daemon = Process::start(&lab).await;
    assert_eq!(daemon.doors.get("/readyz").await.0, 200);
    let (mut ending, mut staying) = (open(&daemon).await, open(&daemon).await);

    daemon.signal(Signal::TERM);
    eventually("readiness is gone", async || {
        let (status, body) = daemon.doors.get("/readyz").await;
        (status == 503 && body.contains("draining")).then_some(())
    })
    .await;
    let late = open(&daemon).await;
    late.finish().await.expect("who comes within the grace is served in full");
    assert_eq!(daemon.doors.get("/livez").await.0, 200);

    until_listeners_are_closed(&daemon).await;
    for session in [&mut ending, &mut staying] {
        session.echo(b"still here").await.expect("sessions outlive the listeners");
    }
    ending.finish().await.expect("an orderly end");
    assert_eq!(within("the deadline", staying.end()).await, End::Reset);
    assert_eq!(daemon.exit_code().await, 0);
}

#[tokio::test]
async fn a_daemon_ends_with_its_last_session() {
    let lab = Lab::new(1);
    lab.configure(&[("shutdown", "{grace: 0s, deadline: 1h}")]);
    let mut daemon = Process::start(&lab).await;
    let last = open(&daemon).await;
    daemon.signal(Signal::INT);
    until_listeners_are_closed(&daemon).await;
    last.finish().await.expect("an orderly end");
    assert_eq!(daemon.exit_code().await, 0);
    assert_eq!(daemon.count_logged(|line| line["message"] == "drained"), 1);
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let lab = Lab::new(1);
    lab.configure(&[("shutdown", "{grace: 1h, deadline: 2h}")]);
    let mut daemon = Process::start(&lab).await;
    let mut session = open(&daemon).await;
    daemon.signal(Signal::TERM);
    daemon.logged("draining; a second signal ends at once").await;
    session.echo(b"still here").await.expect("the first one ends no session");
    daemon.signal(Signal::TERM);
    daemon.logged("ended before the drain was over").await;
    assert_eq!(daemon.exit_code().await, 0);
    within("the session ends with its daemon", session.end()).await;
}

#[tokio::test]
async fn sighup_reloads() {
    let lab = Lab::new(2);
    let mut daemon = Process::start(&lab).await;
    daemon.signal(Signal::HUP);
    daemon.logged("nothing has changed").await;
    let unchanged = [("source", "signal"), ("result", "unchanged")];
    assert_eq!(daemon.doors.scrape().await.value("config_reloads_total", &unchanged), 1.0);

    lab.write("dc_options.yaml", lab.dc_options_of(|dc, number| (dc, number) != (AMSTERDAM, 0)));
    daemon.signal(Signal::HUP);
    daemon.logged("configuration in force").await;
    let gone = lab.dc(AMSTERDAM).local_addrs()[0].to_string();
    eventually("the access point has left", async || {
        (!daemon.doors.get("/v1/dcs").await.1.contains(&gone)).then_some(())
    })
    .await;
    who_answers(daemon.clients, ip("145.97.1.1")).await.expect("a session");
}

#[tokio::test]
async fn a_drain_waits_for_no_reload_and_lets_none_go_live() {
    let lab = Lab::new(2);
    let mut daemon = Process::start(&lab).await;
    // A list that never holds still would keep its reader for ten seconds.
    let (list, path) = (lab.dc_options(), lab.path("dc_options.yaml"));
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let writer = std::thread::spawn(move || {
        let mut number = 0;
        while stopped.recv_timeout(Duration::from_millis(20)) == Err(RecvTimeoutError::Timeout) {
            number += 1;
            std::fs::write(&path, format!("{list}# {number}\n")).expect("a file of the test");
        }
    });
    daemon.signal(Signal::HUP);
    daemon.logged("reloading").await;
    daemon.signal(Signal::TERM);
    daemon.logged("drained").await;
    assert_eq!(daemon.exit_code().await, 0);
    drop(stop);
    writer.join().expect("the writer");
    let reloaded = ["configuration in force", "reload refused, the last good configuration stays"];
    assert_eq!(daemon.count_logged(|line| reloaded.iter().any(|it| line["message"] == *it)), 0);
}

#[tokio::test]
async fn the_service_manager_is_told_of_each_step_with_the_time_of_a_reload() {
    let lab = Lab::new(1);
    let socket = UnixDatagram::bind(lab.path("notify")).expect("a socket");
    let main = lab.main().display().to_string();
    let mut daemon = command(&["run", &main]);
    daemon.env("NOTIFY_SOCKET", lab.path("notify")).stderr(Stdio::null());
    let mut daemon = Killed(daemon.spawn().expect("a process"));
    let told = async || {
        let mut text = [0; 256];
        let length = within("a notification", socket.recv(&mut text)).await.expect("a datagram");
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    let signal = |daemon: &Killed, signal| {
        kill_process(Pid::from_child(&daemon.0), signal).expect("it lives");
    };
    assert_eq!(told().await.trim(), "READY=1");
    for list in [lab.dc_options(), "garbage".to_owned()] {
        lab.write("dc_options.yaml", list);
        signal(&daemon, Signal::HUP);
        let reloading = told().await;
        let time = reloading.trim().strip_prefix("RELOADING=1\nMONOTONIC_USEC=");
        assert!(time.is_some_and(|time| time.parse::<u64>().is_ok()), "{reloading}");
        assert_eq!(told().await.trim(), "READY=1");
    }
    signal(&daemon, Signal::TERM);
    assert_eq!(told().await.trim(), "STOPPING=1");
    let ended = eventually("the daemon ends", async || daemon.0.try_wait().expect("a child")).await;
    assert!(ended.success());
}

#[tokio::test]
async fn without_descriptors_accepting_pauses_and_everybody_is_served_in_the_end() {
    const CLIENTS: usize = 60;
    const DESCRIPTORS: u32 = 224;
    // Of 224, 64 are kept for probes and 128 for all else, and a session takes two.
    const PLACES: f64 = 16.0;
    let lab = Lab::new(1);
    lab.configure(&[("memory", "{pipes: 0KiB}")]);
    let daemon = Process::start_with_descriptors(&lab, DESCRIPTORS).await;
    assert_eq!(daemon.doors.scrape().await.value("fds_limit", &[]), f64::from(DESCRIPTORS));

    let at = daemon.clients;
    let mut waiting = JoinSet::new();
    for client in clients(CLIENTS) {
        waiting.spawn(async move {
            let mut session = Client::announced(at, client).await?;
            session.who().await?;
            std::io::Result::Ok(session)
        });
    }
    let full = eventually("accepting pauses", async || {
        let scrape = daemon.doors.scrape().await;
        let pauses = scrape.value("accept_pauses_total", &[]);
        (pauses > 0.0 && scrape.sum("sessions_active", &[]) == PLACES).then_some(scrape)
    })
    .await;
    assert_eq!(full.value("sessions_total", &[]), PLACES, "nobody is accepted who has no place");
    assert!(full.value("fds_open", &[]) < f64::from(DESCRIPTORS));

    // A pause must not spin: here time itself is what is waited for.
    let (before, began) = (daemon.processor_ticks(), Instant::now());
    sleep(Duration::from_secs(1)).await;
    let used = Duration::from_millis(10 * (daemon.processor_ticks() - before));
    assert!(used < began.elapsed() / 2, "{used:?} of processor time within a pause");
    let paused = daemon.doors.scrape().await;
    assert_eq!(paused.value("sessions_total", &[]), PLACES);
    assert_eq!(paused.sum("dc_up", &[]), DCS.len() as f64, "probes have descriptors of their own");

    let mut served = 0;
    while let Some(session) = within("the next client is served", waiting.join_next()).await {
        let session = session.expect("no panic").expect("a session");
        session.finish().await.expect("an orderly end");
        served += 1;
    }
    assert_eq!(served, CLIENTS);
    let after = daemon.doors.scrape().await;
    assert_eq!(after.sum("refused_total", &[]), 0.0);
    assert_eq!(after.sum("connect_failures_total", &[]), 0.0);
    let troubled = daemon.count_logged(|line| {
        line["message"] == "access point changed" && line["from"] != "unknown"
    });
    assert_eq!(troubled, 0, "nobody was Suspect or Down meanwhile");
}

#[tokio::test]
async fn every_place_can_be_had_at_every_socket() {
    // Two sessions beyond the 192 that are kept; and two workers, each with a socket of its own.
    const DESCRIPTORS: u32 = 196;
    let lab = Lab::new(1);
    lab.configure(&[("memory", "{pipes: 0KiB}")]);
    let daemon = Process::start_with_descriptors(&lab, DESCRIPTORS).await;
    // The kernel chooses the socket by the client's port: some of these pairs share one.
    for _ in 0..8 {
        let first = within("a place", open(&daemon)).await;
        let second = within("the other place, with the first one taken", open(&daemon)).await;
        first.finish().await.expect("an orderly end");
        second.finish().await.expect("an orderly end");
    }
}
