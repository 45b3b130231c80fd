//! `nearpoint check`: how problems of a configuration are reported.

use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::args::CheckArgs;
use super::preview::{self, Preview};
use super::{BAD_CONFIG, FAILED, output};
use crate::admin::Credentials;
use crate::admin::facts::GeoipFact;
use crate::config::{Config, Geoip, Loaded};
use crate::forward::{DescriptorNeed, Descriptors, unusable_egress};
use crate::geoip::Databases;
use crate::{app, config, net, reload};

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
    /// What a valid configuration could need of descriptors, beside what a daemon may open that is started
    /// as this process was: `null` for one that has problems.
    pub descriptors: Option<DescriptorNeed>,
    /// What a reload would change; of a valid configuration, when that was asked for.
    pub against_running: Option<Preview>,
}

/// Reads the configuration and its databases as the daemon would, and prints what was found; ends
/// with 64 if there is a problem.
pub(super) fn check(args: &CheckArgs) -> ExitCode {
    let (mut view, loaded) = CheckView::of(&args.config);
    if args.against_running
        && let Some(loaded) = loaded
    {
        let databases =
            args.who_moves.then(|| reload::open_databases(&loaded.config.geoip)).transpose();
        let databases = match databases {
            Ok(databases) => databases,
            // They could be opened a moment ago.
            Err(errors) => return output::fail(&texts(&errors.0).join("; "), FAILED),
        };
        match preview::of(&loaded, databases, &args.daemon) {
            Ok(preview) => view.against_running = Some(preview),
            Err(error) => return output::fail(&error.to_string(), error.code()),
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
    fn of(path: &Path) -> (Self, Option<Loaded>) {
        let (mut problems, mut notes) = (Vec::new(), Vec::new());
        let loaded = match config::load(path) {
            Ok(loaded) => {
                notes = texts(&loaded.notes);
                Some(loaded)
            }
            Err(error) => {
                problems = texts(&error.problems);
                None
            }
        };
        let geoip = loaded.as_ref().map(|loaded| loaded.config.geoip.clone());
        if let Some(geoip) = &geoip.or_else(|| config::readable_geoip(path)) {
            match reload::open_databases(geoip) {
                Ok(databases) => notes.extend(stale(geoip, &databases)),
                Err(errors) => problems.extend(texts(&errors.0)),
            }
        }
        if let Some(Loaded { config, .. }) = &loaded
            && let Err(error) = Credentials::load(&config.admin)
        {
            problems.push(error.to_string());
        }
        let valid = problems.is_empty();
        let named = path.display().to_string();
        let loaded = loaded.filter(|_| valid);
        if let Some(Loaded { config, .. }) = &loaded {
            let whose =
                "this is so for this command here, and a service has capabilities of its own";
            let unusable = unusable_egress(&config.topology).into_iter();
            notes.extend(unusable.map(|it| format!("{it}; {whose}")));
        }
        let descriptors = loaded.as_ref().map(|loaded| descriptor_need(&loaded.config));
        let view =
            Self { config: named, valid, problems, notes, descriptors, against_running: None };
        (view, loaded)
    }
}

/// As a daemon would divide descriptors that is started where this process is, and as it was.
fn descriptor_need(config: &Config) -> DescriptorNeed {
    let (limit, workers) = (net::hard_descriptor_limit(), config.edge.workers.count(app::cores()));
    let descriptors = Descriptors::new(limit, config, config.memory, workers);
    DescriptorNeed::new(config, descriptors, workers)
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
    lines.extend(view.descriptors.iter().filter(|need| !need.suffices).map(shortage));
    lines.extend(view.against_running.iter().map(preview::text));
    lines.join("\n")
}

/// The whole sum, as a note.
fn shortage(need: &DescriptorNeed) -> String {
    let whose = "this is the hard limit of this command, and a service has its own (LimitNOFILE)";
    let mut lines = vec![format!("note: {}; {whose}:", need.says())];
    lines.extend(need.terms.iter().map(|term| format!("  {term}")));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::NeedTerm;

    #[test]
    fn problems_are_counted_and_listed_with_notes_below() {
        let mut view = CheckView {
            config: "nearpoint.yaml".into(),
            valid: true,
            problems: Vec::new(),
            notes: vec!["dc_options: 2 duplicates merged".into()],
            descriptors: None,
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
    fn a_shortage_of_descriptors_is_a_note_with_its_sum_and_enough_of_them_is_none() {
        let term = NeedTerm {
            what: "listener a: sessions (limits.sessions)".into(),
            count: 100_000,
            each: 2,
            descriptors: 200_000,
        };
        let mut need = DescriptorNeed {
            limit: 20_000,
            needed: 200_000,
            suffices: false,
            terms: vec![term],
            most_sessions: 9_500,
            kept_for_probes: 512,
        };
        let mut view = CheckView {
            config: "nearpoint.yaml".into(),
            valid: true,
            problems: Vec::new(),
            notes: Vec::new(),
            descriptors: Some(need.clone()),
            against_running: None,
        };
        let expected = format!(
            "nearpoint.yaml is valid\nnote: {}; this is the hard limit of this command, and a \
             service has its own (LimitNOFILE):\n  200000 = 100000 x 2, listener a: sessions \
             (limits.sessions)",
            need.says()
        );
        assert_eq!(text(&view), expected);
        need.suffices = true;
        view.descriptors = Some(need);
        assert_eq!(text(&view), "nearpoint.yaml is valid");
    }

    #[test]
    fn an_interface_that_is_not_here_is_a_note_and_no_problem() -> std::io::Result<()> {
        let dir = tempfile::tempdir()?;
        let main = dir.path().join("main.yaml");
        std::fs::write(dir.path().join("dc_options.yaml"), "[{id: 2, ip: 192.0.2.1, port: 443}]")?;
        let text = "listeners: [{name: a, bind: ['127.0.0.1:443']}]\n\
                    dcs: [{id: 2, source: {interface: nowhere0}}]";
        std::fs::write(&main, text)?;
        let (view, _) = CheckView::of(&main);
        assert!(view.valid, "{:?}", view.problems);
        assert!(view.notes.iter().any(|note| note.contains("interface nowhere0")), "{view:?}");
        assert!(view.descriptors.is_some());
        Ok(())
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
