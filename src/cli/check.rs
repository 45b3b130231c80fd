//! `nearpoint check`: how problems of a configuration are reported.

use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::args::CheckArgs;
use super::preview::{self, Preview};
use super::{BAD_CONFIG, FAILED, output};
use crate::admin::facts::GeoipFact;
use crate::config::{Config, Geoip};
use crate::geoip::Databases;
use crate::{config, reload};

/// The answer of `nearpoint check --json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct CheckView {
    /// The file that was checked.
    pub config: String,
    /// Whether a daemon would start with it.
    pub valid: bool,
    /// What has to be corrected, each with its path in the file.
    pub problems: Vec<String>,
    /// What was noticed and changes nothing.
    pub notes: Vec<String>,
    /// What a reload would change; of a valid configuration, when that was asked for.
    pub against_running: Option<Preview>,
}

/// Reads the configuration and its databases as the daemon would, and prints what was found; ends
/// with 64 if there is a problem.
pub(super) fn check(args: &CheckArgs) -> ExitCode {
    let (mut view, config) = CheckView::of(&args.config);
    if args.against_running
        && let Some(config) = config
    {
        match preview::of(&config, &args.daemon.admin) {
            Ok(preview) => view.against_running = Some(preview),
            Err(error) => return output::fail(&error.to_string(), FAILED),
        }
    }
    let printed = match args.json {
        true => output::print_json(&view),
        false => output::print(&text(&view)),
    };
    let is_refused = |preview: &Preview| preview.refused_by_guards.is_some();
    match (view.valid, view.against_running.as_ref().is_some_and(is_refused)) {
        (false, _) => ExitCode::from(BAD_CONFIG),
        (true, true) => ExitCode::from(FAILED),
        (true, false) => printed,
    }
}

impl CheckView {
    /// What there is to say of the configuration, and the configuration if it is valid.
    fn of(path: &Path) -> (Self, Option<Config>) {
        let (mut problems, mut notes) = (Vec::new(), Vec::new());
        let config = match config::load(path) {
            Ok(loaded) => {
                notes = texts(&loaded.notes);
                Some(loaded.config)
            }
            Err(error) => {
                problems = texts(&error.problems);
                None
            }
        };
        let geoip = config.as_ref().map(|config| config.geoip.clone());
        if let Some(geoip) = &geoip.or_else(|| config::readable_geoip(path)) {
            match reload::open_databases(geoip) {
                Ok(databases) => notes.extend(stale(geoip, &databases)),
                Err(errors) => problems.extend(texts(&errors.0)),
            }
        }
        let valid = problems.is_empty();
        let named = path.display().to_string();
        let view = Self { config: named, valid, problems, notes, against_running: None };
        (view, config.filter(|_| valid))
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
    lines.extend(view.against_running.iter().map(preview::text));
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
            against_running: None,
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
            let (view, config) = CheckView::of(&main);
            assert!(config.is_none());
            assert!(!view.valid);
            assert_eq!(view.problems.len(), expected.len(), "{:?}", view.problems);
            for (problem, part) in view.problems.iter().zip(expected) {
                assert!(problem.contains(part), "{problem}");
            }
        }
        Ok(())
    }
}
