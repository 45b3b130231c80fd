//! Scenarios: a failure, what it stands for, and what nearpoint is expected to do about it.
//!
//! Each is a file, `loadtest/lab/scenarios/NAME.yaml`; the README of the lab explains its keys. What is
//! read here is valid as a whole: places exist, faults end with their phase, keys fit their fault.

pub(crate) mod error;
pub(crate) mod expect;
pub(crate) mod fault;
pub(crate) mod place;
mod raw;
pub(crate) mod schedule;
mod text;

use super::peers::Probe;
use crate::lab::layout::{AccessPoint, Dc};
use error::ScenarioError;
use expect::{Bars, Expect};
use fault::Fault;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A failure to be put through every peer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scenario {
    /// The name of its file.
    pub(crate) name: String,
    /// What happens, in a few words.
    pub(crate) title: String,
    /// What in life it is.
    pub(crate) stands_for: String,
    /// For figures.
    pub(crate) long: Phases,
    /// For continuous integration.
    pub(crate) short: Phases,
    pub(crate) load: Load,
    /// New flows of UDP a second, and those that go on throughout; `None` for none at all.
    pub(crate) udp: Option<Load>,
    /// Other clients, who want what the fault takes; `None` for nobody.
    pub(crate) crowd: Option<Crowd>,
    pub(crate) probe: Probe,
    /// In `dc_options` at the start.
    pub(crate) access_points: Vec<AccessPoint>,
    /// Keys for the top level of nearpoint's configuration.
    pub(crate) nearpoint: serde_yaml::Mapping,
    pub(crate) faults: Vec<Fault>,
    pub(crate) expect: Expect,
    pub(crate) bars: Bars,
}

/// How long each phase is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Phases {
    pub(crate) before: Duration,
    pub(crate) fault: Duration,
    pub(crate) after: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Load {
    /// New sessions a second.
    pub(crate) new: u32,
    /// Sessions that are open throughout.
    pub(crate) held: u32,
}

/// Clients that come to another port of nearpoint's. How they fare is told apart from all else.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Crowd {
    /// New sessions a second.
    pub(crate) new: u32,
    /// Where they connect.
    pub(crate) port: u16,
}

impl Scenario {
    /// Reads a file; its name without `.yaml` is that of the scenario.
    pub(crate) fn read(path: &Path) -> Result<Scenario, ScenarioError> {
        let failed = |source| ScenarioError::Read { path: path.to_owned(), source };
        let text = fs::read_to_string(path).map_err(failed)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        Scenario::parse(&name, path, &text)
    }

    /// All of a folder, by name.
    pub(crate) fn read_all(folder: &Path) -> Result<Vec<Scenario>, ScenarioError> {
        let failed = |source| ScenarioError::Read { path: folder.to_owned(), source };
        let mut paths: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|extension| extension == "yaml") {
                paths.push(path);
            }
        }
        paths.sort();
        paths.iter().map(|path| Scenario::read(path)).collect()
    }

    /// `path` is for errors.
    pub(crate) fn parse(name: &str, path: &Path, text: &str) -> Result<Scenario, ScenarioError> {
        let raw: raw::Scenario = serde_yaml::from_str(text)
            .map_err(|source| ScenarioError::Yaml { path: path.to_owned(), source })?;
        raw.validate(name)
            .map_err(|problems| ScenarioError::Invalid { path: path.to_owned(), problems })
    }

    /// The DCs that something happens to.
    pub(crate) fn faulty(&self) -> BTreeSet<Dc> {
        self.faults.iter().flat_map(|fault| fault.what.dcs()).collect()
    }
}

impl Phases {
    pub(crate) fn total(&self) -> Duration {
        self.before + self.fault + self.after
    }
}

#[cfg(test)]
mod tests;
