//! What reports have in common: who was measured, on what machine, and how it is written down.

use crate::circumstances::Circumstances;
use crate::cli::{OutputOptions, PeerOptions};
use crate::peers::{Installed, Peer};
use comfy_table::{CellAlignment, Table, TableStyle, presets};
use serde::Serialize;
use std::error::Error;
use std::fmt::{self, Write as _};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The peers that were asked for, and what became of them.
pub(crate) struct Cast(Vec<(Peer, Part)>);

enum Part {
    Present(Installed),
    Missing { reason: String },
}

impl Cast {
    /// Looks for all of them; one that is missing is told at once and stays in the report.
    pub(crate) async fn find(options: &PeerOptions) -> Cast {
        let mut cast: Vec<(Peer, Part)> = Vec::new();
        for peer in options.peers() {
            if cast.iter().any(|(known, _)| *known == peer) {
                continue;
            }
            let part = match peer.find(options.places()).await {
                Ok(installed) => Part::Present(installed),
                Err(error) => {
                    let reason = with_sources(&error);
                    eprintln!("{}: {reason}", peer.name());
                    Part::Missing { reason }
                }
            };
            cast.push((peer, part));
        }
        Cast(cast)
    }

    pub(crate) fn peers(&self) -> impl Iterator<Item = Peer> {
        self.0.iter().map(|(peer, _)| *peer)
    }

    /// Those that are there.
    pub(crate) fn present(&self) -> Vec<Installed> {
        let installed = |(_, part): &(Peer, Part)| match part {
            Part::Present(installed) => Some(installed.clone()),
            Part::Missing { .. } => None,
        };
        self.0.iter().filter_map(installed).collect()
    }

    /// Whether none is missing.
    pub(crate) fn complete(&self) -> bool {
        self.0.iter().all(|(_, part)| matches!(part, Part::Present(_)))
    }

    pub(crate) fn report(&self) -> Vec<PeerReport> {
        self.0
            .iter()
            .map(|(peer, part)| match part {
                Part::Present(installed) => PeerReport::measured(peer.name(), &installed.version),
                Part::Missing { reason } => {
                    PeerReport::new(peer.name(), None, Some(reason.clone()))
                }
            })
            .collect()
    }
}

/// A peer in a report. With `failure`, figures are missing or from some of the rounds only.
#[derive(Debug, Serialize)]
pub(crate) struct PeerReport {
    name: &'static str,
    version: Option<String>,
    failure: Option<String>,
}

impl PeerReport {
    /// With `failure` where something was missing.
    pub(crate) fn new(
        name: &'static str,
        version: Option<String>,
        failure: Option<String>,
    ) -> PeerReport {
        PeerReport { name, version, failure }
    }

    /// One that did all that was asked of it.
    pub(crate) fn measured(name: &'static str, version: &str) -> PeerReport {
        PeerReport { name, version: Some(version.to_owned()), failure: None }
    }
}

/// The machine.
#[derive(Debug, Serialize)]
pub(crate) struct Host {
    cores: usize,
    /// As it calls itself; empty if it does not.
    cpu: String,
    kernel: String,
}

impl Host {
    pub(crate) fn read() -> Host {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let cpu = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Host {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            cpu: cpu.map_or("", |(_, name)| name).trim().to_owned(),
            kernel: kernel.trim().to_owned(),
        }
    }
}

/// How busy the machine has been in the last minute.
pub(crate) fn load_average() -> Option<f64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// A report as people read it.
pub(crate) trait Tables: Serialize {
    fn host(&self) -> &Host;
    fn peers(&self) -> &[PeerReport];
    /// When and how it was measured, where that is told.
    fn circumstances(&self) -> Option<&Circumstances> {
        None
    }
    fn sections(&self) -> Vec<Section>;
}

/// One table with its heading; the first column holds names, the others numbers.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// Prints the report, and writes it to a file where one was asked for.
pub(crate) fn emit(report: &impl Tables, options: &OutputOptions) -> Result<(), ReportError> {
    let json = serde_json::to_string_pretty(report).map_err(ReportError::Json)?;
    if options.json {
        println!("{json}");
    } else {
        println!("{}", text(report, presets::UTF8_BORDERS_ONLY, ""));
    }
    if let Some(path) = &options.out {
        let content = if path.extension().is_some_and(|extension| extension == "json") {
            json
        } else {
            text(report, presets::ASCII_MARKDOWN, "## ")
        };
        write(path, &(content + "\n"))?;
    }
    Ok(())
}

pub(crate) fn write(path: &Path, content: &str) -> Result<(), ReportError> {
    fs::write(path, content).map_err(|source| ReportError::Write { path: path.to_owned(), source })
}

fn text(report: &impl Tables, style: TableStyle, heading: &str) -> String {
    let mut text = machine(report.host(), report.peers());
    if let Some(circumstances) = report.circumstances() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n{}", circumstances.sentence());
    }
    for section in report.sections() {
        let title = section.title.clone();
        let _ = write!(text, "\n{heading}{title}\n\n{}\n", table(section, style));
    }
    text
}

/// The machine and the peers: lines of a list.
pub(crate) fn machine(Host { cores, cpu, kernel }: &Host, peers: &[PeerReport]) -> String {
    let of = if cpu.is_empty() { "" } else { " of " };
    let mut text = format!("{cores} cores{of}{cpu}, Linux {kernel}\n");
    for PeerReport { name, version, failure } in peers {
        let version = version.as_deref().unwrap_or("version unknown");
        let failure = failure.as_ref().map(|why| format!("; NOT MEASURED: {why}"));
        let _ = writeln!(text, "- {name}: {version}{}", failure.unwrap_or_default());
    }
    text
}

/// The table of a section, without its title.
pub(crate) fn table(section: Section, style: TableStyle) -> Table {
    let mut table = Table::new();
    table.load_style(style).set_header(section.columns).add_rows(section.rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// An error with what caused it, on one line.
pub(crate) fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

/// The report could not be written.
#[derive(Debug)]
pub(crate) enum ReportError {
    Json(serde_json::Error),
    Write { path: PathBuf, source: io::Error },
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReportError::Json(_) => f.write_str("the report cannot be written as JSON"),
            ReportError::Write { path, .. } => write!(f, "cannot write {}", path.display()),
        }
    }
}

impl Error for ReportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ReportError::Json(source) => Some(source),
            ReportError::Write { source, .. } => Some(source),
        }
    }
}
