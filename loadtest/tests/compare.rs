//! The program itself, started the way people start it.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdin, Command, Output, Stdio};

fn loadtest() -> Command {
    Command::new(env!("CARGO_BIN_EXE_loadtest"))
}

fn compare(arguments: &[&str]) -> Output {
    let mut command = loadtest();
    command.args(["compare", "--rounds", "1", "--duration", "200ms", "--json"]).args(arguments);
    command.output().unwrap()
}

#[test]
fn direct_comparison_measures_every_load_and_writes_json_and_markdown() {
    let directory = tempfile::tempdir().unwrap();
    let markdown = directory.path().join("report.md");
    let arguments = ["--peers", "direct", "--sessions", "5", "--bulk-streams", "2"];
    let arguments = [&arguments[..], &["--udp-flows", "7", "--out"]].concat();
    let output = compare(&[&arguments[..], &[markdown.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["settings"]["rounds"], 1);
    assert_eq!(report["settings"]["sessions"], 5);
    assert_eq!(report["peers"][0]["name"], "direct");
    assert_eq!(report["peers"][0]["failure"], Value::Null);
    let figures = report["figures"].as_array().unwrap();
    let scenarios: Vec<_> = figures.iter().map(|figure| figure["scenario"].clone()).collect();
    let tcp = ["round_trips", "upload", "download"];
    let udp = ["udp_round_trips", "udp_upload", "udp_download"];
    assert_eq!(scenarios, [tcp, udp].concat());
    for figure in figures {
        assert!(figure["rate"]["median"].as_f64().unwrap() > 0.0, "{figure}");
        assert_eq!(figure["cpu"], Value::Null, "without a proxy there is no time of it");
        let is_udp = figure["scenario"].as_str().unwrap().starts_with("udp_");
        assert_eq!(figure["delivered"]["median"].as_f64() > Some(0.0), is_udp, "{figure}");
    }

    let markdown = std::fs::read_to_string(markdown).unwrap();
    assert!(markdown.contains("## 64 B round trips over 5 sessions"), "{markdown}");
    assert!(markdown.contains("## UDP: 200 B round trips over 7 flows"), "{markdown}");
    assert!(markdown.contains("| direct "), "{markdown}");
}

#[test]
fn peer_that_cannot_be_measured_is_reported_and_fails_the_run() {
    // `true` ends at once, as a proxy that is broken would.
    for (program, reason) in [("/nowhere/nearpoint", "there is no"), ("/bin/true", "it ended")] {
        let output = compare(&["--peers", "nearpoint,direct", "--nearpoint", program]);
        assert_eq!(output.status.code(), Some(1));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let failure = report["peers"][0]["failure"].as_str().unwrap();
        assert!(failure.starts_with(reason), "{failure}");
        let figures = report["figures"].as_array().unwrap();
        assert_eq!(figures.len(), 6, "direct is measured all the same");
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
