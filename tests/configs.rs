//! Configurations as files: broken ones with exactly what is told about each, realistic ones that
//! load.
//!
//! `tests/broken/NAME.yaml` is refused with the lines of `NAME.problems`, no more and no fewer. After
//! a change of wording, `NEARPOINT_BLESS=1` writes what is told now; read it before it is kept.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use nearpoint::config;

const BROKEN: &str = "tests/broken";

#[test]
fn each_broken_file_is_refused_with_exactly_its_problems() {
    let files = files_of(BROKEN, "yaml");
    assert!(files.len() >= 40, "{} files", files.len());
    let mut wrong = Vec::new();
    for file in &files {
        let told = problems_of(file);
        assert!(!told.is_empty(), "{} is not broken", file.display());
        let expected = file.with_extension("problems");
        if env::var_os("NEARPOINT_BLESS").is_some() {
            fs::write(&expected, &told).expect("the repository can be written");
        }
        let known = fs::read_to_string(&expected).unwrap_or_default();
        if told != known {
            wrong.push(format!("{}:\n{told}instead of\n{known}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_problem_is_told_by_some_file() {
    for file in files_of(BROKEN, "problems") {
        assert!(file.with_extension("yaml").exists(), "{} is of no file", file.display());
    }
}

#[test]
fn the_examples_load() {
    let mut mains = vec![PathBuf::from("configs/nearpoint.yaml"), "configs/demo.yaml".into()];
    let examples = fs::read_dir("configs/examples").expect("there are examples");
    let folders = examples.map(|entry| entry.expect("a folder").path());
    mains.extend(folders.filter(|path| path.is_dir()).map(|path| path.join("nearpoint.yaml")));
    assert!(mains.len() >= 7, "{mains:?}");
    for main in mains {
        if let Err(error) = config::load(&main) {
            panic!("{error}");
        }
    }
}

/// One line for each problem, with files as the directory of `main` names them.
fn problems_of(main: &Path) -> String {
    let Err(error) = config::load(main) else {
        return String::new();
    };
    let lines = error.problems.iter().map(|problem| {
        let line = problem.to_string();
        let line = line.strip_prefix(&format!("{BROKEN}/")).unwrap_or(&line);
        format!("{line}\n")
    });
    lines.collect()
}

fn files_of(directory: &str, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory of the repository");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|it| it == extension)).collect();
    files.sort();
    files
}
