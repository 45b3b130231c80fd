//! The program itself, started the way people start it: every case works, and what is found is told.

use serde_json::Value;
use std::collections::BTreeSet;
use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

fn loadtest() -> Command {
    Command::new(env!("CARGO_BIN_EXE_loadtest"))
}

/// One at a time: each has load, proxies and backends, on as many cores as there are.
fn alone() -> MutexGuard<'static, ()> {
    static RUNNING: Mutex<()> = Mutex::new(());
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One short round, of which every byte is looked at.
fn smoke(command: &str, arguments: &[&str]) -> Output {
    let _alone = alone();
    loadtest().args([command, "--smoke", "--json"]).args(arguments).output().unwrap()
}

fn report(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// nearpoint, which is built in the same profile, every other proxy that is here, and none.
fn peers() -> Vec<&'static str> {
    let path = env::var_os("PATH").unwrap_or_default();
    let places = || env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let is_here = |program: &str| places().any(|place| place.join(program).is_file());
    let mut peers = vec!["nearpoint"];
    for (program, names) in [
        ("haproxy", &["haproxy", "haproxy-splice"][..]),
        ("nginx", &["nginx"]),
        ("envoy", &["envoy"]),
    ] {
        if is_here(program) {
            peers.extend(names);
        }
    }
    [&peers[..], &["direct"]].concat()
}

/// Names of the catalogue.
fn cases() -> Vec<String> {
    let output = loadtest().args(["compare", "--list"]).output().unwrap();
    assert!(output.status.success());
    let list = String::from_utf8(output.stdout).unwrap();
    list.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn every_case_works_through_every_peer_and_has_all_its_figures() {
    let directory = tempfile::tempdir().unwrap();
    let markdown = directory.path().join("page.md");
    let peers = peers();
    let arguments =
        ["--only", "all", "--peers", &peers.join(","), "--out", markdown.to_str().unwrap()];
    let output = smoke("compare", &arguments);
    let report = report(&output);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(report["failed"], Value::Array(Vec::new()), "{said}");
    assert!(output.status.success(), "{said}");
    assert_eq!((&report["smoke"], &report["partial"]), (&true.into(), &false.into()));
    let told: Vec<_> = report["peers"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(told, peers);
    for key in ["cpu", "kernel"] {
        assert!(report["host"][key].is_string(), "{}", report["host"]);
    }

    let unable: BTreeSet<(String, String)> = report["unable"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (text(&it["case"]), text(&it["peer"])))
        .collect();
    for case in cases() {
        for &peer in &peers {
            let figures = report["figures"].as_array().unwrap().iter();
            let found: Vec<&Value> =
                figures.filter(|it| it["case"] == case[..] && it["peer"] == peer).collect();
            if unable.contains(&(case.clone(), peer.to_owned())) {
                assert!(peer != "nearpoint" && found.is_empty(), "{case}, {peer}");
                continue;
            }
            let [found] = found[..] else { panic!("{case}, {peer}: {found:#?}") };
            for figure in expected(&case, peer) {
                let value = &found["figures"][figure];
                assert!(value["median"].is_number(), "{case}, {peer}: {figure}: {found:#}");
            }
        }
    }

    let page = std::fs::read_to_string(&markdown).unwrap();
    for text in [
        "## Summary",
        "`loadtest compare --smoke --json --only all",
        "![Latencies](page/latencies.svg)",
        "## rt-64b-100: 64 B round trips over 5 sessions",
        "| direct ",
    ] {
        assert!(page.contains(text), "{text} is not in {page}");
    }
    assert!(directory.path().join("page/latencies.svg").is_file());
    let is_compared = peers.len() > 2;
    assert_eq!(directory.path().join("page/ratios.svg").is_file(), is_compared);
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// What a case has to tell of a peer.
fn expected(case: &str, peer: &str) -> Vec<&'static str> {
    let (is_udp, is_proxy) = (case.starts_with("udp-"), peer != "direct");
    let is_bulk = case.contains("load");
    if case == "idle" {
        let mut expected = vec!["kernel_memory_kib_per_session"];
        if is_proxy {
            expected.extend(["user_memory_kib_per_session", "memory_without_sessions_mib"]);
        }
        return expected;
    }
    let mut expected = vec!["load_cores", "backend_cores"];
    let (rate, cpu) = match (is_bulk, case.ends_with("connects")) {
        (true, _) => ("rate_gb_per_second", ["cpu_s_per_gb", "cpu_system_s_per_gb"]),
        (_, true) => {
            ("rate_sessions_per_second", ["cpu_us_per_session", "cpu_user_us_per_session"])
        }
        _ => {
            let cpu = ["cpu_us_per_round_trip", "cpu_user_us_per_round_trip"];
            ("rate_round_trips_per_second", cpu)
        }
    };
    expected.push(rate);
    if is_proxy {
        expected.extend(cpu);
        expected.push("proxy_cores");
    }
    if !is_bulk {
        expected.extend(["latency_p50_us", "latency_p90_us", "latency_p99_us"]);
        expected.extend(["latency_p999_us", "latency_max_us"]);
    }
    if is_udp {
        expected.push("delivered_percent");
    }
    if case == "mixed" {
        expected.push("bulk_mb_per_second");
    }
    expected
}

#[test]
fn growth_has_a_point_for_every_number_and_a_verdict() {
    let directory = tempfile::tempdir().unwrap();
    let page = directory.path().join("growth.md");
    let output = smoke("growth", &["--peers", "nearpoint,direct", "--out", page.to_str().unwrap()]);
    let report = report(&output);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let series = report["series"].as_array().unwrap();
    for (series, (axis, numbers)) in
        series.iter().zip([("sessions", &[10, 100, 1000, 5000][..]), ("DCs", &[3, 30, 300])])
    {
        assert_eq!(series["axis"], axis);
        let [curve] = &series["curves"].as_array().unwrap()[..] else { panic!("{series:#}") };
        assert_eq!(curve["peer"], "nearpoint");
        let points = curve["points"].as_array().unwrap().iter();
        assert_eq!(points.map(|point| point["at"].clone()).collect::<Vec<_>>(), numbers);
        assert!(curve["verdict"]["verdict"].is_string(), "{curve:#}");
    }
    assert_eq!(series.len(), 2);
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("| peer      |") && page.contains(" 300 DCs |"), "{page}");
    assert!(directory.path().join("growth/growth.svg").is_file());
}

#[test]
fn another_build_is_measured_beside_nearpoint_and_is_no_other_proxy() {
    let nearpoint = Path::new(env!("CARGO_BIN_EXE_loadtest")).with_file_name("nearpoint");
    let baseline = ["--only", "rt-64b-1", "--peers", "nearpoint,direct", "--baseline"];
    let output = smoke("compare", &[&baseline[..], &[nearpoint.to_str().unwrap()]].concat());
    let report = report(&output);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let figures = report["figures"].as_array().unwrap();
    let peers: Vec<_> = figures.iter().map(|figure| &figure["peer"]).collect();
    assert_eq!(peers, ["nearpoint", "nearpoint-baseline", "direct"]);
    for figure in figures {
        let rate = &figure["figures"]["rate_round_trips_per_second"];
        assert_eq!(rate["by_best"], Value::Null, "there is no other proxy");
    }
}

#[test]
fn peer_that_cannot_be_measured_is_reported_and_fails_the_run() {
    let compare = |program| {
        let peers = ["--only", "rt-64b-1,upload-1", "--peers", "nearpoint,direct", "--nearpoint"];
        let output = smoke("compare", &[&peers[..], &[program]].concat());
        assert_eq!(output.status.code(), Some(1));
        report(&output)
    };
    let report = compare("/nowhere/nearpoint");
    assert!(text(&report["peers"][0]["failure"]).starts_with("there is no"), "{report:#}");
    // `true` ends at once, as a proxy that is broken would.
    let broken = compare("/bin/true");
    for (failed, case) in broken["failed"].as_array().unwrap().iter().zip(["rt-64b-1", "upload-1"])
    {
        assert_eq!((&failed["case"], &failed["peer"]), (&case.into(), &"nearpoint".into()));
        assert!(text(&failed["why"]).starts_with("it ended"), "{failed}");
    }
    for report in [report, broken] {
        let figures = report["figures"].as_array().unwrap();
        assert_eq!(figures.len(), 2, "direct is measured all the same");
    }
}

#[test]
fn run_that_is_interrupted_tells_what_it_has_and_keeps_no_child() {
    let _alone = alone();
    let mut command = loadtest();
    command.args(["compare", "--smoke", "--json", "--only", "rt-64b-1,rt-1kib-1"]);
    // So many rounds last for days.
    command.args(["--peers", "direct", "--rounds", "1000000"]);
    let mut run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut progress = BufReader::new(run.stderr.take().unwrap()).lines();
    let begun = progress.find(|line| line.as_ref().unwrap().contains("rt-1kib-1 through direct"));
    assert!(begun.is_some());
    let pid = run.id().to_string();
    let children = || std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    // A backend.
    while children().is_empty() {
        std::thread::yield_now();
    }
    let children: Vec<String> = children().split_whitespace().map(str::to_owned).collect();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let mut output = String::new();
    run.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(1));
    let report: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(report["partial"], true);
    assert_eq!(report["figures"][0]["case"], "rt-64b-1");
    // They were killed, and end sooner or later.
    let is_alive = |child: &String| {
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        stat.contains("(loadtest)") && !stat.contains(") Z ")
    };
    while children.iter().any(is_alive) {
        std::thread::yield_now();
    }
}

#[test]
fn served_stub_obeys_commands_and_reports_events() {
    let mut stub = Served::start(&["--listen", "127.0.0.1:0", "--service", "who", "--dc", "4"]);
    let listening = stub.event();
    assert_eq!((&listening["event"], &listening["service"]), (&"listening".into(), &"who".into()));
    let at: SocketAddr = listening["address"].as_str().unwrap().parse().unwrap();

    let mut client = BufReader::new(TcpStream::connect(at).unwrap());
    let mut line = String::new();
    client.read_line(&mut line).unwrap();
    let whoami: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&whoami["dc"], &whoami["connection"]), (&4.into(), &1.into()));

    assert_eq!(stub.ask(&format!("wait {at} open 1"))["open"], 1);
    assert_eq!(stub.ask("kill all")["event"], "done");
    client.read_line(&mut line).unwrap_err();
    TcpStream::connect(at).unwrap_err();
    assert_eq!(stub.ask(&format!("heal {at}"))["event"], "done");
    TcpStream::connect(at).unwrap();
    assert_eq!(stub.ask("explode")["event"], "failed");
    assert_eq!(stub.ask("refuse 127.0.0.1:1")["reason"], "no access point at 127.0.0.1:1");
    assert_eq!(stub.ask(&format!("wait {at} open 77 1ms"))["reason"], "not reached in time");

    drop(stub.input);
    let mut rest = String::new();
    stub.output.read_to_string(&mut rest).unwrap();
    assert_eq!((rest.as_str(), stub.child.wait().unwrap().code()), ("", Some(0)));
}

struct Served {
    child: Child,
    input: ChildStdin,
    output: BufReader<std::process::ChildStdout>,
}

impl Served {
    fn start(arguments: &[&str]) -> Served {
        let mut command = loadtest();
        command.arg("serve").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Served { child, input, output }
    }

    fn ask(&mut self, command: &str) -> Value {
        writeln!(self.input, "{command}").unwrap();
        self.event()
    }

    fn event(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}
