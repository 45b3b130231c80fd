//! What `failover` found, for machines and for people.
//!
//! JSON has all figures; the terminal gets tables; Markdown gets those, a picture of each scenario, and
//! what was asked of nearpoint. Where a peer is better than nearpoint the summary says so: nobody writes
//! that sentence, and nobody can forget it.

mod markdown;
mod summary;
mod tables;

use super::outcome::Outcome;
use super::phase::ByPhase;
use super::plot::{Panel, Picture, draw};
use super::record::{Mark, Recording};
use super::scenario::{Phases, Scenario};
use super::time::Time;
use super::verdict::{self, Verdict};
use crate::circumstances::Circumstances;
use crate::cli::OutputOptions;
use crate::picture::PlotError;
use crate::report::{Host, PeerReport, ReportError, write};
use serde::Serialize;
use std::fs;

/// How the daemon is called among its peers: expectations are about this one.
pub(crate) const NEARPOINT: &str = "nearpoint";

/// All scenarios of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    host: Host,
    circumstances: Circumstances,
    peers: Vec<PeerReport>,
    scenarios: Vec<ScenarioReport>,
}

/// One failure, through every peer.
#[derive(Debug, Serialize)]
pub(crate) struct ScenarioReport {
    name: String,
    title: String,
    stands_for: String,
    faults: Vec<String>,
    /// In seconds.
    phases: ByPhase<Time>,
    new_sessions_a_second: u32,
    held_sessions: u32,
    new_flows_a_second: Option<u32>,
    held_flows: Option<u32>,
    crowd_a_second: Option<u32>,
    runs: Vec<Run>,
    /// What was asked of nearpoint; empty where it did not run.
    outcomes: Vec<Verdict>,
    bars: Vec<Verdict>,
    /// What the lab did and nearpoint said, in nearpoint's run.
    timeline: Vec<Entry>,
    #[serde(skip)]
    picture: String,
}

#[derive(Debug, Serialize)]
struct Run {
    peer: String,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Debug, Serialize)]
struct Entry {
    /// Since the begin of the fault.
    at_seconds: f64,
    #[serde(flatten)]
    mark: Mark,
}

impl Report {
    pub(crate) fn new(
        circumstances: Circumstances,
        peers: Vec<PeerReport>,
        scenarios: Vec<ScenarioReport>,
    ) -> Report {
        Report { host: Host::read(), circumstances, peers, scenarios }
    }

    /// Outcomes that nearpoint failed, with the scenario.
    pub(crate) fn broken(&self) -> impl Iterator<Item = (&str, &Verdict)> {
        self.scenarios.iter().flat_map(|scenario| {
            let broken = scenario.outcomes.iter().filter(|verdict| !verdict.holds);
            broken.map(|verdict| (scenario.name.as_str(), verdict))
        })
    }

    /// Prints the report, and writes it to a file where one was asked for. Pictures are beside a file of
    /// Markdown, in a folder of its name: `failover.md` shows `failover/killed.svg`.
    pub(crate) fn emit(&self, options: &OutputOptions) -> Result<(), ReportError> {
        let json = serde_json::to_string_pretty(self).map_err(ReportError::Json)?;
        if options.json {
            println!("{json}");
        } else {
            println!("{}", self.text());
        }
        let Some(path) = &options.out else { return Ok(()) };
        if path.extension().is_some_and(|extension| extension == "json") {
            return write(path, &(json + "\n"));
        }
        let folder = path.with_extension("");
        let failed = |source| ReportError::Write { path: folder.clone(), source };
        fs::create_dir_all(&folder).map_err(failed)?;
        for scenario in &self.scenarios {
            write(&folder.join(format!("{}.svg", scenario.name)), &scenario.picture)?;
        }
        let folder = folder.file_name().unwrap_or_default().to_string_lossy();
        write(path, &self.markdown(&folder))
    }
}

impl ScenarioReport {
    /// `runs` are of these phases, in the order in which peers are shown. Those that did not run are left
    /// out; `PeerReport` says why.
    pub(crate) fn new(
        scenario: &Scenario,
        phases: Phases,
        runs: &[(&str, Recording)],
    ) -> Result<ScenarioReport, PlotError> {
        let faulty = scenario.faulty();
        let faults: Vec<String> =
            scenario.faults.iter().map(|fault| fault.what.to_string()).collect();
        let panels = runs.iter().map(|(peer, recording)| Panel { peer, recording }).collect();
        let picture = draw(&Picture {
            title: &scenario.title,
            fault: &faults.join(", "),
            phases,
            broken: &scenario.broken(&phases),
            panels,
        })?;
        let of = |(peer, recording): &(&str, Recording)| Run {
            peer: (*peer).to_owned(),
            outcome: Outcome::of(recording, &faulty),
        };
        let outcomes: Vec<Run> = runs.iter().map(of).collect();
        let ours = outcomes.iter().find(|run| run.peer == NEARPOINT).map(|run| &run.outcome);
        let recorded = runs.iter().find(|(peer, _)| *peer == NEARPOINT);
        Ok(ScenarioReport {
            name: scenario.name.clone(),
            title: scenario.title.clone(),
            stands_for: scenario.stands_for.clone(),
            faults,
            phases: ByPhase {
                before: Time(phases.before),
                fault: Time(phases.fault),
                after: Time(phases.after),
            },
            new_sessions_a_second: scenario.load.new,
            held_sessions: scenario.load.held,
            new_flows_a_second: scenario.udp.map(|udp| udp.new),
            held_flows: scenario.udp.map(|udp| udp.held),
            crowd_a_second: scenario.crowd.map(|crowd| crowd.new),
            outcomes: ours.map_or(Vec::new(), |it| verdict::outcomes(&scenario.expect, it)),
            bars: ours.map_or(Vec::new(), |it| verdict::bars(&scenario.bars, it)),
            timeline: recorded.map_or(Vec::new(), |(_, recording)| timeline(recording)),
            runs: outcomes,
            picture,
        })
    }

    fn ours(&self) -> Option<&Outcome> {
        self.runs.iter().find(|run| run.peer == NEARPOINT).map(|run| &run.outcome)
    }
}

fn timeline(recording: &Recording) -> Vec<Entry> {
    let began = recording.fault_began.as_secs_f64();
    let entry = |mark: &Mark| Entry {
        at_seconds: ((mark.at.as_secs_f64() - began) * 1e3).round() / 1e3,
        mark: mark.clone(),
    };
    recording.marks.iter().map(entry).collect()
}

#[cfg(test)]
mod tests;
