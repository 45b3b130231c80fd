//! What peers are given is what they understand: each is asked itself. One that is not installed is
//! reported as ignored, or as a failure where tests must not be skipped.

#[path = "support/skip.rs"]
mod skip;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use skip::{skip, skipped};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, ExitCode, Output};
use tempfile::TempDir;

const LOADTEST: &str = env!("CARGO_BIN_EXE_loadtest");
const PROBES: [&str; 2] = ["tcp", "http"];

type Test = fn() -> Result<Completion, Failed>;

fn main() -> ExitCode {
    let tests: [(&str, Test); 5] = [
        ("nearpoint_accepts_its_configuration", nearpoint),
        ("haproxy_accepts_its_configuration", haproxy),
        ("nginx_accepts_its_configuration", nginx),
        ("envoy_accepts_its_configuration", envoy),
        ("unknown_peer_is_refused", unknown_peer),
    ];
    let trials = tests.map(|(name, test)| Trial::ignorable_test(name, test));
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}

fn nearpoint() -> Result<Completion, Failed> {
    for probe in PROBES {
        let directory = config("nearpoint", probe);
        let nearpoint = Path::new(LOADTEST).with_file_name("nearpoint");
        let output = run(&nearpoint, &["check", &file(&directory, "nearpoint.yaml")]);
        let output = output.expect("nearpoint is built in the same profile");
        assert!(output.status.success(), "{}", said(&output));
    }
    Ok(Completion::Completed)
}

fn haproxy() -> Result<Completion, Failed> {
    for probe in PROBES {
        for peer in ["haproxy", "haproxy-keepalive"] {
            let directory = config(peer, probe);
            let config = file(&directory, "haproxy.cfg");
            let Some(output) = run(Path::new("haproxy"), &["-c", "-f", &config]) else {
                return skip("haproxy is not installed");
            };
            assert!(output.status.success(), "{}", said(&output));
            assert!(!said(&output).contains("[WARNING]"), "{}", said(&output));
        }
    }
    Ok(Completion::Completed)
}

fn nginx() -> Result<Completion, Failed> {
    for probe in PROBES {
        let directory = config("nginx", probe);
        let (prefix, config) = (file(&directory, ""), file(&directory, "nginx.conf"));
        let args = ["-t", "-p", &prefix, "-e", "stderr", "-c", &config];
        let Some(output) = run(Path::new("nginx"), &args) else {
            return skip("nginx is not installed");
        };
        if said(&output).contains("unknown directive \"stream\"") {
            return skip("nginx is installed without its stream module");
        }
        assert!(output.status.success(), "{}", said(&output));
    }
    Ok(Completion::Completed)
}

fn envoy() -> Result<Completion, Failed> {
    for probe in PROBES {
        let directory = config("envoy", probe);
        let config = file(&directory, "envoy.yaml");
        let args = ["--mode", "validate", "--disable-hot-restart", "-c", &config];
        let Some(output) = run(Path::new("envoy"), &args) else {
            // Never a failure: distributions have no package of it that continuous integration could
            // install.
            return Ok(Completion::ignored_with(skipped("envoy is not installed")));
        };
        assert!(output.status.success(), "{}", said(&output));
    }
    Ok(Completion::Completed)
}

fn unknown_peer() -> Result<Completion, Failed> {
    let mut command = Command::new(LOADTEST);
    let output = command.args(["failover", "config", "--peer", "direct", "--dir", "."]).output()?;
    assert_eq!(output.status.code(), Some(2));
    Ok(Completion::Completed)
}

/// The directory with the configuration.
fn config(peer: &str, probe: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(LOADTEST);
    command.args(["failover", "config", "--peer", peer, "--probe", probe]);
    // nginx wants to listen there also when it only looks.
    command.args(["--listen", &free().to_string(), "--dir"]).arg(directory.path());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let printed = String::from_utf8(output.stdout).unwrap();
    let program = peer.split('-').next().unwrap();
    assert!(printed.starts_with(&format!("{program} ")), "{printed}");
    directory
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// `None` where there is no such program.
fn run(program: &Path, args: &[&str]) -> Option<Output> {
    let path = std::env::var("PATH").unwrap_or_default();
    // Daemons often live where only root's PATH leads.
    let path = format!("{path}:/usr/local/sbin:/usr/sbin");
    match Command::new(program).args(args).env("PATH", path).output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => panic!("{}: {error}", program.display()),
    }
}

fn said(output: &Output) -> String {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&text).into_owned()
}

fn file(directory: &TempDir, name: &str) -> String {
    directory.path().join(name).to_str().unwrap().to_owned()
}
