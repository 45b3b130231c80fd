//! Reads what a daemon starts with. Nothing is in force yet, so nobody waits for files to hold still.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::look::Shapes;
use super::settle::{ContentError, InUse};
use super::{blocking, open_databases};
use crate::config::{self, Config, Finding, Loaded, Sources};
use crate::geoip::Databases;

/// What is in force.
pub struct Running {
    /// The configuration.
    pub config: Arc<Config>,
    /// The GeoIP databases.
    pub databases: Databases,
    /// The main file.
    pub(super) main: PathBuf,
    /// The files it was made of.
    pub(super) sources: Sources,
    /// What they looked like before they were read.
    pub(super) shapes: Shapes,
}

/// What a daemon starts with.
pub struct First {
    /// To be put into force.
    pub running: Running,
    /// What an operator may want to know of it.
    pub notes: Vec<Finding>,
}

/// Reads the configuration at `main` and its databases.
///
/// # Errors
/// When there is anything wrong with them.
pub async fn first(main: &Path) -> Result<First, ContentError> {
    let main = main.to_owned();
    blocking(move || read(main)).await
}

impl Running {
    pub(super) fn in_use(&self) -> InUse {
        InUse {
            main: self.main.clone(),
            sources: self.sources.clone(),
            shapes: self.shapes.clone(),
            geoip: self.config.geoip.clone(),
            databases: self.databases.clone(),
        }
    }
}

fn read(main: PathBuf) -> Result<First, ContentError> {
    // Read once to learn which files there are, and again when it is known what they look like:
    // what is written from then on is news to the watcher.
    let found = config::load(&main).map_err(ContentError::Config)?;
    let shapes = Shapes::of(&found.sources);
    let Loaded { config, notes, sources } = config::load(&main).map_err(ContentError::Config)?;
    let databases = open_databases(&config.geoip).map_err(ContentError::Geoip)?;
    let config = Arc::new(config);
    Ok(First { running: Running { config, databases, main, sources, shapes }, notes })
}
