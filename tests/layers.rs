//! The house rules that a compiler does not know: who may import whom, what `routing` may not use,
//! where `unsafe` is, how long a file may be, and what the repository does not talk about.
//!
//! Import direction is what decays first in a program of one crate: two modules that import each
//! other are one module with a wall in it.

#[path = "support/source.rs"]
mod source;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use source::{Source, files_below, repository, shown, tokens};

/// What a module may import of the crate, beside itself.
enum MayUse {
    /// These modules, or these items of a module. Those that say so are layers 0 and 1.
    Only(&'static [&'static str]),
    /// Layers 0 and 1, and these items of other modules.
    Leaves(&'static [&'static str]),
    /// Everything. In return nobody but its equals imports it.
    Everything,
}

use MayUse::{Everything, Leaves, Only};

/// The layers, lowest first. Tests (`#[cfg(test)]`) may reach further: they put things together.
const LAYERS: &[(&str, MayUse)] = &[
    // Layer 0 decides, and knows nothing else.
    ("routing", Only(&[])),
    // Layer 1: what is configured, sockets, and leaves.
    ("config", Only(&["routing"])),
    ("net", Only(&[])),
    ("mtproto", Only(&[])),
    ("proxy_protocol", Only(&[])),
    ("metrics", Only(&["routing"])),
    ("state_dir", Only(&[])),
    ("blocking", Only(&[])),
    ("memory", Only(&["routing", "state_dir", "blocking"])),
    ("events", Only(&["routing"])),
    ("drain", Only(&[])),
    ("signal", Only(&[])),
    ("sessions", Only(&["routing"])),
    // An exception within the layer: how to log is configured, and nothing else is to be known of it.
    ("telemetry", Only(&["config::Log", "config::LogFormat"])),
    // Layer 2 uses layers 0 and 1. Its modules do not know each other.
    ("geoip", Leaves(&[])),
    ("probe", Leaves(&[])),
    ("control", Leaves(&[])),
    // Layer 3 moves bytes and answers operators. Of control it has the handles and no more.
    ("forward", Leaves(HANDLES)),
    ("admin", Leaves(HANDLES)),
    // Layer 4 puts everything together.
    ("reload", Everything),
    ("operations", Everything),
    ("app", Everything),
    ("cli", Everything),
    ("main", Everything),
    ("stub", Everything),
    ("demo", Everything),
];

const HANDLES: &[&str] =
    &["control::SnapshotReader", "control::CommandSender", "control::PassiveEvidence"];

/// A file is one idea and is read in one sitting.
const LONGEST: usize = 450;

/// A file of tests is looked up, not read.
const LONGEST_OF_TESTS: usize = 600;

#[test]
fn every_module_imports_only_what_its_layer_allows() {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for source in Source::of_the_crate() {
        let Some(top) = source.top() else { continue };
        let allowed = match rule(top) {
            Some(Everything) => continue,
            Some(Only(these)) => these.to_vec(),
            Some(Leaves(others)) => leaves().chain(others.iter().copied()).collect(),
            None => {
                wrong.push(format!("{}: module `{top}` has no layer", shown(&source.path)));
                continue;
            }
        };
        for reference in source.references() {
            seen += 1;
            let inside = reference.path.first().is_none_or(|first| first == top);
            if inside || allowed.iter().any(|entry| leads_to(entry, &reference.path)) {
                continue;
            }
            let known = match allowed.is_empty() {
                true => "nothing of the crate".to_owned(),
                false => allowed.join(", "),
            };
            let path = reference.path.join("::");
            wrong.push(format!(
                "{}:{}: `{top}` imports `crate::{path}`; it may use {known}",
                shown(&source.path),
                reference.line
            ));
        }
    }
    assert!(seen > 200, "only {seen} imports were found: this test does not see what it should");
    assert_none(
        wrong,
        "Imports run upwards or sideways. Move what is shared into a lower layer, hand it in as a \
         value or a trait, or do the step in `app`, which knows everybody. A new module needs a \
         line in LAYERS",
    );
}

#[test]
fn every_layer_is_a_module() {
    let modules: BTreeSet<String> =
        Source::of_the_crate().iter().filter_map(|it| it.top().map(str::to_owned)).collect();
    for (module, _) in LAYERS {
        // The demo is the one module that may come later.
        assert!(modules.contains(*module) || *module == "demo", "LAYERS names `{module}`");
    }
}

/// Modules without a clock, sockets or randomness, and the crates that they may use.
const PURE: &[(&str, &[&str])] = &[
    ("routing", &[]),
    ("mtproto", &["aes", "crc32fast", "ctr", "sha2"]),
    ("proxy_protocol", &["crc", "ppp"]),
];

#[test]
fn pure_modules_use_the_standard_library_and_little_else() {
    let dependencies = dependencies();
    assert!(dependencies.contains("tokio") && dependencies.contains("serde_yaml"));
    let mut wrong = Vec::new();
    for source in Source::of_the_crate() {
        let pure = PURE.iter().find(|(module, _)| source.top() == Some(module));
        let Some((_, crates)) = pure else { continue };
        for (line, root) in source.roots() {
            if dependencies.contains(root) && !crates.contains(&root) {
                wrong.push(format!("{}:{line}: `{root}`", shown(&source.path)));
            }
        }
    }
    assert_none(
        wrong,
        "`routing` uses std only, `mtproto` and `proxy_protocol` beside it what computes on bytes, so \
         that they can be tested without a network, a clock or a runtime. Let time, seeds and facts \
         come in as arguments, and give back values",
    );
}

#[test]
fn unsafe_code_is_in_net_only() {
    let mut wrong = Vec::new();
    for path in rust_files(&["src", "loadtest", "tests", "fuzz"]) {
        if path.starts_with(repository().join("src/net")) {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source file");
        let found = tokens(&text).into_iter().find(|it| it.text == "unsafe");
        wrong.extend(found.map(|it| format!("{}:{}", shown(&path), it.line)));
    }
    assert_none(
        wrong,
        "`unsafe` outside src/net. Give `net` a safe function that does what is needed",
    );
}

#[test]
fn no_file_is_too_long_to_read() {
    let mut wrong = Vec::new();
    for path in rust_files(&["src", "loadtest", "tests", "fuzz"]) {
        let lines = fs::read_to_string(&path).expect("a source file").lines().count();
        let tests = path.ends_with("tests.rs") || shown(&path).contains("/tests/");
        let most = if tests { LONGEST_OF_TESTS } else { LONGEST };
        if lines > most {
            wrong.push(format!("{}: {lines} lines, {most} at most", shown(&path)));
        }
    }
    assert_none(wrong, "A file is one idea. Split it by idea: what could be read alone?");
}

#[test]
fn the_repository_stands_alone() {
    // Put together here, since this file is looked at as well.
    let foreign =
        [concat!("..", "/shared"), concat!("DESIGN", ".md"), "\u{2f}work/", "\u{2f}root/"];
    let mut wrong = Vec::new();
    for path in files_below(&[""]) {
        let bytes = fs::read(&path).expect("a file of the repository");
        let Ok(text) = String::from_utf8(bytes) else { continue };
        // In a linked work tree this file names the place of the repository.
        if path == repository().join(".git") {
            continue;
        }
        for (number, line) in (1..).zip(text.lines()) {
            if let Some(word) = foreign.iter().find(|word| line.contains(**word)) {
                wrong.push(format!("{}:{number}: `{word}`", shown(&path)));
            }
        }
    }
    assert_none(
        wrong,
        "Whoever has the repository has nothing else. Say it in the repository's own words, and \
         name files from its top",
    );
}

#[test]
fn paths_are_found_in_every_form() {
    let path = |text: &str| text.split("::").map(str::to_owned).collect::<Vec<_>>();
    for (entry, reference, leads) in [
        ("routing", "routing::rank::rank", true),
        ("routing", "routing", true),
        ("routing", "routings", false),
        ("control::SnapshotReader", "control::SnapshotReader", true),
        ("control::SnapshotReader", "control::Control", false),
        ("control::SnapshotReader", "control", false),
    ] {
        assert_eq!(leads_to(entry, &path(reference)), leads, "{entry} -> {reference}");
    }
    let texts = |text: &str| tokens(text).into_iter().map(|it| it.text).collect::<Vec<_>>();
    assert_eq!(
        texts("a /* b */ \"c\" 'd' '\\'' r#\"e\"# f<'g>::h // i"),
        ["a", "f", "<", ">", "::", "h"]
    );
}

fn rule(module: &str) -> Option<&'static MayUse> {
    LAYERS.iter().find(|(name, _)| *name == module).map(|(_, may_use)| may_use)
}

/// The modules of layers 0 and 1.
fn leaves() -> impl Iterator<Item = &'static str> {
    LAYERS.iter().filter(|(_, may_use)| matches!(may_use, Only(_))).map(|(module, _)| *module)
}

fn leads_to(entry: &str, path: &[String]) -> bool {
    let mut path = path.iter();
    entry.split("::").all(|segment| path.next().is_some_and(|it| it == segment))
}

/// The crates that Cargo.toml names, as code calls them.
fn dependencies() -> BTreeSet<String> {
    let manifest = fs::read_to_string(repository().join("Cargo.toml")).expect("the manifest");
    let section = manifest.split_once("\n[dependencies]\n").expect("dependencies").1;
    let lines = section.lines().take_while(|line| !line.starts_with('['));
    let names = lines.filter_map(|line| line.split(['.', ' ', '=']).next());
    names.filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")).collect()
}

fn rust_files(folders: &[&str]) -> Vec<std::path::PathBuf> {
    let is_rust = |path: &Path| path.extension().is_some_and(|extension| extension == "rs");
    files_below(folders).into_iter().filter(|path| is_rust(path)).collect()
}

fn assert_none(wrong: Vec<String>, advice: &str) {
    assert!(wrong.is_empty(), "\n{advice}:\n  {}\n", wrong.join("\n  "));
}
