//! `loadtest compare` and `loadtest growth`: every case through every peer, in interleaved rounds.
//!
//! A case of the catalogue is a load and what the proxy has to do with it; a measurement is a map of
//! figures, each of which knows its unit and which direction is better. Summaries, ratios, tables, JSON and
//! pictures are made of those without knowing the case.

mod case;
mod figures;
mod growth;
mod measure;
mod metric;
mod options;
mod page;
mod plot;
mod progress;
mod report;
mod run;

pub(crate) use growth::run as run_growth;
pub(crate) use options::{CompareOptions, EXAMPLES, GROWTH_EXAMPLES, GrowthOptions, RunOptions};

use crate::circumstances::Circumstances;
use crate::picture::PlotError;
use crate::report::ReportError;
use figures::Figures;
use page::Head;
use report::Report;
use run::Run;
use std::error::Error;
use std::fmt;

/// Whether every peer was measured in every case.
pub(crate) async fn run(
    options: &CompareOptions,
    interrupted: impl Future<Output = ()>,
) -> Result<bool, CompareError> {
    if options.list {
        print!("{}", case::list());
        return Ok(true);
    }
    let mut circumstances = Circumstances::begin();
    let mut run = Run::new(&options.run, options.cases()).await;
    run.measure(interrupted).await;
    circumstances.end();

    let figures = Figures::of(&run);
    let head = Head::new(&run, circumstances);
    let page = report::page(&head, &run.cases, &figures).map_err(CompareError::Plot)?;
    let report = Report::new(&head, &run.cases, &figures);
    page.emit(&head, &report, &options.run.peers.output).map_err(CompareError::Report)?;
    Ok(run.is_complete())
}

#[derive(Debug)]
pub(crate) enum CompareError {
    Plot(PlotError),
    Report(ReportError),
}

impl fmt::Display for CompareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CompareError::Plot(_) => f.write_str("a picture cannot be drawn"),
            CompareError::Report(error) => error.fmt(f),
        }
    }
}

impl Error for CompareError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            CompareError::Plot(source) => Some(source.as_ref()),
            CompareError::Report(error) => error.source(),
        }
    }
}
