//! `loadtest lab`: what there is to do with a lab by itself.

use super::check;
use super::error::LabError;
use super::namespace::Namespace;
use super::options::{HoldOptions, LabCommand, LabOptions};
use super::privilege::missing_privilege;
use super::sweep::sweep;
use super::topology::Lab;
use crate::report::ReportError;
use serde_json::json;
use std::error::Error;
use std::fmt;
use std::future;

/// `false` if a check has found something that is not as it should be.
pub(crate) async fn run(options: &LabOptions) -> Result<bool, LabCommandError> {
    if let Some(why) = missing_privilege() {
        return Err(LabError::Missing(why).into());
    }
    match &options.command {
        LabCommand::Check(options) => check::run(options).await,
        LabCommand::Hold(options) => hold(options).await,
        LabCommand::Sweep { json } => {
            let swept = sweep()?;
            if *json {
                println!("{}", json!({ "swept": swept }));
            } else if swept.is_empty() {
                println!("nothing was left behind");
            }
            for name in swept.iter().filter(|_| !json) {
                println!("removed {name}");
            }
            Ok(true)
        }
    }
}

/// Whoever drops this takes the lab down.
async fn hold(options: &HoldOptions) -> Result<bool, LabCommandError> {
    let lab = Lab::build(&options.wires())?;
    let names: Vec<&str> = lab.namespaces().map(Namespace::name).collect();
    if options.json {
        println!("{}", json!({ "namespaces": names }));
    } else {
        println!("The lab is up until SIGINT; what runs inside ends with it. To enter it:");
        for name in names {
            println!("  ip netns exec {name} bash");
        }
    }
    future::pending().await
}

#[derive(Debug)]
pub(crate) enum LabCommandError {
    Lab(LabError),
    Report(ReportError),
}

impl LabCommandError {
    /// Whether it is the machine, or the user, that cannot have a lab.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, LabCommandError::Lab(LabError::Missing(_)))
    }
}

impl From<LabError> for LabCommandError {
    fn from(error: LabError) -> LabCommandError {
        LabCommandError::Lab(error)
    }
}

impl fmt::Display for LabCommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LabCommandError::Lab(error) => error.fmt(f),
            LabCommandError::Report(error) => error.fmt(f),
        }
    }
}

impl Error for LabCommandError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            LabCommandError::Lab(error) => error.source(),
            LabCommandError::Report(error) => error.source(),
        }
    }
}
