//! Peers take their configurations and do what they are configured for, and `compare` and `reload` really run
//! through them. One that is not installed is reported as ignored, or as a failure where tests must not be
//! skipped.

#[path = "support/skip.rs"]
mod skip;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use serde_json::Value;
use skip::{skip, skipped};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Command, ExitCode, Stdio};

const LOADTEST: &str = env!("CARGO_BIN_EXE_loadtest");

/// In the order of `loadtest peers`.
const DUTIES: [&str; 6] =
    ["TCP", "TCP, sniffed", "TCP, PROXY in", "TCP, PROXY out", "TCP, 30 DCs", "UDP"];

type Test = fn() -> Result<Completion, Failed>;

fn main() -> ExitCode {
    let tests: [(&str, Test); 12] = [
        ("nearpoint_does_all_of_its_duties", nearpoint_duties),
        ("haproxy_does_its_duties_and_names_the_others", haproxy_duties),
        ("nginx_does_its_duties_and_names_the_others", nginx_duties),
        ("envoy_does_its_duties_and_names_the_others", envoy_duties),
        ("direct_connections_have_no_duty_of_a_proxy", direct_duties),
        ("a_stub_takes_headers_of_both_versions_off", stub_takes_headers_off),
        ("nearpoint_forwards_datagrams_and_streams", nearpoint),
        ("nginx_forwards_datagrams", nginx),
        ("haproxy_is_named_as_one_that_has_no_udp", haproxy_has_no_udp),
        ("nearpoint_fails_nobody_while_lists_are_replaced", nearpoint_reloads),
        ("haproxy_and_nginx_take_new_lists", peers_reload),
        ("envoy_takes_new_lists", envoy_reloads),
    ];
    let trials = tests.map(|(name, test)| Trial::ignorable_test(name, test));
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}

fn nearpoint_duties() -> Result<Completion, Failed> {
    let checks = duties("nearpoint").expect("it is built in the same profile");
    assert!(checks.iter().all(|check| check["outcome"] == "works"), "{checks:#?}");
    assert_eq!(checks[2]["client_known"], true, "the one that the header announced");
    let header = &checks[3]["header"];
    assert_eq!((&header["version"], &header["dc"]), (&2.into(), &1.into()));
    assert_eq!(header["edge"], "loadtest");
    announces_its_client(header);
    Ok(Completion::Completed)
}

fn haproxy_duties() -> Result<Completion, Failed> {
    let Some(checks) = duties("haproxy") else { return skip("haproxy is not installed") };
    assert_eq!(outcomes(&checks), ["works", "unable", "works", "works", "unable", "unable"]);
    assert_eq!(checks[3]["header"]["version"], 2);
    announces_its_client(&checks[3]["header"]);
    let spliced = duties("haproxy-splice").expect("it is the same program");
    assert_eq!(outcomes(&spliced), outcomes(&checks));
    Ok(Completion::Completed)
}

fn nginx_duties() -> Result<Completion, Failed> {
    let Some(checks) = duties("nginx") else { return skip("nginx is not installed") };
    assert_eq!(outcomes(&checks), ["works", "unable", "works", "works", "unable", "works"]);
    assert_eq!(checks[3]["header"]["version"], 1, "nginx has no other");
    announces_its_client(&checks[3]["header"]);
    Ok(Completion::Completed)
}

fn envoy_duties() -> Result<Completion, Failed> {
    let Some(checks) = duties("envoy") else { return no_envoy() };
    assert_eq!(outcomes(&checks), ["works", "unable", "works", "works", "unable", "works"]);
    assert_eq!(checks[3]["header"]["version"], 2);
    announces_its_client(&checks[3]["header"]);
    Ok(Completion::Completed)
}

fn direct_duties() -> Result<Completion, Failed> {
    let checks = duties("direct").expect("it is no program");
    assert_eq!(outcomes(&checks), ["works", "works", "unable", "unable", "unable", "works"]);
    assert_eq!(checks[2]["why"], "nobody takes the header");
    Ok(Completion::Completed)
}

fn stub_takes_headers_off() -> Result<Completion, Failed> {
    let mut command = Command::new(LOADTEST);
    command.args(["serve", "--expects-header", "--listen", "127.0.0.1:0"]);
    let mut stub = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(stub.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let event: Value = serde_json::from_str(&line).unwrap();
    let address = event["address"].as_str().unwrap();
    let two = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x07\x7f\0\0\x01\x1b\x5f\0\x50";
    for header in [&b"PROXY TCP4 203.0.113.7 127.0.0.1 7007 80\r\n"[..], &two[..]] {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(&[header, b"hello"].concat()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut echo = Vec::new();
        stream.read_to_end(&mut echo).unwrap();
        assert_eq!(echo, b"hello");
    }
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"hello").unwrap();
    let reset = stream.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(reset.kind(), ErrorKind::ConnectionReset);
    drop(stub.stdin.take());
    assert!(stub.wait().unwrap().success());
    Ok(Completion::Completed)
}

/// The client is on this machine.
fn announces_its_client(header: &Value) {
    let source = header["source"].as_str().unwrap_or_default();
    assert!(source.starts_with("127.0.0.1:"), "{header:#}");
}

fn outcomes(checks: &[Value]) -> Vec<&str> {
    assert!(checks.iter().all(|check| check["outcome"] != "failed"), "{checks:#?}");
    checks.iter().filter_map(|check| check["outcome"].as_str()).collect()
}

fn nearpoint() -> Result<Completion, Failed> {
    let figures = works("nearpoint", "udp,rt-64b-1").expect("it is built in the same profile");
    let rate = &figures[0]["figures"]["rate_round_trips_per_second"];
    assert!(rate["median"].as_f64() > Some(0.0), "{figures:#?}");
    forwards_datagrams(&figures[1..])
}

fn nginx() -> Result<Completion, Failed> {
    match works("nginx", "udp") {
        Some(figures) => forwards_datagrams(&figures),
        None => skip("nginx is not installed"),
    }
}

fn haproxy_has_no_udp() -> Result<Completion, Failed> {
    let Some(report) = compare("haproxy,direct", "udp") else {
        return skip("haproxy is not installed");
    };
    let unable = report["unable"].as_array().unwrap();
    assert_eq!(unable.len(), 3);
    assert_eq!(unable[0]["why"], "HAProxy has no UDP");
    let figures = report["figures"].as_array().unwrap();
    assert!(figures.iter().all(|figure| figure["peer"] == "direct"), "{figures:#?}");
    Ok(Completion::Completed)
}

fn nearpoint_reloads() -> Result<Completion, Failed> {
    let figures = reload("nearpoint,nearpoint-push").expect("it is built in the same profile");
    assert_eq!(figures.len(), 2);
    for figures in &figures {
        assert_eq!(figures["alone"]["failed"], 0, "{figures:#}");
        assert_eq!(figures["reloading"]["failed"], 0, "{figures:#}");
        assert!(figures["published_seconds"]["median"].as_f64() > Some(0.0), "{figures:#}");
        has_served(figures);
    }
    assert_eq!(figures[0]["holding_still_seconds"], 0.5);
    assert_eq!(figures[1]["holding_still_seconds"], 0.0);
    Ok(Completion::Completed)
}

fn peers_reload() -> Result<Completion, Failed> {
    let (Some(haproxy), Some(nginx)) = (reload("haproxy"), reload("nginx")) else {
        return skip("haproxy or nginx is not installed");
    };
    haproxy.iter().chain(&nginx).for_each(has_served);
    Ok(Completion::Completed)
}

fn envoy_reloads() -> Result<Completion, Failed> {
    let Some(figures) = reload("envoy") else { return no_envoy() };
    figures.iter().for_each(has_served);
    Ok(Completion::Completed)
}

fn has_served(figures: &Value) {
    assert!(figures["in_force_seconds"]["median"].as_f64() > Some(0.0), "{figures:#}");
    for phase in ["alone", "reloading"] {
        for load in ["round_trips", "connects"] {
            assert!(figures[phase][load]["count"].as_u64() > Some(0), "{figures:#}");
        }
        assert!(figures[phase]["memory_bytes"].as_u64() > Some(0), "{figures:#}");
    }
}

fn forwards_datagrams(figures: &[Value]) -> Result<Completion, Failed> {
    assert_eq!(figures.len(), 3, "{figures:#?}");
    for figure in figures {
        let figures = &figure["figures"];
        assert!(figures["delivered_percent"]["median"].as_f64() > Some(0.0), "{figure}");
        assert!(!figures["cpu_us_per_datagram"].is_null(), "{figure}");
    }
    Ok(Completion::Completed)
}

/// Never a failure: distributions have no package of it that continuous integration could install.
fn no_envoy() -> Result<Completion, Failed> {
    Ok(Completion::ignored_with(skipped("envoy is not installed")))
}

/// What one peer does; `None` if it is not installed.
fn duties(peer: &str) -> Option<Vec<Value>> {
    let report = run(&["peers", "--json", "--peers", peer])?;
    let checks = report["checks"].as_array().unwrap().clone();
    let names: Vec<_> = checks.iter().filter_map(|check| check["duty"].as_str()).collect();
    assert_eq!(names, DUTIES);
    Some(checks)
}

/// The figures of peers with lists of 200 access points; `None` if the first is not installed.
fn reload(peers: &str) -> Option<Vec<Value>> {
    let quick = ["--access-points", "200", "--reloads", "2", "--duration", "500ms"];
    let report = run(&[&["reload", "--json", "--peers", peers], &quick[..]].concat())?;
    assert_eq!(report["peers"][0]["failure"], Value::Null, "{report:#}");
    Some(report["figures"].as_array().unwrap().clone())
}

/// The figures of one peer; `None` if it is not installed.
fn works(peer: &str, only: &str) -> Option<Vec<Value>> {
    let report = compare(peer, only)?;
    assert_eq!(report["peers"][0]["failure"], Value::Null, "{report:#}");
    assert_eq!(report["failed"].as_array().map(Vec::len), Some(0), "{report:#}");
    Some(report["figures"].as_array().unwrap().clone())
}

fn compare(peers: &str, only: &str) -> Option<Value> {
    let quick = ["--rounds", "1", "--duration", "200ms", "--json"];
    run(&[&["compare", "--peers", peers, "--only", only], &quick[..]].concat())
}

/// The report; `None` if the first peer is not installed.
fn run(arguments: &[&str]) -> Option<Value> {
    let output = Command::new(LOADTEST).args(arguments).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{arguments:?}: {error}: {}", String::from_utf8_lossy(&output.stderr))
    });
    let failure = report["peers"][0]["failure"].as_str().unwrap_or_default();
    (!failure.ends_with("is not installed")).then_some(report)
}
