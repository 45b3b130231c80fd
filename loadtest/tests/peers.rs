//! Peers of `compare` really forward what they are measured with. One that is not installed is reported
//! as ignored, or as a failure where tests must not be skipped.

#[path = "support/skip.rs"]
mod skip;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use serde_json::Value;
use skip::{skip, skipped};
use std::process::{Command, ExitCode};

const LOADTEST: &str = env!("CARGO_BIN_EXE_loadtest");

type Test = fn() -> Result<Completion, Failed>;

fn main() -> ExitCode {
    let tests: [(&str, Test); 5] = [
        ("nearpoint_forwards_datagrams_and_streams", nearpoint),
        ("nginx_forwards_datagrams", nginx),
        ("envoy_forwards_datagrams_and_streams", envoy),
        ("haproxy_forwards_streams", haproxy),
        ("haproxy_is_named_as_one_that_has_no_udp", haproxy_has_no_udp),
    ];
    let trials = tests.map(|(name, test)| Trial::ignorable_test(name, test));
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}

fn nearpoint() -> Result<Completion, Failed> {
    let figures = works("nearpoint", "udp,round-trips").expect("it is built in the same profile");
    assert!(figures[0]["rate"]["median"].as_f64() > Some(0.0), "{figures:#?}");
    forwards_datagrams(&figures[1..])
}

fn nginx() -> Result<Completion, Failed> {
    match works("nginx", "udp") {
        Some(figures) => forwards_datagrams(&figures),
        None => skip("nginx is not installed"),
    }
}

fn envoy() -> Result<Completion, Failed> {
    match works("envoy", "udp,round-trips") {
        Some(figures) => {
            assert!(figures[0]["rate"]["median"].as_f64() > Some(0.0), "{figures:#?}");
            forwards_datagrams(&figures[1..])
        }
        // Never a failure: distributions have no package of it that continuous integration could install.
        None => Ok(Completion::ignored_with(skipped("envoy is not installed"))),
    }
}

fn haproxy() -> Result<Completion, Failed> {
    let Some(figures) = works("haproxy", "tcp") else { return skip("haproxy is not installed") };
    assert_eq!(figures.len(), 3);
    assert!(figures.iter().all(|figure| figure["rate"]["median"].as_f64() > Some(0.0)));
    Ok(Completion::Completed)
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

fn forwards_datagrams(figures: &[Value]) -> Result<Completion, Failed> {
    assert_eq!(figures.len(), 3, "{figures:#?}");
    for figure in figures {
        assert!(figure["rate"]["median"].as_f64() > Some(0.0), "{figure}");
        assert!(figure["delivered"]["median"].as_f64() > Some(0.0), "{figure}");
        assert!(!figure["cpu_us_per_datagram"].is_null(), "{figure}");
    }
    Ok(Completion::Completed)
}

/// The figures of one peer; `None` if it is not installed.
fn works(peer: &str, only: &str) -> Option<Vec<Value>> {
    let report = compare(peer, only)?;
    assert_eq!(report["peers"][0]["failure"], Value::Null, "{report:#}");
    Some(report["figures"].as_array().unwrap().clone())
}

fn compare(peers: &str, only: &str) -> Option<Value> {
    let mut command = Command::new(LOADTEST);
    command.args(["compare", "--rounds", "1", "--duration", "200ms", "--json"]);
    command.args(["--peers", peers, "--only", only]);
    let output = command.output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let failure = report["peers"][0]["failure"].as_str().unwrap_or_default();
    (!failure.ends_with("is not installed")).then_some(report)
}
