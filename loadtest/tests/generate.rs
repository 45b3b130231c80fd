//! `loadtest tcp` and `loadtest udp` against stubs: every load gets its work done without a failure, and
//! what fails is told. How fast is for machines that have nothing else to do.

use nearpoint::stub::{Service, Setup, StubDc, UdpService};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Output, Stdio};
use tokio::io::{AsyncBufReadExt, BufReader};

const SOURCE: Service = Service::Source { bytes: None };

fn loadtest(arguments: &str, target: SocketAddr) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    command.args(arguments.split(' ')).args(["--target", &target.to_string()]);
    command
}

/// Runs the load for a short time against a service of a stub.
async fn run_on(setup: Setup<'_>, service: Service, arguments: &str) -> Output {
    let at = (SocketAddr::from(([127, 0, 0, 1], 0)), service);
    let stub = StubDc::bind_with(setup, 1, &[at]).unwrap();
    run(&format!("{arguments} --duration 200ms --json --quiet"), stub.local_addrs()[0]).await
}

/// The stub of the test works meanwhile.
async fn run(arguments: &str, target: SocketAddr) -> Output {
    let command = loadtest(arguments, target);
    tokio::process::Command::from(command).output().await.unwrap()
}

fn report(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

#[tokio::test]
async fn every_load_gets_work_done_without_a_failure() {
    let udp = Service::Udp;
    for (arguments, service, unit) in [
        ("tcp round-trips --sessions 5 --size 1KiB", Service::Echo, "round_trip"),
        ("tcp round-trips --sessions 2 --size 1MiB", Service::Echo, "round_trip"),
        ("tcp round-trips --sessions 5 --rate 500 --sources 3", Service::Echo, "round_trip"),
        ("tcp round-trips --opening obfuscated", Service::Echo, "round_trip"),
        ("tcp upload --streams 2 --verify", Service::Sink, "byte"),
        ("tcp upload --verify --opening obfuscated", Service::Sink, "byte"),
        ("tcp download --streams 2 --verify --sources 2", SOURCE, "byte"),
        ("tcp connects --sources 20", Service::Echo, "session"),
        ("tcp connects --rate 300", Service::Echo, "session"),
        ("tcp idle --sessions 50", Service::Echo, "session"),
        ("tcp mixed --sessions 100 --verify", Service::Echo, "round_trip"),
        ("udp round-trips --flows 5", udp(UdpService::Echo), "round_trip"),
        ("udp round-trips --flows 5 --rate 500 --sources 3", udp(UdpService::Echo), "round_trip"),
        ("udp upload --flows 2 --verify", udp(UdpService::Sink), "byte"),
        ("udp upload --flood", udp(UdpService::Sink), "byte"),
        ("udp download --verify", udp(UdpService::Source), "byte"),
    ] {
        let output = run_on(Setup::default(), service, arguments).await;
        let report = report(&output);
        assert_eq!(output.status.code(), Some(0), "{arguments}: {report}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments}");
        assert_eq!((&report["unit"], &report["failed"]), (&unit.into(), &0.into()), "{arguments}");
        assert!(report["done"].as_u64().unwrap() > 0, "{arguments}: {report}");
        let counted = report["latency"]["count"].as_u64();
        match unit {
            "byte" => assert_eq!(counted, None, "{arguments}"),
            _ => assert!(counted > Some(0), "{arguments}: {report}"),
        }
        assert_eq!(report["per_second"].is_null(), arguments.contains("idle"), "{arguments}");
        let is_open = arguments.contains("--rate") || arguments.contains("mixed");
        let arrival = if is_open { "open" } else { "closed" };
        assert_eq!(report["settings"]["arrival"], arrival, "{arguments}");
        assert_eq!(report["unfinished"].is_u64(), is_open, "{arguments}: {report}");
        let is_udp = arguments.starts_with("udp");
        assert_eq!(report["delivered"].as_f64() > Some(0.0), is_udp, "{arguments}: {report}");
        let beside = report["bulk_bytes_per_second"].as_f64();
        assert_eq!(beside > Some(0.0), arguments.contains("mixed"), "{arguments}: {report}");
    }
}

#[tokio::test]
async fn a_backend_that_wants_a_header_gets_it() {
    let setup = Setup { expects_header: true, ..Setup::default() };
    for (load, service) in [
        ("round-trips", Service::Echo),
        ("upload --verify", Service::Sink),
        ("idle", Service::Echo),
    ] {
        let arguments = format!("tcp {load} --opening proxy");
        let output = run_on(setup, service, &arguments).await;
        assert_eq!(output.status.code(), Some(0), "{arguments}: {}", report(&output));
    }
    let output = run_on(setup, Service::Echo, "tcp round-trips --sessions 2").await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(report(&output)["failures"][0]["kind"], "connection reset");
}

#[tokio::test]
async fn wrong_bytes_are_failures_that_say_where() {
    for (arguments, service, first) in [
        ("tcp round-trips", Service::Who, "byte 0 of answer 0 is 0x7b, not 0x00"),
        ("tcp download --verify", Service::Who, "byte 0 of the stream is 0x7b, not 0x00"),
        ("udp round-trips", Service::Udp(UdpService::Who), "byte 0 of an answer is 0x7b"),
    ] {
        let output = run_on(Setup::default(), service, arguments).await;
        let report = report(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments}: {report}");
        let failure = &report["failures"][0];
        assert_eq!(failure["kind"], "invalid data", "{arguments}: {report}");
        assert!(failure["first"].as_str().unwrap().starts_with(first), "{arguments}: {report}");
        assert!(report["failed"].as_u64() >= failure["count"].as_u64(), "{arguments}: {report}");
    }
}

#[tokio::test]
async fn a_target_that_refuses_is_told_and_nothing_is_measured() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for arguments in ["tcp round-trips", "tcp connects", "tcp idle", "udp round-trips --rate 50"] {
        let output = run(&format!("{arguments} --duration 200ms --json"), nobody).await;
        let report = report(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments}");
        assert_eq!((&report["done"], &report["latency"]), (&0.into(), &Value::Null));
        assert_eq!(report["failures"][0]["kind"], "connection refused", "{arguments}: {report}");
    }
}

#[tokio::test]
async fn processes_under_test_are_looked_at_and_a_report_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let markdown = directory.path().join("report.md");
    let own = std::process::id();
    let file = markdown.display();
    let arguments = format!("tcp round-trips --sessions 3 --pid {own} --out {file}");
    let output = run_on(Setup::default(), Service::Echo, &arguments).await;
    let process = &report(&output)["processes"][0];
    assert_eq!(process["pid"], own);
    assert!(process["cpu_seconds"].as_f64().is_some(), "{process}");
    assert!(process["cpu_us_per_operation"].as_f64().is_some(), "{process}");
    assert!(process["pss_bytes"].as_u64() > Some(0), "{process}");
    let markdown = std::fs::read_to_string(markdown).unwrap();
    assert!(markdown.contains("## 64 B round trips over 3 sessions to 127.0.0.1:"), "{markdown}");
    assert!(markdown.contains(&format!("({own}): CPU us/round trip")), "{markdown}");
}

#[tokio::test]
async fn progress_is_told_while_it_runs_and_an_interrupted_run_tells_what_there_is() {
    let stub = StubDc::bind(1, &[(SocketAddr::from(([127, 0, 0, 1], 0)), Service::Echo)]).unwrap();
    let mut command = loadtest("tcp round-trips --duration 1h --warm-up 0s", stub.local_addrs()[0]);
    command.arg("--json").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = tokio::process::Command::from(command).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = loop {
        let line = lines.next_line().await.unwrap().expect("progress");
        if line.contains(" of 3600 s: ") {
            break line;
        }
    };
    assert!(line.contains(", p50 ") && line.ends_with(", 0 failed"), "{line}");
    let pid = Pid::from_raw(child.id().unwrap().cast_signed()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let output = child.wait_with_output().await.unwrap();
    let report = report(&output);
    assert_eq!((output.status.code(), &report["interrupted"]), (Some(0), &true.into()));
    assert!(report["done"].as_u64() > Some(0) && report["seconds"].as_f64() < Some(3600.0));
}

#[tokio::test]
async fn what_cannot_be_is_said_before_anything_is_done() {
    let at = SocketAddr::from(([192, 0, 2, 1], 9));
    let wrong = [
        ("tcp connects --sources 2", "--sources needs a target in 127.0.0.0/8"),
        ("tcp idle --pid 4294967295", "process 4294967295 cannot be looked at"),
        ("tcp idle --sessions 4294967295", "descriptors are needed, and the limit is"),
    ];
    for (arguments, reason) in wrong {
        let output = run(arguments, at).await;
        assert_eq!(output.status.code(), Some(1), "{arguments}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(reason), "{arguments}: {said}");
    }
    for arguments in ["tcp round-trips --size 2MiB", "tcp connects --rate 0", "udp mixed", "tcp"] {
        assert_eq!(run(arguments, at).await.status.code(), Some(2), "{arguments}");
    }
}
