//! `nearpoint check`: how problems of a configuration are reported.

use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::args::CheckArgs;
use super::{BAD_CONFIG, output};
use crate::admin::facts::GeoipFact;
use crate::config::Geoip;
use crate::geoip::Databases;
use crate::{config, reload};

/// The answer of `nearpoint check --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CheckView {
    /// The file that was checked.
    pub config: String,
    /// Whether a daemon would start with it.
    pub valid: bool,
    /// What has to be corrected, each with its path in the file.
    pub problems: Vec<String>,
    /// What was noticed and changes nothing.
    pub notes: Vec<String>,
}

/// Reads the configuration and its databases as the daemon would, and prints what was found; ends
/// with 64 if there is a problem.
pub(super) fn check(args: &CheckArgs) -> ExitCode {
    let view = CheckView::of(&args.config);
    let printed = match args.json {
        true => output::print_json(&view),
        false => output::print(&text(&view)),
    };
    match view.valid {
        true => printed,
        false => ExitCode::from(BAD_CONFIG),
    }
}

impl CheckView {
    fn of(config: &Path) -> Self {
        let (geoip, mut problems, mut notes) = match config::load(config) {
            Ok(loaded) => (Some(loaded.config.geoip), Vec::new(), texts(&loaded.notes)),
            Err(error) => (config::readable_geoip(config), texts(&error.problems), Vec::new()),
        };
        if let Some(geoip) = &geoip {
            match reload::open_databases(geoip) {
                Ok(databases) => notes.extend(stale(geoip, &databases)),
                Err(errors) => problems.extend(texts(&errors.0)),
            }
        }
        let valid = problems.is_empty();
        Self { config: config.display().to_string(), valid, problems, notes }
    }
}

/// What an operator may want to know of databases that serve.
fn stale(geoip: &Geoip, databases: &Databases) -> impl Iterator<Item = String> {
    let now = SystemTime::now();
    let GeoipFact { country, asn } = reload::geoip_fact(geoip, databases);
    [Some(country), asn].into_iter().filter_map(move |fact| fact?.stale_note(now))
}

fn texts(findings: &[impl ToString]) -> Vec<String> {
    findings.iter().map(ToString::to_string).collect()
}

fn text(view: &CheckView) -> String {
    let config = &view.config;
    let mut lines = vec![match view.problems.len() {
        0 => format!("{config} is valid"),
        1 => format!("{config} has 1 problem:"),
        several => format!("{config} has {several} problems:"),
    }];
    lines.extend(view.problems.iter().map(|problem| format!("  {problem}")));
    lines.extend(view.notes.iter().map(|note| format!("note: {note}")));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_counted_and_listed_with_notes_below() {
        let mut view = CheckView {
            config: "nearpoint.yaml".into(),
            valid: true,
            problems: Vec::new(),
            notes: vec!["dc_options: 2 duplicates merged".into()],
        };
        assert_eq!(text(&view), "nearpoint.yaml is valid\nnote: dc_options: 2 duplicates merged");
        view.problems = vec!["dcs[0].id: 0 is no DC".into(), "listeners: none".into()];
        view.notes.clear();
        assert_eq!(
            text(&view),
            "nearpoint.yaml has 2 problems:\n  dcs[0].id: 0 is no DC\n  listeners: none"
        );
    }

    #[test]
    fn a_bad_database_is_told_beside_other_problems() -> std::io::Result<()> {
        let dir = tempfile::tempdir()?;
        let (main, list) = (dir.path().join("main.yaml"), dir.path().join("dc_options.yaml"));
        std::fs::write(dir.path().join("bad.mmdb"), "no database")?;
        std::fs::write(list, "[{id: 2, ip: 192.0.2.1, port: 443}]")?;
        let listeners = "listeners: [{name: a, bind: ['127.0.0.1:443']}]";
        for (keys, expected) in [
            ("geoip: {database: bad.mmdb}", vec!["bad.mmdb"]),
            ("geoip: {database: bad.mmdb}\nxyzzy: 1", vec!["xyzzy: unknown key", "bad.mmdb"]),
            // Which database was meant is not clear.
            ("geoip: {database: bad.mmdb, defualt: none}", vec!["geoip.defualt"]),
            ("xyzzy: 1", vec!["xyzzy: unknown key"]),
        ] {
            std::fs::write(&main, format!("{listeners}\n{keys}"))?;
            let view = CheckView::of(&main);
            assert!(!view.valid);
            assert_eq!(view.problems.len(), expected.len(), "{:?}", view.problems);
            for (problem, part) in view.problems.iter().zip(expected) {
                assert!(problem.contains(part), "{problem}");
            }
        }
        Ok(())
    }
}
