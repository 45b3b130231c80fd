//! `nearpoint explain --file`: where all the clients of a file go.

mod report;

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::IpAddr;
use std::path::Path;
use std::process::ExitCode;

use super::super::args::ExplainArgs;
use super::super::client::{Conversation, FetchError};
use super::super::{BAD_CONFIG, FAILED, exit, output};
use super::addresses::Addresses;
use super::ask_about;
use super::tally::{Answer, Fate, Names};
use crate::admin::view::{Basis, ExplainView, Part, destination, destination_of, the_listener};
use crate::routing::topology::{Destination, ListenerRoute};
use crate::routing::{Client, ClientAddr, CountryCode, Decision, Snapshot, country, rank};
use report::Report;

/// Decides about every address in memory.
pub(super) fn offline(file: &Path, snapshot: &Snapshot, args: &ExplainArgs) -> ExitCode {
    let (listener, route) = match the_listener(&snapshot.topology, args.listener.as_deref()) {
        Ok(found) => found,
        Err(error) => return output::fail(&error.to_string(), BAD_CONFIG),
    };
    let goes_to = match destination_of(&snapshot.topology, (listener, route), args.dc) {
        Ok(goes_to) => goes_to,
        Err(error) => return output::fail(&error.to_string(), BAD_CONFIG),
    };
    let counted = count_all(file, args, |ip| decide(snapshot, route, goes_to, ip));
    finish(counted, file, &names(snapshot, listener))
}

fn count_all(
    file: &Path,
    args: &ExplainArgs,
    decide: impl Fn(IpAddr) -> Answer,
) -> Result<Report, Failed> {
    let source = Source::open(file)?;
    let mut report = Report::new(source.name, args.each, args.json);
    let mut addresses = Addresses::new(source.input);
    while let Some(line) = addresses.read()? {
        match line {
            Ok(ip) => report.take(ip, &decide(ip)).map_err(Failed::Output)?,
            Err(bad) => report.take_bad(&bad),
        }
    }
    Ok(report)
}

/// Asks a daemon about every address, one after the other.
pub(super) async fn ask(file: &Path, args: &ExplainArgs) -> ExitCode {
    let mut names = Names::default();
    let counted = ask_all(file, args, &mut names).await;
    finish(counted, file, &names)
}

async fn ask_all(file: &Path, args: &ExplainArgs, names: &mut Names) -> Result<Report, Failed> {
    let source = Source::open(file)?;
    let mut report = Report::new(source.name, args.each, args.json);
    let mut addresses = Addresses::new(source.input);
    let mut conversation = Conversation::new(&args.daemon);
    while let Some(line) = addresses.read()? {
        match line {
            Ok(ip) => {
                let view = ask_about(&mut conversation, ip, args).await?;
                learn(names, &view);
                report.take(ip, &answer_of(&view)).map_err(Failed::Output)?;
            }
            Err(bad) => report.take_bad(&bad),
        }
    }
    Ok(report)
}

fn finish(counted: Result<Report, Failed>, file: &Path, names: &Names) -> ExitCode {
    match counted {
        Ok(report) => report.finish(names),
        Err(Failed::File(error)) => output::fail(&format!("{}: {error}", file.display()), FAILED),
        // A reader that has seen enough (`| head`) is no failure.
        Err(Failed::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(Failed::Output(error)) => {
            output::fail(&format!("cannot write the answer: {error}"), FAILED)
        }
        Err(Failed::Daemon(error)) => exit::refused(&error),
    }
}

/// Why not all of a file was counted.
#[derive(Debug)]
enum Failed {
    File(io::Error),
    Output(io::Error),
    Daemon(FetchError),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

impl From<FetchError> for Failed {
    fn from(error: FetchError) -> Self {
        Self::Daemon(error)
    }
}

/// What addresses are read from.
struct Source {
    name: String,
    input: Box<dyn BufRead>,
}

impl Source {
    fn open(path: &Path) -> io::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self { name: "stdin".to_owned(), input: Box::new(io::stdin().lock()) });
        }
        let input = Box::new(BufReader::new(File::open(path)?));
        Ok(Self { name: path.display().to_string(), input })
    }
}

/// The same decision as an explanation makes, without its words.
fn decide(snapshot: &Snapshot, route: &ListenerRoute, goes_to: Destination, ip: IpAddr) -> Answer {
    let addr = ClientAddr::new(ip);
    let client = Client::new(addr, snapshot.locate.locate(addr));
    let ranking = rank(snapshot, route, goes_to, &client);
    let policy = snapshot.topology.policy();
    let verdict = ranking.verdict.as_ref();
    let rules = policy.rules.iter().enumerate();
    let fitting = rules
        .filter(|(_, rule)| rule.clients.fits(&client))
        .map(|(index, _)| (index, Part::of(policy, goes_to, verdict, index) == Part::Decides));
    Answer {
        country: client.location.country().and_then(country::find).map(|country| country.code),
        fate: match destination(snapshot, &ranking, &client) {
            Ok(dc) => Fate::Served(snapshot.topology.dc(dc).id.0, ranking.why(dc).as_str().into()),
            Err(refusal) => Fate::Refused(refusal.as_str().into()),
        },
        fitting: fitting.collect(),
        default_decides: verdict.is_some_and(|it| matches!(it.decision, Decision::Default(_))),
        audited: ranking.audited,
    }
}

fn names(snapshot: &Snapshot, listener: &str) -> Names {
    let topology = &snapshot.topology;
    let policy = topology.policy();
    let rules = policy.rules.iter().enumerate();
    Names {
        listener: listener.to_owned(),
        basis: Basis::Presumed.as_str().to_owned(),
        rules: rules.map(|(index, rule)| (index, Some(rule.to_string()))).collect(),
        default: policy.default.as_str().to_owned(),
        dcs: topology.dcs().iter().map(|dc| (dc.id.0, dc.name.to_string())).collect(),
    }
}

/// What counts of an explanation.
fn answer_of(view: &ExplainView) -> Answer {
    let known = view.location.country.as_deref().filter(|_| !view.location.unknown_to_policy);
    let chosen = view.dcs.iter().find(|dc| dc.chosen);
    let refused = view.refused.clone().unwrap_or_else(|| "no_dc".to_owned());
    let fitting = view.policy.fitting.iter().map(|rule| (rule.index, rule.decides));
    Answer {
        country: known.and_then(CountryCode::new),
        fate: match (chosen, &view.why) {
            (Some(dc), Some(why)) => Fate::Served(dc.id, why.clone().into()),
            (Some(_) | None, _) => Fate::Refused(refused.into()),
        },
        fitting: fitting.collect(),
        default_decides: view.policy.default_decides,
        audited: view.policy.audited,
    }
}

/// A daemon tells names with its answers: those of the rules that fit, and those of all DCs.
fn learn(names: &mut Names, view: &ExplainView) {
    names.listener.clone_from(&view.listener);
    names.basis.clone_from(&view.basis);
    names.default.clone_from(&view.policy.default);
    for index in 0..view.policy.rules {
        names.rules.entry(index).or_default();
    }
    for rule in &view.policy.fitting {
        names.rules.insert(rule.index, Some(rule.text.clone()));
    }
    for dc in &view.dcs {
        names.dcs.entry(dc.id).or_insert_with(|| dc.name.clone());
    }
}

#[cfg(test)]
mod tests;
