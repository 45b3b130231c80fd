use std::fs;

use crate::config::{ConfigError, Loaded, load};

const LIST: &str = "- {id: 2, ip: 192.0.2.1, port: 443}\n";

/// A folder with these files, beside a list of access points; the first is the main file.
fn load_files(files: &[(&str, &str)]) -> (tempfile::TempDir, Result<Loaded, ConfigError>) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("dc_options.yaml"), LIST).expect("written");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("written");
    }
    let loaded = load(&folder.path().join(files[0].0));
    (folder, loaded)
}

/// The problems without the folder.
fn problems(files: &[(&str, &str)]) -> Vec<String> {
    let (folder, loaded) = load_files(files);
    let folder = format!("{}/", folder.path().display());
    let error = loaded.expect_err("problems").to_string();
    error.lines().map(|line| line.replace(&folder, "")).collect()
}

const LISTENERS: &str = "listeners:\n- {name: a, bind: ['127.0.0.1:1'], route: {dc: 2}}\n";

#[test]
fn sections_of_included_files_are_read_as_if_they_stood_in_the_main_one() {
    let (_folder, loaded) = load_files(&[
        ("main.yaml", "include: [l.yaml, d.yaml, empty.yaml]\nlog: {level: debug}"),
        ("l.yaml", LISTENERS),
        ("d.yaml", "dcs: [{id: 2, name: ams}]"),
        ("empty.yaml", "# nothing"),
    ]);
    let Loaded { config, sources, .. } = loaded.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(&*config.topology.dcs()[0].name, "ams");
    assert_eq!(&*config.listeners[0].name, "a");
    let watched: Vec<_> = sources.paths().filter_map(|path| path.file_name()).collect();
    assert_eq!(watched, ["main.yaml", "dc_options.yaml", "l.yaml", "d.yaml", "empty.yaml"]);
}

#[test]
fn problems_are_told_in_the_file_and_line_where_they_are() {
    let told = problems(&[
        ("main.yaml", "include: [l.yaml]\n\nlog: {level: loud}"),
        ("l.yaml", "\nlisteners:\n- {name: a b, bind: ['127.0.0.1:1']}\nxyzzy: 1"),
    ]);
    assert_eq!(
        told,
        [
            "main.yaml:3: log.level: \"loud\" is not `error` or `warn` or `info` or `debug` or `trace`",
            "l.yaml:3: listeners[0].name: \"a b\" is not a name: up to 64 letters, digits, `-`, `_` and `.`",
            "l.yaml:4: xyzzy: unknown key",
        ]
    );
}

#[test]
fn no_key_is_in_two_files_and_no_included_file_includes() {
    let (folder, loaded) = load_files(&[
        ("main.yaml", "include: [a.yaml, b.yaml]"),
        ("a.yaml", LISTENERS),
        ("b.yaml", "include: [a.yaml]\nlisteners: []"),
    ]);
    let error = loaded.expect_err("problems").to_string();
    let a = folder.path().join("a.yaml");
    assert!(error.contains("b.yaml:1: include: is for the main file"), "{error}");
    assert!(error.contains(&format!("b.yaml:2: listeners: is in {} too", a.display())), "{error}");
}

#[test]
fn a_file_that_cannot_be_read_is_the_only_thing_told_and_is_watched() {
    let (_folder, loaded) = load_files(&[("main.yaml", "include: [gone.yaml]")]);
    let error = loaded.expect_err("no file");
    assert_eq!(error.problems.len(), 1, "{error}");
    assert!(error.problems[0].text.starts_with("cannot be read: "));
    assert_eq!(error.sources.map(|sources| sources.included.len()), Some(1));
    let list = problems(&[("main.yaml", "include: [l.yaml]"), ("l.yaml", "[1]")]);
    assert_eq!(list, ["l.yaml: is a list, not a mapping of keys"]);
}

#[test]
fn the_number_of_included_files_is_bounded() {
    let names = vec!["l.yaml"; 65].join(", ");
    let told = problems(&[("main.yaml", &format!("include: [{names}]")), ("l.yaml", "")]);
    assert_eq!(told, ["main.yaml:1: include: names 65 files; 64 at most"]);
}
