//! The lab, started the way people start it: it is what it says, and nothing is left of it; and
//! nearpoint in it, under every scenario there is, and between real servers and clients of UDP.
//!
//! It needs root, so that these tests are reported as ignored where there is no lab, with the
//! reason. `NEARPOINT_FAIL_ON_SKIP=1` makes that a failure.

mod dns;
mod edge;
mod held;
#[path = "../../../tests/support/noise.rs"]
mod noise;
mod privilege;
mod quic;
mod scenarios;
#[path = "../support/skip.rs"]
mod skip;

use held::{Guest, Held, exists, loadtest, signal};
use libtest_mimic::{Arguments, Failed, Trial};
use privilege::Test;
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    let tests: [(&str, Test); 6] = [
        ("a_lab_is_what_it_says_and_nothing_is_left_of_it", a_lab_is_what_it_says),
        ("what_a_killed_lab_leaves_behind_is_swept", a_killed_lab_is_swept),
        ("labs_at_the_same_time_do_not_disturb_each_other", labs_at_the_same_time),
        ("a_lab_that_is_interrupted_takes_everything_with_it", an_interrupted_lab),
        ("a_program_inside_dies_with_whoever_started_it", a_program_dies_with_its_lab),
        (
            "quic_moves_100_mib_over_reloads_and_finds_another_dc_when_its_own_dies",
            quic::hundred_mebibytes_survive_reloads_and_a_new_connection_a_dead_dc,
        ),
    ];
    let lab = tests.map(|(name, test)| Trial::ignorable_test(name, privilege::needed_by(test)));
    let dns = Trial::ignorable_test(
        "dns_is_answered_in_fragments_too_and_its_questions_are_probes",
        dns::large_answers_pass_and_a_question_probes,
    );
    let trials = lab.into_iter().chain([dns]).chain(scenarios::trials()).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn a_lab_is_what_it_says() -> Result<(), Failed> {
    let report = check()?;
    let lines = report["lines"].as_array().ok_or("no lines")?;
    assert_eq!(lines.len(), 3);
    for (line, round_trip) in lines.iter().zip([10_000, 40_000, 160_000]) {
        assert_eq!(line["round_trip"], round_trip, "{line}");
        assert_eq!((&line["connects"], &line["failed"]), (&3.into(), &0.into()), "{line}");
        assert!(line["least"].as_u64() >= Some(round_trip), "a connect takes a round trip: {line}");
    }
    let load = &report["load"];
    assert_eq!(load["sent"], load["arrived"], "{load}");

    let observations = report["observations"].as_array().ok_or("no observations")?;
    let of = |fault: &str| observations.iter().filter(|it| it["fault"] == fault).count();
    for (fault, count) in [
        ("no fault", 14),
        ("dc1: blackhole", 5),
        ("dc1/a: blackhole", 4),
        ("IPv6 of dc1: blackhole", 3),
        ("all DCs: blackhole", 3),
        ("the edge's uplink: blackhole", 3),
        ("dc1: nothing gets there", 2),
        ("dc1: nothing comes back", 2),
        ("dc1: resets", 5),
        ("dc1: resets of 10%", 1),
        ("dc1: host unreachable", 4),
        ("dc1: prohibited", 4),
        ("dc1: loss of 50%", 1),
        ("dc1: at most 100 packets/s", 1),
        ("the lab ends", 3),
    ] {
        assert_eq!(of(fault), count, "{fault}: {observations:#?}");
    }
    Ok(())
}

fn a_killed_lab_is_swept() -> Result<(), Failed> {
    let mut lab = Held::start()?;
    let mut orphan = Guest::start(lab.namespace("dc2"))?;
    lab.kill(Signal::KILL)?;

    let output = loadtest().args(["lab", "sweep", "--json"]).output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Another lab that starts meanwhile may have been first. Its sweep kills the orphan as well.
    assert!(is_killed(&mut orphan), "what runs in the dead lab lives on");
    let swept = || !lab.namespaces.iter().any(|name| exists(name));
    assert!(within(Duration::from_secs(10), swept), "some of {:?} are left", lab.namespaces);
    Ok(())
}

fn labs_at_the_same_time() -> Result<(), Failed> {
    let lab = Held::start()?;
    let mut guest = Guest::start(lab.namespace("edge"))?;
    let (one, two) = thread::scope(|scope| {
        let one = scope.spawn(check);
        (check(), one.join())
    });
    one?;
    two.map_err(|_| "a check panicked")??;
    let swept = loadtest().args(["lab", "sweep"]).output()?;
    assert!(swept.status.success());
    assert!(lab.namespaces.iter().all(|name| exists(name)), "{:?}", lab.namespaces);
    assert_eq!(guest.ended()?, None, "a program of a living lab was killed");
    drop(lab);
    assert!(is_killed(&mut guest), "it outlives its lab");
    Ok(())
}

fn an_interrupted_lab() -> Result<(), Failed> {
    let mut lab = Held::start()?;
    assert_eq!(lab.namespaces.len(), 6);
    assert!(lab.namespaces.iter().all(|name| exists(name)));
    let status = lab.kill(Signal::INT)?;
    assert_eq!(status.code(), Some(130));
    assert!(!lab.namespaces.iter().any(|name| exists(name)));
    Ok(())
}

fn a_program_dies_with_its_lab() -> Result<(), Failed> {
    let lab = Held::start()?;
    let file = format!("/run/netns/{}", lab.namespace("dc1"));
    // A shell in the place of the lab: it starts the program as its child and waits.
    let script = "\"$0\" inside --parent $$ --namespace \"$1\" -- sleep 600 & echo $!; wait";
    let mut shell = Command::new("sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_loadtest"), &file]).stdout(Stdio::piped());
    let mut shell = shell.spawn()?;
    let mut pid = String::new();
    BufReader::new(shell.stdout.take().ok_or("no output")?).read_line(&mut pid)?;
    let pid: u32 = pid.trim().parse()?;
    let entered =
        || fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|it| it == "sleep\n");
    assert!(within(Duration::from_secs(10), entered), "it does not become the program");
    let own = fs::read_link("/proc/self/ns/net")?;
    assert_ne!(fs::read_link(format!("/proc/{pid}/ns/net"))?, own);

    signal(shell.id(), Signal::KILL)?;
    shell.wait()?;
    // Gone, or nothing but its exit status, if nobody asks for it.
    let ended = || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
        stat.map_or(true, |stat| stat.contains(") Z "))
    };
    assert!(within(Duration::from_secs(10), ended), "it outlives who started it");

    let mut late = loadtest();
    late.args(["inside", "--parent", "1", "--namespace", &file, "--", "true"]);
    let late = late.output()?;
    assert_eq!(late.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&late.stderr).contains("the lab is gone"));
    Ok(())
}

/// The report of a check in which everything is as it should be.
fn check() -> Result<Value, Failed> {
    let output = loadtest().args(["lab", "check", "--connects", "3", "--json"]).output()?;
    let report: Value = serde_json::from_slice(&output.stdout)?;
    let observations = report["observations"].as_array().cloned().unwrap_or_default();
    let wrong: Vec<_> = observations.iter().filter(|it| it["ok"] != true).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(report)
}

fn is_killed(guest: &mut Guest) -> bool {
    let killed = |status: ExitStatus| status.signal() == Some(9);
    within(Duration::from_secs(10), || matches!(guest.ended(), Ok(Some(it)) if killed(it)))
}

/// Looks until it is so, for what nobody announces.
fn within(at_most: Duration, mut so: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + at_most;
    while !so() {
        if Instant::now() > until {
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
    true
}
