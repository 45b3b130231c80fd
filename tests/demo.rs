//! `nearpoint demo`, the real binary: a power loss fails nobody, and nothing is left behind.
//!
//! The demo has fixed addresses on loopback, so its tests take turns.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

static TURN: Mutex<()> = Mutex::new(());

/// A demo that somebody else has started on this machine is waited for, this many seconds.
const PATIENCE: u32 = 60;

fn nearpoint(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nearpoint"));
    command.args(arguments).env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

/// Runs until no other demo has the addresses.
fn in_turn(mut run: impl FnMut() -> Output) -> Output {
    for _ in 0..PATIENCE {
        let output = run();
        if !errors(&output).contains("is another demo running?") {
            return output;
        }
        sleep(Duration::from_secs(1));
    }
    panic!("another demo has the addresses");
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The value behind a figure of the summary.
fn figure<'t>(text: &'t str, name: &str) -> &'t str {
    let line = text.lines().find_map(|line| line.trim().strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name:?} in:\n{text}")).trim()
}

fn is_empty(directory: &Path) -> bool {
    directory.read_dir().expect("a directory of ours").next().is_none()
}

#[test]
fn a_power_loss_moves_the_clients_of_amsterdam_and_fails_no_new_session() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let temporary = TempDir::new().expect("a temporary directory");
    let output = in_turn(|| {
        let mut demo = nearpoint(&["demo", "--for", "6s", "--plain"]);
        demo.env("TMPDIR", temporary.path()).output().expect("the demo runs")
    });
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}: {}\n{text}", output.status, errors(&output));
    assert_eq!(figure(&text, "new sessions that failed"), "0", "{text}");
    let count = |name| figure(&text, name).parse::<u32>().expect("a number");
    let lost = count("sessions lost with the power of their DC");
    assert!(lost > 0, "{text}");
    assert!(count("sessions run") > lost + 80, "everybody has had one and came again:\n{text}");
    assert!(count("datagrams of UDP answered") > 60, "all six ask five times a second:\n{text}");
    assert!(count("flows of UDP that another DC answered") > 0, "those of Amsterdam:\n{text}");
    assert!(!text.contains("nobody answers any more"), "{text}");
    assert!(text.contains("Amsterdam lost its power once"), "{text}");
    for name in [
        "until all who lost a session were served elsewhere",
        "slowest new session",
        "from the loss until the last of them was answered",
    ] {
        assert!(figure(&text, name).ends_with(" s"), "{text}");
    }
    assert!(!text.contains("not served yet"), "{text}");
    let row = |name: &str| text.lines().rfind(|line| line.contains(name)).unwrap_or_default();
    assert!(row("Miami").contains(" DE "), "Germany moved to Miami:\n{text}");
    assert!(row("Amsterdam").ends_with(" -"), "nobody moved to Amsterdam:\n{text}");
    assert!(is_empty(temporary.path()), "nothing is left behind");
}

#[test]
fn an_interrupt_ends_it_with_a_summary_and_meanwhile_it_is_a_daemon_like_any() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let temporary = TempDir::new().expect("a temporary directory");
    let output = in_turn(|| {
        let mut demo = nearpoint(&["demo", "--plain"]);
        demo.env("TMPDIR", temporary.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut demo = demo.spawn().expect("the demo starts");
        let mut stdout = BufReader::new(demo.stdout.take().expect("a pipe"));
        let mut text = String::new();
        while !text.contains(" run, ") && stdout.read_line(&mut text).is_ok_and(|read| read > 0) {}
        if text.contains(" run, ") {
            commands_answer();
            a_second_demo_says_which_address_is_taken();
            interrupt(&demo);
        }
        stdout.read_to_string(&mut text).expect("text");
        let output = demo.wait_with_output().expect("the demo ends");
        Output { stdout: text.into_bytes(), ..output }
    });
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}: {}\n{text}", output.status, errors(&output));
    assert_eq!(figure(&text, "new sessions that failed"), "0", "{text}");
    assert!(is_empty(temporary.path()), "nothing is left behind");
}

fn commands_answer() {
    let admin = "http://127.77.0.1:9900";
    let status = nearpoint(&["status", "--admin", admin]).output().expect("status runs");
    let text = String::from_utf8_lossy(&status.stdout);
    assert!(status.status.success() && text.contains("Amsterdam"), "{}\n{text}", errors(&status));
    // An address of Germany.
    let asked = nearpoint(&["explain", "--admin", admin, "-l", "clients", "79.192.18.25"]).output();
    let explained = asked.expect("explain runs");
    let text = String::from_utf8_lossy(&explained.stdout);
    let problem = errors(&explained);
    assert!(explained.status.success() && text.contains("Amsterdam"), "{problem}\n{text}");
}

fn a_second_demo_says_which_address_is_taken() {
    let second = nearpoint(&["demo", "--for", "1s"]).output().expect("the second demo runs");
    assert_eq!(second.status.code(), Some(1));
    let problem = errors(&second);
    assert!(problem.contains("127.77.1.1:4430"), "{problem}");
    assert!(problem.contains("is another demo running?"), "{problem}");
}

fn interrupt(demo: &Child) {
    let pid = Pid::from_child(demo);
    kill_process(pid, Signal::INT).expect("it runs");
}
