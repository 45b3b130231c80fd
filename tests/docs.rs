//! What the documents say is true: their commands are commands, their files exist, their
//! configuration is one, and their metrics are measured.

#[path = "support/document.rs"]
mod document;

use std::collections::BTreeSet;
use std::fs;

use clap::Parser;
use document::{Document, documents, read, repository};
use nearpoint::cli::Cli;
use nearpoint::config;

/// The whole test suite, as people and continuous integration run it.
const TEST_COMMAND: &str = "cargo test --workspace";

/// Programs that documents use beside our own, and that are not looked into.
const KNOWN: &[&str] = &["curl", "install", "systemctl", "sysctl"];

/// Folders of the repository that a command may name.
const FOLDERS: &[&str] = &["configs/", "docs/", "geoip/", "loadtest/", "src/", "tests/", ".ci/"];

#[test]
fn every_command_is_one() {
    let mut wrong = Vec::new();
    let mut checked = 0;
    for document in documents() {
        for command in document.commands() {
            checked += 1;
            if let Err(why) = check(&command) {
                wrong.push(format!("{}: `{command}`: {why}", document.name));
            }
        }
    }
    assert!(checked > 10, "only {checked} commands were found");
    assert!(wrong.is_empty(), "\nCommands that would fail:\n  {}\n", wrong.join("\n  "));
}

#[test]
fn the_readme_and_ci_run_the_same_tests() {
    let readme = Document::read("README.md");
    let tests: Vec<String> =
        readme.commands().into_iter().filter(|it| it.starts_with("cargo test")).collect();
    assert_eq!(tests, [TEST_COMMAND]);
    let script = read(".ci/run");
    let last = script.trim_end().lines().last();
    assert_eq!(last, Some(format!("step test {TEST_COMMAND}").as_str()), "tests end the log");
}

#[test]
fn every_link_to_a_file_leads_somewhere() {
    for document in documents() {
        for target in document.links() {
            let folder = repository().join(&document.name);
            let file = folder.parent().expect("a document is in a folder").join(&target);
            assert!(file.exists(), "{}: there is no {target}", document.name);
        }
    }
}

#[test]
fn the_deployment_of_the_readme_is_a_valid_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    for block in Document::read("README.md").blocks("yaml") {
        let title = block.lines().next().and_then(|line| line.strip_prefix("# "));
        let name = title.expect("a block of YAML begins with the name of its file");
        fs::write(folder.path().join(name), &block).expect("written");
    }
    let loaded = config::load(&folder.path().join("nearpoint.yaml"));
    let loaded = loaded.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(loaded.config.topology.dcs().len(), 3);
}

#[test]
fn the_alerts_are_yaml_and_every_metric_that_is_named_is_documented() {
    let metrics = Document::read("docs/metrics.md");
    let documented: BTreeSet<String> = metrics.metrics().into_iter().collect();
    for document in documents() {
        for name in document.metrics() {
            let parts = ["_bucket", "_sum", "_count"];
            let base = parts.iter().find_map(|part| name.strip_suffix(part)).unwrap_or(&name);
            assert!(
                documented.contains(&name) || documented.contains(base),
                "{}: nobody measures {name}",
                document.name
            );
        }
    }
    let blocks = Document::read("docs/operations.md").blocks("yaml");
    let alerts = blocks.iter().find(|block| block.starts_with("groups:")).expect("alerts");
    let rules: serde_yaml::Value = serde_yaml::from_str(alerts).expect("YAML");
    let rules = rules["groups"][0]["rules"].as_sequence().expect("a list of rules");
    assert!(rules.iter().all(|rule| rule["alert"].is_string() && rule["expr"].is_string()));
}

#[test]
fn sections_that_the_documents_show_are_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    let list = [2, 4, 5].map(|dc| format!("- {{id: {dc}, ip: 192.0.2.{dc}, port: 443}}\n"));
    fs::write(folder.path().join("dc_options.yaml"), list.concat()).expect("written");
    let pages = ["docs/operations.md", "docs/mtproto.md", "docs/proxy-protocol.md"];
    let blocks = pages.map(|page| Document::read(page).blocks("yaml")).concat();
    let sections: Vec<_> = blocks.iter().filter(|block| !block.starts_with("groups:")).collect();
    assert!(!sections.is_empty());
    for section in sections {
        let main = folder.path().join("nearpoint.yaml");
        let listeners = match section.contains("listeners:\n") {
            true => "",
            false => "listeners: [{name: clients, bind: ['127.0.0.1:443']}]",
        };
        fs::write(&main, format!("{section}\n{listeners}\n")).expect("written");
        if let Err(error) = config::load(&main) {
            panic!("{error}");
        }
    }
}

/// Whether a command would be understood. It is not run.
fn check(command: &str) -> Result<(), String> {
    let mut words: Vec<&str> = command.split_whitespace().filter(|word| *word != "&").collect();
    if words.first() == Some(&"sudo") {
        words.remove(0);
    }
    // A program that was built is named by where it is.
    if let Some(built) = words.first().and_then(|word| word.strip_prefix("target/release/")) {
        words[0] = built;
    }
    for word in &words {
        let ours = FOLDERS.iter().any(|folder| word.starts_with(folder));
        if ours && !repository().join(word).exists() {
            return Err(format!("there is no {word}"));
        }
    }
    match words.as_slice() {
        ["cargo", "run", rest @ ..] => {
            let at = rest.iter().position(|word| *word == "--").ok_or("what does it run?")?;
            known_flags(&rest[..at])?;
            let arguments = [&["nearpoint"], &rest[at + 1..]].concat();
            parses(&arguments)
        }
        ["cargo", "build" | "test", rest @ ..] => known_flags(rest),
        ["nearpoint", ..] => parses(&words),
        [
            "loadtest",
            "compare" | "failover" | "growth" | "lab" | "reload" | "serve" | "storm",
            ..,
        ] => Ok(()),
        [program, ..] if KNOWN.contains(program) => Ok(()),
        [program, ..] => Err(format!("`{program}` is not known to tests/docs.rs")),
        [] => Ok(()),
    }
}

fn known_flags(words: &[&str]) -> Result<(), String> {
    let unknown = words.iter().find(|it| !["--release", "--locked", "--workspace"].contains(*it));
    unknown.map_or(Ok(()), |word| Err(format!("cargo's `{word}` is not known to tests/docs.rs")))
}

fn parses(words: &[&str]) -> Result<(), String> {
    Cli::try_parse_from(words).map(drop).map_err(|error| error.to_string())
}
