//! Every scenario in its short version: what it expects of nearpoint holds. Times are not judged here.

use crate::held::loadtest;
use crate::privilege::needed_by;
use crate::skip::skip;
use libtest_mimic::{Completion, Failed, Trial};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

/// One for each file, and one for peers.
pub(crate) fn trials() -> Vec<Trial> {
    let scenario = |name: String| {
        let test = needed_by({
            let name = name.clone();
            move || nearpoint_does_what_is_expected(&name)
        });
        Trial::ignorable_test(format!("scenario_{name}"), test)
    };
    let peers = Trial::ignorable_test("peers_side_by_side_in_a_table_and_a_picture", peers);
    names().into_iter().map(scenario).chain([peers]).collect()
}

fn names() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("lab/scenarios");
    let files = fs::read_dir(folder).expect("the folder of scenarios");
    let paths = files.map(|file| file.expect("a file").path());
    let mut names: Vec<String> = paths
        .filter(|path| path.extension() == Some(OsStr::new("yaml")))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "there is no scenario");
    names
}

fn nearpoint_does_what_is_expected(name: &str) -> Result<(), Failed> {
    let output = failover(name, "nearpoint").arg("--json").output()?;
    let report: Value = serde_json::from_slice(&output.stdout).map_err(|_| said(&output))?;
    let scenario = &report["scenarios"][0];
    let outcomes = scenario["outcomes"].as_array().ok_or("nothing is judged")?;
    let broken: Vec<_> = outcomes.iter().filter(|it| it["holds"] != true).collect();
    assert!(broken.is_empty(), "{broken:#?}\n{scenario:#}");
    assert!(!outcomes.is_empty(), "nothing is expected");
    assert!(output.status.success(), "{}", said(&output));
    Ok(())
}

fn peers() -> Result<Completion, Failed> {
    for peer in ["haproxy", "nginx"] {
        if !is_installed(peer) {
            return skip(&format!("{peer} is not installed"));
        }
    }
    needed_by(|| {
        let folder = tempfile::tempdir()?;
        let page = folder.path().join("peers.md");
        let peers = "nearpoint,haproxy,haproxy-keepalive,nginx";
        let output = failover("udp-refusing", peers).arg("--out").arg(&page).output()?;
        assert!(output.status.success(), "{}", said(&output));
        let page = fs::read_to_string(page)?;
        for peer in peers.split(',') {
            assert!(page.contains(&format!("- {peer}: ")), "no version of {peer}: {page}");
        }
        assert!(page.contains("![") && page.contains("](peers/udp-refusing.svg)"), "{page}");
        let picture = fs::read_to_string(folder.path().join("peers/udp-refusing.svg"))?;
        for peer in peers.split(',') {
            assert!(picture.contains(peer), "{peer} is not in the picture");
        }
        Ok(())
    })()
}

fn failover(scenario: &str, peers: &str) -> std::process::Command {
    let mut command = loadtest();
    command.args(["failover", "--short", "--scenarios", scenario, "--peers", peers]);
    command
}

fn said(output: &Output) -> String {
    let [out, errors] = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it));
    format!("{}: {errors}{out}", output.status)
}

/// Daemons often live where only root's PATH leads.
fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/local/sbin", "/usr/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(system).any(|folder| folder.join(program).is_file())
}
