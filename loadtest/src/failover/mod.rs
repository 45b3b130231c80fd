//! `loadtest failover`: the same failures through nearpoint and its peers, in the lab.
//!
//! A [`scenario`] declares what fails; a run of it through one peer has a [`lab`] of its own and
//! leaves a [recording](record), which is judged afterwards: figures, expectations, a table, a picture.

mod config;
mod dcs;
mod edge;
#[cfg(test)]
mod example;
mod load;
mod options;
mod outcome;
pub(crate) mod peers;
mod phase;
mod plot;
mod progress;
mod record;
mod report;
mod run;
mod scenario;
mod stage;
mod time;
mod verdict;
mod ways;

pub(crate) use options::{EXAMPLES, FailoverOptions};

use crate::circumstances::Circumstances;
use crate::lab;
use crate::peers::PeerError;
use crate::peers::Places;
use crate::picture::PlotError;
use crate::report::{PeerReport, ReportError, with_sources};
use options::FailoverCommand;
use peers::{Installed, Peer};
use progress::Progress;
use record::Recording;
use report::{Report, ScenarioReport};
use scenario::error::ScenarioError;
use scenario::{Phases, Scenario};
use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where scenarios are that are called by their names: in the sources that this was built from.
const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/lab/scenarios");

/// Of a comparison: whether every peer ran through every scenario, and nearpoint did all that was asked of
/// it.
pub(crate) async fn run(options: &FailoverOptions) -> Result<bool, FailoverError> {
    match &options.command {
        Some(FailoverCommand::Config(options)) => config::write(options)?,
        Some(FailoverCommand::List) => list()?,
        None => return compare(options).await,
    }
    Ok(true)
}

/// Prints the name and the title of each.
fn list() -> Result<(), FailoverError> {
    for Scenario { name, title, .. } in Scenario::read_all(Path::new(SCENARIOS))? {
        println!("{name:<16}  {title}");
    }
    Ok(())
}

async fn compare(options: &FailoverOptions) -> Result<bool, FailoverError> {
    let scenarios = scenarios(&options.scenarios)?;
    if let Some(missing) = lab::privilege::missing_privilege() {
        return Err(FailoverError::NoLab(missing));
    }
    let mut circumstances = Circumstances::begin();
    let phases = |scenario: &Scenario| if options.short { scenario.short } else { scenario.long };
    let mut company = Company::find(options).await;
    let mut progress =
        Progress::new(scenarios.iter().map(|it| phases(it).total()), company.present());
    let mut reports = Vec::new();
    for scenario in &scenarios {
        let phases = phases(scenario);
        let runs = company.run(scenario, &phases, &mut progress).await;
        let report = ScenarioReport::new(scenario, phases, &runs).map_err(FailoverError::Plot)?;
        Progress::tell(&report);
        reports.push(report);
    }
    circumstances.end();
    let report = Report::new(circumstances, company.report(), reports);
    report.emit(&options.output).map_err(FailoverError::Report)?;
    Ok(company.is_complete() && report.broken().next().is_none())
}

/// Those of these names, or files; all if there are none.
fn scenarios(named: &[PathBuf]) -> Result<Vec<Scenario>, ScenarioError> {
    if named.is_empty() {
        return Scenario::read_all(Path::new(SCENARIOS));
    }
    let read = |name: &PathBuf| match name.extension() {
        Some(_) => Scenario::read(name),
        None => Scenario::read(&Path::new(SCENARIOS).join(name).with_extension("yaml")),
    };
    named.iter().map(read).collect()
}

/// The peers that were asked for, and what became of them.
struct Company(Vec<Member>);

struct Member {
    peer: Peer,
    installed: Option<Installed>,
    /// Whatever kept it from being measured.
    failures: Vec<String>,
}

impl Company {
    /// Whoever is asked for twice takes part once. Who is not here is told at once.
    async fn find(options: &FailoverOptions) -> Company {
        let places = Places {
            nearpoint: options.nearpoint.as_deref(),
            envoy: options.envoy.as_deref(),
            ..Places::default()
        };
        let mut members: Vec<Member> = Vec::new();
        for &peer in &options.peers {
            if members.iter().any(|member| member.peer == peer) {
                continue;
            }
            let mut member = Member { peer, installed: None, failures: Vec::new() };
            match peer.find(places).await {
                Ok(installed) => member.installed = Some(installed),
                Err(error) => {
                    let reason = with_sources(&error);
                    eprintln!("{}: {reason}", peer.name());
                    member.failures.push(reason);
                }
            }
            members.push(member);
        }
        Company(members)
    }

    /// Runs the scenario through all that can be started, one after the other. What one of them fails at is
    /// told at once, and is in the report.
    async fn run(
        &mut self,
        scenario: &Scenario,
        phases: &Phases,
        progress: &mut Progress,
    ) -> Vec<(&'static str, Recording)> {
        let mut runs = Vec::new();
        for member in &mut self.0 {
            let Some(installed) = &member.installed else { continue };
            let name = member.peer.name();
            progress.begin(&scenario.name, name);
            match run::run(scenario, phases, installed).await {
                Ok(recording) => runs.push((name, recording)),
                Err(error) => member.fail(&scenario.name, &error),
            }
            progress.end(phases.total());
        }
        runs
    }

    /// Whether nothing kept any of them from being measured.
    fn is_complete(&self) -> bool {
        self.0.iter().all(|member| member.failures.is_empty())
    }

    /// How many can be started.
    fn present(&self) -> usize {
        self.0.iter().filter(|member| member.installed.is_some()).count()
    }

    fn report(&self) -> Vec<PeerReport> {
        let report = |Member { peer, installed, failures }: &Member| {
            let version = installed.as_ref().map(|installed| installed.version.clone());
            let failure = (!failures.is_empty()).then(|| failures.join("; "));
            PeerReport::new(peer.name(), version, failure)
        };
        self.0.iter().map(report).collect()
    }
}

impl Member {
    /// It goes on with the next scenario all the same.
    fn fail(&mut self, scenario: &str, error: &dyn Error) {
        let reason = format!("{scenario}: {}", with_sources(error));
        eprintln!("{}: {reason}", self.peer.name());
        self.failures.push(reason);
    }
}

#[derive(Debug)]
pub(crate) enum FailoverError {
    Scenario(ScenarioError),
    /// Why this machine can have no lab.
    NoLab(String),
    Config(PeerError),
    Plot(PlotError),
    Report(ReportError),
}

impl From<ScenarioError> for FailoverError {
    fn from(error: ScenarioError) -> FailoverError {
        FailoverError::Scenario(error)
    }
}

impl From<PeerError> for FailoverError {
    fn from(error: PeerError) -> FailoverError {
        FailoverError::Config(error)
    }
}

impl fmt::Display for FailoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FailoverError::Scenario(error) => error.fmt(f),
            FailoverError::NoLab(why) => write!(f, "there can be no lab here: {why}"),
            FailoverError::Config(error) => error.fmt(f),
            FailoverError::Plot(_) => f.write_str("a picture cannot be drawn"),
            FailoverError::Report(error) => error.fmt(f),
        }
    }
}

impl Error for FailoverError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            FailoverError::Scenario(error) => error.source(),
            FailoverError::Config(error) => error.source(),
            FailoverError::Plot(source) => Some(source.as_ref()),
            FailoverError::Report(error) => error.source(),
            FailoverError::NoLab(_) => None,
        }
    }
}
